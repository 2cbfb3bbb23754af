#include "engine/experiment/safety.h"

#include "engine/experiment/streams.h"

#include <ATen/ops/ones_like.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>

namespace ls {

namespace {

/// A difference of means below this share of their length is rounding: the prompts share this state.
constexpr double kSameState = 1e-6;

at::Tensor rowsOf(const at::Tensor& states, const std::vector<bool>& harmful, std::span<const int> train, bool wanted)
{
    std::vector<std::int64_t> rows;
    for (const int index : train)
        if (harmful.at(std::size_t(index)) == wanted)
            rows.push_back(index);
    return states.index_select(0, at::tensor(rows, at::kLong)).to(at::kDouble);
}

at::Tensor projections(const at::Tensor& states, const at::Tensor& unit)
{
    return states.to(at::kDouble).mul(unit.to(at::kDouble)).sum(2); // [n, L+1]
}

class SafetyProbe final : public LiveProbe {
public:
    explicit SafetyProbe(SafetyDirectionsPtr directions)
        : m_directions(std::move(directions))
    {
    }
    std::vector<HookPoint> sites(const Model& model) const override { return streamSites(model.config().blockCount); }
    std::unique_ptr<LiveProbe> clone() const override { return std::make_unique<SafetyProbe>(*this); }
    void onStep(const StepView& step) override
    {
        std::vector<at::Tensor> streams;
        for (const HookPoint point : sites(step.model))
            streams.push_back(step.taps.at(point).to(at::kFloat));
        const at::Tensor scores = safetyScores(*m_directions, at::stack(streams, 1));
        for (int i = 0; i < step.count; ++i)
            step.emit(step.firstPosition + i, "safety.score", toBlob(scores[i]), {});
    }

private:
    SafetyDirectionsPtr m_directions;
};

} // namespace

SafetyDirections fitSafety(const at::Tensor& states, const std::vector<bool>& harmful, std::span<const int> train)
{
    const at::Tensor bad = rowsOf(states, harmful, train, true).mean(0); // [L+1, d]
    const at::Tensor good = rowsOf(states, harmful, train, false).mean(0);
    const at::Tensor difference = bad.sub(good);
    const at::Tensor length = difference.square().sum(1).sqrt();
    const at::Tensor size = bad.square().sum(1).sqrt().add(good.square().sum(1).sqrt()).div(2);
    const at::Tensor differs = length.gt(size.mul(kSameState));
    const at::Tensor unit =
        difference.div(at::where(differs, length, at::ones_like(length)).unsqueeze(1)).mul(differs.unsqueeze(1));

    SafetyDirections out;
    out.unit = unit.to(at::kFloat);
    out.midpoint = bad.add(good).div(2).mul(out.unit.to(at::kDouble)).sum(1).to(at::kFloat);
    const std::vector<std::int64_t> rows(train.begin(), train.end());
    const at::Tensor spread =
        projections(states.index_select(0, at::tensor(rows, at::kLong)), out.unit).std(0, /*unbiased=*/true);
    out.sd = at::where(differs.logical_and(spread.gt(0)), spread, at::ones_like(spread)).to(at::kFloat);
    return out;
}

at::Tensor safetyScores(const SafetyDirections& directions, const at::Tensor& states)
{
    return projections(states, directions.unit)
        .sub(directions.midpoint.to(at::kDouble))
        .div(directions.sd.to(at::kDouble));
}

LiveProbePtr safetyProbe(SafetyDirectionsPtr directions)
{
    return std::make_unique<SafetyProbe>(std::move(directions));
}

void registerSafety(ExperimentRegistry& experiments, ProbeRegistry& probes)
{
    experiments.add("fit_safety", runSafety);
    probes.add("safety", [](const std::shared_ptr<const Model>& model) -> Result<LiveProbePtr> {
        LS_TRY(SafetyDirectionsPtr directions, safetyDirectionsOf(model->info()));
        return directions ? safetyProbe(std::move(directions)) : LiveProbePtr();
    });
}

} // namespace ls
