#include "core/session/session.h"
#include "tests/support/cli_program.h"

using namespace ls::test;

/// Commands that write sessions, against the fake engine.
class TestSessions : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void run_storesBothLanes();
    void run_keepsWhatADyingEngineSaid();
    void eval_comparesAandB();
    void rerun_ofTheSameEngineIsEqual();
    void rerun_needsSomethingToRun();
    void tour_leavesSessionAndNumbers();

private:
    const QString m_model = QStringLiteral(LAYERSCOPE_FAKE_ENGINE);
    QString methods(const QTemporaryDir& dir) const
    {
        return writeFile(dir, "skip.json", R"([{"method": "layer_skip", "params": {"blocks": [2]}}])");
    }
};

void TestSessions::run_storesBothLanes()
{
    QTemporaryDir dir;
    const QString session = dir.filePath("a.lsdb");
    const CliResult result = runCli({{"run", m_model, "--prompt", "The water", "-n", "20", "--methods", methods(dir),
                                      "--probes", "layer_norms,logit_lens", "--session", session, "--json"}});
    QVERIFY2(result.code == 0, result.err.constData());
    QCOMPARE(result.json()["lanes"].toArray().size(), 2);
    QVERIFY(result.json()["lanes"][0]["ids"] != result.json()["lanes"][1]["ids"]);
    QVERIFY(result.json()["lanes"][1]["divergence"].isDouble());
    QVERIFY(QFile::exists(session));
}

void TestSessions::run_keepsWhatADyingEngineSaid()
{
    QTemporaryDir dir;
    const QString session = dir.filePath("a.lsdb");
    const CliResult result =
        runCli({{"run", m_model, "--prompt", "The", "-n", "20", "--session", session}, {}, "--kill-at 10"});
    QCOMPARE(result.code, 1);
    QVERIFY(result.err.contains("memory ran out"));
    QVERIFY(result.out.startsWith("A: ") && result.out.size() > 20); // what had arrived is printed, too
    const auto kept = ls::Session::open(session.toStdString(), true);
    QVERIFY(kept.ok());
    QCOMPARE(kept.value()->runs().size(), std::size_t(1));
    QVERIFY(kept.value()->runs()[0]->failure.has_value());
    QCOMPARE(kept.value()->runs()[0]->lanes[0].text().empty(), false);
    const CliResult again = runCli({{"rerun", session, "--json"}});
    QCOMPARE(again.code, 1); // nothing of it was finished
    QVERIFY2((again.err + again.out).contains("run 1 failed"), (again.err + again.out).constData());
    // A run that failed does not keep the others from being compared.
    QCOMPARE(runCli({{"run", m_model, "--prompt", "The", "-n", "20", "--session", session}}).code, 0);
    const CliResult both = runCli({{"rerun", session, "--json"}});
    QVERIFY2(both.code == 0, (both.err + both.out).constData());
    QCOMPARE(both.json()["skipped"].toArray().size(), 1);
    QVERIFY(both.json()["comparisons"].toArray().size() > 0);
}

void TestSessions::eval_comparesAandB()
{
    QTemporaryDir dir;
    const CliResult result = runCli({{"eval", m_model, "--limit", "40", "--methods", methods(dir), "--json"}});
    QVERIFY2(result.code == 0, result.err.constData());
    QCOMPARE(result.json()["chance"].toDouble(), 50.0);
    QStringList names;
    for (const auto& metric : result.json()["metrics"].toArray())
        names << metric.toObject()["name"].toString() + ' ' + metric.toObject()["lane"].toString();
    for (const char* name : {"accuracy/truefalse A", "accuracy/truefalse B", "accuracy/truefalse B-A",
                             "mcnemar_p/truefalse B-A", "auroc/truefalse A"})
        QVERIFY2(names.contains(QLatin1String(name)), qPrintable(names.join(", ")));
    QCOMPARE(runCli({{"eval", m_model, "--task", "mmlu/no-such"}}).code, 1);
}

void TestSessions::rerun_ofTheSameEngineIsEqual()
{
    QTemporaryDir dir;
    const QString session = dir.filePath("a.lsdb");
    QCOMPARE(runCli({{"run", m_model, "--prompt", "The water", "-n", "20", "--methods", methods(dir), "--probes",
                      "layer_norms,contextualisation", "--session", session}})
                 .code,
             0);
    QCOMPARE(runCli({{"eval", m_model, "--limit", "10", "--session", session}}).code, 0);
    const CliResult result = runCli({{"rerun", session, "--json"}});
    QVERIFY2(result.code == 0, (result.err + result.out).constData());
    int equal = 0;
    for (const auto& each : result.json()["comparisons"].toArray())
        equal += each.toObject()["verdict"] == "equal";
    QVERIFY(equal >= 10);
    QVERIFY(result.json()["environment"].toArray().isEmpty());
}

void TestSessions::rerun_needsSomethingToRun()
{
    QTemporaryDir dir;
    QCOMPARE(runCli({{"rerun", dir.filePath("none.lsdb")}}).code, 1);
    QCOMPARE(runCli({{"rerun", writeFile(dir, "text.lsdb", "hello")}}).code, 1);
}

void TestSessions::tour_leavesSessionAndNumbers()
{
    QTemporaryDir dir;
    for (int round = 0; round < 2; ++round) { // again into the same folder
        const CliResult result = runCli({{"tour", "--model", m_model, "--out", dir.path()}});
        QVERIFY2(QFile::exists(dir.filePath("tour.lsdb")), result.err.constData());
        for (const char* name : {"kl_fill_in", "perplexity", "accuracy/truefalse", "rate/tg32", "decode_rate"})
            QVERIFY2(result.out.contains(name), result.out.constData());
        QVERIFY(QFile::exists(dir.filePath("tour.csv")));
    }
}

QTEST_GUILESS_MAIN(TestSessions)
#include "tst_sessions.moc"
