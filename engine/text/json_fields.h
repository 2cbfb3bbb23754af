#pragma once

#include "core/error.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace ls {

/// Typed reading of one object of a tokenizer.json. A field of another type is FileFormat, with the place in the
/// detail.
class JsonFields {
public:
    /// `where` is for messages: "normalizer".
    JsonFields(const nlohmann::json& object, std::string where);

    /// The field is there and not null.
    bool has(const char* key) const;
    Result<std::string> text(const char* key) const;
    Result<std::string> text(const char* key, std::string fallback) const;
    Result<bool> flag(const char* key, bool fallback) const;
    Result<std::int64_t> integer(const char* key) const;
    Result<std::int64_t> integer(const char* key, std::int64_t fallback) const;
    /// Exactly one character.
    Result<std::string> character(const char* key, std::string fallback) const;
    /// Null when the field is missing.
    const nlohmann::json& at(const char* key) const;
    Result<const nlohmann::json*> list(const char* key) const;
    Error wrong(const char* key, std::string_view wanted) const;

private:
    const nlohmann::json& m_object;
    std::string m_where;
};

} // namespace ls
