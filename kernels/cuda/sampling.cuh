#pragma once

#include "kernels/cuda/portable.h"
#include "kernels/cuda/sampling.h"

/// The kernel behind sampling.h.
namespace ls::cuda {

constexpr unsigned kSampleThreads = 1024; // at most; small rows take fewer

LSK_HOST_DEVICE std::uint64_t philoxWords(std::uint64_t seed, std::uint64_t step, std::uint32_t stream)
{
    std::uint32_t c0 = std::uint32_t(step), c1 = std::uint32_t(step >> 32), c2 = stream, c3 = 0;
    std::uint32_t k0 = std::uint32_t(seed), k1 = std::uint32_t(seed >> 32);
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t a = std::uint64_t(0xD2511F53u) * c0, b = std::uint64_t(0xCD9E8D57u) * c2;
        c0 = std::uint32_t(b >> 32) ^ c1 ^ k0;
        c1 = std::uint32_t(b);
        c2 = std::uint32_t(a >> 32) ^ c3 ^ k1;
        c3 = std::uint32_t(a);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return std::uint64_t(c1) << 32 | c0;
}

/// Ascending with the logit; 0 for NaN.
LSK_DEVICE std::uint32_t orderKey(float logit)
{
    if (logit != logit)
        return 0;
    const std::uint32_t bits = asBits(logit + 0.0f); // -0 becomes +0
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
LSK_DEVICE float logitOfKey(std::uint32_t key)
{
    return asFloat(key & 0x80000000u ? key & 0x7FFFFFFFu : ~key);
}

struct Weighting {
    float largest, factor; ///< log2(e) / temperature
    LSK_DEVICE std::uint64_t of(std::uint32_t key) const
    {
        if (key == 0)
            return 0;
        const float logit = logitOfKey(key);
        if (logit == largest)
            return std::uint64_t(1) << 40;
        return std::uint64_t(power2((logit - largest) * factor) * 1099511627776.0f + 0.5f);
    }
};

struct SampleShared {
    std::uint64_t mass[256]; ///< of tokens by eight bits of their key
    std::uint64_t sums[32], other[32];
    unsigned number[256];
    std::uint32_t digit;
};

/// What is kept: keys above `key`, and of those equal to it the first `ties` by id.
struct Kept {
    std::uint32_t key;
    std::uint64_t ties;
};

/// Largest key, and of those the smallest id, the same for all threads.
LSK_DEVICE std::uint64_t firstOfOrder(const float* logits, std::int64_t count, SampleShared& shared)
{
    std::uint64_t best = 0; // key, then the complement of the id
    for (std::int64_t i = threadId(); i < count; i += threadCount()) {
        const std::uint64_t own = std::uint64_t(orderKey(logits[i])) << 32 | (0xFFFFFFFFu - std::uint32_t(i));
        best = own > best ? own : best;
    }
    best = warpMax(best);
    if (laneId() == 0)
        shared.sums[warpId()] = best;
    syncThreads();
    for (unsigned w = 0; w < threadCount() / 32; ++w)
        best = shared.sums[w] > best ? shared.sums[w] : best;
    syncThreads();
    return best;
}

/// The key at which a running sum over the order reaches `target`, eight bits at a time from the top. The sum counts
/// tokens (byMass false) or weights of the tokens that `before` keeps. Result: the key, and how many of its ties it
/// takes.
LSK_DEVICE Kept selectKey(const float* logits, std::int64_t count, const Weighting& weighting, bool byMass, Kept before,
                          std::uint64_t target, SampleShared& shared)
{
    std::uint32_t prefix = 0;
    for (int shift = 24; shift >= 0; shift -= 8) {
        for (unsigned d = threadId(); d < 256; d += threadCount())
            shared.mass[d] = shared.number[d] = 0;
        syncThreads();
        for (std::int64_t i = threadId(); i < count; i += threadCount()) {
            const std::uint32_t key = orderKey(logits[i]);
            if (shift < 24 && (key >> (shift + 8)) != (prefix >> (shift + 8)))
                continue;
            const unsigned digit = (key >> shift) & 255;
            if (!byMass)
                atomicAddTo(&shared.number[digit], 1u);
            else if (key > before.key)
                atomicAddTo(&shared.mass[digit], weighting.of(key));
        }
        syncThreads();
        if (threadId() == 0) {
            // The ties that are kept count once and for all; which of them they are does not matter for the sum.
            const bool tiesHere = byMass && (shift == 24 || (before.key >> (shift + 8)) == (prefix >> (shift + 8)));
            if (tiesHere)
                shared.mass[(before.key >> shift) & 255] += before.ties * weighting.of(before.key);
            std::uint32_t digit = 255;
            while (digit > 0) {
                const std::uint64_t here = byMass ? shared.mass[digit] : shared.number[digit];
                if (here >= target)
                    break;
                target -= here;
                --digit;
            }
            shared.digit = digit;
            shared.sums[0] = target;
        }
        syncThreads();
        prefix |= shared.digit << shift;
        target = shared.sums[0];
        syncThreads();
    }
    if (!byMass)
        return {prefix, target};
    const std::uint64_t each = weighting.of(prefix);
    std::uint64_t ties = each > 0 ? (target + each - 1) / each : 1;
    if (prefix == before.key && ties > before.ties)
        ties = before.ties;
    return {prefix, ties};
}

/// Sums of two counts over the threads before this one, and over all threads.
struct Scan {
    std::uint64_t before, all;
};
LSK_DEVICE Scan scanThreads(std::uint64_t value, std::uint64_t* scratch)
{
    std::uint64_t sum = value;
    for (unsigned distance = 1; distance < 32; distance *= 2) {
        const std::uint64_t lower = shuffleUp(sum, distance);
        if (laneId() >= distance)
            sum += lower;
    }
    if (laneId() == 31)
        scratch[warpId()] = sum;
    syncThreads();
    Scan scan{sum - value, 0};
    for (unsigned w = 0; w < threadCount() / 32; ++w) {
        if (w < warpId())
            scan.before += scratch[w];
        scan.all += scratch[w];
    }
    syncThreads();
    return scan;
}

/// Sum of the weights of what is kept, the same for all threads.
LSK_DEVICE std::uint64_t keptMass(const float* logits, std::int64_t count, const Weighting& weighting, Kept kept,
                                  SampleShared& shared)
{
    std::uint64_t mass = 0;
    for (std::int64_t i = threadId(); i < count; i += threadCount()) {
        const std::uint32_t key = orderKey(logits[i]);
        if (key > kept.key)
            mass += weighting.of(key);
    }
    return blockSum(mass, shared.sums) + kept.ties * weighting.of(kept.key);
}

/// The id at which the running sum of kept weights, by id, passes `target`.
LSK_DEVICE void takeToken(const float* logits, std::int64_t count, const Weighting& weighting, Kept kept,
                          std::uint64_t target, std::int32_t* token, SampleShared& shared)
{
    std::uint64_t mass = 0, ties = 0; // before this tile of ids
    for (std::int64_t first = 0; first < count; first += threadCount()) {
        const std::int64_t i = first + threadId();
        const std::uint32_t key = i < count ? orderKey(logits[i]) : 0;
        const bool tie = i < count && key == kept.key;
        const Scan tied = scanThreads(tie ? 1 : 0, shared.other);
        const bool isKept = i < count && (key > kept.key || (tie && ties + tied.before < kept.ties));
        const std::uint64_t own = isKept ? weighting.of(key) : 0;
        const Scan weights = scanThreads(own, shared.sums);
        const std::uint64_t before = mass + weights.before;
        if (own > 0 && before <= target && target < before + own)
            *token = std::int32_t(i);
        mass += weights.all;
        ties += tied.all;
        if (mass > target)
            return; // the same for all threads
    }
}

LSK_KERNEL void LSK_BOUNDS(kSampleThreads) sampleKernel(const Sampling job)
{
    LSK_SHARED(memory);
    SampleShared& shared = *reinterpret_cast<SampleShared*>(memory);
    const float* logits = job.logits + blockX() * job.stride;
    std::int32_t* token = job.tokens + blockX();
    const std::uint64_t first = firstOfOrder(logits, job.count, shared);
    const auto largest = std::uint32_t(first >> 32);
    if (job.temperature == 0 || largest == 0) { // greedy, or nothing but NaN
        if (threadId() == 0)
            *token = std::int32_t(0xFFFFFFFFu - std::uint32_t(first));
        return;
    }
    const Weighting weighting{logitOfKey(largest), 1.44269504f / job.temperature};
    Kept kept{0, 0}; // all but NaN
    if (job.topK > 0 && job.topK < job.count)
        kept = selectKey(logits, job.count, weighting, false, kept, std::uint64_t(job.topK), shared);
    std::uint64_t mass = keptMass(logits, job.count, weighting, kept, shared);
    if (job.topP < 1) {
        auto target = std::uint64_t(ceil(double(job.topP) * double(mass)));
        target = target < 1 ? 1 : target > mass ? mass : target;
        kept = selectKey(logits, job.count, weighting, true, kept, target, shared);
        mass = keptMass(logits, job.count, weighting, kept, shared);
    }
    const std::uint64_t step = job.step ? std::uint64_t(*job.step) : 0;
    const std::uint64_t random = philoxWords(job.seed, step, job.stream + blockX());
    takeToken(logits, job.count, weighting, kept, multiplyHigh(random, mass), token, shared);
}

} // namespace ls::cuda
