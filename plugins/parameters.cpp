#include "plugins/parameters.h"

#include "core/json_value.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

namespace ls::plugins {

namespace {

using nlohmann::json;

Error invalid(const ParamSchema& param, std::string what, std::string hint)
{
    return {Errc::InvalidParameter, fmt::format("{}: {}", param.title, what), std::move(hint), param.id};
}

std::string rangeText(const ParamSchema& param)
{
    return fmt::format("Choose {} to {}{}{}.", param.minimum.value_or(0), param.maximum.value_or(0),
                       param.unit.empty() ? "" : " ", param.unit);
}

Status checkLocked(const ParamSchema& param, const std::vector<int>& layers, int blockCount)
{
    if (param.locked != "first,last")
        return success();
    for (const int layer : layers)
        if (layer == 0 || layer == blockCount - 1)
            return Error{Errc::LayerLocked,
                         fmt::format("Block {} cannot be skipped: the first and last block always run.", layer),
                         fmt::format("Choose blocks 1 to {}.", blockCount - 2), param.id};
    return success();
}

Status checkHeads(const ParamSchema& param, const json& value, const Model& model)
{
    const ModelConfig& config = model.config();
    if (!value.is_array())
        return invalid(param, "is no list of pairs.", "Give pairs like [[3, 1], [7, 0]].");
    for (const json& pair : value) {
        const bool good =
            pair.is_array() && pair.size() == 2 && pair[0].is_number_integer() && pair[1].is_number_integer();
        if (!good || pair[0] < 0 || pair[0] >= config.blockCount || pair[1] < 0 || pair[1] >= config.headCount)
            return invalid(param, fmt::format("{} is no head of this model.", dumped(pair)),
                           fmt::format("Give [block, head] with block 0 to {} and head 0 to {}.", config.blockCount - 1,
                                       config.headCount - 1));
    }
    return success();
}

Status checkValue(const ParamSchema& param, const json& value, const Model& model)
{
    switch (param.type) {
    case ParamType::Int:
    case ParamType::Float: {
        const bool good = param.type == ParamType::Int ? value.is_number_integer() : value.is_number();
        if (!good || value.get<double>() < param.minimum.value_or(-1e300) ||
            value.get<double>() > param.maximum.value_or(1e300))
            return invalid(param, fmt::format("{} is out of range.", dumped(value)), rangeText(param));
        return success();
    }
    case ParamType::Enum:
    case ParamType::TokenClass: {
        std::vector<std::string> ids;
        std::transform(param.values.begin(), param.values.end(), std::back_inserter(ids),
                       [](const auto& v) { return v.id; });
        if (!value.is_string() || std::find(ids.begin(), ids.end(), value.get<std::string>()) == ids.end())
            return invalid(param, fmt::format("{} is no choice.", dumped(value)),
                           fmt::format("Choose {}.", fmt::join(ids, ", ")));
        return success();
    }
    case ParamType::LayerSet: {
        LS_TRY(const auto layers, layerSetFromJson(value, model.config().blockCount));
        return checkLocked(param, layers, model.config().blockCount);
    }
    case ParamType::HeadSet:
        return checkHeads(param, value, model);
    case ParamType::Bool:
        if (!value.is_boolean())
            return invalid(param, "is neither true nor false.", "Give true or false.");
        return success();
    case ParamType::VectorFile:
        if (!value.is_string() || value.get<std::string>().empty())
            return invalid(param, "no file is chosen.", "Choose a control-vector GGUF or a safetensors file.");
        return success();
    default:
        return success(); // texts and data sets are checked by the method that reads them
    }
}

} // namespace

Result<Parameters> Parameters::check(const std::string& method, const json& params, const Model& model)
{
    const MethodSchema* schema = findMethodSchema(method);
    if (!schema)
        return Error{Errc::MethodUnknown, fmt::format("There is no method \"{}\".", method), "Check the spelling.", {}};
    Parameters out;
    out.m_blockCount = model.config().blockCount;
    out.m_values = json::object();
    for (const auto& [key, unused] : params.items())
        if (!schema->param(key))
            return Error{Errc::InvalidParameter,
                         fmt::format("{} has no parameter \"{}\".", schema->title, key),
                         "Its parameters are listed in the method's help page.",
                         {}};
    for (const ParamSchema& param : schema->params) {
        const json& value = params.contains(param.id) ? params[param.id] : param.defaultValue;
        LS_CHECK(checkValue(param, value, model));
        out.m_values[param.id] = value;
    }
    return out;
}

std::vector<int> Parameters::layers(const std::string& id) const
{
    return layerSetFromJson(m_values.at(id), m_blockCount).value();
}

Result<std::map<int, std::vector<float>>> directionsFor(const std::string& path, const std::vector<int>& layers,
                                                        const Model& model)
{
    LS_TRY(const VectorFile file, readVectorFile(path));
    if (file.width() != model.config().width)
        return Error{Errc::VectorWidth,
                     fmt::format("{} has width {}, this model has {}.", std::filesystem::path(path).filename().string(),
                                 file.width(), model.config().width),
                     "Choose another vector, or build one for this model.", path};
    std::map<int, std::vector<float>> out;
    for (const int layer : layers) {
        if (!file.shared.empty())
            out[layer] = file.shared;
        else if (const auto found = file.byLayer.find(layer); found != file.byLayer.end() && layer >= 1)
            out[layer] = found->second;
    }
    if (out.empty())
        return Error{Errc::InvalidParameter, "The vector file has no direction for any of the chosen blocks.",
                     "Choose blocks that the file has directions for.", path};
    return out;
}

} // namespace ls::plugins
