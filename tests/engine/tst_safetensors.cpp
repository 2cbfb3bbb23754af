#include "core/data/vector_header.h"
#include "engine/formats/gguf.h"
#include "engine/formats/safetensors.h"
#include "tests/support/bad_file.h"
#include "tests/support/gguf_draft.h"

#include <QTemporaryDir>
#include <QtTest>

#include <limits>

using namespace ls;
using test::Bytes;

/// safetensors files and the steering vectors in them: read exactly, or refused with message and hint.
class TestSafetensors : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void goodFile_isRead();
    void badFile_isRefused_data();
    void badFile_isRefused();
    void everyTruncation_isRefused();
    void vectorFile_isRead();
    void vectorInGguf_servesEveryLayer();
    void controlVector_isRead_data();
    void controlVector_isRead();
    void badVector_isRefused_data();
    void badVector_isRefused();

private:
    std::string path() const { return m_folder.filePath(QStringLiteral("file.safetensors")).toStdString(); }
    QTemporaryDir m_folder;
};

namespace {

std::string file(std::string_view header, const std::vector<float>& data)
{
    Bytes out;
    out.text(header);
    for (const float value : data)
        out.number(value);
    return out.all();
}

constexpr const char* kGood =
    R"({"__metadata__":{"made":"by hand"},"b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]},)"
    R"("a":{"dtype":"I32","shape":[1,2],"data_offsets":[0,8]}})";

} // namespace

void TestSafetensors::goodFile_isRead()
{
    test::writeFile(path(), file(kGood, {0.0f, 1.0f, 2.5f, -3.0f}));
    const auto opened = SafetensorsFile::open(path());
    QVERIFY2(opened.ok(), opened.ok() ? "" : opened.error().message.c_str());
    const SafetensorsFile& tensors = *opened.value();
    QCOMPARE(tensors.metadata().at("made"), std::string("by hand"));
    QCOMPARE(tensors.tensors().front().name, std::string("a")); // file order
    QCOMPARE(tensors.tensor("b")->floats().value(), (std::vector<float>{2.5f, -3.0f}));
    QCOMPARE(tensors.tensor("a")->ints().value(), (std::vector<std::int32_t>{0, 0x3F800000}));
    QCOMPARE(tensors.tensor("a")->floats().error().code, Errc::TensorType);
    QCOMPARE(tensors.tensor("b")->ints().error().code, Errc::TensorType);
    QVERIFY(!tensors.tensor("c"));
}

void TestSafetensors::badFile_isRefused_data()
{
    QTest::addColumn<QByteArray>("bytes");
    const auto row = [](const char* name, std::string_view header) {
        QTest::newRow(name) << QByteArray::fromStdString(file(header, {1, 2, 3, 4}));
    };
    QTest::newRow("empty file") << QByteArray();
    QTest::newRow("huge header") << QByteArray("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF{}", 10);
    row("no JSON", "{{{");
    row("no object", "[1]");
    row("invalid UTF-8", "{\"\xFF\":1}");
    row("nested 100 000 deep", std::string(100'000, '['));
    row("metadata is no object", R"({"__metadata__":1})");
    row("metadata value is no text", R"({"__metadata__":{"a":1}})");
    row("tensor is no object", R"({"a":1})");
    row("no dtype", R"({"a":{"shape":[4],"data_offsets":[0,16]}})");
    row("no shape", R"({"a":{"dtype":"F32","data_offsets":[0,16]}})");
    row("no offsets", R"({"a":{"dtype":"F32","shape":[4]}})");
    row("negative extent", R"({"a":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}})");
    row("fractional extent", R"({"a":{"dtype":"F32","shape":[4.0],"data_offsets":[0,16]}})");
    row("size overflows", R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,16]}})");
    row("extent above 64 bits", R"({"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,16]}})");
    row("beyond the end", R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[16,32]}})");
    row("backwards", R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}})");
    row("three offsets", R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,8,16]}})");
    row("bytes do not fit the shape", R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,16]}})");
    row("name twice", R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                      R"("a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})");
    row("overlap", R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},)"
                   R"("b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})");
}

void TestSafetensors::badFile_isRefused()
{
    QFETCH(QByteArray, bytes);
    test::writeFile(path(), bytes.toStdString());
    const auto opened = SafetensorsFile::open(path());
    QVERIFY(!opened.ok());
    QCOMPARE(opened.error().code, Errc::FileFormat);
    QVERIFY(!opened.error().message.empty());
    QVERIFY(!opened.error().hint.empty());
}

void TestSafetensors::everyTruncation_isRefused()
{
    const std::string whole = file(kGood, {0.0f, 1.0f, 2.5f, -3.0f});
    for (std::size_t size = 0; size < whole.size(); ++size) {
        test::writeFile(path(), std::string_view(whole).substr(0, size));
        QVERIFY2(!SafetensorsFile::open(path()).ok(), qPrintable(QString::number(size)));
    }
}

void TestSafetensors::vectorFile_isRead()
{
    test::writeFile(path(), file(R"({"vector":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})", {1, 2, 3, 4}));
    const auto one = readVectorFile(path());
    QVERIFY(one.ok());
    QCOMPARE(one.value().shared, (std::vector<float>{1, 2, 3, 4}));
    QCOMPARE(one.value().width(), std::int64_t(4));
    test::writeFile(path(), file(R"({"direction.3":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},)"
                                 R"("direction.12":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})",
                                 {1, 2, 3, 4}));
    const auto many = readVectorFile(path());
    QVERIFY(many.ok());
    QCOMPARE(many.value().byLayer, (std::map<int, std::vector<float>>{{3, {1, 2}}, {12, {3, 4}}}));
}

/// A GGUF with one tensor `vector`, which each listed layer gets.
void TestSafetensors::vectorInGguf_servesEveryLayer()
{
    const std::vector<float> values{1, 2, 3, 4};
    test::GgufDraft draft;
    draft.tensors.push_back({"vector", {4}, 0, std::string(reinterpret_cast<const char*>(values.data()), 16)});
    test::writeFile(path(), draft.bytes());
    const auto one = readVectorFile(path());
    QVERIFY2(one.ok(), one.ok() ? "" : one.error().message.c_str());
    QCOMPARE(one.value().shared, values);
    const auto header = readVectorHeader(path()); // what the desk shows before it is used
    QVERIFY2(header.ok(), header.ok() ? "" : header.error().message.c_str());
    QCOMPARE(header.value().shared, 4);
}

void TestSafetensors::controlVector_isRead_data()
{
    QTest::addColumn<quint32>("countKind");
    QTest::newRow("layer count as uint32") << 4u;
    QTest::newRow("layer count as int32") << 5u;
}

void TestSafetensors::controlVector_isRead()
{
    QFETCH(quint32, countKind);
    constexpr std::uint32_t kText = 8, kF32 = 0;
    Bytes out;
    out.raw("GGUF").number(3u).number(std::uint64_t(2)).number(std::uint64_t(3));
    out.text("general.architecture").number(kText).text("controlvector");
    out.text("controlvector.model_hint").number(kText).text("llama");
    out.text("controlvector.layer_count").number(std::uint32_t(countKind)).number(2u);
    for (int i = 0; i < 2; ++i) {
        out.text("direction." + std::to_string(i + 1)).number(1u).number(std::uint64_t(4));
        out.number(kF32).number(std::uint64_t(32 * i));
    }
    out.padTo(32).number(1.0f).padTo(32).number(0.0f).number(-0.5f).number(0.0f).number(2.0f);
    test::writeFile(path(), out.all());
    const auto file = readVectorFile(path());
    QVERIFY2(file.ok(), file.ok() ? "" : file.error().message.c_str());
    QCOMPARE(file.value().byLayer, (std::map<int, std::vector<float>>{{1, {1, 0, 0, 0}}, {2, {0, -0.5f, 0, 2}}}));
}

void TestSafetensors::badVector_isRefused_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<int>("code");
    constexpr const char* kVector = R"({"vector":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
    const auto row = [](const char* name, std::string_view header, const std::vector<float>& data, Errc code) {
        QTest::newRow(name) << QByteArray::fromStdString(file(header, data)) << int(code);
    };
    row("zero", kVector, {0, 0}, Errc::VectorWidth);
    row("infinity", kVector, {1, std::numeric_limits<float>::infinity()}, Errc::VectorWidth);
    row("NaN", kVector, {std::numeric_limits<float>::quiet_NaN(), 1}, Errc::VectorWidth);
    row("two rows", R"({"vector":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}})", {1, 2, 3, 4},
        Errc::VectorWidth);
    row("different widths",
        R"({"direction.1":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
        R"("direction.2":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
        {1, 2, 3}, Errc::VectorWidth);
    row("no vector", R"({"weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", {1, 2}, Errc::FileFormat);
    row("layer is no number", R"({"direction.x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", {1, 2},
        Errc::FileFormat);
    row("whole numbers", R"({"vector":{"dtype":"I32","shape":[2],"data_offsets":[0,8]}})", {1, 2}, Errc::TensorType);
}

void TestSafetensors::badVector_isRefused()
{
    QFETCH(QByteArray, bytes);
    QFETCH(int, code);
    test::writeFile(path(), bytes.toStdString());
    const auto read = readVectorFile(path());
    QVERIFY(!read.ok());
    QCOMPARE(read.error().code, Errc(code));
    QVERIFY(!read.error().hint.empty());
}

QTEST_GUILESS_MAIN(TestSafetensors)
#include "tst_safetensors.moc"
