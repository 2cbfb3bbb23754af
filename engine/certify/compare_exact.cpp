#include "engine/certify/certify_parts.h"
#include "engine/certify/exact_forward.h"
#include "engine/evaluate/scoring.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/topk.h>

#include <algorithm>

namespace ls::certify {

namespace {

/// Takes the taps of the first implementation and runs the second one beside it, block by block. A prompt that is run
/// in pieces is kept instead, and compared at the end.
class Beside final : public TapSink {
public:
    Beside(const ExperimentContext& context, const CertifyPrompt& prompt, ExactFindings& findings)
        : m_context(context)
        , m_prompt(prompt)
        , m_findings(findings)
        , m_whole(*context.model, prompt.ids,
                  [this](HookPoint point, const at::Tensor& value) { compareWhole(point, value); })
        , m_block(*context.model, prompt.ids,
                  [this](HookPoint point, const at::Tensor& value) { compareBlock(point, value); })
    {
    }

    bool wants(HookPoint point) const override
    {
        switch (point.site) {
        case Site::AttnScores: // holds minus infinity; the pattern says the same
            return false;
        case Site::ResidPre:
        case Site::AttnOut:
        case Site::MlpOut:
        case Site::ResidPost:
            return true;
        default:
            return m_prompt.detailed;
        }
    }

    void onTap(HookPoint point, const at::Tensor& value, int) override
    {
        if (point.site == Site::Logits) // compared by whoever has them
            return;
        m_held[point].push_back(value.clone());
        if (!m_prompt.detailed)
            return;
        if (point.site == Site::Embed)
            embed();
        if (point.site == Site::ResidPost)
            block(point.layer);
    }

    /// After the run; `logits`: those of the first implementation, of the last positions.
    Status finish(const at::Tensor& logits)
    {
        if (!m_prompt.detailed) {
            embed();
            for (int layer = 0; layer < m_context.model->config().blockCount; ++layer) {
                if (m_context.interrupted && m_context.interrupted())
                    return ExperimentContext::cancelled();
                block(layer);
            }
        }
        const auto first = int(m_prompt.ids.size()) - int(logits.size(0));
        m_findings.logits = m_whole.logits(first);
        const HookPoint point{Site::Logits, -1};
        m_findings.sites.addAccumulated(point, rowDifference(logits, m_findings.logits));
        m_block.setStream(m_last);
        m_findings.sites.add(point, rowDifference(logits, m_block.logits(first)), m_prompt.name, first);
        countTop1(logits);
        return success();
    }

private:
    void embed()
    {
        m_whole.embed();
        m_block.embed();
    }

    void block(int layer)
    {
        checkSums(layer);
        m_whole.block(layer);
        m_block.setStream(held({Site::ResidPre, layer}));
        m_block.block(layer);
        m_last = held({Site::ResidPost, layer});
        std::erase_if(m_held, [&](const auto& entry) { return entry.first.layer == layer; });
        m_context.progress("comparing: " + m_prompt.name, layer + 1, m_context.model->config().blockCount);
    }

    at::Tensor held(HookPoint point) const
    {
        const auto found = m_held.find(point);
        return found == m_held.end() ? at::Tensor() : at::cat(found->second);
    }

    void checkSums(int layer)
    {
        const at::Tensor sum =
            held({Site::ResidPre, layer}).add(held({Site::AttnOut, layer})).add(held({Site::MlpOut, layer}));
        const double error = rowDifference(sum, held({Site::ResidPost, layer})).error;
        m_findings.residualSums = std::max(m_findings.residualSums, error);
        if (const at::Tensor pattern = held({Site::AttnPattern, layer}); pattern.defined())
            m_findings.patternSums =
                std::max(m_findings.patternSums,
                         pattern.to(at::kDouble).sum(at::IntArrayRef{-1}).sub(1).abs().max().item<double>());
    }

    void compareWhole(HookPoint point, const at::Tensor& exact)
    {
        if (const at::Tensor ours = held(point); ours.defined())
            m_findings.sites.addAccumulated(point, siteDifference(point.site, ours, exact));
    }

    void compareBlock(HookPoint point, const at::Tensor& exact)
    {
        if (const at::Tensor ours = held(point); ours.defined())
            m_findings.sites.add(point, siteDifference(point.site, ours, exact), m_prompt.name);
    }

    void countTop1(const at::Tensor& logits)
    {
        const at::Tensor ours = logits.argmax(-1), theirs = m_findings.logits.argmax(-1);
        const at::Tensor best = std::get<0>(at::topk(m_findings.logits, 2, -1));
        for (std::int64_t i = 0; i < logits.size(0); ++i) {
            const double largest = m_findings.logits[i].abs().max().item<double>();
            const double gap = (best[i][0] - best[i][1]).item<double>();
            if (gap < 2 * checkBars(*m_context.model).exact * largest) // either may win
                continue;
            ++m_findings.rows;
            m_findings.top1 += ours[i].item<std::int64_t>() == theirs[i].item<std::int64_t>();
        }
    }

    const ExperimentContext& m_context;
    const CertifyPrompt& m_prompt;
    ExactFindings& m_findings;
    std::map<HookPoint, std::vector<at::Tensor>> m_held;
    at::Tensor m_last; // stream after the newest block
    ExactForward m_whole, m_block;
};

/// A prompt's inputs are rounded to bfloat16 for such matrices, on processors that multiply bfloats.
bool multipliesBfloats(const Weights& weights)
{
    const auto bfloats = [](const WeightMatrix& matrix) {
        return matrix.defined() && matrix.experts() == 0 && matrix.matrix().format == kernels::WeightFormat::BF16;
    };
    return bfloats(weights.unembedding) ||
           std::any_of(weights.blocks.begin(), weights.blocks.end(), [&](const BlockWeights& w) {
               return bfloats(w.wq) || bfloats(w.wk) || bfloats(w.wv) || bfloats(w.wo) || bfloats(w.wGate) ||
                      bfloats(w.wUp) || bfloats(w.wDown);
           });
}

} // namespace

CheckBars checkBars(const Model& model)
{
    if (model.info().dtype == "float32")
        return {1e-5, 1e-4};
    return model.info().dtype == "quantised" && !multipliesBfloats(model.weights()) ? CheckBars{5e-3, 5e-3}
                                                                                    : CheckBars{5e-2, 5e-2};
}

Status compareWithExact(const ExperimentContext& context, const PlanPtr& plan, const CertifyPrompt& prompt,
                        ExactFindings& findings)
{
    KvCache cache = emptyCache(*context.model);
    Beside beside(context, prompt, findings);
    ForwardInput input{prompt.ids, int(prompt.ids.size()), prompt.detailed, &beside, context.interrupted};
    LS_TRY(const at::Tensor logits, Forward(plan).run(input, cache));
    return beside.finish(logits);
}

Result<at::Tensor> logitsInPieces(const ExperimentContext& context, const PlanPtr& plan,
                                  const std::vector<std::int32_t>& ids, std::size_t piece)
{
    Forward forward(plan);
    KvCache cache = emptyCache(*context.model);
    std::vector<at::Tensor> parts;
    for (std::size_t at = 0; at < ids.size(); at += piece) {
        if (context.interrupted && context.interrupted())
            return ExperimentContext::cancelled();
        const auto part = std::span(ids).subspan(at, std::min(piece, ids.size() - at));
        LS_TRY(parts.emplace_back(), forward.run({part, int(ids.size()), true, nullptr, context.interrupted}, cache));
    }
    return at::cat(parts);
}

namespace {

/// Logits of all positions, run beside two shorter sequences.
Result<at::Tensor> logitsInABatch(const ExperimentContext& context, const PlanPtr& plan,
                                  const std::vector<std::int32_t>& ids)
{
    std::vector<KvCache> caches(3, emptyCache(*context.model));
    KvCache* const pointers[] = {&caches[0], &caches[1], &caches[2]};
    const std::span<const std::int32_t> all = ids;
    std::vector<ForwardInput> inputs;
    for (const auto part : {all.last((all.size() + 1) / 2), all, all.first(1)})
        inputs.push_back({part, int(part.size()), true, nullptr, context.interrupted});
    LS_TRY(const std::vector<at::Tensor> logits, Forward(plan).runBatch(inputs, pointers));
    return logits[1];
}

} // namespace

Result<std::vector<CertificateCheck>> cacheChecks(const ExperimentContext& context, const PlanPtr& plan,
                                                  const CertifyPrompt& prompt, const at::Tensor& exact)
{
    const CheckBars bars = checkBars(*context.model);
    std::vector<CertificateCheck> out;
    const auto add = [&](const char* name, const char* title, const RowError& error, double bar) {
        out.push_back({name, title, error.error, bar, error.error < bar,
                       error.error < bar ? std::string() : "position " + std::to_string(error.row)});
    };
    context.progress("checking the cache", 0, 4);
    LS_TRY(const at::Tensor whole, logitsInPieces(context, plan, prompt.ids, prompt.ids.size()));
    add("untapped", "A pass that nothing looks into gives the logits of float64", rowDifference(whole, exact),
        bars.exact);
    context.progress("checking the cache", 1, 4);
    LS_TRY(const at::Tensor steps, logitsInPieces(context, plan, prompt.ids, 1));
    add("cached_decode", "Token by token with the cache equals one pass", rowDifference(steps, whole), bars.same);
    context.progress("checking the cache", 2, 4);
    LS_TRY(const at::Tensor pieces, logitsInPieces(context, plan, prompt.ids, 7));
    add("pieces", "A prompt in pieces of 7 equals one pass", rowDifference(pieces, whole), bars.same);
    context.progress("checking the cache", 3, 4);
    LS_TRY(const at::Tensor batched, logitsInABatch(context, plan, prompt.ids));
    add("batch", "A prompt among others in one batch equals the prompt alone", rowDifference(batched, whole),
        bars.same);
    return out;
}

} // namespace ls::certify
