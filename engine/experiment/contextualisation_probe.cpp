#include "engine/experiment/contextualisation.h"
#include "engine/experiment/streams.h"

#include <ATen/ops/full_like.h>
#include <ATen/ops/stack.h>

#include <limits>

namespace ls {

namespace {

class ContextProbe final : public LiveProbe {
public:
    explicit ContextProbe(ContextCalibrationPtr calibration)
        : m_calibration(std::move(calibration))
    {
    }

    std::vector<HookPoint> sites(const Model& model) const override { return streamSites(model.config().blockCount); }
    std::unique_ptr<LiveProbe> clone() const override { return std::make_unique<ContextProbe>(*this); }

    void onStep(const StepView& step) override
    {
        const std::vector<HookPoint> points = sites(step.model);
        const at::Tensor targets =
            contextTargets(*m_calibration, step.model.weights().embedding, step.ids, step.firstPosition, step.count);
        std::vector<at::Tensor> scores;
        for (std::size_t i = 0; i < points.size(); ++i)
            scores.push_back(contextScores(*m_calibration, int(i), step.taps.at(points[i]), targets));
        at::Tensor c = at::stack(scores, 1).to(at::kFloat); // [count, L+1]
        const at::Tensor gain = c.sub(c.narrow(1, 0, 1));
        const at::Tensor& middle = step.taps.at(points[std::size_t(middleStream(step.model.config().blockCount))]);
        const at::Tensor norms = middle.to(at::kDouble).square().sum(1).sqrt();
        for (int i = 0; i < step.count; ++i) {
            const int position = step.firstPosition + i;
            const bool sink = position == 0 || norms[i].item<double>() > m_calibration->sinkNorm;
            const bool shown = !sink && position >= kContextWindow;
            const at::Tensor nothing = at::full_like(c[i], std::numeric_limits<double>::quiet_NaN());
            step.emit(position, "contextualisation.c", toBlob(shown ? c[i] : nothing), {});
            step.emit(position, "contextualisation.gain", toBlob(shown ? gain[i] : nothing), {});
            const float flag = sink ? 1.0f : 0.0f;
            step.emit(position, "contextualisation.sink", TensorBlob::fromFloats({1}, {&flag, 1}), {});
        }
    }

private:
    ContextCalibrationPtr m_calibration;
};

} // namespace

LiveProbePtr contextualisationProbe(ContextCalibrationPtr calibration)
{
    return std::make_unique<ContextProbe>(std::move(calibration));
}

} // namespace ls
