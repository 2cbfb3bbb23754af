#include "plugins/head_ablation/head_ablation.h"

#include "plugins/parameters.h"

namespace ls::plugins {

namespace {

class HeadAblation final : public Intervention {
public:
    explicit HeadAblation(std::vector<std::pair<int, int>> heads)
        : m_heads(std::move(heads))
    {
    }
    void contribute(PlanBuilder& plan) const override
    {
        for (const auto& [layer, head] : m_heads)
            plan.block(layer).zeroedHeads.push_back(head);
    }

private:
    std::vector<std::pair<int, int>> m_heads; // (block, head)
};

} // namespace

Result<InterventionPtr> createHeadAblation(const nlohmann::json& params, const std::shared_ptr<const Model>& model)
{
    LS_TRY(const Parameters checked, Parameters::check("head_ablation", params, *model));
    std::vector<std::pair<int, int>> heads;
    for (const auto& pair : checked.value("heads"))
        heads.emplace_back(pair[0].get<int>(), pair[1].get<int>());
    return InterventionPtr(new HeadAblation(std::move(heads)));
}

} // namespace ls::plugins
