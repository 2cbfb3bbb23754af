#pragma once

#include <nlohmann/json.hpp>

#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace ls {

/// object[key] if there is one of the fallback's type, else the fallback. Unlike json::value() it never throws: what a
/// session file or an engine holds may be anything.
template <typename T>
T valueOr(const nlohmann::json& object, const char* key, T fallback)
{
    const auto found = object.is_object() ? object.find(key) : object.end();
    if (found == object.end())
        return fallback;
    if constexpr (std::is_same_v<T, nlohmann::json>) {
        return *found;
    } else if constexpr (std::is_same_v<T, bool>) {
        return found->is_boolean() ? found->template get<bool>() : fallback;
    } else if constexpr (std::is_integral_v<T>) {
        const bool fits = found->is_number_unsigned()
                              ? std::in_range<T>(found->template get<std::uint64_t>())
                              : found->is_number_integer() && std::in_range<T>(found->template get<std::int64_t>());
        return fits ? found->template get<T>() : fallback;
    } else if constexpr (std::is_floating_point_v<T>) {
        return found->is_number() ? found->template get<T>() : fallback;
    } else if constexpr (std::is_same_v<T, std::string>) {
        return found->is_string() ? found->template get<std::string>() : fallback;
    } else {
        static_assert(std::is_same_v<T, std::vector<std::string>>);
        const bool texts = found->is_array() &&
                           std::all_of(found->begin(), found->end(), [](const auto& item) { return item.is_string(); });
        return texts ? found->template get<T>() : fallback;
    }
}

/// The value as text. Unlike json::dump() it never throws: broken UTF-8 becomes U+FFFD.
inline std::string dumped(const nlohmann::json& value, int indent = -1)
{
    return value.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

} // namespace ls
