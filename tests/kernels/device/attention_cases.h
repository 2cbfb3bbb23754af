#pragma once

#include "kernels/cpu/attention.h"
#include "kernels/cpu/worker_pool.h"
#include "kernels/cuda/decode_attention.h"
#include "kernels/cuda/prefill_attention.h"
#include "tests/kernels/device/memory.h"
#include "tests/kernels/kernel_inputs.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

/// Cases of the attention kernels; expected values come from kernels/cpu/attention.h, which its own tests compare with
/// the formula in double.
namespace ls::test {

/// One layer's cache, on the host and on the device. Rows past `entries` are NaN: whoever reads them shows it.
struct CacheCase {
    HeadShape shape;
    CacheType type;
    std::int64_t capacity, entries;
    std::vector<std::uint8_t> keys, values;
    DeviceArray<std::uint8_t> deviceKeys, deviceValues;

    CacheCase(const HeadShape& s, CacheType t, std::int64_t n, std::size_t shift = 0)
        : shape(s)
        , type(t)
        , capacity(n + 2)
        , entries(n)
        , keys(image(1))
        , values(image(2))
        , deviceKeys(keys, shift)
        , deviceValues(values, shift)
    {
    }
    CacheView view(std::int64_t rows) const { return {type, keys.data(), values.data(), capacity * shape.width, rows}; }
    cuda::CacheMemory device() const
    {
        return {type, deviceKeys.data(), deviceValues.data(), capacity * shape.width, capacity};
    }

private:
    std::vector<std::uint8_t> image(unsigned seed) const
    {
        auto x = normalValues(std::size_t(shape.kvHeads * capacity * shape.width), seed);
        const std::size_t size = std::size_t(cacheValueBytes(type));
        std::vector<std::uint8_t> out(x.size() * size);
        for (std::size_t i = 0; i < x.size(); ++i) {
            if (std::int64_t(i) / shape.width % capacity >= entries)
                x[i] = std::numeric_limits<float>::quiet_NaN();
            const std::uint16_t bits = type == CacheType::F16 ? floatToHalf(x[i]) : floatToBfloat(x[i]);
            if (type == CacheType::F32)
                std::memcpy(out.data() + 4 * i, &x[i], 4);
            else
                std::memcpy(out.data() + 2 * i, &bits, 2);
        }
        return out;
    }
};

inline cuda::HeadLayout layoutOf(const HeadShape& s)
{
    return {s.heads, s.kvHeads, s.width, s.scale, s.softCap};
}

/// Largest difference, infinite for NaN.
inline double difference(const float* a, const float* b, std::size_t count)
{
    double worst = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const double d = a[i] == b[i] ? 0 : std::abs(double(a[i]) - b[i]); // also two equal infinities
        worst = d <= worst ? worst : std::isnan(d) ? std::numeric_limits<double>::infinity() : d;
    }
    return worst;
}

/// `count` different rows of [0, n), ascending.
inline std::vector<std::int32_t> someRows(std::int64_t n, std::int64_t count, unsigned seed)
{
    std::vector<std::int32_t> rows(static_cast<std::size_t>(n));
    std::iota(rows.begin(), rows.end(), 0);
    std::shuffle(rows.begin(), rows.end(), std::mt19937(seed));
    rows.resize(std::size_t(std::min(count, n)));
    std::sort(rows.begin(), rows.end());
    return rows;
}

struct DecodeCase {
    std::string name;
    HeadShape shape;
    CacheType type = CacheType::F32;
    std::int64_t entries = 1;
    int queries = 1, sinks = 0, window = 0;
    int listed = -1;        ///< rows of the lists, -1: no lists
    bool owners = false;    ///< lists belong to other heads
    std::int64_t spare = 0; ///< the launch is made for so many more keys (a bucket of lengths)
    std::size_t shift = 0;  ///< bytes by which the cache is off an aligned address
};

inline std::vector<DecodeCase> decodeCases()
{
    std::vector<DecodeCase> out;
    const auto typeName = [](CacheType t) {
        return t == CacheType::F32 ? "F32" : t == CacheType::F16 ? "F16" : "BF16";
    };
    const HeadShape smol{9, 3, 64, 0.125f, 0.0f};
    for (const CacheType type : {CacheType::F32, CacheType::F16, CacheType::BF16}) {
        const std::string name = typeName(type);
        for (const std::int64_t n : {1, 15, 16, 17, 127, 128, 129})
            out.push_back({name + ", " + std::to_string(n) + " keys", smol, type, n});
        out.push_back({name + ", 1000 keys in several parts", {2, 1, 64, 0.125f, 0.0f}, type, 1000});
        out.push_back({name + ", largest head", {2, 1, 256, 0.0625f, 0.0f}, type, 130});
        out.push_back({name + ", head of 80", {4, 2, 80, 0.1f, 0.0f}, type, 40});
        out.push_back({name + ", odd head", {2, 2, 23, 0.2f, 0.0f}, type, 40});
        out.push_back({name + ", window and sinks", smol, type, 300, 1, 4, 33});
        out.push_back({name + ", unaligned cache",
                       {2, 1, 64, 0.125f, 0.0f},
                       type,
                       40,
                       1,
                       0,
                       0,
                       -1,
                       false,
                       0,
                       type == CacheType::F32 ? 4u : 2u});
    }
    out.push_back({"head of 128, eight heads a group", {8, 1, 128, 0.09f, 0.0f}, CacheType::BF16, 140});
    out.push_back({"eleven heads a group: two passes", {22, 2, 32, 0.2f, 0.0f}, CacheType::F16, 50});
    out.push_back({"every head its own keys", {3, 3, 96, 0.1f, 0.0f}, CacheType::BF16, 50});
    out.push_back({"one column", {2, 1, 1, 1.0f, 0.0f}, CacheType::F32, 9});
    out.push_back({"soft cap", {4, 2, 64, 0.5f, 5.0f}, CacheType::F32, 140});
    out.push_back({"large scores", {3, 1, 32, 1000.0f, 0.0f}, CacheType::F32, 150});
    out.push_back({"window as long as the cache", smol, CacheType::F32, 33, 1, 4, 33});
    out.push_back({"window without sinks", smol, CacheType::F32, 200, 1, 0, 1});
    out.push_back({"more sinks than the window leaves", smol, CacheType::F32, 20, 1, 40, 10});
    out.push_back({"recorded for 2000 keys, 5 there", smol, CacheType::F32, 5, 1, 0, 0, -1, false, 1995});
    out.push_back({"five queries", smol, CacheType::F16, 70, 5, 2, 30});
    for (const int listed : {0, 1, 5, 37, 205})
        out.push_back({"list of " + std::to_string(listed), smol, CacheType::BF16, 300, 1, 0, 0, listed});
    out.push_back({"lists of other heads", smol, CacheType::F32, 300, 1, 0, 0, 41, true});
    out.push_back({"list of every key", smol, CacheType::F32, 90, 1, 0, 0, 90});
    return out;
}

inline std::string runDecodeCase(const DecodeCase& c)
{
    const HeadShape& s = c.shape;
    const CacheCase cache(s, c.type, c.entries + c.queries - 1, c.shift);
    const std::size_t row = std::size_t(s.heads * s.width), queries = std::size_t(c.queries);
    const std::int64_t stride = std::int64_t(row) + 3;
    const auto q = normalValues(queries * std::size_t(stride), 3);
    const DeviceArray<float> deviceQ(q), out(queries * std::size_t(stride), 7.0f),
        lse(queries * std::size_t(s.heads), 7.0f);
    const DeviceArray<std::int32_t> entries(1, std::int32_t(c.entries));

    std::vector<std::vector<std::int32_t>> lists;
    std::vector<std::int32_t> flat, sizes, owner;
    for (int h = 0; h < s.kvHeads; ++h) { // sizes differ by head
        lists.push_back(someRows(c.entries, std::max(0, c.listed - h), unsigned(h + 1)));
        sizes.push_back(std::int32_t(lists.back().size()));
        owner.push_back((h + 1) % s.kvHeads);
        auto padded = lists.back();
        padded.resize(std::size_t(c.entries) + 1, -1);
        flat.insert(flat.end(), padded.begin(), padded.end());
    }
    const DeviceArray<std::int32_t> deviceLists(flat), deviceSizes(sizes), deviceOwner(owner);

    cuda::DecodeAttention job;
    job.shape = layoutOf(s);
    job.q = deviceQ.data();
    job.qStride = job.outStride = stride;
    job.queries = c.queries;
    job.cache = cache.device();
    job.visible = {entries.data(), c.sinks, c.window};
    job.visible.maxKeys = c.entries + c.queries - 1 + c.spare;
    if (c.listed >= 0) {
        job.visible.lists = deviceLists.data();
        job.visible.listStride = c.entries + 1;
        job.visible.listSizes = deviceSizes.data();
        job.visible.owner = c.owners ? deviceOwner.data() : nullptr;
    }
    const DeviceArray<float> partials(std::size_t(cuda::decodeScratch(job.shape, job.visible.maxKeys, c.queries)),
                                      std::numeric_limits<float>::quiet_NaN());
    job.partials = partials.data();
    job.out = out.data();
    job.logSumExp = lse.data();
    if (const auto failure = failureOf(cuda::decodeAttention(job, nullptr)); !failure.empty())
        return failure;
    if (!out.guardsHold() || !lse.guardsHold() || !partials.guardsHold())
        return "wrote outside of its memory";

    WorkerPool pool(1);
    Attention attention;
    const auto got = out.read(), gotLse = lse.read();
    const double limit = c.shape.scale > 100 ? 5e-3 : 1e-5; // scores of 1e4 are rounded to 1e-3
    for (std::size_t i = 0; i < queries; ++i) {
        const std::int64_t n = c.entries + std::int64_t(i);
        KeyChoice choice;
        std::vector<const std::int32_t*> pointers;
        std::vector<std::int32_t> ownSizes;
        if (c.listed >= 0) {
            for (int h = 0; h < s.kvHeads; ++h) {
                const auto& own = lists[std::size_t(c.owners ? owner[std::size_t(h)] : h)];
                pointers.push_back(own.data());
                ownSizes.push_back(std::int32_t(own.size()));
            }
            choice.lists = pointers.data();
            choice.listSizes = ownSizes.data();
        } else if (c.window > 0) {
            choice.sinks = c.sinks;
            choice.recent = std::max<std::int64_t>(0, n - c.window);
        }
        std::vector<float> expected(row), expectedLse(static_cast<std::size_t>(s.heads));
        attention.decode(pool, s, q.data() + i * std::size_t(stride), cache.view(n), choice, expected.data(),
                         expectedLse.data());
        const double error = difference(expected.data(), got.data() + i * std::size_t(stride), row);
        const double lseError =
            difference(expectedLse.data(), gotLse.data() + i * std::size_t(s.heads), std::size_t(s.heads));
        if (!(error <= limit) || !(lseError <= 1e-5 * std::max(1.0f, s.scale)))
            return "query " + std::to_string(i) + ": off by " + std::to_string(error) + ", log-sum-exp by " +
                   std::to_string(lseError);
        for (std::size_t p = row; p < std::size_t(stride); ++p)
            if (got[i * std::size_t(stride) + p] != 7.0f)
                return "wrote between the queries";
    }
    return {};
}

struct PrefillCase {
    std::string name;
    HeadShape shape;
    CacheType type = CacheType::F32;
    std::int64_t before = 0;
    int queries = 1, sinks = 0, window = 0;
    int listed = -1;
    bool owners = false;
};

inline std::vector<PrefillCase> prefillCases()
{
    const HeadShape smol{9, 3, 64, 0.125f, 0.0f};
    std::vector<PrefillCase> out{
        {"no query", smol, CacheType::F32, 5, 0},
        {"one query, one key", smol, CacheType::F32, 0, 1},
        {"31 queries", smol, CacheType::F32, 0, 31},
        {"32 queries", smol, CacheType::F16, 0, 32},
        {"33 queries, 17 before", smol, CacheType::BF16, 17, 33},
        {"70 queries, 100 before", {4, 1, 32, 0.2f, 0.0f}, CacheType::F32, 100, 70},
        {"largest head", {2, 1, 256, 0.0625f, 0.0f}, CacheType::BF16, 10, 40},
        {"head of 128", {3, 1, 128, 0.09f, 0.0f}, CacheType::F16, 3, 35},
        {"head of 80", {2, 2, 80, 0.1f, 0.0f}, CacheType::F32, 3, 35},
        {"odd head", {2, 1, 23, 0.2f, 0.0f}, CacheType::F16, 3, 35},
        {"soft cap", {2, 1, 16, 0.5f, 5.0f}, CacheType::F32, 3, 35},
        {"large scores", {1, 1, 32, 1000.0f, 0.0f}, CacheType::F32, 3, 35},
        {"window and sinks", smol, CacheType::F32, 60, 50, 4, 20},
        {"window without sinks", {2, 1, 32, 0.2f, 0.0f}, CacheType::F32, 0, 80, 0, 1},
        {"window longer than everything", smol, CacheType::F32, 10, 40, 4, 100},
        {"sinks that reach into the window", {2, 1, 32, 0.2f, 0.0f}, CacheType::F32, 30, 40, 50, 8},
        {"lists of 40, first tile dense", smol, CacheType::BF16, 0, 150, 0, 0, 40},
        {"lists of 33, 100 before", smol, CacheType::F32, 100, 70, 0, 0, 33},
        {"empty lists: the tile alone", {2, 1, 64, 0.125f, 0.0f}, CacheType::F32, 50, 40, 0, 0, 0},
        {"lists of other heads", smol, CacheType::F16, 100, 40, 0, 0, 21, true},
    };
    return out;
}

inline std::string runPrefillCase(const PrefillCase& c)
{
    const HeadShape& s = c.shape;
    const CacheCase cache(s, c.type, c.before + c.queries);
    const std::size_t row = std::size_t(s.heads * s.width), queries = std::size_t(c.queries);
    const auto q = normalValues(queries * row, 3);
    const DeviceArray<float> deviceQ(q), out(queries * row, 7.0f);
    const int tiles = (c.queries + cuda::kPrefillTile - 1) / cuda::kPrefillTile;
    const std::int64_t listStride = c.before + c.queries + 1;
    std::vector<std::vector<std::int32_t>> lists; // [tiles * kvHeads]
    std::vector<std::int32_t> flat, sizes, owner;
    for (int t = 0; t < tiles; ++t) {
        for (int h = 0; h < s.kvHeads; ++h) {
            const std::int64_t start = c.before + t * cuda::kPrefillTile;
            const bool dense = start <= c.listed;
            lists.push_back(someRows(start, dense ? start : std::max(0, c.listed - h), unsigned(7 * t + h)));
            sizes.push_back(dense ? -1 : std::int32_t(lists.back().size()));
            auto padded = lists.back();
            padded.resize(std::size_t(listStride), -1);
            flat.insert(flat.end(), padded.begin(), padded.end());
        }
    }
    for (int h = 0; h < s.kvHeads; ++h)
        owner.push_back((h + 1) % s.kvHeads);
    const DeviceArray<std::int32_t> deviceLists(flat), deviceSizes(sizes), deviceOwner(owner);

    cuda::PrefillAttention job;
    job.shape = layoutOf(s);
    job.q = deviceQ.data();
    job.qStride = job.outStride = std::int64_t(row);
    job.queries = c.queries;
    job.before = c.before;
    job.cache = cache.device();
    job.sinks = c.sinks;
    job.window = c.window;
    if (c.listed >= 0) {
        job.lists = deviceLists.data();
        job.listSizes = deviceSizes.data();
        job.listStride = listStride;
        job.owner = c.owners ? deviceOwner.data() : nullptr;
    }
    job.out = out.data();
    if (const auto failure = failureOf(cuda::prefillAttention(job, nullptr)); !failure.empty())
        return failure;
    if (!out.guardsHold())
        return "wrote outside of its memory";

    WorkerPool pool(1);
    Attention attention;
    const auto got = out.read();
    std::vector<float> expected(row);
    for (std::size_t i = 0; i < queries; ++i) { // one by one: the prefill kernel has no lists
        const std::int64_t position = c.before + std::int64_t(i);
        KeyChoice choice;
        std::vector<std::vector<std::int32_t>> own;
        std::vector<const std::int32_t*> pointers;
        std::vector<std::int32_t> ownSizes;
        if (c.listed >= 0) {
            const int tile = int(i) / cuda::kPrefillTile;
            for (int h = 0; h < s.kvHeads; ++h) {
                own.push_back(lists[std::size_t(tile * s.kvHeads + (c.owners ? owner[std::size_t(h)] : h))]);
                for (std::int64_t j = c.before + tile * cuda::kPrefillTile; j <= position; ++j)
                    own.back().push_back(std::int32_t(j));
            }
            for (const auto& list : own) {
                pointers.push_back(list.data());
                ownSizes.push_back(std::int32_t(list.size()));
            }
            choice.lists = pointers.data();
            choice.listSizes = ownSizes.data();
        } else if (c.window > 0) {
            choice.sinks = c.sinks;
            choice.recent = std::max<std::int64_t>(0, position + 1 - c.window);
        }
        attention.decode(pool, s, q.data() + i * row, cache.view(position + 1), choice, expected.data());
        const double error = difference(expected.data(), got.data() + i * row, row);
        if (!(error <= (s.scale > 100 ? 5e-3 : 1e-5)))
            return "query " + std::to_string(i) + " is off by " + std::to_string(error);
    }
    return {};
}

} // namespace ls::test
