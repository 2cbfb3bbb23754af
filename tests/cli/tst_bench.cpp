#include "tests/support/cli_program.h"

#include <cmath>

using namespace ls::test;

/// `bench` speaks as llama-bench does: lists, ranges, columns, formats. Against the fake engine; its speed is made up.
class TestBench : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void tests_areTheNumbersGiven_data();
    void tests_areTheNumbersGiven();
    void options_thatAreWrong_areUsage_data();
    void options_thatAreWrong_areUsage();
    void settings_areAllCombinations();
    void samples_areTheRepetitions();
    void lanes_areMethodsAndTaps();
    void csv_hasAColumnForEachName();
    void sql_isReadByADatabase();
    void markdown_isATable();
    void stages_addUpToTheWhole();
    void compare_printsRatios_data();
    void compare_printsRatios();
    void compare_tellsWhatIsWrong_data();
    void compare_tellsWhatIsWrong();

private:
    const QString m_model = QStringLiteral(LAYERSCOPE_FAKE_ENGINE); // any file

    CliResult bench(const QStringList& arguments) const
    {
        return runCli({QStringList{"bench", m_model, "-r", "2"} + arguments});
    }
    static QStringList testsOf(const CliResult& result)
    {
        QStringList tests;
        for (const QJsonObject& row : result.jsonLines())
            tests << QStringLiteral("%1,%2,%3")
                         .arg(row["n_prompt"].toInt())
                         .arg(row["n_gen"].toInt())
                         .arg(row["n_depth"].toInt());
        return tests;
    }
};

void TestBench::tests_areTheNumbersGiven_data()
{
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<QStringList>("tests"); // prompt, generated, depth
    const QStringList noReply{"-n", "0"};
    QTest::newRow("llama-bench's own") << QStringList{} << QStringList{"512,0,0", "0,128,0"};
    QTest::newRow("a list") << QStringList{"-p", "8,16", "-n", "4"} << QStringList{"8,0,0", "16,0,0", "0,4,0"};
    QTest::newRow("an option twice") << QStringList{"-p", "8", "-p", "16"} + noReply << QStringList{"8,0,0", "16,0,0"};
    QTest::newRow("a range goes by one") << QStringList{"-p", "8-10"} + noReply
                                         << QStringList{"8,0,0", "9,0,0", "10,0,0"};
    QTest::newRow("a range with a step") << QStringList{"-p", "8-20+5"} + noReply
                                         << QStringList{"8,0,0", "13,0,0", "18,0,0"};
    QTest::newRow("a range with a factor")
        << QStringList{"-p", "8-40*2"} + noReply << QStringList{"8,0,0", "16,0,0", "32,0,0"};
    QTest::newRow("a list of ranges") << QStringList{"-p", "4,8-9"} + noReply << QStringList{"4,0,0", "8,0,0", "9,0,0"};
    QTest::newRow("both together") << QStringList{"-p", "0", "-n", "0", "-pg", "8,4", "-pg", "16,2"}
                                   << QStringList{"8,4,0", "16,2,0"};
    QTest::newRow("every test at every depth")
        << QStringList{"-p", "8", "-n", "4", "-d", "0,32"} << QStringList{"8,0,0", "0,4,0", "8,0,32", "0,4,32"};
    QTest::newRow("the same test is measured once") << QStringList{"-p", "8,8"} + noReply << QStringList{"8,0,0"};
}

void TestBench::tests_areTheNumbersGiven()
{
    QFETCH(QStringList, arguments);
    QFETCH(QStringList, tests);
    const CliResult result = bench(arguments + QStringList{"-o", "jsonl"});
    QCOMPARE(result.code, 0);
    QCOMPARE(testsOf(result), tests);
}

void TestBench::options_thatAreWrong_areUsage_data()
{
    QTest::addColumn<QStringList>("arguments");
    const QList<QPair<const char*, QStringList>> rows{
        {"no number", {"-p", "many"}},
        {"a number with a tail", {"-p", "12x"}},
        {"negative", {"-p=-5"}},
        {"an empty part", {"-p", "8,,16"}},
        {"a range without an end", {"-p", "8-"}},
        {"a range that goes down", {"-p", "16-8"}},
        {"a range that stands still", {"-p", "8-16+0"}},
        {"a factor of one", {"-p", "8-16*1"}},
        {"a factor from zero", {"-p", "0-16*2"}},
        {"an unknown step", {"-p", "8-16/2"}},
        {"too many values", {"-p", "1-100000"}},
        {"a number too large", {"-p", "99999999999"}},
        {"half a pair", {"-pg", "8"}},
        {"three of a pair", {"-pg", "8,4,2"}},
        {"nothing to measure", {"-p", "0", "-n", "0"}},
        {"a batch of nothing", {"-b", "0"}},
        {"no repetition", {"-r", "0"}},
        {"an unknown format", {"-o", "xml"}},
        {"an unknown reduction", {"--tap-reduce", "sum"}},
        {"a comparison as csv", {"--compare", "true", "-o", "csv"}},
    };
    for (const auto& [name, arguments] : rows)
        QTest::newRow(name) << arguments;
}

void TestBench::options_thatAreWrong_areUsage()
{
    QFETCH(QStringList, arguments);
    const CliResult result = runCli({QStringList{"bench", m_model} + arguments});
    QCOMPARE(result.code, 2);
    QVERIFY(result.out.isEmpty());
    QVERIFY(!result.err.isEmpty());
}

void TestBench::settings_areAllCombinations()
{
    const CliResult result = runCli({{"bench", "-m", m_model + "," + m_model, "-p", "8", "-n", "0", "-r", "1", "-b",
                                      "64,128", "-t", "1-2", "-o", "jsonl"}});
    QCOMPARE(result.code, 0);
    QCOMPARE(result.jsonLines().size(), 2 * 2 * 2);
    QStringList batches;
    for (const QJsonObject& row : result.jsonLines())
        batches << QString::number(row["n_batch"].toInt());
    QCOMPARE(batches.mid(0, 4), (QStringList{"64", "128", "64", "128"}));
    QCOMPARE(runCli({{"bench", "-m", m_model, "-m", "/nowhere.gguf", "-p", "8", "-n", "0"}}).code, 1);
}

void TestBench::samples_areTheRepetitions()
{
    const CliResult result = runCli({{"bench", m_model, "-p", "32", "-n", "8", "-r", "6", "-o", "json"}});
    QCOMPARE(result.code, 0);
    const QJsonArray rows = QJsonDocument::fromJson(result.out).array();
    QCOMPARE(rows.size(), 2);
    const QJsonObject row = rows[0].toObject();
    const QJsonArray nanoseconds = row["samples_ns"].toArray(), rates = row["samples_ts"].toArray();
    QCOMPARE(nanoseconds.size(), 6);
    QCOMPARE(rates.size(), 6);
    double sum = 0, squares = 0;
    for (int i = 0; i < 6; ++i) {
        QVERIFY(std::abs(rates[i].toDouble() * nanoseconds[i].toDouble() / 32e9 - 1) < 1e-6);
        sum += rates[i].toDouble();
    }
    for (int i = 0; i < 6; ++i)
        squares += std::pow(rates[i].toDouble() - sum / 6, 2);
    QVERIFY(std::abs(row["avg_ts"].toDouble() - sum / 6) < 1e-6);
    QVERIFY(std::abs(row["stddev_ts"].toDouble() - std::sqrt(squares / 5)) < 1e-6);
    QCOMPARE(row["n_threads"].toInt(), 2);
    QCOMPARE(row["backends"].toString(), QStringLiteral("CPU"));
}

void TestBench::lanes_areMethodsAndTaps()
{
    QTemporaryDir dir;
    const QString skip = writeFile(dir, "skip.json", R"([{"method": "layer_skip", "params": {"blocks": [2]}}])");
    const CliResult result = bench(
        {"-p", "8", "-n", "0", "--methods", skip, "--methods", skip, "--taps", "blocks.*.resid_post", "-o", "jsonl"});
    QCOMPARE(result.code, 0);
    QStringList lanes;
    for (const QJsonObject& row : result.jsonLines()) {
        lanes << row["lane"].toString();
        QCOMPARE(row["taps"].toString().contains("resid_post"), lanes.last().endsWith("+taps"));
        QCOMPARE(row["methods"].toString().contains("layer_skip"), !lanes.last().startsWith("A"));
    }
    QCOMPARE(lanes, (QStringList{"A", "A+taps", "B", "B+taps", "C", "C+taps"}));
    QCOMPARE(bench({"--methods", "/nowhere.json"}).code, 1);
}

void TestBench::csv_hasAColumnForEachName()
{
    QTemporaryDir dir;
    const QString skip = writeFile(dir, "skip.json", R"([{"method": "layer_skip", "params": {"blocks": [2]}}])");
    const CliResult result = bench({"-p", "8", "-n", "0", "--methods", skip, "-o", "csv"});
    QCOMPARE(result.code, 0);
    const QList<QByteArray> lines = result.out.trimmed().split('\n');
    QCOMPARE(lines.size(), 3);
    const QList<QByteArray> names = lines[0].split(',');
    for (const char* name : {"build_commit", "cpu_info", "model_filename", "model_type", "model_size", "model_n_params",
                             "n_batch", "n_threads", "type_k", "type_v", "n_prompt", "n_gen", "n_depth", "test_time",
                             "avg_ns", "stddev_ns", "avg_ts", "stddev_ts"})
        QVERIFY2(names.contains(name), name);
    QVERIFY(lines[2].contains(R"("[{""method"":""layer_skip"",)")); // a quote is doubled
    int columns = 1;
    bool inside = false;
    for (const char c : lines[2]) {
        inside ^= c == '"';
        columns += c == ',' && !inside;
    }
    QCOMPARE(columns, names.size());
}

void TestBench::sql_isReadByADatabase()
{
    QTemporaryDir dir;
    const QString name = dir.filePath("it's a model.gguf"); // a quote that must be doubled
    QVERIFY(QFile::copy(m_model, name));
    const CliResult result = runCli({{"bench", name, "-p", "8", "-n", "4", "-r", "1", "-o", "sql"}});
    QCOMPARE(result.code, 0);
    QProcess python;
    python.start("python3", {"-c", "import sqlite3,sys\n"
                                   "db=sqlite3.connect(':memory:')\n"
                                   "db.executescript(sys.stdin.read())\n"
                                   "for r in db.execute('select model_filename,n_prompt,n_gen,typeof(avg_ts),"
                                   "typeof(model_size) from layerscope_bench'): print(*r,sep='|')\n"});
    python.write(result.out);
    python.closeWriteChannel();
    QVERIFY(python.waitForFinished(20000));
    const QByteArray path = name.toUtf8();
    QCOMPARE(python.readAllStandardOutput(), path + "|8|0|real|integer\n" + path + "|0|4|real|integer\n");
}

void TestBench::markdown_isATable()
{
    const CliResult result = bench({"-p", "8", "-n", "0", "-pg", "8,4", "-d", "16"});
    QCOMPARE(result.code, 0);
    const QList<QByteArray> lines = result.out.trimmed().split('\n');
    QCOMPARE(lines.size(), 4);
    for (const QByteArray& line : lines)
        QCOMPARE(line.count('|'), lines[0].count('|'));
    QVERIFY(lines[2].contains("pp8 @ d16"));
    QVERIFY(lines[3].contains("pp8+tg4 @ d16"));
}

void TestBench::stages_addUpToTheWhole()
{
    const QStringList stages{"embed", "qkv", "attention", "output", "mlp", "unembed", "sampling", "hooks", "other"};
    for (const QJsonObject& row : bench({"-p", "8", "-n", "4", "-o", "jsonl"}).jsonLines()) { // asked for or not
        double sum = 0;
        for (const QString& stage : stages)
            sum += row["stages_ns"][stage].toDouble();
        QCOMPARE(row["stages_ns"].toObject().size(), stages.size());
        QVERIFY(std::abs(sum / row["avg_ns"].toDouble() - 1) < 1e-6);
    }
    const QList<QByteArray> csv = bench({"-n", "0", "--stages", "-o", "csv"}).out.trimmed().split('\n');
    const QList<QByteArray> names = csv[0].split(','), values = csv[1].split(',');
    QVERIFY(names.endsWith("other_ns"));
    QVERIFY(!bench({"-n", "0", "-o", "csv"}).out.contains("other_ns"));
    QVERIFY(values[values.size() - stages.size() + 4].toLongLong() > 0); // the MLP, with the others at the end

    const QList<QByteArray> lines = bench({"-p", "8", "-n", "4", "--stages"}).out.trimmed().split('\n');
    const auto title = lines.indexOf("ms per token by stage");
    QCOMPARE(title, 5); // behind the table of speeds and an empty line
    QCOMPARE(lines.size(), title + 2 + 4);
    const QList<QByteArray> head = lines[title + 2].split('|'), row = lines[title + 5].split('|');
    QCOMPARE(row.size(), head.size());
    QCOMPARE(row[3].trimmed(), QByteArray("tg4"));
    double sum = 0;
    for (int i = 0; i < stages.size(); ++i) {
        QCOMPARE(head[4 + i].trimmed(), stages[i].toUtf8());
        sum += row[4 + i].toDouble();
    }
    QVERIFY(std::abs(sum - row[4 + stages.size()].toDouble()) < 1e-3);
    QVERIFY(std::abs(sum / (1000.0 / 60) - 1) < 0.02); // ms of the fake's made-up speed
}

void TestBench::compare_printsRatios_data()
{
    QTest::addColumn<QByteArray>("printed");
    QTest::newRow("an array") << QByteArray(
        R"([{"n_prompt": 8, "n_gen": 0, "n_depth": 0, "avg_ts": 450.0}, {"n_prompt": 0, "n_gen": 4, "avg_ts": 120.0}])");
    QTest::newRow("an object a line") << QByteArray(
        "{\"n_prompt\": 8, \"n_gen\": 0, \"n_depth\": 0, \"avg_ts\": 450.0}\n"
        "{\"n_prompt\": 0, \"n_gen\": 4, \"n_depth\": 0, \"avg_ts\": 120.0}\n\n");
}

void TestBench::compare_printsRatios()
{
    QFETCH(QByteArray, printed);
    QTemporaryDir dir;
    const QString file = writeFile(dir, "rows.json", printed);
    const QString log = dir.filePath("calls");
    const QString command = QStringLiteral("echo x >> '%1'; cat '%2'").arg(log, file);
    const CliResult result = bench({"-p", "8", "-n", "4", "--compare", command, "--rounds", "3", "-o", "json"});
    QCOMPARE(result.code, 0);
    const QJsonArray rows = QJsonDocument::fromJson(result.out).array();
    QCOMPARE(rows.size(), 2);
    QCOMPARE(rows[0]["ratios"].toArray().size(), 3);
    QVERIFY(std::abs(rows[0]["ratio_median"].toDouble() - 900.0 / 450.0) < 0.05); // the fake's made-up speeds
    QVERIFY(std::abs(rows[1]["ratio_median"].toDouble() - 60.0 / 120.0) < 0.02);
    QVERIFY(rows[0]["ratio_min"].toDouble() <= rows[0]["ratio_median"].toDouble());
    QFile calls(log);
    QVERIFY(calls.open(QIODevice::ReadOnly));
    QCOMPARE(calls.readAll(), QByteArray("x\nx\nx\n"));
}

void TestBench::compare_tellsWhatIsWrong_data()
{
    QTest::addColumn<QString>("command");
    QTest::addColumn<QByteArray>("says");
    QTest::newRow("it fails") << "exit 3" << QByteArray("failed");
    QTest::newRow("it prints something else") << "echo hello" << QByteArray("no rows of llama-bench");
    QTest::newRow("it prints nothing") << "true" << QByteArray("no rows of llama-bench");
    QTest::newRow("a row without a speed")
        << R"(echo '[{"n_prompt": 8, "n_gen": 0}]')" << QByteArray("no rows of llama-bench");
    QTest::newRow("other tests") << R"(echo '[{"n_prompt": 16, "n_gen": 0, "avg_ts": 1.0}]')"
                                 << QByteArray("measured pp8 0 times");
}

void TestBench::compare_tellsWhatIsWrong()
{
    QFETCH(QString, command);
    QFETCH(QByteArray, says);
    const CliResult result = bench({"-p", "8", "-n", "0", "--compare", command});
    QCOMPARE(result.code, 1);
    QVERIFY2(result.err.contains(says), result.err.constData());
    QVERIFY(result.out.isEmpty());
}

QTEST_GUILESS_MAIN(TestBench)
#include "tst_bench.moc"
