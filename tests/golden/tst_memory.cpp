#include "tests/support/golden.h"

#include "engine/generate/tap_buffers.h"

#include <ATen/Parallel.h>
#include <ATen/ops/randn.h>

#include <QtTest>

#include <filesystem>
#include <fstream>

using namespace ls;
using namespace ls::test;

/// What the cache holds is what its formula says, and copies of taps take memory once.
class TestMemory : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() { at::set_num_threads(2); }
    void cacheBytes_areTheFormula_data();
    void cacheBytes_areTheFormula();
    void residentMemory_isNearTheFormula_data();
    void residentMemory_isNearTheFormula();
    void skippedAttention_takesNoCache();
    void copies_keepTheirValues_data();
    void copies_keepTheirValues();
    void memory_isUsedAgainWhenFree();
    void aCopiedOwner_hasMemoryOfItsOwn();
};

void TestMemory::cacheBytes_areTheFormula_data()
{
    QTest::addColumn<QString>("path");
    QTest::addColumn<QString>("dtype");
    for (const auto& entry : std::filesystem::directory_iterator(LAYERSCOPE_TEST_DATA "/golden/tiny"))
        for (const char* dtype : {"float32", "bfloat16"})
            QTest::addRow("%s, %s", entry.path().filename().c_str(), dtype)
                << QString::fromStdString(entry.path().string()) << dtype;
    for (const char* dtype : {"float32", "quantised"})
        QTest::addRow("SmolLM2-135M, %s", dtype) << QString::fromStdString(smolLmPath()) << dtype;
}

void TestMemory::cacheBytes_areTheFormula()
{
    QFETCH(QString, path);
    QFETCH(QString, dtype);
    LoadOptions options;
    options.dtype = dtype.toStdString();
    const auto model = Model::open(path.toStdString(), options);
    if (!model && model.error().code == Errc::NotSupported)
        QSKIP("this family does not run in this type");
    QVERIFY(model.ok());
    const ModelConfig& config = model.value()->config();
    PlanBuilder builder(model.value());
    Forward forward(builder.finish({}, Changes::Nothing));
    KvCache cache(config.blockCount, config.kvHeadCount, config.headWidth, model.value()->cacheType());
    QCOMPARE(cache.bytes(), std::int64_t(0));
    const std::int64_t bytesPerValue = dtype == "float32" ? 4 : 2;
    const std::int64_t perToken =
        std::int64_t(2) * config.blockCount * config.kvHeadCount * config.headWidth * bytesPerValue; // keys and values
    QCOMPARE(model.value()->info().kvBytesPerToken, perToken);
    const std::vector<std::int32_t> ids{5, 3, 7, 1, 2, 9, 4};
    ForwardInput input;
    input.promptLength = int(ids.size());
    int tokens = 0;
    for (const std::size_t count : {5, 1, 1}) {
        input.ids = std::span(ids).subspan(std::size_t(tokens), count);
        QVERIFY(forward.run(input, cache).ok());
        tokens += int(count);
        QCOMPARE(cache.bytes(), tokens * perToken);
    }
    cache.truncate(2);
    QCOMPARE(cache.bytes(), 2 * perToken);
}

void TestMemory::residentMemory_isNearTheFormula_data()
{
    QTest::addColumn<int>("first"); // rows of the prompt, then one by one
    QTest::addColumn<int>("rows");
    QTest::newRow("a prompt") << 2100 << 2100;
    QTest::newRow("a prompt just over a power of two") << 4100 << 4100;
    QTest::newRow("one by one") << 1 << 2100;
    QTest::newRow("a short prompt, then one by one") << 500 << 5000;
}

void TestMemory::residentMemory_isNearTheFormula()
{
    QFETCH(int, first);
    QFETCH(int, rows);
    const auto resident = [] {
        std::ifstream file("/proc/self/statm");
        std::int64_t all = 0, pages = 0;
        file >> all >> pages;
        return pages * 4096;
    };
    const auto fill = [](const KvRows& target, int n) {
        for (int head = 0; head < 3; ++head)
            for (void* base : {target.keys, target.values})
                std::fill_n(static_cast<float*>(base) + head * target.headStride + target.firstRow * 64, n * 64, 1.0f);
    };
    const std::int64_t before = resident();
    KvCache cache(30, 3, 64, at::kFloat);
    cache.reserve(first);
    for (int row = 0; row < rows; row += row < first ? first : 1) {
        const int n = row < first ? first : 1;
        for (int layer = 0; layer < 30; ++layer)
            fill(cache.grow(layer, n, row), n);
        cache.advance(n);
    }
    const std::int64_t taken = resident() - before;
    QVERIFY2(taken < 1.2 * double(cache.bytes()) + 2e6,
             qPrintable(QStringLiteral("%1 MB for %2 MB").arg(double(taken) / 1e6).arg(double(cache.bytes()) / 1e6)));
    const KvCache copy = cache.clone();
    const std::int64_t both = resident() - before;
    QVERIFY2(both < 2.4 * double(cache.bytes()) + 4e6,
             qPrintable(QStringLiteral("%1 MB with a copy").arg(double(both) / 1e6)));
    QCOMPARE(copy.bytes(), cache.bytes());
}

void TestMemory::skippedAttention_takesNoCache()
{
    const auto model = Model::open(smolLmPath(), {});
    QVERIFY(model.ok());
    PlanBuilder builder(model.value());
    for (const int layer : {3, 7, 8})
        builder.block(layer).attentionRuns = false;
    Forward forward(builder.finish({}, Changes::Residual));
    const ModelConfig& config = model.value()->config();
    KvCache cache(config.blockCount, config.kvHeadCount, config.headWidth, model.value()->cacheType());
    const std::vector<std::int32_t> ids{5, 3, 7};
    ForwardInput input;
    input.ids = ids;
    QVERIFY(forward.run(input, cache).ok());
    const std::int64_t blocks = config.blockCount;
    QCOMPARE(cache.bytes(), 3 * model.value()->info().kvBytesPerToken / blocks * (blocks - 3));
}

void TestMemory::copies_keepTheirValues_data()
{
    QTest::addColumn<int>("rows");
    QTest::addColumn<bool>("bfloat");
    QTest::newRow("a row") << 1 << false;
    QTest::newRow("many rows") << 200 << false;
    QTest::newRow("a row as bfloat16") << 1 << true;
    QTest::newRow("many rows as bfloat16") << 200 << true;
}

void TestMemory::copies_keepTheirValues()
{
    QFETCH(int, rows);
    QFETCH(bool, bfloat);
    TapBuffers buffers;
    std::vector<at::Tensor> values, copies;
    for (int i = 0; i < 4; ++i) {
        values.push_back(at::randn({rows, 576}).to(bfloat ? at::kBFloat16 : at::kFloat));
        at::Tensor changing = values.back().clone();
        copies.push_back(buffers.copyOf(changing));
        changing.zero_();
    }
    for (int i = 0; i < 4; ++i) {
        QVERIFY(copies[std::size_t(i)].scalar_type() == at::kFloat);
        QVERIFY(copies[std::size_t(i)].equal(values[std::size_t(i)].to(at::kFloat)));
    }
}

void TestMemory::memory_isUsedAgainWhenFree()
{
    TapBuffers buffers;
    const at::Tensor value = at::randn({200, 576});
    at::Tensor first = buffers.copyOf(value);
    const at::Tensor held = first.narrow(0, 3, 2); // somebody keeps a part of it
    const float* memory = first.const_data_ptr<float>();
    first.reset();
    at::Tensor second = buffers.copyOf(at::randn({200, 576}));
    QVERIFY(second.const_data_ptr<float>() != memory);
    QVERIFY(held.equal(value.narrow(0, 3, 2)));
    const float* free = second.const_data_ptr<float>();
    second.reset();
    const at::Tensor third = buffers.copyOf(at::randn({190, 576}));
    QVERIFY(third.const_data_ptr<float>() == free);
}

void TestMemory::aCopiedOwner_hasMemoryOfItsOwn()
{
    TapBuffers one;
    one.copyOf(at::randn({200, 576}));
    TapBuffers other(one);
    const at::Tensor value = at::randn({200, 576});
    const at::Tensor kept = other.copyOf(value);
    one.copyOf(at::randn({200, 576}));
    QVERIFY(kept.equal(value));
}

QTEST_GUILESS_MAIN(TestMemory)
#include "tst_memory.moc"
