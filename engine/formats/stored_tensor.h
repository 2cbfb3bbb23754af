#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ls {

/// A tensor of a model file, whatever the format: a name, a shape and bytes that are still in the file.
struct StoredTensor {
    std::string name;
    std::vector<std::int64_t> shape; ///< row-major order, slowest first
    std::string type;                ///< "F32", "BF16", "Q4_1": what dequantise() understands
    std::span<const std::uint8_t> bytes;
    /// One exponent per 32 values, where a folder keeps them in a tensor of their own (type "MXFP4_SPLIT").
    std::span<const std::uint8_t> scales;

    std::int64_t count() const
    {
        std::int64_t values = 1;
        for (const std::int64_t extent : shape)
            values *= extent;
        return values;
    }
};

} // namespace ls
