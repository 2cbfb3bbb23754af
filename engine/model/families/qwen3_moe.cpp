#include "engine/model/families/families.h"

namespace ls::families {

namespace {

Status finish(const ConfigReader& reader, ModelConfig& config)
{
    LS_TRY(config.renormaliseExperts, reader.flag({"norm_topk_prob", {}}, !reader.isFolder()));
    LS_TRY(const int step, reader.count({"decoder_sparse_step", {}}, 0, 1024, 1));
    const Key dense{"mlp_only_layers", {}};
    std::vector<double> denseLayers;
    if (reader.has(dense)) {
        LS_TRY(denseLayers, reader.numbers(dense));
    }
    if (step != 1 || !denseLayers.empty())
        return Error{Errc::NotSupported,
                     "Some layers of this model have no experts, for which there are no reference values.",
                     "Without them the numbers could be wrong, so the model is not opened.",
                     {}};
    return success();
}

} // namespace

/// Qwen3 with a mixture of experts in every layer.
Family qwen3Moe()
{
    Family f = qwen3();
    f.name = "qwen3-moe";
    f.modelTypes = {"qwen3_moe"};
    f.architectures = {"qwen3moe"};
    f.tensors = withExperts(f.tensors, "mlp.", "gate_proj", "up_proj", "down_proj");
    f.expertCount = "num_local_experts";
    f.expertWidth = "moe_intermediate_size";
    f.slides = false;
    f.finish = finish;
    return f;
}

} // namespace ls::families
