#include "engine/model/families/families.h"

namespace ls::families {

namespace {

Status finish(const ConfigReader& reader, ModelConfig& config)
{
    const auto multiplier = [&](const char* folder, const char* gguf, double& to) -> Status {
        LS_TRY(to, reader.number({folder, gguf}, 1e-9, 1e9, 1.0));
        return success();
    };
    LS_CHECK(multiplier("embedding_multiplier", "embedding_scale", config.embeddingScale));
    LS_CHECK(multiplier("residual_multiplier", "residual_scale", config.residualScale));
    LS_CHECK(multiplier("attention_multiplier", "attention.scale", config.attentionScale));
    return multiplier("logits_scaling", "logit_scale", config.logitDivisor);
}

} // namespace

/// Llama with four multipliers. Granite 3.0 language models, IBM 2024.
Family granite()
{
    Family f;
    f.name = "granite";
    f.modelTypes = {"granite"};
    f.architectures = {"granite"};
    f.tensors = commonTensors().rotaryPairsInGguf();
    f.finish = finish;
    return f;
}

} // namespace ls::families
