#pragma once

#include "core/protocol/tensor.h"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>

/// How values stand in columns of the session file.
namespace ls::store {

/// Text for JSON, or CBOR bytes where text would change it: NaN, infinity, binary, broken UTF-8.
struct JsonColumn {
    std::string bytes;
    bool cbor = false;
};
JsonColumn packJson(const nlohmann::json& json);
/// Nothing for bytes that are neither.
std::optional<nlohmann::json> unpackJson(const std::string& bytes, bool cbor);

/// Bytes as they are, or zstd from kCompressFrom bytes on when that is smaller.
struct BlobColumn {
    std::vector<std::uint8_t> bytes;
    const char* encoding = "raw"; ///< raw | zstd
};
inline constexpr std::size_t kCompressFrom = 1024;
BlobColumn packBlob(const std::vector<std::uint8_t>& bytes);
/// Nothing unless the result has exactly `size` bytes; nothing larger is ever allocated, and nothing large
/// for a frame that only claims to hold it.
std::optional<std::vector<std::uint8_t>> unpackBlob(const void* bytes, std::size_t length, const std::string& encoding,
                                                    std::size_t size);

std::string packShape(const std::vector<std::int64_t>& shape); ///< "31,5"; empty for a scalar
std::optional<std::vector<std::int64_t>> unpackShape(const std::string& text);
/// product(shape) * width(dtype); nothing for an unknown dtype, a negative extent or more than kMaxMessageBytes.
std::optional<std::size_t> blobSize(const std::string& dtype, const std::vector<std::int64_t>& shape);

/// xxh3, 16 hex digits.
std::string contentHash(const std::string& bytes);
/// "2026-03-01T12:00:00Z"
std::string utcNow();

} // namespace ls::store
