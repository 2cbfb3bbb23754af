#include "engine/experiment/safety.h"

#include "engine/experiment/streams.h"
#include "engine/generate/prompt.h"

#include <ATen/ops/stack.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <set>

namespace ls {

namespace {

struct SafetyData {
    std::vector<std::string> prompts; ///< harmful ones first
    std::vector<bool> harmful;
    std::vector<int> train, test;
    bool useTemplate = true;
    std::string hash;
};

/// What the cache holds: the directions and the scores of all prompts, so that rows can be sent again.
struct SafetyFit {
    SafetyDirections directions;
    at::Tensor scores; // [n, L+1]
    std::string dataHash;
};
using SafetyFitPtr = std::shared_ptr<const SafetyFit>;

std::mutex knownMutex;
std::map<std::string, SafetyFitPtr>& known()
{
    static std::map<std::string, SafetyFitPtr> byKey;
    return byKey;
}

std::string keyOf(const ModelInfo& info)
{
    return calibrationKey(info) + "-" + info.templateFingerprint;
}

Error badParam(const char* name, const char* what)
{
    return {Errc::InvalidParameter,
            fmt::format("The parameter \"{}\" {}.", name, what),
            "docs/experiments.md lists the parameters of every experiment.",
            {}};
}

/// Texts, or objects with a text.
Status readPrompts(const nlohmann::json& params, const char* name, bool harmful, SafetyData& data)
{
    const auto found = params.find(name);
    if (found == params.end() || !found->is_array())
        return badParam(name, "is missing or is no list");
    for (const auto& item : *found) {
        const nlohmann::json text = item.is_object() ? item.value("text", nlohmann::json()) : item;
        if (!text.is_string())
            return badParam(name, "holds something that is no prompt");
        data.prompts.push_back(text.get<std::string>());
        data.harmful.push_back(harmful);
    }
    return success();
}

Result<std::vector<int>> readIndices(const nlohmann::json& params, const char* name, std::size_t count)
{
    const auto found = params.find(name);
    if (found == params.end() || !found->is_array())
        return badParam(name, "is missing or is no list");
    std::vector<int> indices;
    for (const auto& item : *found) {
        if (!item.is_number_integer() || item.get<std::int64_t>() < 0 ||
            item.get<std::int64_t>() >= std::int64_t(count))
            return badParam(name, "holds an index without a prompt");
        indices.push_back(item.get<int>());
    }
    return indices;
}

Status checkHalves(const SafetyData& data)
{
    std::set<int> seen;
    for (const auto* half : {&data.train, &data.test})
        for (const int index : *half)
            if (!seen.insert(index).second)
                return badParam("train", "shares a prompt with test, or names one twice");
    const auto bad = std::count_if(data.train.begin(), data.train.end(),
                                   [&](int index) { return data.harmful[std::size_t(index)]; });
    const auto good = std::ptrdiff_t(data.train.size()) - bad;
    if (bad >= 10 && good >= 10)
        return success();
    return Error{
        Errc::DataTooFew,
        fmt::format("The training half has {} harmful and {} harmless prompts; ten of each are needed.", bad, good),
        "Use a larger set.",
        {}};
}

Result<SafetyData> readData(const nlohmann::json& params)
{
    SafetyData data;
    LS_CHECK(readPrompts(params, "harmful", true, data));
    LS_CHECK(readPrompts(params, "harmless", false, data));
    LS_TRY(data.train, readIndices(params, "train", data.prompts.size()));
    LS_TRY(data.test, readIndices(params, "test", data.prompts.size()));
    LS_CHECK(checkHalves(data));
    const nlohmann::json wanted = params.value("template", nlohmann::json(true));
    if (!wanted.is_boolean())
        return badParam("template", "is neither true nor false");
    data.useTemplate = wanted.get<bool>();
    const nlohmann::json content{data.prompts, data.train, data.test, data.harmful, data.useTemplate};
    data.hash = contentHash(content.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    return data;
}

/// Streams at the last prompt token: [n, L+1, d].
Result<at::Tensor> lastStates(const ExperimentContext& context, const SafetyData& data)
{
    Forward forward = denseForward(context.model);
    std::vector<at::Tensor> states;
    for (std::size_t i = 0; i < data.prompts.size(); ++i) {
        context.progress("reading prompts", double(i), double(data.prompts.size()));
        if (!context.checkpoint())
            return ExperimentContext::cancelled();
        PromptSpec spec;
        if (data.useTemplate)
            spec.messages = nlohmann::ordered_json::array({{{"role", "user"}, {"content", data.prompts[i]}}});
        else
            spec.text = data.prompts[i];
        LS_TRY(const Prompt prompt, preparePrompt(*context.model, spec, 0));
        LS_TRY(const at::Tensor streams, captureStreams(forward, prompt.ids, true, context.interrupted));
        states.push_back(streams.select(1, 0));
    }
    return at::stack(states);
}

void send(const ExperimentContext& context, const SafetyData& data, const SafetyFit& fit)
{
    std::vector<const char*> part(data.prompts.size(), "unused");
    for (const int index : data.train)
        part[std::size_t(index)] = "train";
    for (const int index : data.test)
        part[std::size_t(index)] = "test";
    for (std::size_t i = 0; i < data.prompts.size(); ++i)
        context.row({{"index", i},
                     {"label", data.harmful[i] ? "harmful" : "harmless"},
                     {"part", part[i]},
                     {"score", toBlob(fit.scores[std::int64_t(i)]).floats()}});
    context.tensor("safety.unit", toBlob(fit.directions.unit));
    context.tensor("safety.midpoint", toBlob(fit.directions.midpoint));
    context.tensor("safety.sd", toBlob(fit.directions.sd));
}

Status keep(const ModelInfo& info, const SafetyFitPtr& fit)
{
    {
        const std::scoped_lock lock(knownMutex);
        known()[keyOf(info)] = fit;
    }
    return storeCalibration(calibrationPath(info, "-safety"),
                            {{{"unit", fit->directions.unit},
                              {"midpoint", fit->directions.midpoint},
                              {"sd", fit->directions.sd},
                              {"scores", fit->scores}},
                             {{"kind", "safety"}, {"version", "1"}, {"key", keyOf(info)}, {"data", fit->dataHash}}});
}

/// Null if there is no file.
Result<SafetyFitPtr> stored(const ModelInfo& info)
{
    const std::scoped_lock lock(knownMutex);
    if (const auto found = known().find(keyOf(info)); found != known().end())
        return found->second;
    const std::string path = calibrationPath(info, "-safety");
    std::error_code ignored; // a folder that cannot be read holds nothing for us
    if (!std::filesystem::exists(path, ignored))
        return SafetyFitPtr();
    LS_TRY(StoredCalibration file, loadCalibration(path));
    const std::int64_t streams = info.blockCount + 1;
    const at::Tensor* unit = file.tensor("unit", {streams, info.width});
    const at::Tensor* midpoint = file.tensor("midpoint", {streams});
    const at::Tensor* sd = file.tensor("sd", {streams});
    const auto scores = file.tensors.find("scores");
    if (file.metadata["kind"] != "safety" || file.metadata["version"] != "1" || file.metadata["key"] != keyOf(info) ||
        !unit || !midpoint || !sd || scores == file.tensors.end() || scores->second.dim() != 2 ||
        scores->second.size(1) != streams)
        return Error{Errc::FileFormat, "The stored safety directions do not fit this model or its chat template.",
                     "Fit them again.", path};
    auto fit =
        std::make_shared<const SafetyFit>(SafetyFit{{*unit, *midpoint, *sd}, scores->second, file.metadata["data"]});
    known()[keyOf(info)] = fit;
    return SafetyFitPtr(fit);
}

} // namespace

Result<SafetyDirectionsPtr> safetyDirectionsOf(const ModelInfo& info)
{
    LS_TRY(const SafetyFitPtr fit, stored(info));
    return fit ? SafetyDirectionsPtr(fit, &fit->directions) : SafetyDirectionsPtr();
}

Result<nlohmann::json> runSafety(const ExperimentContext& context)
{
    const ModelInfo& info = context.model->info();
    LS_TRY(const SafetyData data, readData(context.params));
    nlohmann::json result{{"auroc_source", "rows"}, {"fingerprint", keyOf(info)}, {"cached", true}};
    // A stored fit that cannot be read, or of other prompts, is made again.
    if (const auto old = stored(info); old && old.value() && old.value()->dataHash == data.hash &&
                                       old.value()->scores.size(0) == std::int64_t(data.prompts.size())) {
        send(context, data, *old.value());
        return result;
    }
    LS_TRY(const at::Tensor states, lastStates(context, data));
    auto fit = std::make_shared<SafetyFit>();
    fit->directions = fitSafety(states, data.harmful, data.train);
    fit->scores = safetyScores(fit->directions, states).to(at::kFloat);
    fit->dataHash = data.hash;
    send(context, data, *fit);
    result["cached"] = false;
    if (const Status kept = keep(info, fit); !kept)
        result["cache_error"] = kept.error().message + " " + kept.error().detail; // it works until the engine ends
    return result;
}

} // namespace ls
