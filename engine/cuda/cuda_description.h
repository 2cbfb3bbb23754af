#pragma once

#include "engine/forward/plan.h"
#include "kernels/cuda/module/description.h"

#include <deque>
#include <memory>
#include <vector>

/// A model and a plan as the CUDA module is told of them (kernels/cuda/module). What the module cannot run is refused
/// with the reason, never left out.
namespace ls {

/// Whether the module can run models of this configuration; what only weights tell CudaModel::of refuses.
Status checkCudaConfig(const ModelConfig& config);

/// Keeps what the description points to: matrices in the layout of files, rotary tables. Needs the memory of the packed
/// matrices once more while it lives; the module copies everything when it loads.
class CudaModel {
public:
    /// `capacity`: positions that a sequence may have. NotSupported for what the module lacks: layer norms, parallel
    /// residuals, mixtures of experts, attention sinks, norms over all heads together, learned positions.
    static Result<std::unique_ptr<CudaModel>> of(std::shared_ptr<const Model> model, int capacity);

    const LsCudaModel& description() const { return m_description; }

    explicit CudaModel(std::shared_ptr<const Model> model)
        : m_model(std::move(model))
    {
    }

private:
    LsCudaMatrix matrix(const WeightMatrix& weights, const at::Tensor& bias);
    LsCudaLayer layer(int index);
    void angles(int capacity);

    std::shared_ptr<const Model> m_model;
    LsCudaModel m_description{};
    std::vector<LsCudaLayer> m_layers;
    std::deque<std::vector<std::uint8_t>> m_rows;           // unpacked matrices; a deque: addresses stay
    std::vector<std::vector<float>> m_cosines, m_sines;     // [table]
    std::vector<const float*> m_cosineTables, m_sineTables; // the same as pointers
};

/// What a plan does not say itself.
struct CudaPass {
    int promptLength = 0;  ///< where generated tokens begin
    bool generated = true; ///< of generated tokens: attention may differ from that of the prompt
    bool streams = false;  ///< the stream before the first block and after every block is tapped
};
/// Whether attention of generated tokens differs from that of the prompt.
bool attendsInPhases(const ForwardPlan& plan);

/// NotSupported names what the module lacks: pruned weights, silenced heads, top-k attention, edits elsewhere than
/// after a block, sinks in a layer with a window of its own that is longer than the plan's.
class CudaPlan {
public:
    static Result<std::unique_ptr<CudaPlan>> of(PlanPtr plan, const CudaPass& pass = {});

    const LsCudaPlan& description() const { return m_description; }

    explicit CudaPlan(PlanPtr plan)
        : m_plan(std::move(plan))
    {
    }

private:
    PlanPtr m_plan;
    LsCudaPlan m_description{};
    std::vector<std::uint8_t> m_attention, m_mlp;
    std::vector<int> m_sinks, m_windows;
    std::vector<LsCudaEdit> m_edits;
    std::vector<LsCudaTap> m_taps;
};

} // namespace ls
