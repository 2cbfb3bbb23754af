#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace ls {

/// A dense row-major array on its way between processes or in the store. dtype: "f32", "i32", "u8".
struct TensorBlob {
    std::string dtype = "f32";
    std::vector<std::int64_t> shape;
    std::vector<std::uint8_t> bytes; ///< little-endian; size = product(shape) * width(dtype), checked when decoded
    bool operator==(const TensorBlob&) const = default;

    std::int64_t count() const
    {
        std::int64_t n = 1;
        for (const std::int64_t extent : shape)
            n *= extent;
        return n;
    }
    static TensorBlob fromFloats(std::vector<std::int64_t> shape, std::span<const float> values)
    {
        TensorBlob blob{"f32", std::move(shape), std::vector<std::uint8_t>(values.size_bytes())};
        if (!values.empty())
            std::memcpy(blob.bytes.data(), values.data(), values.size_bytes());
        return blob;
    }
    static TensorBlob fromInts(std::vector<std::int64_t> shape, std::span<const std::int32_t> values)
    {
        TensorBlob blob{"i32", std::move(shape), std::vector<std::uint8_t>(values.size_bytes())};
        if (!values.empty())
            std::memcpy(blob.bytes.data(), values.data(), values.size_bytes());
        return blob;
    }
    std::vector<float> floats() const ///< empty unless dtype is f32
    {
        std::vector<float> values(dtype == "f32" ? bytes.size() / 4 : 0);
        if (!values.empty())
            std::memcpy(values.data(), bytes.data(), values.size() * 4);
        return values;
    }
    std::vector<std::int32_t> ints() const ///< empty unless dtype is i32
    {
        std::vector<std::int32_t> values(dtype == "i32" ? bytes.size() / 4 : 0);
        if (!values.empty())
            std::memcpy(values.data(), bytes.data(), values.size() * 4);
        return values;
    }
};

} // namespace ls
