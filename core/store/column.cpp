#include "core/store/column.h"

#include "core/bounded_json.h"
#include "core/protocol/messages.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <xxhash.h>
#include <zstd.h>

#include <charconv>
#include <chrono>
#include <cmath>

namespace ls::store {

namespace {

using nlohmann::json;

bool textKeeps(const json& value)
{
    if (value.is_number_float())
        return std::isfinite(value.get<double>());
    if (value.is_binary())
        return false;
    if (value.is_structured())
        return std::all_of(value.begin(), value.end(), textKeeps);
    return true;
}

} // namespace

JsonColumn packJson(const json& value)
{
    if (textKeeps(value)) {
        try {
            return {value.dump(), false};
        } catch (const json::type_error&) { // broken UTF-8 in a key or a string
        }
    }
    const auto bytes = json::to_cbor(value);
    return {std::string(bytes.begin(), bytes.end()), true};
}

std::optional<json> unpackJson(const std::string& bytes, bool cbor)
{
    return cbor ? parseCbor({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}) : parseJson(bytes);
}

BlobColumn packBlob(const std::vector<std::uint8_t>& bytes)
{
    if (bytes.size() < kCompressFrom)
        return {bytes};
    std::vector<std::uint8_t> packed(ZSTD_compressBound(bytes.size()));
    const std::size_t size = ZSTD_compress(packed.data(), packed.size(), bytes.data(), bytes.size(), 1);
    if (ZSTD_isError(size) || size >= bytes.size())
        return {bytes};
    packed.resize(size);
    return {std::move(packed), "zstd"};
}

std::optional<std::vector<std::uint8_t>> unpackBlob(const void* bytes, std::size_t length, const std::string& encoding,
                                                    std::size_t size)
{
    const auto* begin = static_cast<const std::uint8_t*>(bytes);
    if (encoding == "raw") {
        if (length != size)
            return {};
        return std::vector<std::uint8_t>(begin, begin + length);
    }
    // The frame's own size must agree before anything is allocated: a lying file asks for no memory.
    if (encoding != "zstd" || ZSTD_getFrameContentSize(bytes, length) != size)
        return {};
    std::vector<std::uint8_t> out(size);
    if (ZSTD_decompress(out.data(), size, bytes, length) != size)
        return {};
    return out;
}

std::string packShape(const std::vector<std::int64_t>& shape)
{
    return fmt::format("{}", fmt::join(shape, ","));
}

std::optional<std::vector<std::int64_t>> unpackShape(const std::string& text)
{
    std::vector<std::int64_t> shape;
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at != end) {
        std::int64_t extent = 0;
        const auto [next, problem] = std::from_chars(at, end, extent);
        if (problem != std::errc{} || extent < 0 || (next != end && (*next != ',' || next + 1 == end)))
            return {};
        shape.push_back(extent);
        at = next == end ? end : next + 1;
    }
    return shape;
}

std::optional<std::size_t> blobSize(const std::string& dtype, const std::vector<std::int64_t>& shape)
{
    std::uint64_t size = dtype == "f32" || dtype == "i32" ? 4 : dtype == "u8" ? 1 : 0;
    if (size == 0)
        return {};
    for (const std::int64_t extent : shape) {
        if (extent < 0 || std::uint64_t(extent) > kMaxMessageBytes)
            return {};
        size *= std::uint64_t(extent);
        if (size > kMaxMessageBytes)
            return {};
    }
    return std::size_t(size);
}

std::string contentHash(const std::string& bytes)
{
    return fmt::format("{:016x}", XXH3_64bits(bytes.data(), bytes.size()));
}

std::string utcNow()
{
    const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now));
}

} // namespace ls::store
