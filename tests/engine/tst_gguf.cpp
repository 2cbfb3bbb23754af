#include "engine/formats/gguf.h"
#include "tests/support/bad_file.h"
#include "tests/support/test_model.h"

#include <QTemporaryDir>
#include <QtTest>

using namespace ls;
using test::Bytes;

/// GGUF files that lie are refused with message, hint and place; none crashes.
class TestGguf : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void goodFile_isRead();
    void badFile_isRefused_data();
    void badFile_isRefused();
    void everyTruncation_isRefused();
    void everyChangedByte_isReadOrRefused();
    void missingFile_isReported_data();
    void missingFile_isReported();
    void splitModel_isOneFile();
    void badSplit_isRefused_data();
    void badSplit_isRefused();
    void realModel_isRead();

private:
    std::string path() const { return m_folder.filePath(QStringLiteral("file.gguf")).toStdString(); }
    QTemporaryDir m_folder;
};

namespace {

constexpr std::uint32_t kU32 = 4, kText = 8, kList = 9, kF32 = 0, kQ4_1 = 3;

struct Tensor {
    std::string name = "a";
    std::vector<std::uint64_t> extents{4, 2};
    std::uint32_t type = kF32;
    std::uint64_t offset = 0;
};

/// Two values, the given tensors, 64 bytes of data.
Bytes file(const std::vector<Tensor>& tensors, std::uint32_t alignment = 32)
{
    Bytes out;
    out.raw("GGUF").number(std::uint32_t(3)).number(std::uint64_t(tensors.size())).number(std::uint64_t(3));
    out.text("general.architecture").number(kText).text("llama");
    out.text("general.alignment").number(kU32).number(alignment);
    out.text("list")
        .number(kList)
        .number(kU32)
        .number(std::uint64_t(2))
        .number(std::uint32_t(7))
        .number(std::uint32_t(9));
    for (const Tensor& tensor : tensors) {
        out.text(tensor.name).number(std::uint32_t(tensor.extents.size()));
        for (const auto extent : tensor.extents)
            out.number(extent);
        out.number(tensor.type).number(tensor.offset);
    }
    out.padTo(32);
    for (int i = 0; i < 16; ++i)
        out.number(float(i));
    return out;
}

/// Part `number` of `count` with one tensor of two values.
Bytes part(int number, int count, const std::string& tensor)
{
    Bytes out;
    out.raw("GGUF").number(std::uint32_t(3)).number(std::uint64_t(1)).number(std::uint64_t(3));
    out.text("split.no").number(std::uint32_t(2)).number(std::uint16_t(number));
    out.text("split.count").number(std::uint32_t(2)).number(std::uint16_t(count));
    out.text("name").number(kText).text("part " + std::to_string(number));
    out.text(tensor).number(1u).number(std::uint64_t(2)).number(kF32).number(std::uint64_t(0));
    out.padTo(32).number(float(number)).number(1.0f);
    return out;
}

Bytes header(std::uint64_t tensors, std::uint64_t values)
{
    return Bytes().raw("GGUF").number(std::uint32_t(3)).number(tensors).number(values);
}

} // namespace

void TestGguf::goodFile_isRead()
{
    test::writeFile(path(), file({{"a", {4, 2}, kF32, 0}, {"b", {8}, kF32, 32}}).all());
    const auto opened = GgufFile::open(path());
    QVERIFY2(opened.ok(), opened.ok() ? "" : opened.error().detail.c_str());
    const GgufFile& gguf = *opened.value();
    QCOMPARE(gguf.text("general.architecture").value(), std::string("llama"));
    QCOMPARE(gguf.integers("list").value(), (std::vector<std::int64_t>{7, 9}));
    QCOMPARE(gguf.tensors().size(), std::size_t(2));
    QCOMPARE(gguf.tensor("a")->shape, (std::vector<std::int64_t>{2, 4})); // slowest first
    std::vector<float> values(8);
    QVERIFY(dequantise("F32", gguf.tensor("b")->bytes, values).ok());
    QCOMPARE(values, (std::vector<float>{8, 9, 10, 11, 12, 13, 14, 15}));
    QVERIFY(!gguf.tensor("c"));
    QCOMPARE(gguf.integer("general.architecture").error().code, Errc::FileFormat);
    QCOMPARE(gguf.text("missing").error().code, Errc::FileFormat);
}

void TestGguf::badFile_isRefused_data()
{
    QTest::addColumn<QByteArray>("bytes");
    const auto row = [](const char* name, const Bytes& bytes) {
        QTest::newRow(name) << QByteArray::fromStdString(bytes.all());
    };
    constexpr std::uint64_t kHuge = ~std::uint64_t(0);
    row("empty file", Bytes());
    row("wrong magic", Bytes().raw("GGML").padTo(64));
    row("version 1", Bytes().raw("GGUF").number(std::uint32_t(1)).padTo(64));
    row("big-endian", Bytes().raw("GGUF").number(std::uint32_t(0x03000000)).padTo(64));
    row("huge tensor count", header(kHuge, 0).padTo(64));
    row("huge value count", header(0, kHuge).padTo(64));
    row("huge key", header(0, 1).number(kHuge).padTo(64));
    row("huge text", header(0, 1).text("k").number(kText).number(kHuge).padTo(64));
    row("huge list", header(0, 1).text("k").number(kList).number(kU32).number(kHuge).padTo(64));
    row("list whose bytes overflow", header(0, 1).text("k").number(kList).number(kU32).number(kHuge / 4 + 2).padTo(64));
    row("list of an unknown kind", header(0, 1).text("k").number(kList).number(99u).number(std::uint64_t(1)).padTo(64));
    row("value of an unknown kind", header(0, 1).text("k").number(99u).padTo(64));
    row("key twice", header(0, 2).text("k").number(kU32).number(1u).text("k").number(kU32).number(2u).padTo(64));
    Bytes nested = header(0, 1).text("k").number(kList);
    for (int i = 0; i < 100'000; ++i)
        nested.number(kList).number(std::uint64_t(1));
    row("lists nested 100 000 deep", nested);
    row("tensor twice", file({{"a"}, {"a", {8}, kF32, 32}}));
    row("tensor beyond the end", file({{"a", {4, 2}, kF32, 64}}));
    row("tensor longer than the data", file({{"a", {4, 100}}}));
    row("offset overflows", file({{"a", {4, 2}, kF32, kHuge - 31}}));
    row("size overflows", file({{"a", {kHuge / 2, 8}}}));
    row("no values", file({{"a", {0}}}));
    row("five dimensions", file({{"a", {1, 1, 1, 1, 1}}}));
    row("not aligned", file({{"a", {4, 2}, kF32, 4}}));
    row("overlap", file({{"a", {4, 4}}, {"b", {8}, kF32, 32}}));
    row("same place", file({{"a"}, {"b"}}));
    row("rows are no whole blocks", file({{"a", {16}, kQ4_1}}));
    row("alignment zero", file({{"a"}}, 0));
    row("alignment three", file({{"a"}}, 3));
}

void TestGguf::badFile_isRefused()
{
    QFETCH(QByteArray, bytes);
    test::writeFile(path(), bytes.toStdString());
    const auto opened = GgufFile::open(path());
    QVERIFY(!opened.ok());
    QCOMPARE(opened.error().code, Errc::FileFormat);
    QVERIFY(!opened.error().message.empty());
    QVERIFY(!opened.error().hint.empty());
}

void TestGguf::everyTruncation_isRefused()
{
    const std::string whole = file({{"a", {4, 2}, kF32, 0}, {"b", {8}, kF32, 32}}).all();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        test::writeFile(path(), std::string_view(whole).substr(0, size));
        const auto opened = GgufFile::open(path());
        QVERIFY2(!opened.ok(), qPrintable(QString::number(size)));
        QCOMPARE(opened.error().code, Errc::FileFormat);
    }
}

/// Whatever the change does: no crash, and no tensor outside the file.
void TestGguf::everyChangedByte_isReadOrRefused()
{
    const std::string whole = file({{"a", {4, 2}, kF32, 0}, {"b", {8}, kF32, 32}}).all();
    int refused = 0;
    for (std::size_t at = 0; at < whole.size(); ++at)
        for (const char change : {'\x01', '\x80', '\xFF'}) {
            std::string changed = whole;
            changed[at] = char(changed[at] ^ change);
            test::writeFile(path(), changed);
            const auto opened = GgufFile::open(path());
            if (!opened.ok()) {
                ++refused;
                continue;
            }
            for (const GgufTensor& tensor : opened.value()->tensors()) {
                const QuantType* type = quantType(tensor.type);
                const auto wanted = type ? tensor.count() / type->blockValues * type->blockBytes : 0;
                QCOMPARE(std::int64_t(tensor.bytes.size()), wanted);
                QVERIFY(wanted <= std::int64_t(whole.size()));
            }
            QVERIFY(opened.value()->metadata().dump().size() > 0); // also with broken UTF-8
        }
    QVERIFY(refused > 100);
}

void TestGguf::missingFile_isReported_data()
{
    QTest::addColumn<QString>("name");
    QTest::newRow("no such file") << m_folder.filePath(QStringLiteral("nothing.gguf"));
    QTest::newRow("a folder") << m_folder.path();
}

void TestGguf::missingFile_isReported()
{
    QFETCH(QString, name);
    const auto opened = GgufFile::open(name.toStdString());
    QVERIFY(!opened.ok());
    QCOMPARE(opened.error().code, Errc::FileNotFound);
    QVERIFY(!opened.error().hint.empty());
}

void TestGguf::splitModel_isOneFile()
{
    const auto name = [&](int number) {
        return m_folder.filePath(QStringLiteral("m-0000%1-of-00003.gguf").arg(number)).toStdString();
    };
    for (int i = 0; i < 3; ++i)
        test::writeFile(name(i + 1), part(i, 3, std::string(1, 't').append(std::to_string(i))).all());
    for (int asked = 1; asked <= 3; ++asked) { // any part opens all
        const auto opened = GgufFile::open(name(asked));
        QVERIFY2(opened.ok(), opened.ok() ? "" : opened.error().message.c_str());
        QCOMPARE(opened.value()->path(), name(1));
        QCOMPARE(opened.value()->text("name").value(), std::string("part 0"));
        QCOMPARE(opened.value()->tensors().size(), std::size_t(3));
        std::vector<float> values(2);
        QVERIFY(dequantise("F32", opened.value()->tensor("t2")->bytes, values).ok());
        QCOMPARE(values, (std::vector<float>{2, 1}));
    }
}

void TestGguf::badSplit_isRefused_data()
{
    QTest::addColumn<QByteArray>("second"); // null: missing
    QTest::addColumn<int>("code");
    const auto bytes = [](const Bytes& part) { return QByteArray::fromStdString(part.all()); };
    QTest::newRow("missing part") << QByteArray() << int(Errc::FileNotFound);
    QTest::newRow("the same part twice") << bytes(part(0, 2, "t1")) << int(Errc::FileFormat);
    QTest::newRow("a part of another split") << bytes(part(1, 3, "t1")) << int(Errc::FileFormat);
    QTest::newRow("the same tensor") << bytes(part(1, 2, "t0")) << int(Errc::FileFormat);
    QTest::newRow("no part at all") << bytes(file({{"a"}})) << int(Errc::FileFormat);
    QTest::newRow("no GGUF") << QByteArray("text") << int(Errc::FileFormat);
}

void TestGguf::badSplit_isRefused()
{
    QFETCH(QByteArray, second);
    QFETCH(int, code);
    QTemporaryDir folder;
    const auto name = [&](int number) {
        return folder.filePath(QStringLiteral("m-0000%1-of-00002.gguf").arg(number)).toStdString();
    };
    test::writeFile(name(1), part(0, 2, "t0").all());
    if (!second.isNull())
        test::writeFile(name(2), second.toStdString());
    const auto opened = GgufFile::open(name(1));
    QVERIFY(!opened.ok());
    QCOMPARE(int(opened.error().code), code);
    QVERIFY(!opened.error().message.empty() && !opened.error().hint.empty());
}

void TestGguf::realModel_isRead()
{
    const std::string model = test::smolLmPath();
    QVERIFY2(!model.empty(), test::kSmolLmMissing);
    const auto opened = GgufFile::open(model);
    QVERIFY(opened.ok());
    const GgufFile& gguf = *opened.value();
    QCOMPARE(gguf.tensors().size(), std::size_t(272));
    QCOMPARE(gguf.integer("llama.block_count").value(), std::int64_t(30));
    QCOMPARE(gguf.tensor("token_embd.weight")->shape, (std::vector<std::int64_t>{49152, 576}));
    QCOMPARE(gguf.metadata()["tokenizer.ggml.tokens"]["count"].get<int>(), 49152);
    QCOMPARE(GgufFile::open(model).value()->fingerprint(), gguf.fingerprint());
}

QTEST_GUILESS_MAIN(TestGguf)
#include "tst_gguf.moc"
