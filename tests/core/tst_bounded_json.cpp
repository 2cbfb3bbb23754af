#include "core/bounded_json.h"

#include <QtTest>

using namespace ls;
using nlohmann::json;

/// JSON and CBOR of strangers: what is no value is told, whatever it does.
class TestBoundedJson : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void text_isReadOrRefused_data();
    void text_isReadOrRefused();
    void cbor_isReadOrRefused_data();
    void cbor_isReadOrRefused();
    void everyTruncation_isRefused();
    void anyBytes_areReadAsTheLibraryReadsThem();
};

namespace {

QByteArray nested(const char* open, const char* close, int times)
{
    return QByteArray(open).repeated(times) + "1" + QByteArray(close).repeated(times);
}

std::optional<json> cbor(const QByteArray& bytes)
{
    return parseCbor({reinterpret_cast<const std::uint8_t*>(bytes.constData()), std::size_t(bytes.size())});
}

json sample()
{
    return {{"a", {1, -1, 300, 70000, 5'000'000'000, 0.5, nullptr, true}},
            {"b", {{"text", std::string(300, 'x')}, {"bytes", json::binary(std::vector<std::uint8_t>(70'000, 7))}}},
            {"", json::array()}};
}

} // namespace

void TestBoundedJson::text_isReadOrRefused_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<bool>("good");
    QTest::newRow("a value") << QByteArray("[1, {\"a\": [\"[[[\"]}]") << true;
    QTest::newRow("as deep as may be") << nested("[", "]", kDeepestJson) << true;
    QTest::newRow("one level deeper") << nested("[", "]", kDeepestJson + 1) << false;
    QTest::newRow("objects a million deep") << nested("{\"a\":", "}", 1'000'000) << false;
    QTest::newRow("lists that never end") << QByteArray(1'000'000, '[') << false;
    QTest::newRow("brackets in a text nest nothing") << '"' + QByteArray(100'000, '[') + '"' << true;
    QTest::newRow("a quote behind a backslash ends no text") << QByteArray(R"(["\"[", "\\"])") << true;
    QTest::newRow("nothing") << QByteArray() << false;
    QTest::newRow("broken UTF-8") << QByteArray("[\"\xc3\"]") << false;
    QTest::newRow("more behind it") << QByteArray("[] []") << false;
}

void TestBoundedJson::text_isReadOrRefused()
{
    QFETCH(QByteArray, text);
    QFETCH(bool, good);
    QCOMPARE(parseJson({text.constData(), std::size_t(text.size())}).has_value(), good);
}

void TestBoundedJson::cbor_isReadOrRefused_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<bool>("good");
    const auto row = [](const char* name, const QByteArray& bytes, bool good = false) {
        QTest::newRow(name) << bytes << good;
    };
    row("as deep as may be", QByteArray(kDeepestJson, '\x81') + '\x01', true);
    row("one level deeper", QByteArray(kDeepestJson + 1, '\x81') + '\x01');
    row("lists a million deep", QByteArray(1'000'000, '\x81') + '\x01');
    row("maps a million deep", QByteArray("\xa1\x61\x61").repeated(1'000'000) + '\x01');
    row("a list of 2^63 items", QByteArray("\x9b\x80\0\0\0\0\0\0\0\x01", 10));
    row("a map of 2^64 - 1 pairs", QByteArray("\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10));
    row("a list of 2^31 items", QByteArray("\x9a\x80\0\0\0\x01", 6));
    row("a text longer than the bytes", QByteArray("\x7a\x7f\xff\xff\xff\x61", 6));
    row("bytes longer than the bytes", QByteArray("\x5b\x7f\xff\xff\xff\xff\xff\xff\xff\x61", 10));
    row("a list without a length", QByteArray("\x9f\x01\xff", 3));
    row("texts in texts without a length", QByteArray(1'000'000, '\x7f'));
    row("a reserved head", QByteArray("\x1c", 1));
    row("a map whose key is a number", QByteArray("\xa1\x01\x02", 3));
    row("more behind it", QByteArray("\x01\x01", 2));
    row("nothing", QByteArray());
}

void TestBoundedJson::cbor_isReadOrRefused()
{
    QFETCH(QByteArray, bytes);
    QFETCH(bool, good);
    QCOMPARE(cbor(bytes).has_value(), good);
}

void TestBoundedJson::everyTruncation_isRefused()
{
    const auto whole = json::to_cbor(sample());
    const QByteArray bytes(reinterpret_cast<const char*>(whole.data()), qsizetype(whole.size()));
    QVERIFY(cbor(bytes) == sample());
    for (qsizetype size = 0; size < bytes.size(); size += size < 1000 ? 1 : 997)
        QVERIFY(!cbor(bytes.left(size)));
}

void TestBoundedJson::anyBytes_areReadAsTheLibraryReadsThem()
{
    const auto whole = json::to_cbor(json{{"a", {1, 2.5, "text", {{"b", nullptr}}}}, {"c", json::binary({1, 2, 3})}});
    int good = 0;
    for (std::size_t at = 0; at < whole.size(); ++at)
        for (int value = 0; value < 256; ++value) {
            auto bytes = whole;
            bytes[at] = std::uint8_t(value);
            const auto ours = parseCbor(bytes);
            if (!ours)
                continue;
            ++good;
            QVERIFY(*ours == json::from_cbor(bytes));
        }
    QVERIFY(good > 1000);
}

QTEST_GUILESS_MAIN(TestBoundedJson)
#include "tst_bounded_json.moc"
