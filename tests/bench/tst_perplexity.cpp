#include "tests/support/cli_program.h"
#include "tests/support/test_model.h"

#include <cmath>

using namespace ls::test;

/// Perplexity of the first 20,000 ids of WikiText-2 beside the reference (docs/certificate.md): within 0.1 %. Minutes;
/// tests/golden has the first windows.
class TestPerplexity : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void whole_equalsTheReference_data()
    {
        QTest::addColumn<QString>("path");
        QTest::addColumn<QString>("name");
        QTest::newRow("SmolLM2") << QString::fromStdString(smolLmPath())
                                 << QStringLiteral("smollm2-135m-instruct-q4_1");
        QTest::newRow("Gemma") << qEnvironmentVariable("LAYERSCOPE_GEMMA") << QStringLiteral("gemma-3-270m-q4_k_m");
    }

    void whole_equalsTheReference()
    {
        QFETCH(QString, path);
        QFETCH(QString, name);
        if (path.isEmpty())
            QSKIP("The model file is not there: LAYERSCOPE_MODEL or LAYERSCOPE_GEMMA names it.");
        const QString folder = QStringLiteral(LAYERSCOPE_TEST_DATA "/perplexity/");
        QFile file(folder + name + QStringLiteral(".json"));
        QVERIFY(file.open(QIODevice::ReadOnly));
        const QJsonObject expected = QJsonDocument::fromJson(file.readAll()).object();
        CliCall call{{QStringLiteral("perplexity"), path, QStringLiteral("--file"),
                      folder + QStringLiteral("wikitext-2-test-head.txt"), QStringLiteral("--context"),
                      QStringLiteral("512"), QStringLiteral("--max-tokens"), QStringLiteral("20000"),
                      QStringLiteral("--json")}};
        call.engine.clear();
        call.limitMs = 900000;
        const CliResult result = runCli(call);
        QCOMPARE(result.code, 0);
        QCOMPARE(result.json().value(QStringLiteral("tokens")).toInt(),
                 expected.value(QStringLiteral("scored")).toInt());
        const double ours = result.json().value(QStringLiteral("ppl")).toDouble();
        const double theirs = expected.value(QStringLiteral("ppl")).toDouble();
        qInfo("%.5f, reference %.5f", ours, theirs);
        QVERIFY(std::abs(ours / theirs - 1) < 1e-3);
    }
};

QTEST_GUILESS_MAIN(TestPerplexity)
#include "tst_perplexity.moc"
