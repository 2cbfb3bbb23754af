#pragma once

#include "engine/model/hook_site.h"
#include "engine/model/model.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <span>

/// The engine's second implementation: float64, all positions at once, no cache, nothing fused. It shares with the
/// first only the weights and the description of the model (ModelConfig), and takes no method. Slow on purpose.
namespace ls {

class ExactForward {
public:
    /// `value` is float64 in the site's shape. Sites that a family does not have are not visited.
    using Visit = std::function<void(HookPoint point, const at::Tensor& value)>;

    ExactForward(const Model& model, std::span<const std::int32_t> ids, Visit visit);
    void embed();
    /// In order, from 0; or from any stream [n, d] that enters the block.
    void block(int layer);
    void setStream(const at::Tensor& stream);
    /// Logits of the positions from `first` on [n - first, vocab].
    at::Tensor logits(int first);

private:
    at::Tensor attention(int layer);
    at::Tensor mlp(int layer);
    at::Tensor expert(const at::Tensor& x, const WeightMatrix& gate, const WeightMatrix& up, const WeightMatrix& down,
                      const at::Tensor& gateBias, const at::Tensor& upBias, const at::Tensor& downBias,
                      int layer) const;
    at::Tensor mixture(const at::Tensor& h, int layer) const;
    at::Tensor norm(const at::Tensor& x, const Norm& norm) const;

    const Model& m_model;
    const ModelConfig& m_config;
    std::vector<std::int64_t> m_ids;
    Visit m_visit;
    at::Tensor m_stream; // [n, d] float64
};

} // namespace ls
