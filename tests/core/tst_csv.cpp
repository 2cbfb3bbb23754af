#include "core/data/csv.h"
#include "tests/support/bad_file.h"

#include <QTemporaryDir>
#include <QtTest>

using namespace ls;

/// CSV as people write it, and clear errors for what is none.
class TestCsv : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void fields_areRead_data();
    void fields_areRead();
    void damage_isNamed_data();
    void damage_isNamed();
    void missingColumn_namesThoseFound();
    void header_isOptional();
    void missingFile_isAnError();
};

void TestCsv::fields_areRead_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QStringList>("rows"); // fields joined by |
    const auto row = [](const char* name, const char* text, const QStringList& rows) {
        QTest::newRow(name) << QByteArray(text) << rows;
    };
    row("plain", "a,b\n1,2\n", {"a|b", "1|2"});
    row("no line break at the end", "a,b\n1,2", {"a|b", "1|2"});
    row("CRLF", "a,b\r\n1,2\r\n", {"a|b", "1|2"});
    row("quotes with a comma", "\"a,b\",c", {"a,b|c"});
    row("quotes doubled inside", "\"type \"\"one-a\"\"\",c", {"type \"one-a\"|c"});
    row("a field over several lines", "\"one\ntwo\",c\nd,e", {"one\ntwo|c", "d|e"});
    row("empty fields", ",\n\"\",x", {"|", "|x"});
    row("a separator at the end is an empty field", "a,\n", {"a|"});
    row("empty lines are skipped", "a,b\n\n1,2\n\r\n", {"a|b", "1|2"});
    row("a byte order mark is dropped", "\xEF\xBB\xBFid,b", {"id|b"});
    row("a quote inside a plain field stays", "5\" disk,b", {"5\" disk|b"});
    row("nothing", "", {});
}

void TestCsv::fields_areRead()
{
    QFETCH(QByteArray, text);
    QFETCH(QStringList, rows);
    const auto table = parseCsv(text.toStdString(), {false});
    QVERIFY2(table.ok(), table ? "" : table.error().message.c_str());
    QStringList found;
    for (const auto& record : table.value().rows) {
        QStringList fields;
        for (const std::string& field : record)
            fields << QString::fromStdString(field);
        found << fields.join('|');
    }
    QCOMPARE(found, rows);
}

void TestCsv::damage_isNamed_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<int>("code");
    QTest::addColumn<QString>("line");
    QTest::newRow("a quote that never ends") << QByteArray("a,b\n1,\"2\n3") << int(Errc::FileFormat) << "line 2";
    QTest::newRow("text after a closing quote") << QByteArray("a,b\n\"1\"x,2") << int(Errc::FileFormat) << "Line 2";
    QTest::newRow("a row too wide") << QByteArray("a,b\n\"1\n1\",2\n3,4,5") << int(Errc::DataColumns) << "Line 4";
    QTest::newRow("a row too narrow") << QByteArray("a,b\n1") << int(Errc::DataColumns) << "Line 2";
}

void TestCsv::damage_isNamed()
{
    QFETCH(QByteArray, text);
    QFETCH(int, code);
    QFETCH(QString, line);
    const auto table = parseCsv(text.toStdString());
    QVERIFY(!table.ok());
    QCOMPARE(int(table.error().code), code);
    QVERIFY2(QString::fromStdString(table.error().message).contains(line), table.error().message.c_str());
    QVERIFY(!table.error().hint.empty());
}

void TestCsv::missingColumn_namesThoseFound()
{
    const CsvTable table = parseCsv("id,prompt\n1,x\n").value();
    QCOMPARE(table.column("prompt").value(), std::size_t(1));
    const auto absent = table.column("goal");
    QCOMPARE(absent.error().code, Errc::DataColumns);
    QVERIFY(absent.error().message.find("goal") != std::string::npos);
    QVERIFY(absent.error().hint.find("id, prompt") != std::string::npos);
}

void TestCsv::header_isOptional()
{
    QCOMPARE(parseCsv("a,b\n1,2").value().rows.size(), std::size_t(1));
    QCOMPARE(parseCsv("a,b\n1,2", {false}).value().rows.size(), std::size_t(2));
    QCOMPARE(parseCsv("a;b\n1;2", {true, ';'}).value().column("b").value(), std::size_t(1));
}

void TestCsv::missingFile_isAnError()
{
    QTemporaryDir dir;
    QCOMPARE(readCsv(dir.filePath("none.csv").toStdString()).error().code, Errc::FileNotFound);
    QCOMPARE(readCsv(dir.path().toStdString()).error().code, Errc::FileNotFound);
    const std::string path = dir.filePath("bad.csv").toStdString();
    test::writeFile(path, "a\n\"");
    QVERIFY(readCsv(path).error().message.starts_with("bad.csv: "));
}

QTEST_GUILESS_MAIN(TestCsv)
#include "tst_csv.moc"
