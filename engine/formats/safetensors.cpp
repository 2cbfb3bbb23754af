#include "engine/formats/safetensors.h"

#include "core/bounded_json.h"
#include "engine/formats/byte_cursor.h"
#include "engine/formats/half.h"
#include "engine/formats/mapped_file.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>
#include <set>
#include <unordered_map>

namespace ls {

namespace {

using nlohmann::json;

/// Bytes of one value, 0 for a dtype we do not know.
int dtypeBytes(std::string_view dtype)
{
    static constexpr std::pair<std::string_view, int> kSizes[] = {
        {"BOOL", 1}, {"U8", 1},   {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1}, {"F8_E8M0", 1}, {"U16", 2}, {"I16", 2},
        {"F16", 2},  {"BF16", 2}, {"U32", 4}, {"I32", 4},     {"F32", 4},     {"U64", 8},     {"I64", 8}, {"F64", 8}};
    for (const auto& [name, bytes] : kSizes)
        if (name == dtype)
            return bytes;
    return 0;
}

Error damaged(const std::string& path, std::string_view what)
{
    return {Errc::FileFormat, fmt::format("The file is damaged or no safetensors file: {}.", what),
            "Fetch the file again and compare its size with the original.", path};
}

/// The JSON header; null with a reason when it is no object or a name stands twice.
Result<json> parseHeader(const std::string& path, std::string_view text)
{
    std::set<std::string> names;
    std::string twice;
    const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
        if (event == json::parse_event_t::key && depth == 1 && !names.insert(parsed.get<std::string>()).second)
            twice = parsed.get<std::string>();
        return true;
    };
    json header = json::parse(nestsTooDeep(text) ? std::string_view() : text, watch, false);
    if (!header.is_object())
        return damaged(path, "its header is no JSON object");
    if (!twice.empty())
        return damaged(path, fmt::format("tensor {} stands twice", twice));
    return header;
}

/// A list of natural numbers.
Result<std::vector<std::int64_t>> naturals(const std::string& path, const json& entry, const char* key)
{
    const auto found = entry.find(key);
    if (found == entry.end() || !found->is_array())
        return damaged(path, fmt::format("a tensor has no {}", key));
    std::vector<std::int64_t> out;
    for (const json& item : *found) {
        if (!item.is_number_unsigned() || !std::in_range<std::int64_t>(item.get<std::uint64_t>()))
            return damaged(path, fmt::format("{} of a tensor holds something that is no count", key));
        out.push_back(item.get<std::int64_t>());
    }
    return out;
}

class File final : public SafetensorsFile {
public:
    File(std::string path, MappedFile mapped)
        : m_path(std::move(path))
        , m_mapped(std::move(mapped))
    {
    }
    Status parse();

    const std::vector<SafeTensor>& tensors() const override { return m_tensors; }
    const SafeTensor* tensor(const std::string& name) const override
    {
        const auto found = m_byName.find(name);
        return found == m_byName.end() ? nullptr : &m_tensors[found->second];
    }
    const std::map<std::string, std::string>& metadata() const override { return m_metadata; }

private:
    Status addTensor(const std::string& name, const json& entry, std::span<const std::uint8_t> data);

    std::string m_path;
    MappedFile m_mapped;
    std::vector<SafeTensor> m_tensors;
    std::unordered_map<std::string, std::size_t> m_byName;
    std::map<std::string, std::string> m_metadata;
};

Status File::parse()
{
    ByteCursor cursor(m_mapped.bytes());
    LS_TRY(const auto headerBytes, cursor.take<std::uint64_t>());
    constexpr std::uint64_t kLargestHeader = 100'000'000; // the limit of the format
    if (headerBytes > kLargestHeader || headerBytes > cursor.left())
        return cursor.damaged("its header is longer than the file");
    const auto bytes = m_mapped.bytes().subspan(cursor.offset());
    LS_TRY(const json header,
           parseHeader(m_path, {reinterpret_cast<const char*>(bytes.data()), std::size_t(headerBytes)}));
    const auto data = bytes.subspan(std::size_t(headerBytes));
    for (const auto& [name, entry] : header.items()) {
        if (name != "__metadata__") {
            LS_CHECK(addTensor(name, entry, data));
            continue;
        }
        if (!entry.is_object())
            return damaged(m_path, "its metadata is no JSON object");
        for (const auto& [key, value] : entry.items()) {
            if (!value.is_string())
                return damaged(m_path, fmt::format("its metadata entry {} is no text", key));
            m_metadata[key] = value.get<std::string>();
        }
    }
    std::sort(m_tensors.begin(), m_tensors.end(), [](const SafeTensor& a, const SafeTensor& b) {
        return std::pair(a.bytes.data(), a.bytes.size()) < std::pair(b.bytes.data(), b.bytes.size());
    });
    const std::uint8_t* end = data.data();
    for (std::size_t i = 0; i < m_tensors.size(); ++i) {
        const SafeTensor& tensor = m_tensors[i];
        if (tensor.bytes.data() < end)
            return damaged(m_path, fmt::format("tensor {} overlaps another", tensor.name));
        end = tensor.bytes.data() + tensor.bytes.size();
        m_byName.emplace(tensor.name, i);
    }
    return success();
}

Status File::addTensor(const std::string& name, const json& entry, std::span<const std::uint8_t> data)
{
    if (!entry.is_object())
        return damaged(m_path, fmt::format("tensor {} has no description", name));
    SafeTensor tensor;
    tensor.name = name;
    const auto dtype = entry.find("dtype");
    if (dtype == entry.end() || !dtype->is_string())
        return damaged(m_path, fmt::format("tensor {} has no dtype", name));
    tensor.dtype = dtype->get<std::string>();
    const int size = dtypeBytes(tensor.dtype);
    if (size == 0)
        return Error{Errc::TensorType,
                     fmt::format("Tensor {} has the type {}, which this build cannot read.", name, tensor.dtype),
                     "Convert the file to bfloat16 or float32.", m_path};
    LS_TRY(tensor.shape, naturals(m_path, entry, "shape"));
    std::int64_t count = 1;
    for (const std::int64_t extent : tensor.shape) {
        if (extent != 0 && count > std::numeric_limits<std::int64_t>::max() / 8 / extent)
            return damaged(m_path, fmt::format("tensor {} has an impossible size", name));
        count *= extent;
    }
    LS_TRY(const auto offsets, naturals(m_path, entry, "data_offsets"));
    if (offsets.size() != 2 || offsets[0] > offsets[1] || std::uint64_t(offsets[1]) > data.size())
        return damaged(m_path, fmt::format("tensor {} lies outside the file", name));
    if (offsets[1] - offsets[0] != count * size)
        return damaged(m_path, fmt::format("tensor {} has {} bytes, its shape needs {}", name, offsets[1] - offsets[0],
                                           count * size));
    tensor.bytes = data.subspan(std::size_t(offsets[0]), std::size_t(offsets[1] - offsets[0]));
    m_tensors.push_back(std::move(tensor));
    return success();
}

template <typename Stored, typename Wanted, typename Convert>
std::vector<Wanted> converted(std::span<const std::uint8_t> bytes, Convert convert)
{
    std::vector<Wanted> out(bytes.size() / sizeof(Stored));
    for (std::size_t i = 0; i < out.size(); ++i) {
        Stored value;
        std::memcpy(&value, bytes.data() + i * sizeof(Stored), sizeof(Stored));
        out[i] = convert(value);
    }
    return out;
}

Error wrongType(const SafeTensor& tensor, std::string_view wanted)
{
    return {Errc::TensorType,
            fmt::format("Tensor {} holds {}, not {}.", tensor.name, tensor.dtype, wanted),
            "Save the tensor in another type.",
            {}};
}

} // namespace

std::int64_t SafeTensor::count() const
{
    std::int64_t values = 1;
    for (const std::int64_t extent : shape)
        values *= extent;
    return values;
}

Result<std::vector<float>> SafeTensor::floats() const
{
    if (dtype == "F32")
        return converted<float, float>(bytes, [](float value) { return value; });
    if (dtype == "F16")
        return converted<std::uint16_t, float>(bytes, halfToFloat);
    if (dtype == "BF16")
        return converted<std::uint16_t, float>(bytes, bfloatToFloat);
    if (dtype == "F64")
        return converted<double, float>(bytes, [](double value) { return float(value); });
    return wrongType(*this, "real numbers");
}

Result<std::vector<std::int32_t>> SafeTensor::ints() const
{
    if (dtype == "I32")
        return converted<std::int32_t, std::int32_t>(bytes, [](std::int32_t value) { return value; });
    if (dtype != "I64")
        return wrongType(*this, "whole numbers");
    bool fits = true;
    auto out = converted<std::int64_t, std::int32_t>(bytes, [&](std::int64_t value) {
        fits = fits && std::in_range<std::int32_t>(value);
        return std::int32_t(value);
    });
    if (!fits)
        return Error{Errc::FileFormat,
                     fmt::format("Tensor {} holds a number beyond 32 bits.", name),
                     "The file was written for another purpose.",
                     {}};
    return out;
}

Result<std::unique_ptr<SafetensorsFile>> SafetensorsFile::open(const std::string& path)
{
    LS_TRY(MappedFile mapped, MappedFile::open(path));
    auto file = std::make_unique<File>(path, std::move(mapped));
    LS_CHECK(file->parse());
    return std::unique_ptr<SafetensorsFile>(std::move(file));
}

} // namespace ls
