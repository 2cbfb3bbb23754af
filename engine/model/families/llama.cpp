#include "engine/model/families/families.h"

namespace ls::families {

/// Llama 1 to 3.x and everything converted to it. Touvron et al. 2023 (arXiv 2302.13971).
Family llama()
{
    Family f;
    f.name = "llama";
    f.modelTypes = {"llama"};
    f.architectures = {"llama"};
    f.ggufWithout = "expert_count"; // that is mixtral
    f.tensors = commonTensors().rotaryPairsInGguf();
    return f;
}

} // namespace ls::families
