#include "core/data/vector_header.h"

#include "core/bounded_json.h"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>

namespace ls {

namespace {

constexpr std::uint64_t kMostEntries = 1u << 20, kLongestName = 1u << 16, kMostHeaderBytes = 64u << 20;

Error damaged(const std::string& path, const std::string& why)
{
    return {Errc::FileFormat, fmt::format("{} is not a steering vector file.", path),
            "Choose a control-vector GGUF, or safetensors with a tensor called vector or direction.1, direction.2 …",
            why};
}

/// Reads numbers and strings; once something is missing, `good` stays false and values are 0.
class Reader {
public:
    explicit Reader(const std::string& path)
        : m_file(path, std::ios::binary)
    {
        std::error_code failure;
        m_bytes = std::filesystem::file_size(path, failure);
        if (failure)
            m_bytes = 0;
    }
    template <typename T>
    T number()
    {
        T value{};
        if (!m_file.read(reinterpret_cast<char*>(&value), sizeof value))
            return T{};
        return value;
    }
    std::string text(std::uint64_t length, std::uint64_t most)
    {
        if (length > most || length > m_bytes) { // a lying length asks for no memory
            m_file.setstate(std::ios::failbit);
            return {};
        }
        std::string out(length, '\0');
        if (!m_file.read(out.data(), std::streamsize(length)))
            out.clear();
        return out;
    }
    std::string ggufText() { return text(number<std::uint64_t>(), kLongestName); }
    void skip(std::uint64_t bytes)
    {
        if (bytes > std::uint64_t(std::numeric_limits<std::int32_t>::max()))
            m_file.setstate(std::ios::failbit);
        else
            m_file.ignore(std::streamsize(bytes));
    }
    bool good() const { return m_file.good(); }

private:
    std::ifstream m_file;
    std::uintmax_t m_bytes = 0;
};

/// Steps over a metadata value of a GGUF type (numbers of the format's specification).
bool skipValue(Reader& in, std::uint32_t type, int depth = 0)
{
    static constexpr std::array<int, 13> kBytes{1, 1, 2, 2, 4, 4, 4, 1, -1, -2, 8, 8, 8}; // -1 string, -2 array
    if (type >= kBytes.size() || depth > 2)
        return false;
    if (kBytes[type] > 0) {
        in.skip(std::uint64_t(kBytes[type]));
    } else if (kBytes[type] == -1) {
        in.ggufText();
    } else {
        const auto inner = in.number<std::uint32_t>();
        const auto count = in.number<std::uint64_t>();
        for (std::uint64_t i = 0; i < count && in.good(); ++i)
            if (!skipValue(in, inner, depth + 1))
                return false;
    }
    return in.good();
}

void addVector(VectorHeader& out, const std::string& name, std::uint64_t entries)
{
    constexpr std::string_view kDirection = "direction.";
    if (entries == 0 || entries > kMostEntries)
        return;
    if (name == "vector") {
        out.shared = int(entries);
        return;
    }
    if (!name.starts_with(kDirection))
        return;
    int layer = -1;
    const char* const end = name.data() + name.size();
    const auto [stop, failure] = std::from_chars(name.data() + kDirection.size(), end, layer);
    if (failure == std::errc() && stop == end && layer >= 0)
        out.widths[layer] = int(entries);
}

Result<VectorHeader> fromGguf(const std::string& path, Reader& in)
{
    VectorHeader out;
    const auto version = in.number<std::uint32_t>();
    const auto tensors = in.number<std::uint64_t>(), keys = in.number<std::uint64_t>();
    if (!in.good() || version < 2 || version > 3 || tensors > kMostEntries || keys > kMostEntries)
        return damaged(path, "header");
    for (std::uint64_t i = 0; i < keys; ++i) {
        const std::string key = in.ggufText();
        if (!skipValue(in, in.number<std::uint32_t>()))
            return damaged(path, "metadata value of " + key);
    }
    for (std::uint64_t i = 0; i < tensors; ++i) {
        const std::string name = in.ggufText();
        const auto dimensions = in.number<std::uint32_t>();
        std::uint64_t entries = 1;
        for (std::uint32_t d = 0; d < dimensions && d < 8 && in.good(); ++d) {
            const auto extent = in.number<std::uint64_t>();
            entries = extent > kMostEntries || entries > kMostEntries ? kMostEntries + 1 : entries * extent;
        }
        in.skip(4 + 8); // type, offset
        if (!in.good() || dimensions > 8)
            return damaged(path, "tensor list");
        addVector(out, name, entries);
    }
    return out;
}

Result<VectorHeader> fromSafetensors(const std::string& path, Reader& in, std::uint64_t length)
{
    VectorHeader out;
    const auto header = parseJson(in.text(length, kMostHeaderBytes));
    if (!header || !header->is_object())
        return damaged(path, "header");
    for (const auto& [name, tensor] : header->items()) {
        if (name == "__metadata__" || !tensor.is_object() || !tensor.contains("shape") || !tensor["shape"].is_array())
            continue;
        std::uint64_t entries = 1;
        for (const auto& extent : tensor["shape"])
            entries =
                !extent.is_number_unsigned() || extent.get<std::uint64_t>() > kMostEntries || entries > kMostEntries
                    ? kMostEntries + 1
                    : entries * extent.get<std::uint64_t>();
        addVector(out, name, entries);
    }
    return out;
}

} // namespace

int VectorHeader::width() const
{
    return shared > 0 ? shared : widths.empty() ? 0 : widths.begin()->second;
}

Result<VectorHeader> readVectorHeader(const std::string& path)
{
    std::error_code failure;
    if (!std::filesystem::is_regular_file(path, failure))
        return Error{Errc::FileNotFound, fmt::format("{} does not exist.", path), "Choose another file.", {}};
    Reader in(path);
    constexpr std::uint32_t kGguf = 0x46554747; // "GGUF", little-endian
    const auto first = in.number<std::uint32_t>();
    if (!in.good())
        return damaged(path, "shorter than four bytes");
    auto header = first == kGguf ? fromGguf(path, in)
                                 : fromSafetensors(path, in, first | std::uint64_t(in.number<std::uint32_t>()) << 32);
    if (!header)
        return header;
    const int width = header.value().width();
    if (width == 0)
        return damaged(path, "no tensor called vector or direction.<block>");
    for (const auto& [layer, entries] : header.value().widths)
        if (entries != width)
            return Error{Errc::VectorWidth,
                         fmt::format("{} holds vectors of width {} and {}.",
                                     std::filesystem::path(path).filename().string(), width, entries),
                         "Choose another vector, or build one for this model.", path};
    return header;
}

Status checkVectorWidth(const std::string& path, const VectorHeader& header, int width)
{
    if (header.width() == width)
        return success();
    return Error{Errc::VectorWidth,
                 fmt::format("{} has width {}, this model has {}.", std::filesystem::path(path).filename().string(),
                             header.width(), width),
                 "Choose another vector, or build one for this model.", path};
}

} // namespace ls
