#include "tests/kernels/device/sampling_cases.h"
#include "tests/kernels/device_rows.h"

using namespace ls::test;

/// Sampling of kernels/cuda in the emulator.
class TestEmuSampling : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void token_followsTheDefinition_data() { addRows(sampleCases()); }
    void token_followsTheDefinition() { runRow(sampleCases(), &runSampleCase); }
    void draws_followTheDistribution_data();
    void draws_followTheDistribution();
    void philox_equalsItsTestVectors();
    void order_ofThreadsDoesNotMatter();
    void refusals_haveAReason();
};

void TestEmuSampling::draws_followTheDistribution_data()
{
    QTest::addColumn<float>("temperature");
    QTest::addColumn<int>("topK");
    QTest::addColumn<float>("topP");
    QTest::newRow("temperature 1") << 1.0f << 0 << 1.0f;
    QTest::newRow("temperature 0.5, top-k 4") << 0.5f << 4 << 1.0f;
    QTest::newRow("temperature 2, top-p 0.8") << 2.0f << 0 << 0.8f;
    QTest::newRow("top-k 5, top-p 0.7") << 1.0f << 5 << 0.7f;
}

void TestEmuSampling::draws_followTheDistribution()
{
    QFETCH(float, temperature);
    QFETCH(int, topK);
    QFETCH(float, topP);
    const std::string wrong = runDistributionCase(temperature, topK, topP, 1500);
    QVERIFY2(wrong.empty(), wrong.c_str());
}

void TestEmuSampling::philox_equalsItsTestVectors()
{
    // Known answers of the generator's authors for an all-zero counter and key: 6627e8d5 e169c58d ...
    QCOMPARE(ls::cuda::philox(0, 0, 0), 0xE169C58D6627E8D5ull);
    QVERIFY(ls::cuda::philox(1, 0, 0) != ls::cuda::philox(0, 0, 0));
    QVERIFY(ls::cuda::philox(0, 1, 0) != ls::cuda::philox(0, 0, 1));
}

void TestEmuSampling::order_ofThreadsDoesNotMatter()
{
    const auto logits = normalValues(3000, 8);
    std::int32_t first = -1;
    for (const std::uint64_t seed : {0, 1, 2}) {
        ls::emu::setSchedule(seed);
        std::int32_t token = -1;
        ls::cuda::Sampling job{logits.data(), 1, 3000, 3000, 1.3f, 100, 0.9f, 7};
        job.tokens = &token;
        QCOMPARE(ls::cuda::sampleTokens(job, nullptr), ls::cuda::Launch::Ok);
        if (seed == 0)
            first = token;
        QCOMPARE(token, first);
    }
    ls::emu::setSchedule(0);
}

void TestEmuSampling::refusals_haveAReason()
{
    const float logits[] = {1.0f, 2.0f};
    std::int32_t token = 0;
    const auto with = [&](int rows, std::int64_t count, float temperature, int topK, float topP) {
        ls::cuda::Sampling job{logits, rows, count, 1, temperature, topK, topP};
        job.tokens = &token;
        return ls::cuda::sampleTokens(job, nullptr);
    };
    using ls::cuda::Launch;
    QCOMPARE(with(1, 2, 0, 0, 1), Launch::Ok);
    QCOMPARE(with(0, 2, 0, 0, 1), Launch::Ok);
    QCOMPARE(with(1, 0, 0, 0, 1), Launch::BadShape);
    QCOMPARE(with(1, (1 << 20) + 1, 0, 0, 1), Launch::BadShape);
    QCOMPARE(with(2, 2, 0, 0, 1), Launch::BadShape); // rows overlap
    QCOMPARE(with(1, 2, -1, 0, 1), Launch::BadShape);
    QCOMPARE(with(1, 2, NAN, 0, 1), Launch::BadShape);
    QCOMPARE(with(1, 2, 1, -1, 1), Launch::BadShape);
    QCOMPARE(with(1, 2, 1, 0, 0), Launch::BadShape);
    QCOMPARE(with(1, 2, 1, 0, 1.5f), Launch::BadShape);
}

QTEST_GUILESS_MAIN(TestEmuSampling)
#include "tst_emu_sampling.moc"
