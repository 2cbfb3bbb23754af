#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace ls {

/// JSON of files and pipes that may hold anything. Values are copied, written and read (CBOR) recursively, so text that
/// nests too deep would end the program; kDeepestJson levels are far more than any of our files has.
inline constexpr int kDeepestJson = 200;

/// Nothing for text that is no JSON or nests deeper than kDeepestJson.
std::optional<nlohmann::json> parseJson(std::string_view text);
/// Nothing for bytes that are no CBOR, end early, nest too deep, claim more items than bytes are left, or use lengths
/// that are only known at the end (no program of ours writes those).
std::optional<nlohmann::json> parseCbor(std::span<const std::uint8_t> bytes);
/// Whether JSON text opens more than kDeepestJson lists and objects inside one another; the text may be broken.
bool nestsTooDeep(std::string_view text);

} // namespace ls
