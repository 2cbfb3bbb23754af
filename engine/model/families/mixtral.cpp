#include "engine/model/families/families.h"

namespace ls::families {

/// Llama with a mixture of experts. Jiang et al. 2024 (arXiv 2401.04088).
Family mixtral()
{
    Family f;
    f.name = "mixtral";
    f.modelTypes = {"mixtral"};
    f.architectures = {"llama"};
    f.ggufWith = "expert_count";
    f.tensors = withExperts(commonTensors().rotaryPairsInGguf(), "block_sparse_moe.", "w1", "w3", "w2");
    f.expertCount = "num_local_experts";
    f.rotaryBase = 1e6;
    f.slides = true;
    return f;
}

} // namespace ls::families
