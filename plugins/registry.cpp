#include "engine/forward/registry.h"

#include "plugins/direction_ablation/direction_ablation.h"
#include "plugins/head_ablation/head_ablation.h"
#include "plugins/layer_skip/layer_skip.h"
#include "plugins/sparse_attention/sparse_attention.h"
#include "plugins/steering/steering.h"
#include "plugins/weight_pruning/weight_pruning.h"

namespace ls {

/// Every method that ships, sorted by id.
void registerMethods(MethodRegistry& registry)
{
    registry.add("direction_ablation", plugins::createDirectionAblation);
    registry.add("head_ablation", plugins::createHeadAblation);
    registry.add("layer_skip", plugins::createLayerSkip);
    registry.add("sparse_attention", plugins::createSparseAttention);
    registry.add("steering", plugins::createSteering);
    registry.add("weight_pruning", plugins::createWeightPruning);
}

} // namespace ls
