#pragma once

#include "engine/forward/plan.h"
#include "engine/forward/rotary_angles.h"

#include "kernels/cpu/packed_matrix.h"

#include <span>
#include <vector>

namespace ls {

struct Step;

/// The matrices of a block as kernels see them; without data where the family has none.
struct BlockMatrices {
    kernels::Matrix q, k, v, o, gate, up, down;
};

/// The blocks of a plan on kernels/cpu: products, norms, rotary embedding and attention on the model's own weights,
/// without an allocation per token. Taps and edits are served here too; a tap changes no bit of the result, unless it
/// asks for scores or a pattern. What the kernels lack goes through libtorch piece by piece: attention whose scores or
/// pattern are tapped, top-k attention, attention sinks, mixtures of experts and clamped SwiGLU.
class FusedBlocks {
public:
    explicit FusedBlocks(PlanPtr plan);

    /// One block from stream to stream [rows of all steps, d]; it may be changed in place. A batch shares the products;
    /// each step has its own cache, taps and positions.
    void run(std::span<const Step> steps, at::Tensor& stream, int layer, const RotaryAngles& angles) const;

private:
    PlanPtr m_plan;
    std::vector<BlockMatrices> m_matrices; // [block]
};

} // namespace ls
