#include "tests/kernels/device/step_cases.h"
#include "tests/kernels/device_rows.h"

using namespace ls::test;

/// Norms, rotary embedding, gates, taps and table rows of kernels/cuda in the emulator.
class TestEmuSteps : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() { setVariant(Variant::Plain); }
    void rotary_equalsTheCpu_data() { addRows(rotaryCases()); }
    void rotary_equalsTheCpu() { runRow(rotaryCases(), &runRotaryCase); }
    void steps_equalTheCpu_data() { addRows(stepCases()); }
    void steps_equalTheCpu() { runRow(stepCases(), &runStepCase); }
    void rowsOfTables_areDecoded_data();
    void rowsOfTables_areDecoded();
    void rowPastTheCache_isReported();
    void refusals_haveAReason();
};

void TestEmuSteps::rowsOfTables_areDecoded_data()
{
    QTest::addColumn<int>("format");
    for (int f = 0; f < kWeightFormats; ++f)
        QTest::newRow(std::string(weightFormatName(WeightFormat(f))).c_str()) << f;
}

void TestEmuSteps::rowsOfTables_areDecoded()
{
    QFETCH(int, format);
    const std::string wrong = runDecodeRows(WeightFormat(format));
    QVERIFY2(wrong.empty(), wrong.c_str());
}

void TestEmuSteps::rowPastTheCache_isReported()
{
    std::vector<float> q(4), cache(8);
    const std::int32_t row = 2;
    ls::cuda::RotaryStore job{q.data(), q.data(), q.data(), 4, 4, 4, 1, 1, 1, 4};
    job.cache = {CacheType::F32, cache.data(), cache.data(), 8, 2};
    job.firstRow = &row;
    QCOMPARE(ls::cuda::rotateAndStore(job, nullptr), ls::cuda::Launch::Failed);
    QVERIFY(ls::cuda::launchError().find("row < job.cache.capacity") != std::string::npos);
}

void TestEmuSteps::refusals_haveAReason()
{
    using ls::cuda::Launch;
    std::vector<float> x(16);
    const std::int32_t zero = 0;
    const std::int64_t step = 0;
    ls::cuda::RotaryStore rotary{x.data(), x.data(), x.data(), 4, 4, 4, 1, 1, 1, 4};
    rotary.cache = {CacheType::F32, x.data(), x.data(), 8, 2};
    rotary.firstRow = &zero;
    auto bad = rotary;
    bad.turned = 3;
    QCOMPARE(ls::cuda::rotateAndStore(bad, nullptr), Launch::BadShape);
    bad.turned = 6;
    QCOMPARE(ls::cuda::rotateAndStore(bad, nullptr), Launch::BadShape);
    bad = rotary;
    bad.width = 257;
    bad.cache.headStride = 600;
    QCOMPARE(ls::cuda::rotateAndStore(bad, nullptr), Launch::TooWide);
    QCOMPARE(ls::cuda::normRows({x.data(), x.data(), x.data(), 1, 0}, nullptr), Launch::BadShape);
    QCOMPARE(ls::cuda::gateValues(Gate::Silu, x.data(), nullptr, x.data(), -1, nullptr), Launch::BadShape);
    QCOMPARE(ls::cuda::capValues(0.0f, x.data(), 4, nullptr), Launch::BadShape);
    QCOMPARE(ls::cuda::addToRows(x.data(), x.data(), 1, 4, 4, nullptr, &zero, nullptr), Launch::BadShape);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(x.data());
    QCOMPARE(ls::cuda::decodeRows({WeightFormat::Q4_0, bytes, 1, 33, nullptr, 1, 1.0f, x.data(), 33}, nullptr),
             Launch::BadShape);
    QCOMPARE(ls::cuda::decodeRows({WeightFormat::Q4_0, bytes + 1, 1, 32, nullptr, 1, 1.0f, x.data(), 32}, nullptr),
             Launch::Unaligned);
    QCOMPARE(ls::cuda::decodeRows({WeightFormat(11), bytes, 1, 32, nullptr, 1, 1.0f, x.data(), 32}, nullptr),
             Launch::Unsupported);
    QCOMPARE(ls::cuda::decodeRows({WeightFormat::F32, bytes, 1, 4, nullptr, 2, 1.0f, x.data(), 4}, nullptr),
             Launch::BadShape);
    const ls::cuda::Ring ring{reinterpret_cast<std::uint8_t*>(x.data()), 32, 1, &step};
    QCOMPARE(ls::cuda::copyTap(ring, 16, ls::cuda::TapType::F32, x.data(), 1, 5, 5, nullptr), Launch::BadShape);
    QCOMPARE(ls::cuda::copyTap(ring, 8, ls::cuda::TapType::F32, x.data(), 1, 1, 1, nullptr), Launch::BadShape);
    QCOMPARE(ls::cuda::beginStep({nullptr, 24, 1, &step}, nullptr), Launch::BadShape);
    QCOMPARE(ls::cuda::reduceTap({x.data(), 1, 4, 4, nullptr, 1, x.data(), 2}, nullptr), Launch::BadShape);
}

QTEST_GUILESS_MAIN(TestEmuSteps)
#include "tst_emu_steps.moc"
