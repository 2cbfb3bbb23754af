#include "kernels/cpu/attention.h"
#include "kernels/cpu/cache_write.h"
#include "kernels/cpu/rms_norm.h"
#include "tests/kernels/kernel_cases.h"

#include <algorithm>
#include <numeric>

using namespace ls::test;

/// Attention kernels against the formula in double, written independently.
class TestAttention : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void decode_equalsTheFormula_data() { cases(); }
    void decode_equalsTheFormula();
    void prefill_equalsTheFormula_data() { cases(); }
    void prefill_equalsTheFormula();
    void nothingVisible_givesZero();
    void onePartWithAllTheMass_isNotAveraged();
    void largeScores_stayFinite();
    void longCaches_equalTheFormula_data();
    void longCaches_equalTheFormula();
    void risingScores_loseNothing_data();
    void risingScores_loseNothing();
    void notANumber_isSeen();
    void minusInfinity_weighsNothing();
    void handCase();
    void threads_doNotChangeAnything();
    void newRows_areTurnedAndStored_data();
    void newRows_areTurnedAndStored();

private:
    static void cases();
};

namespace {

struct Case {
    HeadShape shape;
    CacheType type = CacheType::F32;
    std::int64_t capacity, entries;
    std::vector<float> k, v; // [kvHeads, capacity, width] as the cache holds them
    std::vector<std::uint8_t> keys, values;

    Case(const HeadShape& s, CacheType t, std::int64_t n)
        : shape(s)
        , type(t)
        , capacity(n + 3)
        , entries(n)
    {
        const std::size_t count = std::size_t(s.kvHeads * capacity * s.width);
        k = normalValues(count, 1);
        v = normalValues(count, 2);
        round(k, keys);
        round(v, values);
    }
    CacheView view() const { return {type, keys.data(), values.data(), capacity * shape.width, entries}; }
    void round(std::vector<float>& x, std::vector<std::uint8_t>& out) const
    {
        out.resize(x.size() * std::size_t(cacheValueBytes(type)));
        for (std::size_t i = 0; i < x.size(); ++i) {
            if (type == CacheType::F32) {
                std::memcpy(out.data() + 4 * i, &x[i], 4);
                continue;
            }
            const std::uint16_t bits = type == CacheType::F16 ? floatToHalf(x[i]) : floatToBfloat(x[i]);
            x[i] = type == CacheType::F16 ? halfToFloat(bits) : bfloatToFloat(bits);
            std::memcpy(out.data() + 2 * i, &bits, 2);
        }
    }
    /// Head `head` of one query over the given rows; returns log-sum-exp.
    double reference(const float* q, int head, const std::vector<std::int64_t>& rows, std::vector<double>& out) const
    {
        const int kv = head / (shape.heads / shape.kvHeads);
        const auto at = [&](std::int64_t row) { return std::size_t((kv * capacity + row) * shape.width); };
        std::vector<double> scores;
        for (const std::int64_t row : rows) {
            double s = 0;
            for (int c = 0; c < shape.width; ++c)
                s += double(q[head * shape.width + c]) * k[at(row) + std::size_t(c)];
            s *= shape.scale;
            scores.push_back(shape.softCap > 0 ? shape.softCap * std::tanh(s / shape.softCap) : s);
        }
        out.assign(std::size_t(shape.width), 0.0);
        if (rows.empty())
            return -std::numeric_limits<double>::infinity();
        const double top = *std::max_element(scores.begin(), scores.end());
        double total = 0;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const double p = std::exp(scores[i] - top);
            total += p;
            for (int c = 0; c < shape.width; ++c)
                out[std::size_t(c)] += p * v[at(rows[i]) + std::size_t(c)];
        }
        for (double& value : out)
            value /= total;
        return top + std::log(total);
    }
};

std::vector<std::int64_t> rowsBetween(std::int64_t begin, std::int64_t end)
{
    std::vector<std::int64_t> out(std::size_t(std::max<std::int64_t>(0, end - begin)));
    std::iota(out.begin(), out.end(), begin);
    return out;
}

double largestError(const std::vector<double>& expected, const float* actual)
{
    double worst = 0;
    for (std::size_t c = 0; c < expected.size(); ++c) {
        if (std::isnan(actual[c]))
            return std::numeric_limits<double>::infinity();
        worst = std::max(worst, std::abs(expected[c] - actual[c]));
    }
    return worst;
}

constexpr double kTolerance = 1e-5; // float32 inside; the cache's rounding is in both

} // namespace

void TestAttention::cases()
{
    QTest::addColumn<int>("variant");
    QTest::addColumn<int>("type");
    QTest::addColumn<int>("heads");
    QTest::addColumn<int>("kvHeads");
    QTest::addColumn<int>("width");
    QTest::addColumn<float>("softCap");
    struct Size {
        int heads, kvHeads, width;
        float softCap;
    };
    for (const Variant variant : runnableVariants())
        for (const CacheType type : {CacheType::F32, CacheType::F16, CacheType::BF16})
            for (const Size s :
                 {Size{9, 3, 64, 0.0f}, {4, 1, 256, 0.0f}, {7, 1, 80, 5.0f}, {2, 2, 128, 0.0f}, {5, 1, 24, 0.0f}})
                QTest::addRow("%s, cache %d, %d/%d heads of %d, cap %g", nameOf(variant).constData(), int(type),
                              s.heads, s.kvHeads, s.width, double(s.softCap))
                    << int(variant) << int(type) << s.heads << s.kvHeads << s.width << s.softCap;
}

void TestAttention::decode_equalsTheFormula()
{
    QFETCH(int, variant);
    QFETCH(int, type);
    QFETCH(int, heads);
    QFETCH(int, kvHeads);
    QFETCH(int, width);
    QFETCH(float, softCap);
    const WithVariant use{Variant(variant)};
    WorkerPool pool(2);
    Attention attention;
    for (const std::int64_t n : {1, 15, 17, 128, 129, 400}) {
        const Case c({heads, kvHeads, width, 1.0f / std::sqrt(float(width)), softCap}, CacheType(type), n);
        const auto q = normalValues(std::size_t(heads * width), 7);
        std::vector<float> out(q.size()), lse(q.size() / std::size_t(width));
        std::vector<double> expected;
        const auto check = [&](const KeyChoice& choice, const auto& rowsOf) {
            attention.decode(pool, c.shape, q.data(), c.view(), choice, out.data(), lse.data());
            for (int h = 0; h < heads; ++h) {
                const double logSumExp = c.reference(q.data(), h, rowsOf(h / (heads / kvHeads)), expected);
                const double error = largestError(expected, out.data() + h * width);
                QVERIFY2(error <= kTolerance,
                         qPrintable(QStringLiteral("n %1 head %2: error %3").arg(n).arg(h).arg(error)));
                QVERIFY(std::abs(lse[std::size_t(h)] - logSumExp) <= 1e-5 * (1 + std::abs(logSumExp)));
            }
        };
        check({}, [&](int) { return rowsBetween(0, n); });
        KeyChoice window;
        window.sinks = 2;
        window.recent = std::max<std::int64_t>(2, n - 10);
        if (window.recent < n)
            check(window, [&](int) {
                auto rows = rowsBetween(0, 2);
                for (const std::int64_t row : rowsBetween(window.recent, n))
                    rows.push_back(row);
                return rows;
            });
        std::vector<std::vector<std::int32_t>> lists;
        std::vector<const std::int32_t*> pointers;
        std::vector<std::int32_t> sizes;
        for (int kv = 0; kv < kvHeads; ++kv) { // every head its own list, one of them long
            lists.emplace_back();
            for (std::int64_t row = 0; row < n; ++row)
                if (row % (2 + kv) == 0)
                    lists.back().push_back(std::int32_t(row));
        }
        for (const auto& list : lists) {
            pointers.push_back(list.data());
            sizes.push_back(std::int32_t(list.size()));
        }
        KeyChoice chosen;
        chosen.lists = pointers.data();
        chosen.listSizes = sizes.data();
        check(chosen, [&](int kv) {
            return std::vector<std::int64_t>(lists[std::size_t(kv)].begin(), lists[std::size_t(kv)].end());
        });
    }
}

void TestAttention::prefill_equalsTheFormula()
{
    QFETCH(int, variant);
    QFETCH(int, type);
    QFETCH(int, heads);
    QFETCH(int, kvHeads);
    QFETCH(int, width);
    QFETCH(float, softCap);
    const WithVariant use{Variant(variant)};
    WorkerPool pool(2);
    Attention attention;
    struct Size {
        int queries, before;
    };
    for (const Size s : {Size{1, 0}, {3, 0}, {17, 0}, {70, 5}, {65, 130}}) {
        const std::int64_t n = s.queries + s.before;
        const Case c({heads, kvHeads, width, 1.0f / std::sqrt(float(width)), softCap}, CacheType(type), n);
        const std::int64_t qStride = heads * width + 8, outStride = heads * width + 1;
        const auto q = normalValues(std::size_t(s.queries * qStride), 7);
        std::vector<float> out(std::size_t(s.queries * outStride), 9.0f);
        std::vector<double> expected;
        for (const bool window : {false, true}) {
            const std::int64_t sinks = window ? 3 : 0;
            std::vector<std::int32_t> recent;
            for (int i = 0; i < s.queries; ++i)
                recent.push_back(std::max(0, s.before + i - 19));
            attention.prefill(pool, c.shape, q.data(), qStride, s.queries, c.view(), sinks,
                              window ? recent.data() : nullptr, out.data(), outStride);
            for (int i = 0; i < s.queries; ++i) {
                const std::int64_t from = window ? recent[std::size_t(i)] : 0;
                auto rows = rowsBetween(0, std::min(sinks, from));
                for (const std::int64_t row : rowsBetween(from, s.before + i + 1))
                    rows.push_back(row);
                for (int h = 0; h < heads; ++h) {
                    c.reference(q.data() + i * qStride, h, rows, expected);
                    const double error = largestError(expected, out.data() + i * outStride + h * width);
                    QVERIFY2(error <= kTolerance,
                             qPrintable(QStringLiteral("%1 queries after %2, window %3, query %4 head %5: error %6")
                                            .arg(s.queries)
                                            .arg(s.before)
                                            .arg(window)
                                            .arg(i)
                                            .arg(h)
                                            .arg(error)));
                }
                QCOMPARE(out[std::size_t(i * outStride + heads * width)], 9.0f);
            }
        }
    }
}

void TestAttention::nothingVisible_givesZero()
{
    WorkerPool pool(1);
    Attention attention;
    const Case c({2, 1, 16, 1.0f, 0.0f}, CacheType::F32, 5);
    const auto q = normalValues(32, 1);
    std::vector<float> out(32, 3.0f), lse(2);
    const std::int32_t none = 0;
    const std::int32_t* list = &none;
    KeyChoice choice;
    choice.lists = &list;
    choice.listSizes = &none;
    attention.decode(pool, c.shape, q.data(), c.view(), choice, out.data(), lse.data());
    QCOMPARE(out, std::vector<float>(32, 0.0f));
    QVERIFY(std::isinf(lse[0]) && lse[0] < 0);
}

void TestAttention::onePartWithAllTheMass_isNotAveraged()
{
    WorkerPool pool(2);
    Attention attention;
    Case c({1, 1, 16, 1.0f, 0.0f}, CacheType::F32, 300); // three parts
    std::fill(c.k.begin(), c.k.end(), 0.0f);
    c.k[200 * 16] = 40.0f; // one key of the second part
    c.round(c.k, c.keys);
    std::vector<float> q(16, 0.0f), out(16);
    q[0] = 1.0f;
    attention.decode(pool, c.shape, q.data(), c.view(), {}, out.data());
    for (std::size_t i = 0; i < 16; ++i)
        QVERIFY(std::abs(out[i] - c.v[200 * 16 + i]) < 1e-5);
}

void TestAttention::largeScores_stayFinite()
{
    for (const Variant variant : runnableVariants()) {
        const WithVariant use(variant);
        WorkerPool pool(1);
        Attention attention;
        const Case c({3, 1, 32, 1000.0f, 0.0f}, CacheType::F32, 150);
        const auto q = normalValues(96, 3);
        std::vector<float> out(96), many(96);
        std::vector<double> expected;
        attention.decode(pool, c.shape, q.data(), c.view(), {}, out.data());
        attention.prefill(pool, c.shape, q.data(), 96, 1, c.view(), 0, nullptr, many.data(), 96);
        for (int h = 0; h < 3; ++h) {
            c.reference(q.data(), h, rowsBetween(0, 150), expected);
            QVERIFY(largestError(expected, out.data() + 32 * h) < 5e-3); // scores of 1e4 are rounded to 1e-3
            QVERIFY(largestError(expected, many.data() + 32 * h) < 5e-3);
        }
    }
}

void TestAttention::longCaches_equalTheFormula_data()
{
    QTest::addColumn<int>("variant");
    QTest::addColumn<int>("type");
    for (const Variant variant : runnableVariants())
        for (const CacheType type : {CacheType::F32, CacheType::F16, CacheType::BF16})
            QTest::addRow("%s, cache %d", nameOf(variant).constData(), int(type)) << int(variant) << int(type);
}

void TestAttention::longCaches_equalTheFormula()
{
    QFETCH(int, variant);
    QFETCH(int, type);
    const WithVariant use{Variant(variant)};
    WorkerPool pool(2);
    Attention attention;
    for (const std::int64_t n : {2049, 4100, 8200}) { // parts of 256, 512 and 512 keys
        const Case c({4, 2, 64, 0.125f, 0.0f}, CacheType(type), n);
        const auto q = normalValues(256, 7);
        std::vector<float> out(256);
        std::vector<double> expected;
        attention.decode(pool, c.shape, q.data(), c.view(), {}, out.data());
        for (int h = 0; h < 4; ++h) {
            c.reference(q.data(), h, rowsBetween(0, n), expected);
            QVERIFY(largestError(expected, out.data() + h * 64) <= kTolerance);
        }
    }
}

void TestAttention::risingScores_loseNothing_data()
{
    QTest::addColumn<int>("variant");
    QTest::addColumn<double>("step");
    for (const Variant variant : runnableVariants())
        for (const double step :
             {0.02, 0.3, 0.51, 2.0, 40.0, -0.3, -2.0}) // per key: 16 of them under and over the rise
            QTest::addRow("%s, %g a key", nameOf(variant).constData(), step) << int(variant) << step;
}

void TestAttention::risingScores_loseNothing()
{
    QFETCH(int, variant);
    QFETCH(double, step);
    const WithVariant use{Variant(variant)};
    WorkerPool pool(2);
    Attention attention;
    Case c({1, 1, 16, 1.0f, 0.0f}, CacheType::F32, 200);
    std::fill(c.k.begin(), c.k.end(), 0.0f);
    for (std::size_t row = 0; row < 200; ++row)
        c.k[row * 16] = float(step * double(row));
    c.round(c.k, c.keys);
    std::vector<float> q(16, 0.0f), out(16);
    q[0] = 1.0f;
    float lse = 0;
    std::vector<double> expected;
    attention.decode(pool, c.shape, q.data(), c.view(), {}, out.data(), &lse);
    const double logSumExp = c.reference(q.data(), 0, rowsBetween(0, 200), expected);
    QVERIFY(largestError(expected, out.data()) <= kTolerance);
    QVERIFY(std::abs(lse - logSumExp) <= 1e-6 * (1 + std::abs(logSumExp)));
}

void TestAttention::notANumber_isSeen()
{
    for (const Variant variant : runnableVariants()) {
        const WithVariant use(variant);
        WorkerPool pool(2);
        for (const std::size_t row : {0, 5, 20, 140, 299}) {
            Attention attention;
            Case c({2, 1, 16, 1.0f, 0.0f}, CacheType::F32, 300);
            c.k[row * 16 + 3] = std::numeric_limits<float>::quiet_NaN();
            c.round(c.k, c.keys);
            const auto q = normalValues(32, 1);
            std::vector<float> out(32, 0.0f);
            attention.decode(pool, c.shape, q.data(), c.view(), {}, out.data());
            for (const float value : out)
                QVERIFY(std::isnan(value));
        }
    }
}

void TestAttention::minusInfinity_weighsNothing()
{
    // A block and a part of keys whose scores overflow, at the start, inside and at the end.
    for (const Variant variant : runnableVariants()) {
        const WithVariant use(variant);
        WorkerPool pool(2);
        for (const auto& [begin, end] : {std::pair(0, 16), {0, 128}, {16, 32}, {128, 144}, {130, 300}, {0, 299}}) {
            Attention attention;
            Case c({1, 1, 16, 1.0f, 0.0f}, CacheType::F32, 300);
            for (int row = begin; row < end; ++row)
                c.k[std::size_t(row) * 16] = -std::numeric_limits<float>::infinity();
            c.round(c.k, c.keys);
            auto q = normalValues(16, 1);
            q[0] = 1.0f;
            std::vector<std::int64_t> seen = rowsBetween(0, begin);
            for (const std::int64_t row : rowsBetween(end, 300))
                seen.push_back(row);
            std::vector<float> out(16);
            std::vector<double> expected;
            attention.decode(pool, c.shape, q.data(), c.view(), {}, out.data());
            c.reference(q.data(), 0, seen, expected);
            QVERIFY(largestError(expected, out.data()) <= kTolerance);
        }
    }
}

void TestAttention::handCase()
{
    // q = 1, keys 0 and ln 3, values 0 and 4: weights 1/4 and 3/4, output 3, log-sum-exp ln 4
    WorkerPool pool(1);
    Attention attention;
    const std::vector<float> k{0.0f, std::log(3.0f)}, v{0.0f, 4.0f};
    const CacheView cache{CacheType::F32, k.data(), v.data(), 2, 2};
    const float q = 1.0f;
    float out = 0, lse = 0;
    attention.decode(pool, {1, 1, 1, 1.0f, 0.0f}, &q, cache, {}, &out, &lse);
    QVERIFY(std::abs(out - 3.0f) < 1e-6f);
    QVERIFY(std::abs(lse - std::log(4.0f)) < 1e-6f);
}

void TestAttention::threads_doNotChangeAnything()
{
    WorkerPool one(1), three(3);
    const Case c({9, 3, 64, 0.125f, 0.0f}, CacheType::F16, 700);
    const auto q = normalValues(200 * 576, 3);
    std::vector<float> a(200 * 576), b = a;
    for (auto [pool, out] : {std::pair(&one, &a), std::pair(&three, &b)}) {
        Attention attention;
        attention.decode(*pool, c.shape, q.data(), c.view(), {}, out->data());
        attention.prefill(*pool, c.shape, q.data() + 576, 576, 199, c.view(), 0, nullptr, out->data() + 576, 576);
    }
    QCOMPARE(a, b);
}

void TestAttention::newRows_areTurnedAndStored_data()
{
    QTest::addColumn<int>("tokens");
    QTest::addColumn<int>("turned");
    QTest::newRow("one token, whole heads") << 1 << 24;
    QTest::newRow("one token, a part of the head") << 1 << 8;
    QTest::newRow("none turn") << 3 << 0;
    QTest::newRow("many tokens") << 40 << 24;
}

void TestAttention::newRows_areTurnedAndStored()
{
    QFETCH(int, tokens);
    QFETCH(int, turned);
    WorkerPool pool(2);
    const HeadShape shape{4, 2, 24, 1.0f, 0.0f};
    const std::int64_t capacity = 50, before = 7, qStride = 100, kStride = 51, vStride = 48;
    auto q = normalValues(std::size_t(tokens * qStride), 1), k = normalValues(std::size_t(tokens * kStride), 2);
    const auto v = normalValues(std::size_t(tokens * vStride), 3);
    const auto cosines = normalValues(std::size_t(tokens * turned / 2), 4);
    const auto sines = normalValues(std::size_t(tokens * turned / 2), 5);
    auto expectedQ = q, expectedK = k;
    for (int t = 0; t < tokens && turned > 0; ++t) {
        const float *c = cosines.data() + t * turned / 2, *s = sines.data() + t * turned / 2;
        rotate(expectedQ.data() + t * qStride, c, s, 1, 4, 24, turned);
        rotate(expectedK.data() + t * kStride, c, s, 1, 2, 24, turned);
    }
    std::vector<float> keys(std::size_t(2 * capacity * 24), 9.0f), values = keys;
    rotateAndStore(pool, shape, {cosines.data(), sines.data(), turned}, tokens, q.data(), qStride, k.data(), kStride,
                   v.data(), vStride, {CacheType::F32, keys.data(), values.data(), capacity * 24, before});
    QCOMPARE(q, expectedQ);
    QCOMPARE(k, expectedK);
    for (int h = 0; h < 2; ++h)
        for (std::int64_t row = 0; row < capacity; ++row)
            for (int c = 0; c < 24; ++c) {
                const std::int64_t t = row - before;
                const bool isNew = t >= 0 && t < tokens;
                const std::size_t at = std::size_t((h * capacity + row) * 24 + c);
                QCOMPARE(keys[at], isNew ? k[std::size_t(t * kStride + h * 24 + c)] : 9.0f);
                QCOMPARE(values[at], isNew ? v[std::size_t(t * vStride + h * 24 + c)] : 9.0f);
            }
}

QTEST_GUILESS_MAIN(TestAttention)
#include "tst_attention.moc"
