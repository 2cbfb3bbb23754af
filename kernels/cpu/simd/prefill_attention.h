#pragma once

#include "kernels/cpu/simd/decode_attention.h"
#include "kernels/cpu/simd/product.h"

/// Attention of many queries, in blocks of keys: two small matrix products and the online softmax between them.
/// Included after the file that defines Floats and Ints.
namespace ls::kernels {
namespace {

struct PrefillWork {
    const PrefillAttentionJob& job;
    int rows, paddedRows, paddedWidth; // padded to multiples of 16
    float* keys;                       // [kPrefillKeys / 16][width][16]: lane = key
    float* values;                     // [kPrefillKeys][paddedWidth]
    float* queries;                    // [tile][width][16 rows], scaled
    float* out;                        // [paddedRows][paddedWidth]
    float *maximum, *total;            // [paddedRows]
    float* scores;                     // [16 rows][kPrefillKeys]

    explicit PrefillWork(const PrefillAttentionJob& j)
        : job(j)
        , rows(j.queries * j.heads)
        , paddedRows((rows + 15) / 16 * 16)
        , paddedWidth((j.width + 15) / 16 * 16)
    {
        keys = j.scratch;
        values = keys + kPrefillKeys * paddedWidth;
        queries = values + kPrefillKeys * paddedWidth;
        out = queries + paddedRows * paddedWidth;
        maximum = out + paddedRows * paddedWidth;
        total = maximum + paddedRows;
        scores = total + paddedRows;
    }

    std::int64_t visible(int row) const { return job.visible + row / job.heads; }
    std::int64_t recent(int row) const { return job.recent ? job.recent[row / job.heads] : 0; }

    void packQueries()
    {
        for (int row = 0; row < paddedRows; ++row) {
            float* to = queries + row / 16 * 16 * paddedWidth + row % 16;
            const float* from = job.q + row / job.heads * job.qStride + row % job.heads * job.width;
            for (int c = 0; c < job.width; ++c)
                to[16 * c] = row < rows ? from[c] * job.scale : 0.0f;
            maximum[row] = -__builtin_inff();
            total[row] = 0;
        }
        for (int i = 0; i < paddedRows * paddedWidth; i += 16)
            store(out + i, broadcast(0.0f));
    }

    template <CacheType kType>
    void loadKeys(std::int64_t firstKey, int count)
    {
        using Value = typename Cached<kType>::Value;
        for (int key = 0; key < kPrefillKeys; ++key) {
            const std::int64_t row = firstKey + (key < count ? key : count - 1);
            const Value* k = static_cast<const Value*>(job.keys) + row * job.width;
            const Value* v = static_cast<const Value*>(job.values) + row * job.width;
            float* to = keys + key / 16 * 16 * job.width + key % 16;
            for (int c = 0; c < job.width; c += 16) {
                const int n = job.width - c < 16 ? job.width - c : 16;
                float lanes[16];
                store(lanes, loadCached<kType>(k + c, n));
                for (int i = 0; i < n; ++i)
                    to[16 * (c + i)] = lanes[i];
                store(values + key * paddedWidth + c, loadCached<kType>(v + c, n));
            }
        }
    }

    /// Scores of a tile of 16 rows with `count` keys.
    void scoreTile(int tile, int count)
    {
        constexpr int kT = kFloatTokens, kR = kFloatPanels > 1 ? 2 : 1;
        const float* q = queries + tile * 16 * paddedWidth;
        for (int key = 0; key < count; key += 16 * kR) { // kPrefillKeys is a multiple of 32
            const float* panel = keys + key * job.width;
            for (int row = 0; row < 16; row += kT) {
                Floats s[kR][kT];
                clear(s);
                addFloats<kR, kT>(job.width, q + row, 16, 1, s, [&](int r, std::int64_t k) LS_INLINE_LAMBDA {
                    return load(panel + r * 16 * job.width + 16 * k);
                });
                unrolled<kR>([&](auto r) LS_INLINE_LAMBDA {
                    unrolled<kT>([&](auto t) LS_INLINE_LAMBDA {
                        store(scores + (row + t) * kPrefillKeys + key + 16 * r, capped(s[r][t], job.softCap));
                    });
                });
            }
        }
    }

    /// Hides what the row may not see, scores to exp(score - maximum), and scales what was summed before.
    void softmaxRow(int row, std::int64_t firstKey, int count)
    {
        float* s = scores + row % 16 * kPrefillKeys;
        const float lowest = -__builtin_inff();
        const std::int64_t end = visible(row) - firstKey < count ? visible(row) - firstKey : count;
        const int padded = (count + 15) / 16 * 16;
        for (std::int64_t key = end > 0 ? end : 0; key < padded; ++key)
            s[key] = lowest;
        for (std::int64_t key = firstKey < job.sinks ? job.sinks - firstKey : 0;
             key < recent(row) - firstKey && key < end; ++key)
            s[key] = lowest;
        Floats highest = broadcast(lowest);
        for (int key = 0; key < padded; key += 16)
            highest = larger(highest, load(s + key));
        float lanes[16], top = maximum[row];
        store(lanes, highest);
        for (const float lane : lanes)
            top = lane > top || lane != lane ? lane : top;
        if (top == lowest) { // nothing to see so far
            for (int key = 0; key < padded; key += 16)
                store(s + key, broadcast(0.0f));
            return;
        }
        Floats added = broadcast(0.0f);
        for (int key = 0; key < padded; key += 16) {
            const Floats p = exponential(load(s + key) - broadcast(top));
            store(s + key, p);
            added = added + p;
        }
        float shrink[16];
        store(shrink, exponential(broadcast(maximum[row] - top)));
        const float factor = maximum[row] == lowest ? 0.0f : shrink[0];
        total[row] = total[row] * factor + sum(added);
        maximum[row] = top;
        if (factor != 1.0f)
            for (int c = 0; c < paddedWidth; c += 16)
                store(out + row * paddedWidth + c, load(out + row * paddedWidth + c) * broadcast(factor));
    }

    template <int kR>
    void addTile(int tile, int count, int column)
    {
        constexpr int kT = kFloatTokens;
        for (int row = 0; row < 16; row += kT) {
            float* to = out + (tile * 16 + row) * paddedWidth + column;
            Floats o[kR][kT];
            unrolled<kR>([&](auto r) LS_INLINE_LAMBDA {
                unrolled<kT>([&](auto t) LS_INLINE_LAMBDA { o[r][t] = load(to + t * paddedWidth + 16 * r); });
            });
            addFloats<kR, kT>(count, scores + row * kPrefillKeys, 1, kPrefillKeys, o,
                              [&](int r, std::int64_t k)
                                  LS_INLINE_LAMBDA { return load(values + k * paddedWidth + column + 16 * r); });
            unrolled<kR>([&](auto r) LS_INLINE_LAMBDA {
                unrolled<kT>([&](auto t) LS_INLINE_LAMBDA { store(to + t * paddedWidth + 16 * r, o[r][t]); });
            });
        }
    }

    void addBlock(std::int64_t firstKey, int count)
    {
        for (int tile = 0; tile < paddedRows / 16; ++tile) {
            const int last = tile * 16 + 15 < rows ? tile * 16 + 15 : rows - 1;
            const std::int64_t seen = visible(last) - firstKey;
            if (seen <= 0)
                continue;
            const int keysSeen = seen < count ? int(seen) : count;
            scoreTile(tile, keysSeen);
            for (int row = tile * 16; row <= last; ++row)
                softmaxRow(row, firstKey, keysSeen);
            int column = 0;
            if constexpr (kFloatPanels > 1)
                for (; column + 32 <= paddedWidth; column += 32)
                    addTile<2>(tile, keysSeen, column);
            for (; column < paddedWidth; column += 16)
                addTile<1>(tile, keysSeen, column);
        }
    }

    template <CacheType kType>
    void run()
    {
        packQueries();
        const std::int64_t entries = visible(rows - 1);
        for (std::int64_t key = 0; key < entries; key += kPrefillKeys) {
            const std::int64_t end = key + kPrefillKeys < entries ? key + kPrefillKeys : entries;
            if (end <= recent(0) && key >= job.sinks)
                continue; // before every window
            loadKeys<kType>(key, int(end - key));
            addBlock(key, int(end - key));
        }
        for (int row = 0; row < rows; ++row) {
            const Floats inverse = broadcast(total[row] != 0 ? 1.0f / total[row] : 0.0f);
            float* to = job.out + row / job.heads * job.outStride + row % job.heads * job.width;
            for (int c = 0; c < job.width; c += 16)
                storeFirst(to + c, load(out + row * paddedWidth + c) * inverse, job.width - c);
        }
    }
};

void prefillAttentionPart(const PrefillAttentionJob& job)
{
    PrefillWork work(job);
    switch (job.type) {
    case CacheType::F32:
        return work.run<CacheType::F32>();
    case CacheType::F16:
        return work.run<CacheType::F16>();
    case CacheType::BF16:
        return work.run<CacheType::BF16>();
    }
}

} // namespace
} // namespace ls::kernels
