#include "plugins/weight_pruning/weight_pruning.h"

#include "plugins/parameters.h"

#include <ATen/ops/abs.h>
#include <ATen/ops/argsort.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/index_fill.h>

#include <cmath>

namespace ls::plugins {

namespace {

enum class Target { Mlp, Attention, Heads };

/// A copy whose floor(fraction * count) smallest magnitudes are zero; of equal magnitudes the first go first. Every
/// expert of a mixture is a matrix of its own.
at::Tensor pruned(const at::Tensor& weight, double fraction)
{
    if (weight.dim() == 3) {
        at::Tensor copy = at::empty_like(weight);
        for (std::int64_t expert = 0; expert < weight.size(0); ++expert)
            copy.select(0, expert).copy_(pruned(weight.select(0, expert), fraction));
        return copy;
    }
    const auto count = std::int64_t(std::floor(fraction * double(weight.numel())));
    const at::Tensor order = at::argsort(weight.flatten().abs(), true, 0, false);
    at::Tensor copy = weight.flatten().clone();
    copy.index_fill_(0, order.narrow(0, 0, count), 0);
    return copy.view(weight.sizes());
}

/// A copy of the output projection [d, heads * width] without the heads whose slice has the smallest Frobenius norm.
at::Tensor withoutWeakestHeads(const at::Tensor& wo, int heads, double fraction)
{
    const at::Tensor slices = wo.clone().view({wo.size(0), heads, wo.size(1) / heads});
    const at::Tensor squares = slices.to(at::kFloat).square().sum(at::IntArrayRef{0, 2});
    const at::Tensor order = at::argsort(squares, true, 0, false);
    const auto removed = std::int64_t(std::floor(fraction * heads));
    slices.index_fill_(1, order.narrow(0, 0, removed), 0);
    return slices.view(wo.sizes());
}

class WeightPruning final : public Intervention {
public:
    WeightPruning(Target target, double fraction, std::vector<int> layers)
        : m_target(target)
        , m_fraction(fraction)
        , m_layers(std::move(layers))
    {
    }
    void contribute(PlanBuilder& plan) const override
    {
        for (const int layer : m_layers) {
            BlockWeights& own = plan.ownWeights(layer);
            const auto prune = [&](WeightMatrix& weight) { weight = pruned(weight.dense(), m_fraction); };
            switch (m_target) {
            case Target::Mlp:
                if (own.wGate.defined()) // plain MLPs have none
                    prune(own.wGate);
                prune(own.wUp);
                prune(own.wDown);
                break;
            case Target::Attention:
                prune(own.wq);
                prune(own.wk);
                prune(own.wv);
                prune(own.wo);
                break;
            case Target::Heads:
                own.wo = withoutWeakestHeads(own.wo.dense(), plan.model().config().headCount, m_fraction);
                break;
            }
        }
    }

private:
    Target m_target;
    double m_fraction;
    std::vector<int> m_layers;
};

} // namespace

Result<InterventionPtr> createWeightPruning(const nlohmann::json& params, const std::shared_ptr<const Model>& model)
{
    LS_TRY(const Parameters checked, Parameters::check("weight_pruning", params, *model));
    const std::string target = checked.text("target");
    return InterventionPtr(new WeightPruning(target == "mlp"         ? Target::Mlp
                                             : target == "attention" ? Target::Attention
                                                                     : Target::Heads,
                                             checked.number("fraction"), checked.layers("layers")));
}

} // namespace ls::plugins
