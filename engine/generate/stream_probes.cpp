#include "engine/forward/forward.h"
#include "engine/generate/distribution.h"
#include "engine/generate/probe.h"
#include "engine/generate/tap_store.h"
#include "engine/text/tokenizer.h"

#include <ATen/ops/linalg_vector_norm.h>

#include <cmath>

/// The two probes that need no calibration.
namespace ls {

namespace {

/// Euclidean norm of the stream, embedding first.
class LayerNorms final : public LiveProbe {
public:
    std::vector<HookPoint> sites(const Model& model) const override { return streamSites(model); }
    std::unique_ptr<LiveProbe> clone() const override { return std::make_unique<LayerNorms>(*this); }
    void onStep(const StepView& step) override
    {
        const at::Tensor streams = stackStreams(step.taps, step.model.config().blockCount);
        const at::Tensor norms = at::linalg_vector_norm(streams, 2, at::IntArrayRef{2}).transpose(0, 1).contiguous();
        for (int i = 0; i < step.count; ++i)
            step.emit(step.firstPosition + i, "resid_norm", toBlob(norms.select(0, i)), {});
    }
};

/// What the model would say if it stopped after each layer: final norm and unembedding of every stream.
class LogitLens final : public LiveProbe {
public:
    std::vector<HookPoint> sites(const Model& model) const override { return streamSites(model); }
    std::unique_ptr<LiveProbe> clone() const override { return std::make_unique<LogitLens>(*this); }
    void onStep(const StepView& step) override
    {
        const at::Tensor streams = stackStreams(step.taps, step.model.config().blockCount);
        for (int i = 0; i < step.count; ++i) {
            const int position = step.firstPosition + i;
            if (position < step.promptLength - kPromptPositions)
                continue; // a long prompt would cost more than its forward pass
            if (step.interrupted && step.interrupted())
                return;
            showPosition(step, position, streams.select(1, i));
        }
    }

private:
    static constexpr int kPromptPositions = 64;
    static constexpr int kTop = 5;

    /// streams: [L+1, d]
    static void showPosition(const StepView& step, int position, const at::Tensor& streams)
    {
        const at::Tensor logprobs = logProbabilities(unembed(step.model, streams)); // [L+1, vocab]
        const std::int64_t layers = logprobs.size(0);
        std::vector<std::int32_t> ids;
        std::vector<float> probabilities, entropies;
        std::vector<std::string> texts;
        for (std::int64_t layer = 0; layer < layers; ++layer) {
            const auto row = floatsOf(logprobs.select(0, layer));
            for (const std::int32_t id : largestIds(row, kTop)) {
                ids.push_back(id);
                probabilities.push_back(std::exp(row[std::size_t(id)]));
                texts.push_back(step.model.tokenizer().decode({&id, 1}));
            }
            entropies.push_back(float(entropyOf(row)));
        }
        const auto top = std::int64_t(ids.size()) / layers;
        step.emit(position, "lens.ids", TensorBlob::fromInts({layers, top}, ids), std::move(texts));
        step.emit(position, "lens.probs", TensorBlob::fromFloats({layers, top}, probabilities), {});
        step.emit(position, "lens.entropy", TensorBlob::fromFloats({layers}, entropies), {});
    }
};

template <typename Probe>
Result<LiveProbePtr> make(const std::shared_ptr<const Model>&)
{
    return LiveProbePtr(new Probe);
}

} // namespace

void registerStreamProbes(ProbeRegistry& registry)
{
    registry.add("layer_norms", make<LayerNorms>);
    registry.add("logit_lens", make<LogitLens>);
}

} // namespace ls
