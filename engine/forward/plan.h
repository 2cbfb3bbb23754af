#pragma once

#include "core/spec/method_schema.h"
#include "core/spec/method_use.h"
#include "engine/model/hook_site.h"
#include "engine/model/model.h"

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// What one lane runs: compiled from (model, ordered methods), immutable, executed without look-ups.
/// Order of effects at a site: skips, then weights, then the choice of attention, then additions and projections in
/// card order, then taps.
namespace ls {

/// Which positions of the sequence a change acts on.
struct TokenMask {
    enum class Kind { All, Prompt, Generated, LastPrompt, Punctuation, Function, Content };
    Kind kind = Kind::All;
};

enum class AttentionKind { Dense, Window, TopK };
struct AttentionPlan {
    AttentionKind kind = AttentionKind::Dense;
    int sinks = 4, window = 256; ///< Window: key j visible to query i iff j <= i and (j < sinks or i - j < window)
    int keysKept = 64;           ///< TopK: exact top-k of the scores per query head; ties: smaller index
    bool decodeOnly = false;     ///< prefill stays dense
};

struct Addition {      ///< x += vector at the positions of the mask
    at::Tensor vector; // [d] float32, already scaled
    TokenMask mask;
};
struct Projection {  ///< x -= (x.u) u
    at::Tensor unit; // [d] float32
};
struct SiteEdit { ///< one of the two, in card order
    std::variant<Addition, Projection> what;
};

struct BlockPlan {
    bool attentionRuns = true;
    bool mlpRuns = true;
    const BlockWeights* weights = nullptr; ///< the model's, or the lane's own copy
    AttentionPlan attention;
    std::vector<int> zeroedHeads; ///< their slice of attn.z is 0
    std::vector<SiteEdit> residPreEdits, attnOutEdits, residMidEdits, mlpOutEdits, residPostEdits;
};

class ForwardPlan {
public:
    const Model& model() const { return *m_model; }
    const std::vector<BlockPlan>& blocks() const { return m_blocks; }
    const MethodSet& methods() const { return m_methods; }
    Changes changes() const { return m_changes; } ///< strongest of its methods: Residual > Cache > Read > Nothing
    std::int64_t ownWeightBytes() const { return m_ownWeightBytes; }
    bool dense() const { return m_methods.empty(); }

private:
    friend class PlanBuilder;
    std::shared_ptr<const Model> m_model;
    std::vector<BlockPlan> m_blocks;
    std::vector<std::shared_ptr<BlockWeights>> m_ownWeights; // [block], null where the model's are used
    MethodSet m_methods;
    Changes m_changes = Changes::Nothing;
    std::int64_t m_ownWeightBytes = 0;
};
using PlanPtr = std::shared_ptr<const ForwardPlan>;

/// The refusal names the method by its index in the set.
struct PlanError {
    int method = -1;
    Error error;
};

/// What methods write into while a plan is compiled. Copies a block's weights the first time one asks to change them.
class PlanBuilder {
public:
    explicit PlanBuilder(std::shared_ptr<const Model> model);
    const Model& model() const { return *m_plan->m_model; }
    BlockPlan& block(int layer) { return m_plan->m_blocks.at(std::size_t(layer)); }
    /// The lane's own copy of a block's weights; the matrices inside still share storage with the model until replaced
    /// (assign a new tensor, never write in place; of a native matrix that is float32).
    BlockWeights& ownWeights(int layer);
    PlanPtr finish(MethodSet methods, Changes changes);

private:
    std::shared_ptr<ForwardPlan> m_plan;
};

/// An intervention contributes to a plan. create() checked everything against the model; contribute() cannot fail.
class Intervention {
public:
    virtual ~Intervention() = default;
    virtual void contribute(PlanBuilder& plan) const = 0;
};
using InterventionPtr = std::unique_ptr<Intervention>;

/// Compiles a plan; methods come from the registry (engine/forward/registry.h). Heavy work (pruning copies) is cached
/// by (model, method json) so that a toggle back and forth costs it once.
std::variant<PlanPtr, PlanError> compilePlan(std::shared_ptr<const Model> model, const MethodSet& methods);

/// Drops cached plans; called when a model is closed, because a plan keeps its model in memory.
void forgetPlans();

} // namespace ls
