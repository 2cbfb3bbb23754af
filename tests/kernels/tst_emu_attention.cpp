#include "tests/kernels/device/attention_cases.h"
#include "tests/kernels/device_rows.h"

using namespace ls::test;

/// Attention of kernels/cuda in the emulator.
class TestEmuAttention : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() { setVariant(Variant::Plain); }
    void decode_equalsTheCpu_data() { addRows(decodeCases()); }
    void decode_equalsTheCpu() { runRow(decodeCases(), &runDecodeCase); }
    void prefill_equalsTheCpu_data() { addRows(prefillCases()); }
    void prefill_equalsTheCpu() { runRow(prefillCases(), &runPrefillCase); }
    void decode_handCase();
    void rowOutsideOfTheCache_isReported();
    void splits_coverEveryKey();
    void refusals_haveAReason();
};

void TestEmuAttention::decode_handCase()
{
    // q = 1, keys 0 and ln 3, values 0 and 4: weights 1/4 and 3/4, output 3, log-sum-exp ln 4
    std::vector<float> k{0.0f, std::log(3.0f)}, v{0.0f, 4.0f}, partials(100);
    const float q = 1.0f;
    float out = 0, lse = 0;
    const std::int32_t entries = 2;
    ls::cuda::DecodeAttention job;
    job.shape = {1, 1, 1, 1.0f, 0.0f};
    job.q = &q;
    job.cache = {CacheType::F32, k.data(), v.data(), 2, 2};
    job.visible.entries = &entries;
    job.visible.maxKeys = 2;
    job.partials = partials.data();
    job.out = &out;
    job.logSumExp = &lse;
    QCOMPARE(ls::cuda::decodeAttention(job, nullptr), ls::cuda::Launch::Ok);
    QVERIFY(std::abs(out - 3.0f) < 1e-6f);
    QVERIFY(std::abs(lse - std::log(4.0f)) < 1e-6f);
}

void TestEmuAttention::rowOutsideOfTheCache_isReported()
{
    std::vector<float> k(8), v(8), partials(100), q(4, 1.0f), out(4);
    const std::int32_t list[] = {0, 2}, size = 2;
    ls::cuda::DecodeAttention job;
    job.shape = {1, 1, 4, 1.0f, 0.0f};
    job.q = q.data();
    job.cache = {CacheType::F32, k.data(), v.data(), 8, 2};
    job.visible.lists = list;
    job.visible.listStride = job.visible.maxKeys = 2;
    job.visible.listSizes = &size;
    job.partials = partials.data();
    job.out = out.data();
    QCOMPARE(ls::cuda::decodeAttention(job, nullptr), ls::cuda::Launch::Failed);
    QVERIFY(ls::cuda::launchError().find("row < args.job.cache.capacity") != std::string::npos);
}

void TestEmuAttention::splits_coverEveryKey()
{
    for (const std::int64_t keys : {0, 1, 128, 256, 257, 1000, 8191, 131072, 1048576}) {
        for (const int heads : {1, 8, 128}) {
            const ls::cuda::Splits splits = ls::cuda::splitsFor(keys, heads, 1);
            QVERIFY(splits.count >= 1 && splits.count <= ls::cuda::kMaxSplits && splits.keys % 128 == 0);
            QVERIFY(splits.count * splits.keys >= keys &&
                    (splits.count - 1) * splits.keys < std::max<std::int64_t>(keys, 1));
        }
    }
}

void TestEmuAttention::refusals_haveAReason()
{
    using ls::cuda::Launch;
    const std::int32_t entries = 1;
    std::vector<float> memory(4000);
    ls::cuda::DecodeAttention job;
    job.shape = {2, 1, 8, 1.0f, 0.0f};
    job.q = job.out = job.partials = memory.data();
    job.cache = {CacheType::F32, memory.data(), memory.data(), 8, 1};
    job.visible.entries = &entries;
    job.visible.maxKeys = 1;
    QCOMPARE(ls::cuda::decodeAttention(job, nullptr), Launch::Ok);
    auto bad = job;
    bad.shape.heads = 3;
    bad.shape.kvHeads = 2;
    QCOMPARE(ls::cuda::decodeAttention(bad, nullptr), Launch::BadShape);
    bad = job;
    bad.shape.width = 257;
    bad.cache.headStride = 257;
    QCOMPARE(ls::cuda::decodeAttention(bad, nullptr), Launch::TooWide);
    bad = job;
    bad.cache.headStride = 7;
    QCOMPARE(ls::cuda::decodeAttention(bad, nullptr), Launch::BadShape);
    bad = job;
    bad.cache.keys = reinterpret_cast<std::uint8_t*>(memory.data()) + 1;
    QCOMPARE(ls::cuda::decodeAttention(bad, nullptr), Launch::Unaligned);
    bad = job;
    bad.visible.entries = nullptr;
    QCOMPARE(ls::cuda::decodeAttention(bad, nullptr), Launch::BadShape);

    ls::cuda::PrefillAttention prefill;
    prefill.shape = job.shape;
    prefill.q = prefill.out = memory.data();
    prefill.queries = 1;
    prefill.qStride = prefill.outStride = 16;
    prefill.cache = job.cache;
    QCOMPARE(ls::cuda::prefillAttention(prefill, nullptr), Launch::Ok);
    auto late = prefill;
    late.before = 1;
    QCOMPARE(ls::cuda::prefillAttention(late, nullptr), Launch::BadShape);
    late = prefill;
    late.shape.width = 300;
    late.cache.headStride = 300;
    QCOMPARE(ls::cuda::prefillAttention(late, nullptr), Launch::TooWide);
    late = prefill;
    late.lists = &entries;
    QCOMPARE(ls::cuda::prefillAttention(late, nullptr), Launch::BadShape);
}

QTEST_GUILESS_MAIN(TestEmuAttention)
#include "tst_emu_attention.moc"
