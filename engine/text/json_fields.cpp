#include "engine/text/json_fields.h"

#include "engine/text/unicode.h"

#include <fmt/format.h>

namespace ls {

namespace {

const nlohmann::json& null()
{
    static const nlohmann::json value;
    return value;
}

} // namespace

JsonFields::JsonFields(const nlohmann::json& object, std::string where)
    : m_object(object)
    , m_where(std::move(where))
{
}

const nlohmann::json& JsonFields::at(const char* key) const
{
    if (!m_object.is_object())
        return null();
    const auto found = m_object.find(key);
    return found == m_object.end() ? null() : *found;
}

bool JsonFields::has(const char* key) const
{
    return !at(key).is_null();
}

Error JsonFields::wrong(const char* key, std::string_view wanted) const
{
    return {
        Errc::FileFormat, fmt::format("\"{}\" in \"{}\" of the tokenizer is not {}.", key, m_where, wanted),
        "The file is damaged. Fetch it again.",
        fmt::format("found: {}", at(key).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace).substr(0, 200))};
}

Result<std::string> JsonFields::text(const char* key) const
{
    if (!at(key).is_string())
        return wrong(key, "a text");
    return at(key).get<std::string>();
}

Result<std::string> JsonFields::text(const char* key, std::string fallback) const
{
    return has(key) ? text(key) : Result<std::string>(std::move(fallback));
}

Result<bool> JsonFields::flag(const char* key, bool fallback) const
{
    if (!has(key))
        return fallback;
    if (!at(key).is_boolean())
        return wrong(key, "true or false");
    return at(key).get<bool>();
}

Result<std::int64_t> JsonFields::integer(const char* key) const
{
    const nlohmann::json& value = at(key);
    if (!value.is_number_integer() || (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX))
        return wrong(key, "a whole number");
    return value.get<std::int64_t>();
}

Result<std::int64_t> JsonFields::integer(const char* key, std::int64_t fallback) const
{
    return has(key) ? integer(key) : Result<std::int64_t>(fallback);
}

Result<std::string> JsonFields::character(const char* key, std::string fallback) const
{
    LS_TRY(std::string value, text(key, std::move(fallback)));
    if (value.empty() || characterLength(value, 0) != value.size())
        return wrong(key, "one character");
    return value;
}

Result<const nlohmann::json*> JsonFields::list(const char* key) const
{
    if (!at(key).is_array())
        return wrong(key, "a list");
    return &at(key);
}

} // namespace ls
