#include "core/embedded.h"
#include "core/spec/layer_set.h"
#include "core/spec/method_schema.h"
#include "core/spec/method_use.h"

#include <QtTest>

using namespace ls;
using nlohmann::json;

/// Layer sets, method sets and method descriptions are read strictly.
class TestSpec : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void layers_areRead_data();
    void layers_areRead();
    void layerText_isShort();
    void methodSet_isReadStrictly_data();
    void methodSet_isReadStrictly();
    void specHash_seesEveryDifference();
    void schemas_ofAllMethodsAreComplete();
    void schema_withoutDefaultIsRefused();
};

void TestSpec::layers_areRead_data()
{
    QTest::addColumn<QString>("source");
    QTest::addColumn<QString>("expected"); // "-" = refused
    QTest::newRow("a list is sorted and unique") << "[5,2,5]"
                                                 << "2,5";
    QTest::newRow("all") << "\"all\""
                         << "0-7";
    QTest::newRow("text with a range") << "\"1, 3-5\""
                                       << "1,3-5";
    QTest::newRow("none") << "[]"
                          << "";
    QTest::newRow("empty text is none") << "\"\""
                                        << "";
    QTest::newRow("a block too many") << "[8]"
                                      << "-";
    QTest::newRow("a range past the end") << "\"6-8\""
                                          << "-";
    QTest::newRow("negative") << "[-1]"
                              << "-";
    QTest::newRow("a fraction") << "[1.5]"
                                << "-";
    QTest::newRow("backwards") << "\"5-3\""
                               << "-";
    QTest::newRow("words") << "\"first\""
                           << "-";
    QTest::newRow("trailing dash") << "\"2-\""
                                   << "-";
    QTest::newRow("a number") << "3"
                              << "-";
    QTest::newRow("beyond 32 bits") << "[4294967297]"
                                    << "-";
}

void TestSpec::layers_areRead()
{
    QFETCH(QString, source);
    QFETCH(QString, expected);
    const auto layers = layerSetFromJson(json::parse(source.toStdString()), 8);
    QCOMPARE(layers ? QString::fromStdString(layerSetText(layers.value())) : QStringLiteral("-"), expected);
}

void TestSpec::layerText_isShort()
{
    QCOMPARE(layerSetText({1, 2, 3, 5, 6, 9}), std::string("1-3,5,6,9"));
}

void TestSpec::methodSet_isReadStrictly_data()
{
    QTest::addColumn<QString>("source");
    QTest::addColumn<bool>("good");
    QTest::newRow("two methods") << R"([{"method":"a","params":{"x":1}},{"method":"b"}])" << true;
    QTest::newRow("none") << "[]" << true;
    QTest::newRow("no list") << "{}" << false;
    QTest::newRow("no method") << R"([{"params":{}}])" << false;
    QTest::newRow("unknown key") << R"([{"method":"a","parms":{}}])" << false;
    QTest::newRow("params no object") << R"([{"method":"a","params":[1]}])" << false;
}

void TestSpec::methodSet_isReadStrictly()
{
    QFETCH(QString, source);
    QFETCH(bool, good);
    const auto methods = methodSetFromJson(json::parse(source.toStdString()));
    QCOMPARE(methods.ok(), good);
    if (good)
        QCOMPARE(methodSetFromJson(toJson(methods.value())).value(), methods.value());
}

void TestSpec::specHash_seesEveryDifference()
{
    const MethodSet one{{"a", {{"x", 1}}}}, other{{"a", {{"x", 2}}}}, both{{"a", {{"x", 1}}}, {"b"}};
    QCOMPARE(specHash(one), specHash(MethodSet{{"a", {{"x", 1}}}}));
    QVERIFY(specHash(one) != specHash(other));
    QVERIFY(specHash(one) != specHash(both));
}

void TestSpec::schemas_ofAllMethodsAreComplete()
{
    QCOMPARE(methodSchemas().size(), embedded::method_schema_files().size());
    QVERIFY(methodSchemas().size() >= 6);
    for (const EmbeddedFile& file : embedded::method_schema_files()) {
        const std::string folder(file.path.substr(0, file.path.find('/')));
        QVERIFY2(findMethodSchema(folder), folder.c_str()); // folder and id agree
    }
    QCOMPARE(findMethodSchema("sparse_attention")->changes, Changes::Read);
    QCOMPARE(findMethodSchema("steering")->param("unit")->defaultValue, json("raw"));
    QCOMPARE(findMethodSchema("steering")->param("tokens")->defaultValue, json("all"));
    QVERIFY(!findMethodSchema("nonsense"));
}

void TestSpec::schema_withoutDefaultIsRefused()
{
    const auto schema = parseMethodSchema(R"({"id":"x","title":"X","group":"G","kind":"probe","summary":"s",
        "changes":"nothing","params":[{"id":"a","title":"A","help":"h","type":"int"}]})");
    QVERIFY(!schema.ok());
    QVERIFY(QString::fromStdString(schema.error().detail).contains(QStringLiteral("default")));
}

QTEST_GUILESS_MAIN(TestSpec)
#include "tst_spec.moc"
