#include "core/spec/method_schema.h"

#include "core/embedded.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

namespace ls {

namespace {

using nlohmann::json;

template <typename Enum, std::size_t N>
using Names = std::array<std::pair<const char*, Enum>, N>;

constexpr Names<ParamType, 12> kParamTypes{{{"bool", ParamType::Bool},
                                            {"int", ParamType::Int},
                                            {"float", ParamType::Float},
                                            {"enum", ParamType::Enum},
                                            {"layer-range", ParamType::LayerRange},
                                            {"layer-set", ParamType::LayerSet},
                                            {"head-set", ParamType::HeadSet},
                                            {"token-class", ParamType::TokenClass},
                                            {"text", ParamType::Text},
                                            {"prompt-set", ParamType::PromptSet},
                                            {"data-set", ParamType::DataSet},
                                            {"vector-file", ParamType::VectorFile}}};
constexpr Names<OutputType, 8> kOutputTypes{{{"scalar", OutputType::Scalar},
                                             {"per-layer", OutputType::PerLayer},
                                             {"per-token", OutputType::PerToken},
                                             {"layer-by-token", OutputType::LayerByToken},
                                             {"head-by-token", OutputType::HeadByToken},
                                             {"table", OutputType::Table},
                                             {"text", OutputType::Text},
                                             {"timeline", OutputType::Timeline}}};
constexpr Names<Changes, 5> kChanges{{{"residual", Changes::Residual},
                                      {"read", Changes::Read},
                                      {"cache", Changes::Cache},
                                      {"loop", Changes::Loop},
                                      {"nothing", Changes::Nothing}}};

/// Thrown inside parsing only; parseMethodSchema turns it into an Error.
struct SchemaError {
    std::string what;
};

template <typename Enum, std::size_t N>
Enum enumOf(const json& value, const char* key, const Names<Enum, N>& names)
{
    const std::string text = value.value(key, std::string());
    for (const auto& [name, found] : names)
        if (text == name)
            return found;
    throw SchemaError{fmt::format("\"{}\" is \"{}\"", key, text)};
}

std::string required(const json& value, const char* key)
{
    const auto found = value.find(key);
    if (found == value.end() || !found->is_string() || found->get_ref<const std::string&>().empty())
        throw SchemaError{fmt::format("\"{}\" is missing in {}", key, value.dump())};
    return found->get<std::string>();
}

std::optional<double> bound(const json& value, const char* key)
{
    const auto found = value.find(key);
    return found == value.end() ? std::nullopt : std::optional(found->get<double>());
}

ParamSchema parseParam(const json& value)
{
    ParamSchema param;
    param.id = required(value, "id");
    param.title = required(value, "title");
    param.help = required(value, "help");
    param.type = enumOf(value, "type", kParamTypes);
    param.unit = value.value("unit", std::string());
    if (!value.contains("default"))
        throw SchemaError{fmt::format("parameter \"{}\" has no default", param.id)};
    param.defaultValue = value["default"];
    param.deskDefault = value.value("deskDefault", param.defaultValue);
    param.minimum = bound(value, "min");
    param.maximum = bound(value, "max");
    param.step = bound(value, "step");
    for (const json& item : value.value("values", json::array()))
        param.values.push_back({required(item, "id"), required(item, "help")});
    if ((param.type == ParamType::Enum || param.type == ParamType::TokenClass) && param.values.empty())
        throw SchemaError{fmt::format("parameter \"{}\" has no values", param.id)};
    param.locked = value.value("locked", std::string());
    param.visibleWhen = value.value("visibleWhen", std::string());
    param.pinned = value.value("pinned", false);
    return param;
}

MethodSchema parse(const json& value)
{
    MethodSchema schema;
    schema.id = required(value, "id");
    schema.title = required(value, "title");
    schema.group = required(value, "group");
    schema.kind = required(value, "kind");
    schema.summary = required(value, "summary");
    schema.paper = value.value("paper", std::string());
    schema.changes = enumOf(value, "changes", kChanges);
    schema.sites = value.value("sites", std::vector<std::string>());
    for (const json& item : value.value("params", json::array()))
        schema.params.push_back(parseParam(item));
    for (const json& item : value.value("outputs", json::array()))
        schema.outputs.push_back({required(item, "id"), item.value("title", std::string()),
                                  enumOf(item, "type", kOutputTypes), item.value("unit", std::string())});
    for (const json& item : value.value("conflicts", json::array()))
        schema.conflicts.push_back({required(item, "with"), required(item, "text")});
    return schema;
}

} // namespace

const ParamSchema* MethodSchema::param(const std::string& name) const
{
    const auto found = std::find_if(params.begin(), params.end(), [&](const ParamSchema& p) { return p.id == name; });
    return found == params.end() ? nullptr : &*found;
}

Result<MethodSchema> parseMethodSchema(std::string_view text)
{
    const auto invalid = [](std::string detail) {
        return Error{Errc::FileFormat, "A method description cannot be read.", "Compare it with another method.json.",
                     std::move(detail)};
    };
    const json value = json::parse(text, nullptr, false);
    if (!value.is_object())
        return invalid("not a JSON object");
    try {
        return parse(value);
    } catch (const SchemaError& error) {
        return invalid(error.what);
    } catch (const json::exception& error) {
        return invalid(error.what());
    }
}

const std::vector<MethodSchema>& methodSchemas()
{
    static const std::vector<MethodSchema> schemas = [] {
        std::vector<MethodSchema> out;
        for (const EmbeddedFile& file : embedded::method_schema_files()) {
            auto schema = parseMethodSchema(file.bytes);
            if (!schema) { // built in: only a broken build gets here
                std::fprintf(stderr, "%s: %s\n", std::string(file.path).c_str(), schema.error().detail.c_str());
                std::abort();
            }
            out.push_back(std::move(schema).value());
        }
        std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
        return out;
    }();
    return schemas;
}

const MethodSchema* findMethodSchema(std::string_view id)
{
    const auto& all = methodSchemas();
    const auto found = std::find_if(all.begin(), all.end(), [&](const MethodSchema& s) { return s.id == id; });
    return found == all.end() ? nullptr : &*found;
}

} // namespace ls
