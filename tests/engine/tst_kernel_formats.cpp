#include "engine/formats/gguf.h"
#include "engine/formats/safetensors.h"
#include "kernels/cpu/weight_format.h"

#include <QtTest>

#include <vector>

using namespace ls;

/// The kernels' plain decoder, which their tests measure everything by, against the reference's values and against the
/// engine's own decoder.
class TestKernelFormats : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void blocks_equalTheReference_data();
    void blocks_equalTheReference();
};

void TestKernelFormats::blocks_equalTheReference_data()
{
    QTest::addColumn<QString>("type");
    for (const char* type : {"Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"})
        QTest::newRow(type) << QString::fromLatin1(type);
}

void TestKernelFormats::blocks_equalTheReference()
{
    QFETCH(QString, type);
    const std::string name = type.toStdString();
    auto file = SafetensorsFile::open(LAYERSCOPE_TEST_DATA "/golden/quants.safetensors");
    QVERIFY(file.ok());
    const SafeTensor* blocks = file.value()->tensor(name + "/blocks");
    const SafeTensor* values = file.value()->tensor(name + "/values");
    QVERIFY(blocks && values);
    const auto format = kernels::weightFormat(name);
    const QuantType* quant = quantType(name);
    QVERIFY(format && quant);
    QCOMPARE(kernels::blockBytes(*format), int(quant->blockBytes));
    QCOMPARE(kernels::blockValues(*format), int(quant->blockValues));
    std::vector<float> out(std::size_t(values->count())), engine(out.size());
    kernels::decodeBlocks(*format, blocks->bytes.data(), blocks->shape[0], out.data());
    QVERIFY(dequantise(name, blocks->bytes, engine).ok());
    const auto expected = values->floats();
    QVERIFY(expected.ok());
    for (std::size_t i = 0; i < out.size(); ++i) {
        QCOMPARE(out[i], expected.value()[i]);
        QVERIFY(out[i] == engine[i]);
    }
}

QTEST_GUILESS_MAIN(TestKernelFormats)
#include "tst_kernel_formats.moc"
