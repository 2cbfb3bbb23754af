#include "core/spec/method_use.h"

#include "core/bounded_json.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <fstream>
#include <sstream>

namespace ls {

using nlohmann::json;

Result<MethodSet> methodSetFromJson(const json& value)
{
    const auto invalid = [](std::string message) {
        return Error{Errc::InvalidParameter,
                     std::move(message),
                     R"(A method set is a list like [{"method": "layer_skip", "params": {"blocks": [2]}}].)",
                     {}};
    };
    if (!value.is_array())
        return invalid("The method set is not a list.");
    MethodSet methods;
    for (std::size_t i = 0; i < value.size(); ++i) {
        const json& item = value[i];
        if (!item.is_object() || !item.contains("method") || !item["method"].is_string())
            return invalid(fmt::format("Entry {} of the method set has no \"method\".", i + 1));
        for (const auto& [key, unused] : item.items())
            if (key != "method" && key != "params")
                return invalid(fmt::format("Entry {} of the method set has an unknown key \"{}\".", i + 1, key));
        MethodUse use{item["method"].get<std::string>()};
        if (item.contains("params")) {
            if (!item["params"].is_object())
                return invalid(fmt::format("\"params\" of entry {} of the method set is no object.", i + 1));
            use.params = item["params"];
        }
        methods.push_back(std::move(use));
    }
    return methods;
}

json toJson(const MethodSet& methods)
{
    json out = json::array();
    for (const MethodUse& use : methods)
        out.push_back(json{{"method", use.method}, {"params", use.params}});
    return out;
}

Result<MethodSet> readMethodSet(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    if (!file)
        return Error{Errc::FileNotFound, fmt::format("The methods file {} cannot be read.", path),
                     "Check the path and the permissions.", path};
    std::stringstream text;
    text << file.rdbuf();
    const auto value = parseJson(text.str());
    if (!value)
        return Error{Errc::FileFormat, fmt::format("{} is no JSON.", path),
                     R"(Write a list like [{"method": "layer_skip", "params": {"blocks": [2]}}].)", path};
    return methodSetFromJson(*value);
}

std::string specHash(const MethodSet& methods)
{
    const std::string canonical =
        toJson(methods).dump(-1, ' ', false, json::error_handler_t::replace); // keys are sorted
    return fmt::format("{:016x}", XXH3_64bits(canonical.data(), canonical.size()));
}

} // namespace ls
