#include "plugins/steering/steering.h"

#include "plugins/parameters.h"
#include "plugins/reference_statistics.h"

#include <ATen/ops/tensor.h>

namespace ls::plugins {

namespace {

TokenMask maskOf(const std::string& tokens)
{
    if (tokens == "prompt")
        return {TokenMask::Kind::Prompt};
    if (tokens == "generated")
        return {TokenMask::Kind::Generated};
    if (tokens == "last_prompt")
        return {TokenMask::Kind::LastPrompt};
    return {TokenMask::Kind::All}; // the schema allows no other
}

class Steering final : public Intervention {
public:
    Steering(std::map<int, at::Tensor> additions, TokenMask mask)
        : m_additions(std::move(additions))
        , m_mask(mask)
    {
    }
    void contribute(PlanBuilder& plan) const override
    {
        for (const auto& [layer, vector] : m_additions)
            plan.block(layer).residPostEdits.push_back({Addition{vector, m_mask}});
    }

private:
    std::map<int, at::Tensor> m_additions; // block -> [d], scaled
    TokenMask m_mask;
};

} // namespace

Result<InterventionPtr> createSteering(const nlohmann::json& params, const std::shared_ptr<const Model>& model)
{
    LS_TRY(const Parameters checked, Parameters::check("steering", params, *model));
    LS_TRY(const auto directions, directionsFor(checked.text("vector"), checked.layers("layers"), *model));
    const std::string unit = checked.text("unit");
    std::shared_ptr<const ReferenceStatistics> statistics;
    if (unit != "raw") {
        LS_TRY(statistics, ReferenceStatistics::of(model));
    }
    std::map<int, at::Tensor> additions;
    for (const auto& [layer, direction] : directions) {
        at::Tensor vector = at::tensor(direction, at::kFloat);
        double scale = checked.number("coefficient");
        if (statistics) { // both units take the direction only; its length in the file does not matter
            vector = vector.div(vector.norm());
            scale *= unit == "rho" ? statistics->medianNorm(layer) : statistics->projectionDeviation(layer, vector);
        }
        additions[layer] = vector.mul(scale);
    }
    return InterventionPtr(new Steering(std::move(additions), maskOf(checked.text("tokens"))));
}

} // namespace ls::plugins
