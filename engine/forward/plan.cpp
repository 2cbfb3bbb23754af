#include "engine/forward/plan.h"

#include "engine/forward/registry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <mutex>

namespace ls {

namespace {

/// Loop < Nothing < Read < Cache < Residual: the strongest decides what a toggle costs.
int strength(Changes changes)
{
    switch (changes) {
    case Changes::Residual:
        return 4;
    case Changes::Cache:
        return 3;
    case Changes::Read:
        return 2;
    case Changes::Nothing:
        return 1;
    case Changes::Loop:
        return 0;
    }
    return 4;
}

/// Plans that were expensive to make (pruned copies), newest last. A toggle back and forth costs its plan once.
/// Emptied by forgetPlans() when the model is closed: a plan keeps its model alive.
class PlanCache {
public:
    PlanPtr find(const Model* model, const MethodSet& methods)
    {
        const std::scoped_lock lock(m_mutex);
        for (const PlanPtr& plan : m_plans)
            if (&plan->model() == model && plan->methods() == methods)
                return plan;
        return nullptr;
    }
    void keep(const PlanPtr& plan)
    {
        constexpr std::size_t kPlans = 2; // a pruned plan can be as large as the model
        const std::scoped_lock lock(m_mutex);
        // another model's plans would keep that model alive
        std::erase_if(m_plans, [&](const PlanPtr& old) { return &old->model() != &plan->model(); });
        m_plans.push_back(plan);
        if (m_plans.size() > kPlans)
            m_plans.erase(m_plans.begin());
    }

    void clear()
    {
        const std::scoped_lock lock(m_mutex);
        m_plans.clear();
    }

private:
    std::mutex m_mutex;
    std::vector<PlanPtr> m_plans;
};

PlanCache& planCache()
{
    static PlanCache cache;
    return cache;
}

bool namesFile(const MethodSet& methods)
{
    return std::any_of(methods.begin(), methods.end(),
                       [](const MethodUse& use) { return use.params.contains("vector"); });
}

std::optional<PlanError> conflictIn(const MethodSet& methods)
{
    for (std::size_t i = 0; i < methods.size(); ++i) {
        const MethodSchema* schema = findMethodSchema(methods[i].method);
        if (!schema)
            continue;
        for (const ConflictSchema& conflict : schema->conflicts)
            for (const MethodUse& other : methods)
                if (other.method == conflict.with)
                    return PlanError{int(i),
                                     {Errc::MethodConflict,
                                      conflict.text,
                                      fmt::format("Switch {} or {} off.", schema->id, conflict.with),
                                      {}}};
    }
    return std::nullopt;
}

} // namespace

PlanBuilder::PlanBuilder(std::shared_ptr<const Model> model)
    : m_plan(std::make_shared<ForwardPlan>())
{
    const Weights& weights = model->weights();
    m_plan->m_blocks.resize(weights.blocks.size());
    for (std::size_t i = 0; i < weights.blocks.size(); ++i)
        m_plan->m_blocks[i].weights = &weights.blocks[i];
    m_plan->m_ownWeights.resize(weights.blocks.size());
    m_plan->m_model = std::move(model);
}

BlockWeights& PlanBuilder::ownWeights(int layer)
{
    auto& own = m_plan->m_ownWeights.at(std::size_t(layer));
    if (!own)
        own = std::make_shared<BlockWeights>(m_plan->m_model->weights().blocks.at(std::size_t(layer)));
    block(layer).weights = own.get();
    return *own;
}

PlanPtr PlanBuilder::finish(MethodSet methods, Changes changes)
{
    m_plan->m_methods = std::move(methods);
    m_plan->m_changes = changes;
    for (std::size_t i = 0; i < m_plan->m_ownWeights.size(); ++i) {
        const auto& own = m_plan->m_ownWeights[i];
        if (!own)
            continue;
        const BlockWeights& shared = m_plan->m_model->weights().blocks[i];
        const auto differs = [&](const WeightMatrix& a, const WeightMatrix& b) {
            m_plan->m_ownWeightBytes += a.sameAs(b) ? 0 : a.bytes();
        };
        differs(own->wq, shared.wq);
        differs(own->wk, shared.wk);
        differs(own->wv, shared.wv);
        differs(own->wo, shared.wo);
        differs(own->wGate, shared.wGate);
        differs(own->wUp, shared.wUp);
        differs(own->wDown, shared.wDown);
    }
    return std::exchange(m_plan, nullptr);
}

void forgetPlans()
{
    planCache().clear();
}

std::variant<PlanPtr, PlanError> compilePlan(std::shared_ptr<const Model> model, const MethodSet& methods)
{
    if (PlanPtr kept = planCache().find(model.get(), methods))
        return kept;
    if (auto conflict = conflictIn(methods))
        return *conflict;
    PlanBuilder builder(model);
    Changes changes = Changes::Nothing;
    for (std::size_t i = 0; i < methods.size(); ++i) {
        const MethodUse& use = methods[i];
        const MethodRegistry::Create* create = MethodRegistry::instance().find(use.method);
        if (!create)
            return PlanError{int(i),
                             {Errc::MethodUnknown,
                              fmt::format("There is no method \"{}\".", use.method),
                              fmt::format("Known: {}.", fmt::join(MethodRegistry::instance().ids(), ", ")),
                              {}}};
        auto intervention = (*create)(use.params, model);
        if (!intervention)
            return PlanError{int(i), intervention.error()};
        std::move(intervention).value()->contribute(builder);
        const MethodSchema* schema = findMethodSchema(use.method);
        const Changes own = schema ? schema->changes : Changes::Residual;
        changes = strength(own) > strength(changes) ? own : changes;
    }
    PlanPtr plan = builder.finish(methods, changes);
    // A set that names a file is made again: the file may have changed under the same path.
    if (plan->ownWeightBytes() > 0 && !namesFile(methods))
        planCache().keep(plan);
    return plan;
}

} // namespace ls
