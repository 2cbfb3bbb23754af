#include "engine/forward/vocabulary.h"

#include "engine/forward/forward.h"
#include "engine/forward/fused_workspace.h"
#include "engine/forward/kernel_pool.h"
#include "engine/forward/linear.h"

#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

namespace ls {

at::Tensor embed(const Model& model, std::span<const std::int32_t> ids, std::span<const std::int32_t> positions)
{
    const Weights& weights = model.weights();
    const auto index = [](std::span<const std::int32_t> values) {
        return at::from_blob(const_cast<std::int32_t*>(values.data()), {std::int64_t(values.size())}, at::kInt);
    };
    at::Tensor stream = weights.embedding.rowsAt(index(ids)).to(at::kFloat);
    if (model.config().embeddingScale != 1.0)
        stream = stream.mul(model.config().embeddingScale);
    if (weights.positions.defined())
        stream = stream.add(at::embedding(weights.positions, index(positions)));
    return stream;
}

at::Tensor logitsOf(const Model& model, const at::Tensor& normed, ForwardPath path)
{
    const ModelConfig& config = model.config();
    at::Tensor logits;
    if (path == ForwardPath::Plain) {
        logits = project(normed, model.weights().unembedding).to(at::kFloat);
    } else {
        const kernels::Matrix matrix = model.weights().unembedding.matrix();
        logits = at::empty({normed.size(0), matrix.rows}, at::kFloat);
        FusedWorkspace& space = FusedWorkspace::ofThread();
        space.set(kernelPool(), {matrix}, normed.const_data_ptr<float>(), int(normed.size(0)), matrix.cols);
        const kernels::Product product{&matrix, logits.data_ptr<float>(), matrix.rows, false, nullptr};
        kernels::multiply(kernelPool(), space.input, {&product, 1});
    }
    if (config.logitDivisor != 1.0)
        logits = logits.div(config.logitDivisor);
    if (config.logitCap > 0)
        logits = logits.div(config.logitCap).tanh_().mul_(config.logitCap);
    return logits;
}

at::Tensor unembed(const Model& model, const at::Tensor& stream)
{
    const at::Tensor rows = stream.to(at::kFloat).contiguous();
    return logitsOf(model, normalise(rows, model.weights().finalNorm, model.config()), defaultForwardPath());
}

} // namespace ls
