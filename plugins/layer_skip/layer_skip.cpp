#include "plugins/layer_skip/layer_skip.h"

#include "plugins/parameters.h"

namespace ls::plugins {

namespace {

class LayerSkip final : public Intervention {
public:
    LayerSkip(std::vector<int> attention, std::vector<int> mlp)
        : m_attention(std::move(attention))
        , m_mlp(std::move(mlp))
    {
    }
    void contribute(PlanBuilder& plan) const override
    {
        for (const int layer : m_attention)
            plan.block(layer).attentionRuns = false;
        for (const int layer : m_mlp)
            plan.block(layer).mlpRuns = false;
    }

private:
    std::vector<int> m_attention, m_mlp;
};

} // namespace

Result<InterventionPtr> createLayerSkip(const nlohmann::json& params, const std::shared_ptr<const Model>& model)
{
    LS_TRY(const Parameters checked, Parameters::check("layer_skip", params, *model));
    std::vector<int> attention = checked.layers("attention"), mlp = checked.layers("mlp");
    for (const int layer : checked.layers("blocks")) {
        attention.push_back(layer);
        mlp.push_back(layer);
    }
    return InterventionPtr(new LayerSkip(std::move(attention), std::move(mlp)));
}

} // namespace ls::plugins
