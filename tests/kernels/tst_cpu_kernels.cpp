#include "kernels/cpu/matvec.h"
#include "kernels/cpu/rms_norm.h"
#include "kernels/cpu/top_k.h"

#include <QtTest>

#include <bit>
#include <cmath>
#include <random>
#include <set>

using namespace ls;

/// Kernels against scalar sums in double, at odd sizes.
class TestCpuKernels : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void matvec_equalsTheDoubleSum_data();
    void matvec_equalsTheDoubleSum();
    void matvec_writesOnlyItsRows();
    void rmsNorm_equalsTheFormula();
    void layerNorm_equalsTheFormula();
    void rotation_keepsLengthsAndTheRest();
    void topK_followsItsRule_data();
    void topK_followsItsRule();
};

namespace {
std::vector<float> randomValues(std::size_t count, unsigned seed)
{
    std::mt19937 generator(seed);
    std::normal_distribution<float> normal;
    std::vector<float> out(count);
    for (float& value : out)
        value = normal(generator);
    return out;
}
} // namespace

void TestCpuKernels::matvec_equalsTheDoubleSum_data()
{
    QTest::addColumn<int>("rows");
    QTest::addColumn<int>("cols");
    for (const int rows : {0, 1, 3, 64})
        for (const int cols : {1, 15, 63, 64, 65, 576, 1536, 1537})
            QTest::addRow("%d x %d", rows, cols) << rows << cols;
}

void TestCpuKernels::matvec_equalsTheDoubleSum()
{
    QFETCH(int, rows);
    QFETCH(int, cols);
    const auto w = randomValues(std::size_t(rows * cols), 1), x = randomValues(std::size_t(cols), 2);
    std::vector<std::uint16_t> bits;
    for (const float value : w)
        bits.push_back(std::uint16_t(std::bit_cast<std::uint32_t>(value) >> 16));
    std::vector<float> y(std::size_t(rows) + 1, 7.0f), z(std::size_t(rows) + 1, 7.0f);
    kernels::matvec(w.data(), x.data(), y.data(), 0, rows, cols);
    kernels::matvecBf16(bits.data(), x.data(), z.data(), 0, rows, cols);
    for (int r = 0; r < rows; ++r) {
        double sum = 0, sumBf16 = 0, scale = 0;
        for (int c = 0; c < cols; ++c) {
            const std::size_t i = std::size_t(r) * std::size_t(cols) + std::size_t(c);
            sum += double(w[i]) * x[std::size_t(c)];
            sumBf16 += double(std::bit_cast<float>(std::uint32_t(bits[i]) << 16)) * x[std::size_t(c)];
            scale += std::abs(double(w[i]) * x[std::size_t(c)]);
        }
        QVERIFY(std::abs(sum - y[std::size_t(r)]) <= 1e-6 * scale + 1e-30);
        QVERIFY(std::abs(sumBf16 - z[std::size_t(r)]) <= 1e-6 * scale + 1e-30);
    }
    QCOMPARE(y.back(), 7.0f);
    QCOMPARE(z.back(), 7.0f);
}

void TestCpuKernels::matvec_writesOnlyItsRows()
{
    const auto w = randomValues(10 * 70, 3), x = randomValues(70, 4);
    std::vector<float> whole(10), parts(10, 9.0f);
    kernels::matvec(w.data(), x.data(), whole.data(), 0, 10, 70);
    kernels::matvec(w.data(), x.data(), parts.data(), 3, 7, 70);
    for (std::size_t r = 0; r < 10; ++r)
        QCOMPARE(parts[r], r >= 3 && r < 7 ? whole[r] : 9.0f);
}

void TestCpuKernels::rmsNorm_equalsTheFormula()
{
    for (const int cols : {1, 15, 17, 576}) {
        const auto x = randomValues(std::size_t(3 * cols), 5), weight = randomValues(std::size_t(cols), 6);
        std::vector<float> y(x.size());
        kernels::rmsNorm(x.data(), weight.data(), y.data(), 3, cols, 1e-5f);
        for (int r = 0; r < 3; ++r) {
            double squares = 0;
            for (int c = 0; c < cols; ++c)
                squares += std::pow(double(x[std::size_t(r * cols + c)]), 2);
            for (int c = 0; c < cols; ++c) {
                const std::size_t i = std::size_t(r * cols + c);
                const double expected = x[i] / std::sqrt(squares / cols + 1e-5) * weight[std::size_t(c)];
                QVERIFY(std::abs(y[i] - expected) <= 1e-6 * std::abs(expected) + 1e-12);
            }
        }
    }
}

void TestCpuKernels::layerNorm_equalsTheFormula()
{
    for (const int cols : {1, 15, 17, 576}) {
        const auto count = std::size_t(cols);
        auto x = randomValues(3 * count, 8);
        for (std::size_t c = 0; c < count; ++c)
            x[c] += 1000.0f; // a mean far from zero must not cost digits
        const auto weight = randomValues(count, 9), bias = randomValues(count, 10);
        std::vector<float> y(x.size()), plain(x.size());
        kernels::layerNorm(x.data(), weight.data(), bias.data(), y.data(), 3, cols, 1e-5f);
        kernels::layerNorm(x.data(), weight.data(), nullptr, plain.data(), 3, cols, 1e-5f);
        for (std::size_t r = 0; r < 3; ++r) {
            double mean = 0, variance = 0;
            for (std::size_t c = 0; c < count; ++c)
                mean += x[r * count + c] / double(cols);
            for (std::size_t c = 0; c < count; ++c)
                variance += std::pow(x[r * count + c] - mean, 2) / double(cols);
            for (std::size_t c = 0; c < count; ++c) {
                const std::size_t i = r * count + c;
                const double expected = (x[i] - mean) / std::sqrt(variance + double(1e-5f)) * weight[c];
                QVERIFY(std::abs(plain[i] - expected) <= 1e-6 * std::abs(expected) + 1e-12);
                QVERIFY(std::abs(y[i] - (expected + bias[c])) <= 1e-6);
            }
        }
    }
}

void TestCpuKernels::rotation_keepsLengthsAndTheRest()
{
    const auto original = randomValues(2 * 3 * 10, 7); // rows, heads, head width; 8 of 10 are rotated
    std::vector<float> x = original, cosines, sines;
    for (int i = 0; i < 2 * 4; ++i) {
        cosines.push_back(float(std::cos(0.3 * i)));
        sines.push_back(float(std::sin(0.3 * i)));
    }
    kernels::rotate(x.data(), cosines.data(), sines.data(), 2, 3, 10, 8);
    for (int head = 0; head < 6; ++head) {
        const std::size_t base = std::size_t(head) * 10;
        for (std::size_t j = 0; j < 4; ++j) {
            const double angle = 0.3 * double((head / 3) * 4 + int(j));
            const double a = original[base + j], b = original[base + j + 4];
            QVERIFY(std::abs(x[base + j] - (a * std::cos(angle) - b * std::sin(angle))) < 1e-5);
            QVERIFY(std::abs(x[base + j + 4] - (b * std::cos(angle) + a * std::sin(angle))) < 1e-5);
        }
        QCOMPARE(x[base + 8], original[base + 8]);
        QCOMPARE(x[base + 9], original[base + 9]);
    }
}

void TestCpuKernels::topK_followsItsRule_data()
{
    QTest::addColumn<QVector<float>>("values");
    QTest::addColumn<int>("k");
    QTest::addColumn<QVector<int>>("expected");
    const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
    QTest::newRow("largest first") << QVector<float>{1, 5, 3} << 2 << QVector<int>{1, 2};
    QTest::newRow("ties go to the smaller index") << QVector<float>{2, 2, 2, 2} << 2 << QVector<int>{0, 1};
    QTest::newRow("a tie at the border") << QVector<float>{1, 3, 2, 2} << 2 << QVector<int>{1, 2};
    QTest::newRow("negative zero is zero") << QVector<float>{-0.0f, 0.0f, -1} << 1 << QVector<int>{0};
    QTest::newRow("all") << QVector<float>{3, 1} << 2 << QVector<int>{0, 1};
    QTest::newRow("more than all") << QVector<float>{3, 1} << 9 << QVector<int>{0, 1};
    QTest::newRow("none") << QVector<float>{3, 1} << 0 << QVector<int>{};
    QTest::newRow("masked last") << QVector<float>{-inf, -5, -inf} << 1 << QVector<int>{1};
    QTest::newRow("NaN is smallest") << QVector<float>{nan, -inf, nan} << 1 << QVector<int>{1};
    QTest::newRow("denormals count") << QVector<float>{0, 1e-42f} << 1 << QVector<int>{1};
}

void TestCpuKernels::topK_followsItsRule()
{
    QFETCH(QVector<float>, values);
    QFETCH(int, k);
    QFETCH(QVector<int>, expected);
    std::vector<std::int32_t> out{99};
    kernels::topKIndices({values.constData(), std::size_t(values.size())}, k, out);
    QCOMPARE(QVector<int>(out.begin(), out.end()), expected);
}

QTEST_GUILESS_MAIN(TestCpuKernels)
#include "tst_cpu_kernels.moc"
