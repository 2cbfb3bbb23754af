#include "kernels/cpu/attention.h"
#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/huge_memory.h"
#include "tests/kernels/kernel_cases.h"

#include <limits>

using namespace ls::test;

/// Small steps in every variant against the C library in double.
class TestElementwise : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void variants_canBeNamed();
    void gates_equalTheirFormula_data();
    void gates_equalTheirFormula();
    void rmsNorm_equalsTheFormula_data() { everyVariant(); }
    void rmsNorm_equalsTheFormula();
    void argmax_isTheFirstLargest_data() { everyVariant(); }
    void argmax_isTheFirstLargest();
    void cache_roundsToNearest_data() { everyVariant(); }
    void cache_roundsToNearest();
    void addition_writesOnlyItsValues_data() { everyVariant(); }
    void addition_writesOnlyItsValues();
    void halves_convertBothWays();
    void hugeMemory_isZeroAndMoves();

private:
    static void everyVariant();
};

void TestElementwise::everyVariant()
{
    QTest::addColumn<int>("variant");
    for (const Variant variant : runnableVariants())
        QTest::newRow(nameOf(variant).constData()) << int(variant);
}

void TestElementwise::variants_canBeNamed()
{
    QVERIFY(variantRuns(Variant::Plain));
    QVERIFY(variantRuns(variantInUse()));
    for (int f = 0; f < kWeightFormats; ++f)
        QCOMPARE(int(weightFormat(weightFormatName(WeightFormat(f))).value()), f);
    QVERIFY(!weightFormat("Q2_K"));
}

void TestElementwise::gates_equalTheirFormula_data()
{
    QTest::addColumn<int>("variant");
    QTest::addColumn<int>("kind");
    for (const Variant variant : runnableVariants()) {
        QTest::addRow("silu, %s", nameOf(variant).constData()) << int(variant) << int(Gate::Silu);
        QTest::addRow("gelu tanh, %s", nameOf(variant).constData()) << int(variant) << int(Gate::GeluTanh);
        QTest::addRow("gelu, %s", nameOf(variant).constData()) << int(variant) << int(Gate::Gelu);
    }
}

void TestElementwise::gates_equalTheirFormula()
{
    QFETCH(int, variant);
    QFETCH(int, kind);
    const WithVariant use{Variant(variant)};
    std::vector<float> x, up;
    for (double v = -100; v <= 100; v += 0.0371)
        x.push_back(float(v));
    x.push_back(0.0f);
    x.push_back(std::numeric_limits<float>::quiet_NaN());
    up.assign(x.size(), 2.0f);
    std::vector<float> y(x.size() + 1, 5.0f);
    gateActivation(Gate(kind), x.data(), up.data(), y.data(), std::int64_t(x.size()));
    QCOMPARE(y.back(), 5.0f);
    QVERIFY(std::isnan(y[x.size() - 1]));
    for (std::size_t i = 0; i + 1 < x.size(); ++i) {
        const double v = x[i], inner = std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v);
        const double expected = 2 * (Gate(kind) == Gate::Silu       ? v / (1 + std::exp(-v))
                                     : Gate(kind) == Gate::GeluTanh ? 0.5 * v * (1 + std::tanh(inner))
                                                                    : 0.5 * v * (1 + std::erf(v / std::sqrt(2.0))));
        QVERIFY2(std::abs(y[i] - expected) <= 2e-6 * std::abs(expected) + 4e-7 * std::abs(v) + 1e-30,
                 qPrintable(QStringLiteral("at %1: %2, expected %3").arg(v).arg(double(y[i])).arg(expected)));
    }
}

void TestElementwise::rmsNorm_equalsTheFormula()
{
    QFETCH(int, variant);
    const WithVariant use{Variant(variant)};
    for (const int cols : {1, 15, 17, 32, 100, 576}) {
        const auto x = normalValues(std::size_t(cols), 5), weight = normalValues(std::size_t(cols), 6);
        std::vector<float> y(x.size() + 1, 3.0f);
        kernelTable().rmsNorm(x.data(), weight.data(), y.data(), cols, 1e-5f);
        double squares = 0;
        for (const float value : x)
            squares += double(value) * value;
        for (std::size_t c = 0; c < x.size(); ++c) {
            const double expected = x[c] / std::sqrt(squares / cols + 1e-5) * weight[c];
            QVERIFY(std::abs(y[c] - expected) <= 1e-6 * std::abs(expected) + 1e-12);
        }
        QCOMPARE(y.back(), 3.0f);
    }
}

void TestElementwise::argmax_isTheFirstLargest()
{
    QFETCH(int, variant);
    const WithVariant use{Variant(variant)};
    const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
    for (const std::size_t count : {1u, 5u, 16u, 33u, 1024u, 1025u, 5000u}) {
        auto x = normalValues(count, unsigned(count));
        const auto expected = std::max_element(x.begin(), x.end()) - x.begin();
        QCOMPARE(argmax(x.data(), std::int64_t(count)), std::int64_t(expected));
        x[count / 2] = 50.0f;
        x[count - 1] = 50.0f; // a tie
        QCOMPARE(argmax(x.data(), std::int64_t(count)), std::int64_t(count / 2));
    }
    const std::vector<float> holes{nan, -inf, -3.0f, nan, -2.0f, nan}, onlyNan{nan, nan}, lowest{-inf, -inf};
    QCOMPARE(argmax(holes.data(), 6), std::int64_t(4));
    QCOMPARE(argmax(onlyNan.data(), 2), std::int64_t(0));
    QCOMPARE(argmax(lowest.data(), 2), std::int64_t(0));
}

void TestElementwise::cache_roundsToNearest()
{
    QFETCH(int, variant);
    const WithVariant use{Variant(variant)};
    auto x = normalValues(77, 9);
    for (const float special : {0.0f, -0.0f, 65504.0f, 65520.0f, 1e-7f, 6e-8f, 1.00048828125f, 1.0009765625f, 1e30f})
        x.push_back(special);
    const auto count = std::int64_t(x.size());
    std::vector<std::uint16_t> half(x.size() + 1, 0x1234), bfloat = half;
    std::vector<float> full(x.size() + 1, 8.0f);
    writeCache(CacheType::F16, x.data(), half.data(), count);
    writeCache(CacheType::BF16, x.data(), bfloat.data(), count);
    writeCache(CacheType::F32, x.data(), full.data(), count);
    for (std::size_t i = 0; i < x.size(); ++i) {
        QCOMPARE(half[i], floatToHalf(x[i]));
        QCOMPARE(bfloat[i], floatToBfloat(x[i]));
        QCOMPARE(full[i], x[i]);
    }
    QCOMPARE(half.back(), std::uint16_t(0x1234));
    QCOMPARE(bfloat.back(), std::uint16_t(0x1234));
    QCOMPARE(full.back(), 8.0f);
}

void TestElementwise::addition_writesOnlyItsValues()
{
    QFETCH(int, variant);
    const WithVariant use{Variant(variant)};
    const auto x = normalValues(37, 1), before = normalValues(38, 2);
    auto y = before;
    addTo(x.data(), y.data(), 37);
    for (std::size_t i = 0; i < 37; ++i)
        QCOMPARE(y[i], x[i] + before[i]);
    QCOMPARE(y[37], before[37]);
}

void TestElementwise::halves_convertBothWays()
{
    for (int bits = 0; bits < 65536; ++bits) {
        const float value = halfToFloat(std::uint16_t(bits));
        if (std::isnan(value))
            QVERIFY(std::isnan(halfToFloat(floatToHalf(value))));
        else
            QCOMPARE(int(floatToHalf(value)), bits);
    }
    QCOMPARE(floatToHalf(65519.9f), std::uint16_t(0x7BFF)); // below half way to 65536
    QCOMPARE(floatToHalf(0x1p-25f), std::uint16_t(0));      // tie to even
    QCOMPARE(floatToHalf(0x1.8p-25f), std::uint16_t(1));
    QCOMPARE(floatToBfloat(1.00390625f), std::uint16_t(0x3F80)); // 1 + 2^-8: tie to even
    QCOMPARE(floatToBfloat(1.01171875f), std::uint16_t(0x3F82));
}

void TestElementwise::hugeMemory_isZeroAndMoves()
{
    HugeMemory none;
    QVERIFY(!none.data());
    HugeMemory first(3 << 20);
    std::uint8_t* data = first.data();
    QVERIFY(data);
    QCOMPARE(first.size(), std::int64_t(3 << 20));
    QCOMPARE(reinterpret_cast<std::uintptr_t>(data) % 64, std::uintptr_t(0));
    for (std::int64_t i = 0; i < first.size(); i += 4096)
        QCOMPARE(data[i], std::uint8_t(0));
    data[(3 << 20) - 1] = 5;
    none = std::move(first);
    QCOMPARE(none.data(), data);
    QCOMPARE(data[(3 << 20) - 1], std::uint8_t(5));
    QVERIFY(!HugeMemory(std::int64_t(1) << 60).data()); // refused, not a crash
}

QTEST_GUILESS_MAIN(TestElementwise)
#include "tst_elementwise.moc"
