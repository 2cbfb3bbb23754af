#include "engine/evaluate/inspect.h"

#include "engine/evaluate/model_card.h"
#include "engine/model/family.h"
#include "engine/model/hook_site.h"
#include "engine/model/tensor_list.h"

namespace ls {

namespace {

nlohmann::json configJson(const ModelConfig& config)
{
    return {{"block_count", config.blockCount},   {"width", config.width},
            {"head_count", config.headCount},     {"kv_head_count", config.kvHeadCount},
            {"head_width", config.headWidth},     {"mlp_width", config.mlpWidth},
            {"vocab_size", config.vocabSize},     {"trained_context", config.trainedContext},
            {"norm_epsilon", config.normEpsilon}, {"rotary_base", config.rotaryBase},
            {"rotary_width", config.rotaryWidth}};
}

/// Without a list of what is loaded only the number of values is known.
nlohmann::json memoryJson(const ModelConfig& config, std::int64_t parameters, std::vector<TensorSpec>* specs, bool gguf)
{
    nlohmann::json rows = nlohmann::json::array();
    for (const auto& [dtype, width] : {std::pair{"float32", 4}, std::pair{"bfloat16", 2}, std::pair{"quantised", 2}}) {
        const bool quantised = std::string_view(dtype) == "quantised";
        if (quantised && (!gguf || !specs))
            continue;
        std::int64_t bytes = parameters * width;
        if (specs) {
            chooseStorage(*specs, dtype);
            bytes = keptBytes(*specs);
        }
        for (const int context : {512, 2048, config.trainedContext}) {
            const std::int64_t perToken = 2ll * config.blockCount * config.kvHeadCount * config.headWidth * width;
            rows.push_back(
                {{"dtype", dtype}, {"weight_bytes", bytes}, {"context", context}, {"kv_bytes", perToken * context}});
            if (const std::string converted = quantised ? conversions(*specs) : std::string(); !converted.empty())
                rows.back()["converted"] = converted;
        }
    }
    return rows;
}

void refuse(nlohmann::json& info, const Error& error)
{
    info["unsupported"] = error.message;
    info["unsupported_hint"] = error.hint;
}

} // namespace

Result<nlohmann::json> inspectFile(const std::string& path)
{
    LS_TRY(const auto file, ModelFile::open(path));
    nlohmann::json tensors = nlohmann::json::array();
    std::int64_t parameters = 0;
    for (const StoredTensor& tensor : file->tensors()) {
        parameters += tensor.count();
        tensors.push_back(
            {{"name", tensor.name}, {"shape", tensor.shape}, {"type", tensor.type}, {"bytes", tensor.bytes.size()}});
    }
    nlohmann::json info{{"path", path},
                        {"file_bytes", file->fileBytes()},
                        {"fingerprint", file->fingerprint()},
                        {"parameters", parameters},
                        {"tensors", std::move(tensors)},
                        {"metadata", file->metadata()},
                        {"card", modelCard(*file)},
                        {"config", nullptr},
                        {"memory", nullptr},
                        {"sites", nlohmann::json::array()}};
    LS_TRY(info["family"], file->architecture());
    const auto family = familyOf(*file);
    if (!family) {
        refuse(info, family.error());
        return info;
    }
    info["family"] = family.value()->name;
    auto config = readConfig(*family.value(), *file, 0);
    if (!config) {
        refuse(info, config.error());
        return info;
    }
    info["config"] = configJson(config.value());
    Weights unused;
    auto specs = listTensors(*family.value(), *file, config.value(), unused);
    if (!specs)
        refuse(info, specs.error());
    info["memory"] = memoryJson(config.value(), parameters, specs ? &specs.value() : nullptr, file->gguf() != nullptr);
    LS_TRY(const auto points, expandTaps({"*"}, config.value()));
    for (const HookPoint point : points)
        info["sites"].push_back(hookName(point));
    return info;
}

} // namespace ls
