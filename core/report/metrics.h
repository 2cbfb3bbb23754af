#pragma once

#include "core/session/session.h"

/// Named numbers with intervals from what a run or an experiment left behind. Desktop, command line and report all
/// call these, so they show the same number. The unit that is resampled is the one that was drawn independently
/// (docs/adr/0003): windows of a text, items of a task, repetitions of a benchmark, fragments of a corpus.
namespace ls {

/// By kind (docs/experiments.md); rows of a kind without metrics, and rows that are not as described, give none.
///   perplexity   `perplexity` per lane; `nll` (nats/token) per lane and B-A; intervals over windows
///   accuracy     `accuracy/<task>` (%) per lane, Wilson; B-A in points, paired bootstrap over items;
///                `mcnemar_p/<task>` B-A; with two choices `auroc/<task>` per lane and B-A (DeLong)
///   bench        `rate/<test>` (tok/s) per lane: tokens over mean seconds; `speed_ratio/<test>` (x) B-A: mean seconds
///                of A over those of B, so the quotient of the rates
///   fill_in      `kl_fill_in` (nats/token) B-A
///   measure_cost `cost/rate` (tok/s), `cost/memory` (bytes), `cost/accuracy` (%) for lanes `with` and `without`,
///                and what a card shows as lane `with-without`: rate in %, memory in bytes, accuracy in points;
///                `cost/kl` (nats/token)
///   fit_safety   `safety_auroc/<layer>`: held-out half, layer 0 = embedding
///   contextualisation_corpus  `contextualisation/<group>/<layer>`, `contextualisation_gain/<group>/<layer>` for
///                punctuation, function and content words
std::vector<Metric> experimentMetrics(const ExperimentData& experiment);

/// Of one generation: `decode_rate` (tok/s) per lane over the steps that all lanes made since the last switch
/// (shared_steps.h), `ttft` (us); `kl_live` (nats/token, B-A) from the last switch of the lane up to the first
/// divergence; `perplexity_reply` per lane: of its own reply.
std::vector<Metric> runMetrics(const RunData& run);

/// Adds the metrics of an experiment or run to the session, where they replace those of an earlier one.
void storeMetrics(Session& session, const ExperimentData& experiment);
void storeMetrics(Session& session, const RunData& run);

} // namespace ls
