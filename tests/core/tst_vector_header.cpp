#include "core/data/vector_header.h"
#include "core/data/vector_writer.h"
#include "core/protocol/tensor.h"

#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

using namespace ls;

/// What a vector file holds is known from its header, and no damaged file is taken for one.
class TestVectorHeader : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void gguf_namesItsBlocks();
    void safetensors_mayServeEveryBlock();
    void widths_mustAgree();
    void damagedFiles_areRefused_data();
    void damagedFiles_areRefused();
    void otherWidth_isVectorWidth();

private:
    std::string path(const char* name) const { return m_folder.filePath(QLatin1String(name)).toStdString(); }
    QTemporaryDir m_folder;
};

void TestVectorHeader::gguf_namesItsBlocks()
{
    QVERIFY(writeControlVector(path("v.gguf"), "llama", {{3, {1, 2, 3}}, {12, {4, 5, 6}}}).ok());
    const auto header = readVectorHeader(path("v.gguf"));
    QVERIFY(header.ok());
    QCOMPARE(header.value().widths, (std::map<int, int>{{3, 3}, {12, 3}}));
    QCOMPARE(header.value().shared, 0);
    QCOMPARE(header.value().width(), 3);
}

void TestVectorHeader::safetensors_mayServeEveryBlock()
{
    const std::vector<float> values{1, 2, 3, 4};
    QVERIFY(writeSafetensors(path("v.safetensors"), {{"other", TensorBlob::fromFloats({2, 2}, values)},
                                                     {"vector", TensorBlob::fromFloats({4}, values)}})
                .ok());
    const auto header = readVectorHeader(path("v.safetensors"));
    QVERIFY(header.ok());
    QCOMPARE(header.value().shared, 4);
    QVERIFY(header.value().widths.empty());
}

void TestVectorHeader::widths_mustAgree()
{
    const std::vector<float> values{1, 2, 3, 4};
    const std::vector<float> fewer{1, 2};
    QVERIFY(writeSafetensors(path("two.safetensors"), {{"direction.1", TensorBlob::fromFloats({4}, values)},
                                                       {"direction.2", TensorBlob::fromFloats({2}, fewer)}})
                .ok());
    QCOMPARE(readVectorHeader(path("two.safetensors")).error().code, Errc::VectorWidth);
}

void TestVectorHeader::damagedFiles_areRefused_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QVERIFY(writeControlVector(path("whole.gguf"), "llama", {{1, {1, 2, 3}}}).ok());
    QFile file(m_folder.filePath("whole.gguf"));
    QVERIFY(file.open(QIODevice::ReadOnly));
    const QByteArray whole = file.readAll();
    QTest::newRow("nothing") << QByteArray();
    QTest::newRow("magic only") << whole.left(4);
    QTest::newRow("cut in the metadata") << whole.left(60);
    QTest::newRow("cut in the tensor list") << whole.left(int(whole.indexOf("direction.1")) + 15);
    QByteArray longer = whole;
    longer.replace(8, 8, QByteArray(8, '\xff'));
    QTest::newRow("more tensors than can be") << longer;
    QByteArray name = whole;
    name.replace(24, 8, QByteArray(8, '\x7f')); // length of the first key
    QTest::newRow("a name of exabytes") << name;
    QTest::newRow("text") << QByteArray("this is no tensor file at all, but a letter");
    QTest::newRow("safetensors without a vector") << QByteArray("\x02\0\0\0\0\0\0\0{}", 10);
}

void TestVectorHeader::damagedFiles_areRefused()
{
    QFETCH(QByteArray, bytes);
    QFile file(m_folder.filePath("damaged"));
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(bytes);
    file.close();
    const auto header = readVectorHeader(path("damaged"));
    QVERIFY(!header.ok());
    QCOMPARE(header.error().code, Errc::FileFormat);
    QCOMPARE(readVectorHeader(path("missing")).error().code, Errc::FileNotFound);
}

void TestVectorHeader::otherWidth_isVectorWidth()
{
    VectorHeader header;
    header.shared = 576;
    QVERIFY(checkVectorWidth("a/concise.gguf", header, 576).ok());
    const Status status = checkVectorWidth("a/concise.gguf", header, 2048);
    QCOMPARE(status.error().code, Errc::VectorWidth);
    QCOMPARE(status.error().message, std::string("concise.gguf has width 576, this model has 2048."));
}

QTEST_GUILESS_MAIN(TestVectorHeader)
#include "tst_vector_header.moc"
