#pragma once

#include "core/protocol/messages.h"

#include <concepts>
#include <type_traits>

/// Encoding of any struct with fields() to and from JSON values (CBOR on the wire). Included by codec.cpp, the store
/// and tests; messages.h itself stays free of logic.
namespace ls::fields {

template <typename T>
concept HasFields = requires
{
    T::fields();
};

/// Thrown inside decoding only; codec.cpp turns it into an Error.
struct DecodeError {
    std::string what;
};

nlohmann::json tensorToJson(const TensorBlob& blob);
TensorBlob tensorFromJson(const nlohmann::json& json);
nlohmann::ordered_json orderedFromJson(const nlohmann::json& json, const char* name);

template <typename T>
nlohmann::json toJson(const T& value)
{
    if constexpr (HasFields<T>) {
        nlohmann::json out = nlohmann::json::object();
        std::apply([&](const auto&... field) { ((out[field.first] = toJson(value.*field.second)), ...); }, T::fields());
        return out;
    } else if constexpr (std::same_as<T, TensorBlob>) {
        return tensorToJson(value);
    } else if constexpr (std::same_as<T, MethodSet>) {
        return ls::toJson(value);
    } else if constexpr (std::same_as<T, nlohmann::ordered_json>) {
        // Maps on the wire are sorted; where the order of keys matters the value travels as JSON text.
        return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    } else if constexpr (requires { value.begin(); } && !std::same_as<T, std::string> &&
                         !std::same_as<T, nlohmann::json>) {
        nlohmann::json out = nlohmann::json::array();
        for (const auto& item : value)
            out.push_back(toJson(item));
        return out;
    } else {
        return nlohmann::json(value);
    }
}

template <typename T>
void fromJson(const nlohmann::json& json, T& out, const char* name)
{
    const auto need = [&](bool good, const char* type) {
        if (!good)
            throw DecodeError{std::string(name) + " is not " + type};
    };
    if constexpr (HasFields<T>) {
        need(json.is_object(), "a map");
        const auto read = [&](const auto& field) {
            if (const auto found = json.find(field.first); found != json.end())
                fromJson(*found, out.*field.second, field.first);
            else if constexpr (std::same_as<std::remove_cvref_t<decltype(out.*field.second)>, TensorBlob>)
                throw DecodeError{std::string(field.first) + " is missing"}; // an empty one would lie about its shape
        };
        std::apply([&](const auto&... field) { (read(field), ...); }, T::fields());
    } else if constexpr (std::same_as<T, TensorBlob>) {
        out = tensorFromJson(json);
    } else if constexpr (std::same_as<T, MethodSet>) {
        auto methods = methodSetFromJson(json);
        if (!methods)
            throw DecodeError{methods.error().message};
        out = std::move(methods).value();
    } else if constexpr (std::same_as<T, nlohmann::json>) {
        out = json;
    } else if constexpr (std::same_as<T, nlohmann::ordered_json>) {
        out = orderedFromJson(json, name);
    } else if constexpr (std::same_as<T, std::string>) {
        need(json.is_string(), "a string");
        out = json.template get_ref<const std::string&>();
    } else if constexpr (std::same_as<T, bool>) {
        need(json.is_boolean(), "a boolean");
        out = json.template get<bool>();
    } else if constexpr (std::integral<T>) {
        need(json.is_number_integer(), "an integer");
        if (json.is_number_unsigned() ? !std::in_range<T>(json.template get<std::uint64_t>())
                                      : !std::in_range<T>(json.template get<std::int64_t>()))
            throw DecodeError{std::string(name) + " is out of range"};
        out = json.template get<T>();
    } else if constexpr (std::floating_point<T>) {
        need(json.is_number(), "a number");
        out = json.template get<T>();
    } else {
        need(json.is_array(), "a list");
        out.clear();
        for (const auto& item : json)
            fromJson(item, out.emplace_back(), name);
    }
}

} // namespace ls::fields
