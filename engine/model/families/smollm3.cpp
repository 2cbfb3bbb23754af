#include "engine/model/families/families.h"

namespace ls::families {

namespace {

Status finish(const ConfigReader& reader, ModelConfig& config)
{
    const Key key{"no_rope_layers", {}}; // 1 = rotated, whatever the name says
    if (!reader.has(key))
        return success();
    LS_TRY(const auto rotated, reader.flags(key));
    if (rotated.size() != config.layers.size())
        return reader.wrong(key, "does not have one entry for every block");
    for (std::size_t i = 0; i < rotated.size(); ++i)
        config.layers[i].rotary = rotated[i] ? 0 : -1;
    return success();
}

} // namespace

/// Llama in which every fourth layer has no rotary embedding (NoPE, arXiv 2501.18795). SmolLM3, Hugging Face 2025.
Family smollm3()
{
    Family f;
    f.name = "smollm3";
    f.modelTypes = {"smollm3"};
    f.architectures = {"smollm3"};
    f.tensors = commonTensors().rotaryPairsInGguf();
    f.tiedByDefault = true;
    f.rotaryBase = 2e6;
    f.noRotaryEvery = 4;
    f.onlyTested = {{{"use_sliding_window", {}}, false, "has a sliding window"}};
    f.finish = finish;
    return f;
}

} // namespace ls::families
