#include "plugins/sparse_attention/sparse_attention.h"

#include "plugins/parameters.h"

namespace ls::plugins {

namespace {

class SparseAttention final : public Intervention {
public:
    SparseAttention(AttentionPlan attention, std::vector<int> layers)
        : m_attention(attention)
        , m_layers(std::move(layers))
    {
    }
    void contribute(PlanBuilder& plan) const override
    {
        for (const int layer : m_layers)
            plan.block(layer).attention = m_attention;
    }

private:
    AttentionPlan m_attention;
    std::vector<int> m_layers;
};

} // namespace

Result<InterventionPtr> createSparseAttention(const nlohmann::json& params, const std::shared_ptr<const Model>& model)
{
    LS_TRY(const Parameters checked, Parameters::check("sparse_attention", params, *model));
    AttentionPlan attention;
    attention.kind = checked.text("mode") == "topk" ? AttentionKind::TopK : AttentionKind::Window;
    attention.sinks = int(checked.integer("sinks"));
    attention.window = int(checked.integer("window"));
    attention.keysKept = int(checked.integer("k"));
    attention.decodeOnly = checked.text("phase") == "decode";
    return InterventionPtr(new SparseAttention(attention, checked.layers("layers")));
}

} // namespace ls::plugins
