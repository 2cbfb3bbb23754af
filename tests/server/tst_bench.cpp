#include "tests/support/cli_program.h"
#include "tests/support/test_model.h"

using namespace ls::test;

/// `bench` with the built engine and the real model: each format once, one repetition.
class TestBench : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() { QVERIFY2(!smolLmPath().empty(), kSmolLmMissing); }
    void formats_holdWhatWasMeasured_data()
    {
        QTest::addColumn<QString>("format");
        QTest::addColumn<int>("lines");
        QTest::newRow("markdown") << "md" << 2 + 4;
        QTest::newRow("csv") << "csv" << 1 + 4;
        QTest::newRow("json") << "json" << 2 + 4;
        QTest::newRow("jsonl") << "jsonl" << 4;
    }
    void formats_holdWhatWasMeasured()
    {
        QFETCH(QString, format);
        QFETCH(int, lines);
        const CliResult result =
            runCli({{"bench", QString::fromStdString(smolLmPath()), "-p", "8", "-n", "2", "-d", "0,4", "-r", "1", "-t",
                     "1", "--dtype", "bfloat16", "--no-warmup", "-o", format},
                    {},
                    {},
                    QString(),
                    120000});
        QVERIFY2(result.code == 0, result.err.constData());
        QCOMPARE(result.out.trimmed().split('\n').size(), lines);
        if (format != "json")
            return;
        for (const QJsonValue& row : QJsonDocument::fromJson(result.out).array()) {
            QVERIFY(row["avg_ts"].toDouble() > 0);
            QCOMPARE(row["n_threads"].toInt(), 1);
            QCOMPARE(row["type_k"].toString(), QStringLiteral("bf16"));
            QCOMPARE(row["samples_ns"].toArray().size(), 1);
        }
    }
};

QTEST_GUILESS_MAIN(TestBench)
#include "tst_bench.moc"
