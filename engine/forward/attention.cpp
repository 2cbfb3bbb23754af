#include "engine/forward/attention.h"

#include "kernels/cpu/top_k.h"

#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <limits>

namespace ls {

namespace {

constexpr float kMasked = -std::numeric_limits<float>::infinity();

bool sparseAt(const AttentionPlan& plan, const AttentionInput& input, int query)
{
    return plan.kind != AttentionKind::Dense && !(plan.decodeOnly && input.firstPosition + query < input.promptLength);
}

/// [kv heads, g * n, d_head]: the g query heads of a KV head share one product with its keys.
at::Tensor groupedQueries(const at::Tensor& q, std::int64_t kvHeads)
{
    const std::int64_t n = q.size(0), group = q.size(1) / kvHeads;
    return q.permute({1, 0, 2}).reshape({kvHeads, group * n, q.size(2)});
}

at::Tensor ungrouped(const at::Tensor& z, std::int64_t n, std::int64_t heads)
{
    return z.reshape({heads, n, z.size(-1)}).permute({1, 0, 2});
}

/// Additive mask [n, entries]: what causality, the layer's window and the plan's window hide. Undefined if everything
/// is visible.
at::Tensor positionMask(const AttentionPlan& plan, const AttentionInput& input)
{
    const std::int64_t n = input.q.size(0);
    const auto entries = std::int64_t(input.positions.size());
    const int reach = input.slidingWindow > 0 ? input.slidingWindow : std::numeric_limits<int>::max();
    at::Tensor mask = at::zeros({n, entries}, at::kFloat);
    float* row = mask.data_ptr<float>();
    bool any = false;
    for (std::int64_t i = 0; i < n; ++i, row += entries) {
        const int query = input.firstPosition + int(i);
        const bool window = plan.kind == AttentionKind::Window && sparseAt(plan, input, int(i));
        for (std::int64_t e = 0; e < entries; ++e) {
            const int key = input.positions[std::size_t(e)];
            if (key <= query && query - key < reach && (!window || key < plan.sinks || query - key < plan.window))
                continue;
            row[e] = kMasked;
            any = true;
        }
    }
    return any ? mask : at::Tensor();
}

/// Keeps the k largest visible scores of every row of a sparse query; ties: smaller index.
void keepTopK(const AttentionPlan& plan, const AttentionInput& input, at::Tensor& scores)
{
    const std::int64_t heads = scores.size(0), n = scores.size(1), entries = scores.size(2);
    std::vector<std::int32_t> kept;
    std::vector<float> row;
    for (std::int64_t h = 0; h < heads; ++h) {
        for (std::int64_t i = 0; i < n; ++i) {
            if (!sparseAt(plan, input, int(i)))
                continue;
            float* values = scores.data_ptr<float>() + (h * n + i) * entries;
            row.assign(values, values + entries);
            kernels::topKIndices(row, plan.keysKept, kept);
            std::fill(values, values + entries, kMasked);
            for (const std::int32_t e : kept)
                values[e] = row[std::size_t(e)];
        }
    }
}

/// The entries one query reads: those from `from` on, and sinks before them.
struct Slices {
    std::ptrdiff_t sinkBegin = 0, sinkEnd = 0, from = 0;
};

Slices slicesOf(const AttentionPlan& plan, const AttentionInput& input)
{
    const auto& positions = input.positions;
    const auto index = [&](int position) {
        return std::lower_bound(positions.begin(), positions.end(), position) - positions.begin();
    };
    Slices out;
    if (input.slidingWindow > 0)
        out.sinkBegin = out.sinkEnd = out.from = index(input.firstPosition - input.slidingWindow + 1);
    if (plan.kind == AttentionKind::Window && sparseAt(plan, input, 0)) {
        out.sinkEnd = std::max(out.sinkBegin, index(plan.sinks));
        out.from = std::max(out.sinkEnd, index(input.firstPosition - plan.window + 1));
    }
    return out;
}

/// One query that sees two contiguous slices of the cache (one without sinks): nothing else is read.
AttentionOutput attendSlices(const AttentionPlan& plan, const AttentionInput& input, const Slices& slices)
{
    const auto rest = std::ptrdiff_t(input.positions.size()) - slices.from, sinks = slices.sinkEnd - slices.sinkBegin;
    AttentionInput slice = input;
    slice.slidingWindow = 0;
    slice.k = input.k.narrow(1, slices.from, rest);
    slice.v = input.v.narrow(1, slices.from, rest);
    slice.positions = input.positions.subspan(std::size_t(slices.from));
    std::vector<std::int32_t> kept;
    if (sinks > 0) {
        slice.k = at::cat({input.k.narrow(1, slices.sinkBegin, sinks), slice.k}, 1);
        slice.v = at::cat({input.v.narrow(1, slices.sinkBegin, sinks), slice.v}, 1);
        const auto begin = input.positions.begin();
        kept.assign(begin + slices.sinkBegin, begin + slices.sinkEnd);
        kept.insert(kept.end(), begin + slices.from, input.positions.end());
        slice.positions = kept;
    }
    return attend(plan.kind == AttentionKind::TopK ? plan : AttentionPlan{}, slice);
}

/// Softmax over the keys, in which a sink of each head takes part that belongs to no key.
at::Tensor softmaxWithSinks(const at::Tensor& scores, const at::Tensor& sinks)
{
    const std::int64_t heads = scores.size(0), n = scores.size(1), entries = scores.size(2);
    const at::Tensor column = sinks.view({heads, 1, 1}).expand({heads, n, 1});
    return at::softmax(at::cat({scores, column}, 2), -1).narrow(2, 0, entries).contiguous();
}

} // namespace

AttentionOutput attend(const AttentionPlan& plan, const AttentionInput& input)
{
    const std::int64_t n = input.q.size(0), heads = input.q.size(1), kvHeads = input.k.size(0);
    const auto entries = std::int64_t(input.positions.size());
    const bool inspected = input.wantScores || input.wantPattern;
    if (n == 1 && !inspected)
        if (const Slices slices = slicesOf(plan, input); slices.sinkBegin > 0 || slices.from > slices.sinkEnd)
            return attendSlices(plan, input, slices);

    const bool fresh = entries == n && !input.positions.empty() && input.positions[0] == input.firstPosition;
    const bool plain =
        !input.sinks.defined() && input.scoreCap == 0 && (input.slidingWindow == 0 || input.slidingWindow >= entries);
    if (plan.kind == AttentionKind::Dense && !inspected && n > 1 && fresh && plain) { // from nothing: fused and causal
        const at::Tensor z =
            at::scaled_dot_product_attention(input.q.transpose(0, 1).unsqueeze(0), input.k.unsqueeze(0),
                                             input.v.unsqueeze(0), {}, 0.0, true, input.scale, heads != kvHeads);
        return {z.squeeze(0).transpose(0, 1), {}, {}};
    }

    const at::Tensor q = groupedQueries(input.q, kvHeads);
    at::Tensor scores =
        at::bmm(q, input.k.transpose(1, 2)).to(at::kFloat).mul_(input.scale).reshape({heads, n, entries});
    if (input.scoreCap > 0)
        scores.div_(input.scoreCap).tanh_().mul_(input.scoreCap);
    const bool allVisible = n == 1 && plan.kind != AttentionKind::Window && input.slidingWindow == 0;
    if (const at::Tensor mask = allVisible ? at::Tensor() : positionMask(plan, input); mask.defined())
        scores.add_(mask);
    if (plan.kind == AttentionKind::TopK && plan.keysKept < entries)
        keepTopK(plan, input, scores);
    const at::Tensor pattern = input.sinks.defined() ? softmaxWithSinks(scores, input.sinks) : at::softmax(scores, -1);
    const at::Tensor z =
        at::bmm(pattern.to(input.v.scalar_type()).reshape({kvHeads, heads / kvHeads * n, entries}), input.v);
    return {ungrouped(z, n, heads), input.wantScores ? scores : at::Tensor(),
            input.wantPattern ? pattern : at::Tensor()};
}

} // namespace ls
