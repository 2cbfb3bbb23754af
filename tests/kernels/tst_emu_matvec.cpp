#include "kernels/emu/launch.h"
#include "tests/kernels/device/matvec_cases.h"

#include <QtTest>

#include <limits>

using namespace ls::test;

/// Products of kernels/cuda in the emulator.
class TestEmuMatvec : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void cleanup() { ls::emu::setSchedule(0); }
    void product_equalsTheDoubleSum_data();
    void product_equalsTheDoubleSum();
    void severalFormats_shareTheirInput();
    void notANumber_reachesEveryRow();
    void refusals_haveAReason();
};

void TestEmuMatvec::product_equalsTheDoubleSum_data()
{
    QTest::addColumn<int>("index");
    const auto cases = matvecCases();
    for (std::size_t i = 0; i < cases.size(); ++i)
        QTest::newRow(cases[i].name.c_str()) << int(i);
}

void TestEmuMatvec::product_equalsTheDoubleSum()
{
    QFETCH(int, index);
    ls::emu::setSchedule(std::uint64_t(index % 3)); // orders alternate
    const std::string wrong = runMatvecCase(matvecCases()[std::size_t(index)]);
    QVERIFY2(wrong.empty(), wrong.c_str());
}

void TestEmuMatvec::severalFormats_shareTheirInput()
{
    const Weights q(WeightFormat::Q4_K, 20, 256, 1), k(WeightFormat::Q6_K, 7, 256, 2), v(WeightFormat::Q4_K, 5, 256, 3);
    const auto x = normalValues(256, 4);
    std::vector<float> a(20), b(7), c(5);
    const ls::cuda::MatvecMatrix all[] = {{q.matrix.format, q.bytes.data(), 20, a.data(), 20},
                                          {k.matrix.format, k.bytes.data(), 7, b.data(), 7},
                                          {v.matrix.format, v.bytes.data(), 5, c.data(), 5}};
    QCOMPARE(ls::cuda::multiply({x.data(), 1, 256, 256}, all, 3, nullptr), ls::cuda::Launch::Ok);
    const auto read = asDeviceReads(WeightFormat::Q4_K, x);
    const auto holds = [&](const Weights& w, const std::vector<float>& out) {
        for (std::size_t r = 0; r < out.size(); ++r) {
            const ExpectedSum e = expectedSum(w, read.data(), std::int64_t(r));
            if (!(std::abs(out[r] - e.sum) <= 4e-6 * e.magnitude))
                return false;
        }
        return true;
    };
    QVERIFY(holds(q, a));
    QVERIFY(holds(k, b));
    QVERIFY(holds(v, c));
}

void TestEmuMatvec::notANumber_reachesEveryRow()
{
    for (int f = 0; f < kWeightFormats; ++f) {
        const Weights w(WeightFormat(f), 9, 256, 1);
        auto x = normalValues(256, 4);
        x[77] = std::numeric_limits<float>::quiet_NaN();
        std::vector<float> out(9);
        const ls::cuda::MatvecMatrix matrix{w.matrix.format, w.bytes.data(), 9, out.data(), 9};
        QCOMPARE(ls::cuda::multiply({x.data(), 1, 256, 256}, &matrix, 1, nullptr), ls::cuda::Launch::Ok);
        for (const float value : out)
            QVERIFY(std::isnan(value));
    }
}

void TestEmuMatvec::refusals_haveAReason()
{
    using ls::cuda::Launch;
    const Weights w(WeightFormat::Q4_1, 2, 64, 1);
    const std::vector<float> x(200000, 1.0f);
    std::vector<float> out(4, 3.0f);
    const auto with = [&](const ls::cuda::MatvecInput& in, std::size_t byteShift, WeightFormat format, int count = 1) {
        const ls::cuda::MatvecMatrix m{format, w.bytes.data() + byteShift, 1, out.data(), 2};
        const ls::cuda::MatvecMatrix all[] = {m, m, m, m};
        return ls::cuda::multiply(in, all, count, nullptr);
    };
    QCOMPARE(with({x.data(), 1, 32, 32}, 0, WeightFormat::Q4_1), Launch::Ok);
    QCOMPARE(with({x.data(), -1, 32, 32}, 0, WeightFormat::Q4_1), Launch::BadShape);
    QCOMPARE(with({x.data(), 1, 0, 32}, 0, WeightFormat::Q4_1), Launch::BadShape);
    QCOMPARE(with({x.data(), 1, 33, 33}, 0, WeightFormat::Q4_1), Launch::BadShape);
    QCOMPARE(with({x.data(), 1, 32, 32}, 0, WeightFormat::Q4_K), Launch::BadShape);
    QCOMPARE(with({x.data(), 2, 32, 8}, 0, WeightFormat::Q4_1), Launch::BadShape);
    QCOMPARE(with({x.data(), 1, 32, 32}, 0, WeightFormat::Q4_1, 4), Launch::BadShape);
    QCOMPARE(with({x.data(), 1, 32, 32}, 2, WeightFormat::Q4_1), Launch::Unaligned);
    QCOMPARE(with({x.data(), 1, 32, 32}, 1, WeightFormat::Q8_0), Launch::Unaligned);
    QCOMPARE(with({x.data(), 1, 163840, 163840}, 0, WeightFormat::Q4_1), Launch::TooWide);
    QCOMPARE(with({x.data(), 1, 32, 32}, 0, WeightFormat(11)), Launch::Unsupported);
    for (int i = 0; i <= int(Launch::Failed); ++i)
        QVERIFY(std::strlen(ls::cuda::launchName(Launch(i))) > 0);
    const ls::cuda::MatvecMatrix a{WeightFormat::Q4_1, w.bytes.data(), 2}, b{WeightFormat::Q4_1, w.bytes.data(), 1},
        c{WeightFormat::Q8_0, w.bytes.data(), 2};
    QCOMPARE(ls::cuda::multiplyGated({x.data(), 1, 32, 32}, Gate::Silu, a, b, out.data(), 2, nullptr),
             Launch::BadShape);
    QCOMPARE(ls::cuda::multiplyGated({x.data(), 1, 32, 32}, Gate::Silu, a, c, out.data(), 2, nullptr),
             Launch::Unsupported);
}

QTEST_GUILESS_MAIN(TestEmuMatvec)
#include "tst_emu_matvec.moc"
