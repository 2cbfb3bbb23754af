#pragma once

#include "core/protocol/field.h"

#include <array>
#include <cstdint>
#include <tuple>

/// Where the time of a lane goes, from the timers inside the forward pass (engine/forward/stage_clock.h).
namespace ls {

/// Nanoseconds by stage. A moment belongs to exactly one stage, so the sum is the whole measured time.
struct StageTimes {
    std::int64_t embed = 0;     ///< rows of the embedding, position embeddings
    std::int64_t qkv = 0;       ///< norm before the attention, projections to q, k and v, norms of heads
    std::int64_t attention = 0; ///< rotary embedding, writing the cache, choice of keys, attention over the cache
    std::int64_t output = 0;    ///< output projection, norm after it, its addition to the stream
    std::int64_t mlp = 0;       ///< the same from the norm before the MLP to its addition to the stream
    std::int64_t unembed = 0;   ///< final norm and logits
    std::int64_t sampling = 0;  ///< choice of the next token
    std::int64_t hooks = 0;     ///< taps and edits of values inside the pass
    std::int64_t other = 0;     ///< the rest: checks, set-up of a pass; a change of methods
    bool operator==(const StageTimes&) const = default;

    std::int64_t sum() const;
    StageTimes& operator+=(const StageTimes& more);
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(StageTimes, embed, "embed"), LS_FIELD(StageTimes, qkv, "qkv"),
                               LS_FIELD(StageTimes, attention, "attention"), LS_FIELD(StageTimes, output, "output"),
                               LS_FIELD(StageTimes, mlp, "mlp"), LS_FIELD(StageTimes, unembed, "unembed"),
                               LS_FIELD(StageTimes, sampling, "sampling"), LS_FIELD(StageTimes, hooks, "hooks"),
                               LS_FIELD(StageTimes, other, "other"));
    }
};

using Stage = std::int64_t StageTimes::*;

struct NamedStage {
    const char* key; ///< as in fields(), in JSON and in tables
    Stage stage;
};
/// In the order of a step.
inline constexpr std::array kStages = std::apply(
    [](const auto&... field) {
        return std::array{NamedStage{field.first, field.second}...};
    },
    StageTimes::fields());

inline std::int64_t StageTimes::sum() const
{
    std::int64_t out = 0;
    for (const NamedStage& each : kStages)
        out += this->*each.stage;
    return out;
}

inline StageTimes& StageTimes::operator+=(const StageTimes& more)
{
    for (const NamedStage& each : kStages)
        this->*each.stage += more.*each.stage;
    return *this;
}

/// Times of several tokens together; the mean is ns / tokens.
struct StageSums {
    std::int64_t tokens = 0;
    StageTimes ns;
    bool operator==(const StageSums&) const = default;

    void add(std::int64_t count, const StageTimes& times)
    {
        tokens += count;
        ns += times;
    }
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(StageSums, tokens, "tokens"), LS_FIELD(StageSums, ns, "ns"));
    }
};

/// Of one lane. Sums of two spans of time are those of both.
struct LaneStages {
    std::int64_t tokenizeNs = 0; ///< chat template and tokenizer, once for all lanes; 0: ids were given
    StageSums prefill;           ///< the prompt's tokens
    StageSums decode;            ///< tokens after the first; steps with a change of methods are left out
    std::int64_t probesNs = 0;   ///< reading the taps after the steps of `decode`: not part of a step
    bool operator==(const LaneStages&) const = default;

    LaneStages& operator+=(const LaneStages& more)
    {
        tokenizeNs += more.tokenizeNs;
        prefill.add(more.prefill.tokens, more.prefill.ns);
        decode.add(more.decode.tokens, more.decode.ns);
        probesNs += more.probesNs;
        return *this;
    }
    /// Counts and times as they can be: not negative, below 11 days. What comes from a file or a pipe is asked first.
    bool valid() const
    {
        constexpr std::int64_t kMost = 1'000'000'000'000'000;
        const auto good = [](std::int64_t value) { return value >= 0 && value < kMost; };
        bool all = good(tokenizeNs) && good(probesNs) && good(prefill.tokens) && good(decode.tokens);
        for (const NamedStage& each : kStages)
            all = all && good(prefill.ns.*each.stage) && good(decode.ns.*each.stage);
        return all;
    }
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(LaneStages, tokenizeNs, "tokenize_ns"),
                               LS_FIELD(LaneStages, prefill, "prefill"), LS_FIELD(LaneStages, decode, "decode"),
                               LS_FIELD(LaneStages, probesNs, "probes_ns"));
    }
};

} // namespace ls
