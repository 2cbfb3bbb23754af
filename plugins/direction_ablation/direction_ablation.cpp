#include "plugins/direction_ablation/direction_ablation.h"

#include "core/json_value.h"
#include "plugins/parameters.h"

#include <ATen/ops/tensor.h>
#include <fmt/format.h>

namespace ls::plugins {

namespace {

using Edits = std::vector<SiteEdit> BlockPlan::*;

/// Null for a site where directions cannot be removed.
Edits editsAt(const std::string& site)
{
    if (site == "resid_pre")
        return &BlockPlan::residPreEdits;
    if (site == "attn_out")
        return &BlockPlan::attnOutEdits;
    if (site == "resid_mid")
        return &BlockPlan::residMidEdits;
    if (site == "mlp_out")
        return &BlockPlan::mlpOutEdits;
    return site == "resid_post" ? &BlockPlan::residPostEdits : nullptr;
}

class DirectionAblation final : public Intervention {
public:
    DirectionAblation(std::map<int, at::Tensor> units, std::vector<Edits> sites)
        : m_units(std::move(units))
        , m_sites(std::move(sites))
    {
    }
    void contribute(PlanBuilder& plan) const override
    {
        for (const auto& [layer, unit] : m_units)
            for (const Edits edits : m_sites)
                (plan.block(layer).*edits).push_back({Projection{unit}});
    }

private:
    std::map<int, at::Tensor> m_units;
    std::vector<Edits> m_sites;
};

Result<std::vector<Edits>> readSites(const nlohmann::json& json, const Model& model)
{
    std::vector<Edits> out;
    const auto unknown = [](const nlohmann::json& item) {
        return Error{Errc::HookUnavailable,
                     fmt::format("Directions cannot be removed at {}.", dumped(item)),
                     "Choose resid_pre, attn_out, resid_mid, mlp_out or resid_post.",
                     {}};
    };
    if (!json.is_array() || json.empty())
        return unknown(json);
    for (const auto& item : json) {
        const Edits edits = item.is_string() ? editsAt(item.get<std::string>()) : nullptr;
        if (!edits)
            return unknown(item);
        if (edits == &BlockPlan::residMidEdits)
            LS_CHECK(checkSite(model.config(), Site::ResidMid));
        out.push_back(edits);
    }
    return out;
}

} // namespace

Result<InterventionPtr> createDirectionAblation(const nlohmann::json& params, const std::shared_ptr<const Model>& model)
{
    LS_TRY(const Parameters checked, Parameters::check("direction_ablation", params, *model));
    LS_TRY(auto sites, readSites(checked.value("sites"), *model));
    LS_TRY(const auto directions, directionsFor(checked.text("vector"), checked.layers("layers"), *model));
    std::map<int, at::Tensor> units;
    for (const auto& [layer, direction] : directions) {
        const at::Tensor vector = at::tensor(direction, at::kFloat);
        units[layer] = vector.div(vector.norm());
    }
    return InterventionPtr(new DirectionAblation(std::move(units), std::move(sites)));
}

} // namespace ls::plugins
