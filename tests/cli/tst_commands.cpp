#include "tests/support/cli_program.h"

#include <cmath>
#include <csignal>

using namespace ls::test;

/// The command line against the fake engine: exit codes, what is on stdout, and how failures are told.
class TestCommands : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void usage_isCheckedFirst_data();
    void usage_isCheckedFirst();
    void failure_isToldWithHint_data();
    void failure_isToldWithHint();
    void inspect_printsJsonAndText();
    void tokenize_answersEveryLine();
    void tokenize_refusesALineWithoutText();
    void renderChat_answersEveryContext();
    void capture_writesNamedTensors();
    void generate_streamsText();
    void generate_jsonHasEveryToken();
    void generate_methodsChangeTheResult();
    void generate_chatFileIsAPrompt();
    void perplexity_jsonHasThreeNumbers();
    void interrupt_printsWhatWasGenerated();
    void lostOutput_isAFailure_data();
    void lostOutput_isAFailure();
    void capture_doesNotReplaceTheModel();

private:
    QString file(const char* name, const QByteArray& content)
    {
        QFile out(m_folder.filePath(QLatin1String(name)));
        if (!out.open(QIODevice::WriteOnly) || out.write(content) != content.size())
            qFatal("no file %s", name);
        return out.fileName();
    }
    QTemporaryDir m_folder;
    const QString m_model =
        QStringLiteral(LAYERSCOPE_FAKE_ENGINE); // any file: the fake engine only looks that it exists
};

void TestCommands::usage_isCheckedFirst_data()
{
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<int>("code");
    QTest::newRow("help is no failure") << QStringList{"--help"} << 0;
    QTest::newRow("help of a command") << QStringList{"generate", "--help"} << 0;
    QTest::newRow("version") << QStringList{"--version"} << 0;
    QTest::newRow("no command") << QStringList{} << 2;
    QTest::newRow("unknown command") << QStringList{"fly"} << 2;
    QTest::newRow("missing model") << QStringList{"generate", "--prompt", "x"} << 2;
    QTest::newRow("no prompt") << QStringList{"generate", m_model} << 2;
    QTest::newRow("two prompts") << QStringList{"generate", m_model, "--prompt", "x", "--ids", "1"} << 2;
    QTest::newRow("ids that are none") << QStringList{"generate", m_model, "--ids", "1,two"} << 2;
    QTest::newRow("negative temperature")
        << QStringList{"generate", m_model, "--prompt", "x", "--temperature", "-1"} << 2;
    QTest::newRow("temperature that is no number")
        << QStringList{"generate", m_model, "--prompt", "x", "--temperature", "nan"} << 2;
    QTest::newRow("infinite temperature")
        << QStringList{"generate", m_model, "--prompt", "x", "--temperature", "inf"} << 2;
    QTest::newRow("nothing to draw from") << QStringList{"generate", m_model, "--prompt", "x", "--top-p", "0"} << 2;
    QTest::newRow("more than everything to draw from")
        << QStringList{"run", m_model, "--prompt", "x", "--session", "s.lsdb", "--top-p", "1.5"} << 2;
    QTest::newRow("ids with a gap") << QStringList{"generate", m_model, "--ids", "1,,3"} << 2;
    QTest::newRow("ids that are empty") << QStringList{"generate", m_model, "--ids", ""} << 2;
    QTest::newRow("negative seed") << QStringList{"generate", m_model, "--prompt", "x", "--seed", "-1"} << 2;
    QTest::newRow("seed beyond 64 bits") << QStringList{"generate", m_model,  "--prompt",
                                                        "x",        "--seed", "18446744073709551616"}
                                         << 2;
    QTest::newRow("methods of an unset variable")
        << QStringList{"generate", m_model, "--prompt", "x", "--methods", ""} << 2;
    QTest::newRow("reference of an unset variable") << QStringList{"certify", m_model, "--reference", ""} << 2;
    QTest::newRow("output of an unset variable")
        << QStringList{"capture", m_model, "--ids", "1", "--taps", "logits", "--out", ""} << 2;
    QTest::newRow("capture without taps") << QStringList{"capture", m_model, "--ids", "1", "--out", "x"} << 2;
    QTest::newRow("template and model") << QStringList{"render-chat", "--model", "a", "--template", "b"} << 2;
}

void TestCommands::usage_isCheckedFirst()
{
    QFETCH(QStringList, arguments);
    QFETCH(int, code);
    const CliResult result = runCli({arguments});
    QCOMPARE(result.code, code);
    QVERIFY(code == 0 ? !result.out.isEmpty() : !result.err.isEmpty());
}

void TestCommands::failure_isToldWithHint_data()
{
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<QString>("fake");
    QTest::addColumn<QString>("engine");
    QTest::addColumn<QByteArray>("says");
    const QStringList generate{"generate", m_model, "--prompt", "The water"};
    const QString fake = QStringLiteral(LAYERSCOPE_FAKE_ENGINE);
    QTest::newRow("no engine") << generate << ""
                               << "/nowhere/engine" << QByteArray("could not be started");
    QTest::newRow("engine of another version") << generate << "--version 7" << fake << QByteArray("protocol 7");
    QTest::newRow("engine that is something else") << generate << "--garbage" << fake << QByteArray("no message");
    QTest::newRow("engine crashes while it generates")
        << generate << "--crash-at 5" << fake << QByteArray("crashed with signal 11");
    QTest::newRow("engine is killed") << generate << "--kill-at 5" << fake << QByteArray("memory ran out");
    QTest::newRow("no such model") << QStringList{"generate", "/nowhere.gguf", "--prompt", "x"} << "" << fake
                                   << QByteArray("does not exist");
    QTest::newRow("empty prompt") << QStringList{"generate", m_model, "--prompt", ""} << "" << fake
                                  << QByteArray("prompt is empty");
    QTest::newRow("prompt longer than the context")
        << QStringList{"generate", m_model, "--prompt", QString(300, 'x'), "--context-length", "64"} << "" << fake
        << QByteArray("the context holds 64");
    QTest::newRow("no methods file") << generate + QStringList{"--methods", "/nowhere.json"} << "" << fake
                                     << QByteArray("nowhere.json");
    QTest::newRow("text file that is a folder")
        << QStringList{"perplexity", m_model, "--file", "/tmp"} << "" << fake << QByteArray("cannot be read");
    QTest::newRow("output folder does not exist")
        << QStringList{"capture", m_model, "--ids", "5", "--taps", "logits", "--out", "/nowhere/x.safetensors"} << ""
        << fake << QByteArray("is in a folder that does not exist");
    QTest::newRow("session in a folder that does not exist")
        << QStringList{"run", m_model, "--ids", "5", "--session", "/nowhere/x.lsdb"} << "" << fake
        << QByteArray("is in a folder that does not exist");
    QTest::newRow("prompt file that is no text")
        << QStringList{"generate", m_model, "--prompt-file", file("latin1", "caf\xe9")} << "" << fake
        << QByteArray("is not UTF-8 at byte 3");
    QTest::newRow("empty prompt file") << QStringList{"generate", m_model, "--prompt-file", file("empty", "")} << ""
                                       << fake << QByteArray("is empty");
    QTest::newRow("empty text") << QStringList{"perplexity", m_model, "--file", file("empty", "")} << "" << fake
                                << QByteArray("is empty");
}

void TestCommands::failure_isToldWithHint()
{
    QFETCH(QStringList, arguments);
    QFETCH(QString, fake);
    QFETCH(QString, engine);
    QFETCH(QByteArray, says);
    const CliResult result = runCli({arguments, {}, fake, engine});
    QCOMPARE(result.code, 1);
    QVERIFY2(result.err.contains(says), result.err.constData());
    const QByteArray fromMessage = result.err.mid(result.err.indexOf("layerscope-cli: "));
    QVERIFY2(fromMessage.count('\n') >= 2 && fromMessage.contains("\n  "), result.err.constData()); // message and hint
}

void TestCommands::inspect_printsJsonAndText()
{
    const CliResult asJson = runCli({{"inspect", m_model, "--json"}});
    QCOMPARE(asJson.code, 0);
    QCOMPARE(asJson.json()["family"].toString(), QStringLiteral("fake"));
    QVERIFY(!asJson.json()["sites"].toArray().isEmpty());
    const CliResult text = runCli({{"inspect", m_model}});
    QCOMPARE(text.code, 0);
    QVERIFY(text.out.contains("tensors (8)"));
    QVERIFY(text.out.contains("blocks.0.resid_post"));
}

void TestCommands::tokenize_answersEveryLine()
{
    QByteArray input;
    const int lines = 600; // more than one batch
    for (int i = 0; i < lines; ++i)
        input += QJsonDocument(QJsonObject{{"text", QStringLiteral("Grün %1").arg(i)}}).toJson(QJsonDocument::Compact) +
                 (i % 7 == 0 ? "\n\n" : "\n");
    const CliResult result = runCli({{"tokenize", m_model}, input});
    QCOMPARE(result.code, 0);
    const auto answers = result.jsonLines();
    QCOMPARE(answers.size(), lines);
    QCOMPARE(answers[599]["decoded"].toString(), QStringLiteral("Grün 599"));
    QCOMPARE(answers[0]["ids"].toArray().size(), 7); // the fake has bytes only: G r ü(2) n space 0
}

void TestCommands::tokenize_refusesALineWithoutText()
{
    for (const QByteArray& input : {QByteArray("{\"txt\": \"a\"}\n"), QByteArray("hello\n"), QByteArray("[1]\n")}) {
        const CliResult result = runCli({{"tokenize", m_model}, input});
        QCOMPARE(result.code, 1);
        QVERIFY(result.out.isEmpty());
        const CliResult after = runCli({{"tokenize", m_model}, "{\"text\": \"a\"}\n" + input});
        QCOMPARE(after.code, 1);
        QCOMPARE(after.jsonLines().size(), 1); // what came before it is answered
    }
}

void TestCommands::renderChat_answersEveryContext()
{
    const QByteArray input = "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}\n{}\n";
    const CliResult result = runCli({{"render-chat", "--model", m_model}, input});
    QCOMPARE(result.code, 0);
    const auto answers = result.jsonLines();
    QCOMPARE(answers.size(), 2);
    QVERIFY(answers[0]["rendered"].toString().contains("<|im_start|>user\nHi"));
    QVERIFY(answers[1].contains("error"));
}

void TestCommands::capture_writesNamedTensors()
{
    QTemporaryDir dir;
    const QString out = dir.filePath("taps.safetensors");
    const CliResult result = runCli({{"capture", m_model, "--ids", "70,80,90", "--taps", "blocks.*.resid_post,logits",
                                      "--generate", "4", "--out", out}});
    QCOMPARE(result.code, 0);
    QFile file(out);
    QVERIFY(file.open(QIODevice::ReadOnly));
    quint64 length = 0;
    QCOMPARE(file.read(reinterpret_cast<char*>(&length), 8), 8);
    const QJsonObject header = QJsonDocument::fromJson(file.read(qint64(length))).object();
    QCOMPARE(header["ids"]["dtype"].toString(), QStringLiteral("I32"));
    QCOMPARE(header["ids"]["shape"].toArray(), QJsonArray({3}));
    QCOMPARE(header["generated"]["shape"].toArray(), QJsonArray({4}));
    QCOMPARE(header["blocks.5.resid_post"]["shape"].toArray(), QJsonArray({3, 32}));
    QCOMPARE(header["logits"]["dtype"].toString(), QStringLiteral("F32"));
    QCOMPARE(header["__metadata__"]["methods"].toString(), QStringLiteral("[]"));
    QCOMPARE(header.size(), 6 + 4); // six blocks; ids, logits, generated, metadata
}

void TestCommands::generate_streamsText()
{
    const CliResult text = runCli({{"generate", m_model, "--prompt", "The water", "-n", "12"}});
    QCOMPARE(text.code, 0);
    const CliResult asJson = runCli({{"generate", m_model, "--prompt", "The water", "-n", "12", "--json"}});
    QCOMPARE(QString::fromUtf8(text.out).trimmed(), asJson.json()["text"].toString().trimmed());
    QVERIFY(!text.out.contains("The water")); // the prompt is not printed again
}

void TestCommands::generate_jsonHasEveryToken()
{
    const CliResult result = runCli({{"generate", m_model, "--prompt", "The water", "-n", "9", "--json"}});
    QCOMPARE(result.code, 0);
    const QJsonObject json = result.json();
    for (const char* key : {"ids", "logprobs", "token_us"})
        QCOMPARE(json[QLatin1String(key)].toArray().size(), 9);
    QVERIFY(json["ttft_us"].toInt() > 0);
    QCOMPARE(json["events"][0]["kind"].toString(), QStringLiteral("done"));
    QCOMPARE(json["events"][0]["reason"].toString(), QStringLiteral("length"));
    const CliResult ended = runCli({{"generate", m_model, "--prompt", "The water", "--json"}, {}, "--eos-at 4"});
    QCOMPARE(ended.json()["events"][0]["reason"].toString(), QStringLiteral("eos"));
    QCOMPARE(ended.json()["ids"].toArray().size(), 4);
}

void TestCommands::generate_methodsChangeTheResult()
{
    QTemporaryDir dir;
    const QString skip = writeFile(dir, "skip.json", R"([{"method": "layer_skip", "params": {"blocks": [2]}}])");
    const QString locked = writeFile(dir, "locked.json", R"([{"method": "layer_skip", "params": {"blocks": [0]}}])");
    const QStringList call{"generate", m_model, "--prompt", "The water", "-n", "40", "--json"};
    const CliResult dense = runCli({call}), skipped = runCli({call + QStringList{"--methods", skip}});
    QCOMPARE(skipped.code, 0);
    QVERIFY(dense.json()["ids"] != skipped.json()["ids"]);
    QCOMPARE(skipped.json()["events"][0]["methods"][0]["method"].toString(), QStringLiteral("layer_skip"));
    const CliResult refused = runCli({call + QStringList{"--methods", locked}});
    QCOMPARE(refused.code, 1);
    QVERIFY(refused.err.contains("Block 0 cannot be skipped"));
}

void TestCommands::generate_chatFileIsAPrompt()
{
    QTemporaryDir dir;
    const QString chat = writeFile(dir, "chat.json", R"([{"role": "user", "content": "Hi"}])");
    QCOMPARE(runCli({{"generate", m_model, "--chat", chat, "-n", "3"}}).code, 0);
    const CliResult empty = runCli({{"generate", m_model, "--chat", writeFile(dir, "empty.json", "[]")}});
    QCOMPARE(empty.code, 1);
    QVERIFY(empty.err.contains("no chat messages"));
}

void TestCommands::perplexity_jsonHasThreeNumbers()
{
    QTemporaryDir dir;
    const QString text = writeFile(dir, "text.txt", QByteArray(" the river moves slowly.").repeated(40));
    const CliResult result = runCli({{"perplexity", m_model, "--file", text, "--context", "50", "--json"}});
    QCOMPARE(result.code, 0);
    const QJsonObject json = result.json();
    QCOMPARE(json.size(), 3);
    QCOMPARE(json["tokens"].toInt(), 200 - 4); // five ids a sentence, 40 sentences, the first of each window not scored
    QVERIFY(qAbs(std::log(json["ppl"].toDouble()) - json["nll"].toDouble()) < 1e-9);
}

void TestCommands::interrupt_printsWhatWasGenerated()
{
    QProcess process;
    auto environment = QProcessEnvironment::systemEnvironment();
    environment.insert("LAYERSCOPE_ENGINE", LAYERSCOPE_FAKE_ENGINE);
    environment.insert("FAKE_ENGINE", "--rate 30");
    process.setProcessEnvironment(environment);
    process.start(LAYERSCOPE_BIN_DIR "/layerscope-cli", {"generate", m_model, "--prompt", "The", "-n", "2000"});
    QVERIFY(process.waitForReadyRead(20000)); // the first token
    ::kill(pid_t(process.processId()), SIGINT);
    QVERIFY(process.waitForFinished(20000));
    QCOMPARE(process.exitStatus(), QProcess::NormalExit);
    QCOMPARE(process.exitCode(), 1);
    QVERIFY(process.readAllStandardOutput().endsWith('\n'));
}

void TestCommands::lostOutput_isAFailure_data()
{
    QTest::addColumn<QString>("command");
    QTest::addColumn<QString>("redirection");
    QTest::addColumn<bool>("told");
    for (const char* command : {"inspect MODEL --json", "generate MODEL --prompt x --json", "generate MODEL --prompt x",
                                "perplexity MODEL --file MODEL.txt --json"})
        QTest::addRow("full disk: %s", command) << QString::fromLatin1(command) << "> /dev/full" << true;
    QTest::newRow("closed") << "generate MODEL --prompt x"
                            << ">&-" << true;
    QTest::newRow("reader that has seen enough") << "inspect MODEL --json"
                                                 << "| true" << false;
}

/// A script must not take an empty file for a result.
void TestCommands::lostOutput_isAFailure()
{
    QFETCH(QString, command);
    QFETCH(QString, redirection);
    QFETCH(bool, told);
    const QString model = file("model", "x");
    file("model.txt", "some text that is long enough");
    command.replace(QLatin1String("MODEL"), model);
    QProcess shell;
    auto environment = QProcessEnvironment::systemEnvironment();
    environment.insert(QStringLiteral("LAYERSCOPE_ENGINE"), QStringLiteral(LAYERSCOPE_FAKE_ENGINE));
    shell.setProcessEnvironment(environment);
    shell.start(QStringLiteral("bash"),
                {QStringLiteral("-c"), QStringLiteral("set -o pipefail; %1/layerscope-cli %2 %3")
                                           .arg(QStringLiteral(LAYERSCOPE_BIN_DIR), command, redirection)});
    QVERIFY(shell.waitForFinished(60000));
    const QByteArray errors = shell.readAllStandardError();
    QVERIFY2(!errors.contains("terminate"), errors.constData());
    if (told)
        QCOMPARE(shell.exitCode(), 1);
    else
        QVERIFY(shell.exitCode() <= 1);
    QVERIFY2(errors.contains("could not be written") == told, errors.constData());
}

void TestCommands::capture_doesNotReplaceTheModel()
{
    const QString model = file("model", "x");
    const CliResult result = runCli({{"capture", model, "--ids", "1", "--taps", "logits", "--out", model}});
    QCOMPARE(result.code, 1);
    QVERIFY2(result.err.contains("belongs to the model"), result.err.constData());
    QFile kept(model);
    QVERIFY(kept.open(QIODevice::ReadOnly));
    QCOMPARE(kept.readAll(), QByteArray("x"));
}

QTEST_GUILESS_MAIN(TestCommands)
#include "tst_commands.moc"
