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
#include <memory>

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

namespace {

/// Whether the frame really holds so many bytes, found out without room for them.
bool holdsBytes(const void* bytes, std::size_t length, std::size_t size)
{
    const std::unique_ptr<ZSTD_DStream, decltype(&ZSTD_freeDStream)> stream(ZSTD_createDStream(), ZSTD_freeDStream);
    std::vector<std::uint8_t> scratch(ZSTD_DStreamOutSize());
    ZSTD_inBuffer in{bytes, length, 0};
    for (std::size_t total = 0;;) {
        ZSTD_outBuffer out{scratch.data(), scratch.size(), 0};
        const std::size_t left = ZSTD_decompressStream(stream.get(), &out, &in);
        total += out.pos;
        if (ZSTD_isError(left) || total > size)
            return false;
        if (left == 0)
            return total == size;
        if (in.pos == in.size && out.pos == 0)
            return false; // it ends early
    }
}

} // namespace

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
    constexpr std::size_t kUsual = 4u << 20, kUsualRatio = 64;
    if (size > kUsual + kUsualRatio * length && !holdsBytes(bytes, length, size))
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
