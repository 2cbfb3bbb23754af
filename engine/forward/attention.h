#pragma once

#include "engine/forward/plan.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

namespace ls {

struct AttentionInput {
    at::Tensor q;                            ///< [n, heads, d_head] after rotary
    at::Tensor k, v;                         ///< [kv heads, entries, d_head], all cached entries, these n included
    std::span<const std::int32_t> positions; ///< of the entries, ascending
    int firstPosition = 0;                   ///< of the first query; queries are consecutive
    int promptLength = 0;                    ///< decodeOnly plans act from this position on
    double scale = 1.0;
    int slidingWindow =
        0;               ///< of the layer itself: key j is visible to query i iff i - j < window; 0 = all earlier ones
    double scoreCap = 0; ///< s -> cap * tanh(s / cap); 0 = none
    at::Tensor sinks;    ///< [heads] float32, logits that take part in the softmax and belong to no key; undefined
    bool wantScores = false, wantPattern = false;
};

struct AttentionOutput {
    at::Tensor z;       ///< [n, heads, d_head]
    at::Tensor scores;  ///< [heads, n, entries] float32 after scale and mask, if asked for
    at::Tensor pattern; ///< [heads, n, entries] float32, if asked for
};

/// Attention of n new queries over a layer's cache. Query head h reads KV head h / (heads / kv heads). An entry is
/// visible to a query iff its position is not larger, the layer's window reaches it and the plan keeps it. Window and
/// top-k: K6 and K7 of sparse-attention-kernels.md; one query with a window reads only the kept slices.
AttentionOutput attend(const AttentionPlan& plan, const AttentionInput& input);

} // namespace ls
