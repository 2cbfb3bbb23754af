#include "engine/formats/gguf.h"
#include "engine/formats/safetensors.h"

#include <QtTest>

#include <cstring>
#include <limits>

using namespace ls;

/// Dequantisation equals the reference to the last bit, and refuses what does not fit.
class TestQuants : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void blocks_equalTheReference_data();
    void blocks_equalTheReference();
    void plainTypes_areExact();
    void wrongSizes_areRefused_data();
    void wrongSizes_areRefused();
    void unknownType_isRefused();
};

void TestQuants::blocks_equalTheReference_data()
{
    QTest::addColumn<QString>("type");
    for (const char* type :
         {"Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS", "MXFP4"})
        QTest::newRow(type) << QString::fromLatin1(type);
}

void TestQuants::blocks_equalTheReference()
{
    QFETCH(QString, type);
    const std::string name = type.toStdString();
    auto file = SafetensorsFile::open(LAYERSCOPE_TEST_DATA "/golden/quants.safetensors");
    QVERIFY2(file.ok(), file.ok() ? "" : file.error().message.c_str());
    const SafeTensor* blocks = file.value()->tensor(name + "/blocks");
    const SafeTensor* values = file.value()->tensor(name + "/values");
    QVERIFY(blocks && values);
    const QuantType* quant = quantType(name);
    QVERIFY(quant);
    QCOMPARE(blocks->shape, (std::vector<std::int64_t>{64, quant->blockBytes}));
    QCOMPARE(values->shape, (std::vector<std::int64_t>{64, quant->blockValues}));
    std::vector<float> out(std::size_t(values->count()));
    QVERIFY(dequantise(name, blocks->bytes, out).ok());
    const auto expected = values->floats();
    QVERIFY(expected.ok());
    for (std::size_t i = 0; i < out.size(); ++i)
        QVERIFY2(out[i] == expected.value()[i], qPrintable(QStringLiteral("value %1: %2, reference %3")
                                                               .arg(i)
                                                               .arg(double(out[i]), 0, 'g', 9)
                                                               .arg(double(expected.value()[i]), 0, 'g', 9)));
}

void TestQuants::plainTypes_areExact()
{
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const std::vector<std::uint16_t> halves{0x0000, 0x8000, 0x3C00, 0xC000, 0x0001, 0x7BFF, 0x7C00, 0xFC00};
    const std::vector<float> expected{0.0f, -0.0f, 1.0f, -2.0f, 0x1p-24f, 65504.0f, kInfinity, -kInfinity};
    std::vector<float> out(halves.size());
    QVERIFY(dequantise("F16", {reinterpret_cast<const std::uint8_t*>(halves.data()), 16}, out).ok());
    for (std::size_t i = 0; i < out.size(); ++i)
        QVERIFY(std::memcmp(&out[i], &expected[i], 4) == 0); // tells -0 from 0
    const std::vector<std::uint16_t> bfloats{0x3F80, 0xC000, 0x0080};
    out.resize(3);
    QVERIFY(dequantise("BF16", {reinterpret_cast<const std::uint8_t*>(bfloats.data()), 6}, out).ok());
    QCOMPARE(out, (std::vector<float>{1.0f, -2.0f, 0x1p-126f}));
    const std::vector<float> floats{1.5f, -3.25e-20f};
    out.resize(2);
    QVERIFY(dequantise("F32", {reinterpret_cast<const std::uint8_t*>(floats.data()), 8}, out).ok());
    QCOMPARE(out, floats);
}

void TestQuants::wrongSizes_areRefused_data()
{
    QTest::addColumn<int>("bytes");
    QTest::addColumn<int>("values");
    QTest::newRow("a byte too few") << 19 << 32;
    QTest::newRow("a byte too many") << 21 << 32;
    QTest::newRow("half a block of values") << 20 << 16;
    QTest::newRow("no bytes") << 0 << 32;
}

void TestQuants::wrongSizes_areRefused()
{
    QFETCH(int, bytes);
    QFETCH(int, values);
    const std::vector<std::uint8_t> in(std::size_t(bytes), 0);
    std::vector<float> out(std::size_t(values), 0.0f);
    QVERIFY(!dequantise("Q4_1", in, out).ok());
}

void TestQuants::unknownType_isRefused()
{
    QVERIFY(!quantType("Q9_9"));
    const Status status = dequantise("Q9_9", {}, {});
    QVERIFY(!status.ok());
    QCOMPARE(status.error().code, Errc::TensorType);
    QVERIFY(!status.error().hint.empty());
}

QTEST_GUILESS_MAIN(TestQuants)
#include "tst_quants.moc"
