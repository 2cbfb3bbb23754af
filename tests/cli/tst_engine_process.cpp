#include "core/process/conversation.h"

#include <QtTest>

#include <csignal>

using namespace ls;
using namespace std::chrono_literals;

/// An engine as a child process: what arrives, and how its death is told. Against the fake engine.
class TestEngineProcess : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void start_answersWithReady();
    void start_tellsWhyItFailed_data();
    void start_tellsWhyItFailed();
    void death_isToldWithReason_data();
    void death_isToldWithReason();
    void death_keepsWhatWasSaid();
    void receive_returnsWhenNothingCame();
    void send_doesNotBlockAgainstAnEngineThatTalks();
    void converse_cancelsWhenInterrupted();
    void converse_returnsTheEnginesError();
    void end_closesTheEngine();
};

namespace {

using EnginePtr = std::unique_ptr<EngineProcess>;

EngineOptions fakeOptions(std::vector<std::string> arguments = {})
{
    EngineOptions options;
    options.program = LAYERSCOPE_FAKE_ENGINE;
    options.arguments = std::move(arguments);
    options.startLimit = 20000ms;
    return options;
}

EnginePtr openFake(std::vector<std::string> arguments = {})
{
    auto engine = EngineProcess::start(fakeOptions(std::move(arguments)));
    if (!engine)
        return nullptr;
    OpenModel open{engine.value()->nextRequestId(), LAYERSCOPE_FAKE_ENGINE};
    if (!ask<ModelReady>(*engine.value(), open))
        return nullptr;
    return std::move(engine).value();
}

Generate generateRequest(EngineProcess& engine, int maxTokens)
{
    Generate request;
    request.requestId = engine.nextRequestId();
    request.prompt.text = "The water is";
    request.maxTokens = maxTokens;
    return request;
}

} // namespace

void TestEngineProcess::start_answersWithReady()
{
    const auto engine = EngineProcess::start(fakeOptions());
    QVERIFY(engine.ok());
    QCOMPARE(engine.value()->ready().version, kProtocolVersion);
    QVERIFY(!engine.value()->ready().devices.empty());
    QVERIFY(engine.value()->pid() > 0);
}

void TestEngineProcess::start_tellsWhyItFailed_data()
{
    QTest::addColumn<QString>("program");
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<QString>("code");
    QTest::addColumn<QString>("says");
    const QString fake = QStringLiteral(LAYERSCOPE_FAKE_ENGINE);
    QTest::newRow("no such program") << "/nowhere/layerscope-engine" << QStringList{} << "engine-missing"
                                     << "No such file";
    QTest::newRow("not executable") << QStringLiteral(LAYERSCOPE_SOURCE_DIR "/README.md") << QStringList{}
                                    << "engine-missing"
                                    << "Permission denied";
    QTest::newRow("another version") << fake << QStringList{"--version", "99"} << "protocol-version"
                                     << "99";
    QTest::newRow("garbage instead of messages") << fake << QStringList{"--garbage"} << "protocol-message"
                                                 << "no message";
    QTest::newRow("a program that just ends") << "/bin/true" << QStringList{} << "engine-died"
                                              << "exit code 0";
}

void TestEngineProcess::start_tellsWhyItFailed()
{
    QFETCH(QString, program);
    QFETCH(QStringList, arguments);
    QFETCH(QString, code);
    QFETCH(QString, says);
    EngineOptions options;
    options.program = program.toStdString();
    for (const QString& argument : arguments)
        options.arguments.push_back(argument.toStdString());
    const auto engine = EngineProcess::start(options);
    QVERIFY(!engine.ok());
    QCOMPARE(QString::fromUtf8(errcName(engine.error().code).data()), code);
    const QString message = QString::fromStdString(engine.error().message);
    QVERIFY2(message.contains(says), qPrintable(message));
    QVERIFY(!engine.error().hint.empty());
}

void TestEngineProcess::death_isToldWithReason_data()
{
    QTest::addColumn<QString>("option");
    QTest::addColumn<QString>("code");
    QTest::addColumn<QString>("says");
    QTest::addColumn<QString>("log");
    QTest::newRow("a crash names the signal") << "--crash-at"
                                              << "engine-died"
                                              << "signal 11"
                                              << "about to crash";
    QTest::newRow("a kill suspects the memory") << "--kill-at"
                                                << "engine-died"
                                                << "memory ran out"
                                                << "";
    QTest::newRow("a file that became shorter is named") << "--bus-error-at"
                                                         << "engine-died"
                                                         << "became shorter"
                                                         << "";
    QTest::newRow("an exit names the code") << "--exit-at"
                                            << "engine-died"
                                            << "exit code 3"
                                            << "giving up";
    QTest::newRow("garbage ends the conversation") << "--garbage-at"
                                                   << "protocol-message"
                                                   << "no message"
                                                   << "";
}

void TestEngineProcess::death_isToldWithReason()
{
    QFETCH(QString, option);
    QFETCH(QString, code);
    QFETCH(QString, says);
    QFETCH(QString, log);
    const EnginePtr engine = openFake({option.toStdString(), "5"});
    QVERIFY(engine);
    const auto status = converse(*engine, generateRequest(*engine, 20),
                                 [](const EngineMessage&) -> Result<Heard> { return Heard::More; });
    QVERIFY(!status.ok());
    QCOMPARE(QString::fromUtf8(errcName(status.error().code).data()), code);
    const QString message = QString::fromStdString(status.error().message);
    QVERIFY2(message.contains(says), qPrintable(message));
    QVERIFY2(QString::fromStdString(engine->log()).contains(log), engine->log().c_str());
    QCOMPARE(engine->receive(0ms).ok(), false); // and stays so
    QCOMPARE(engine->pid(), pid_t(-1));         // no zombie is left
}

void TestEngineProcess::death_keepsWhatWasSaid()
{
    const EnginePtr engine = openFake({"--kill-at", "8"});
    QVERIFY(engine);
    int generated = 0;
    const auto status =
        converse(*engine, generateRequest(*engine, 20), [&](const EngineMessage& message) -> Result<Heard> {
            if (const auto* token = std::get_if<Token>(&message); token && token->origin == "generated")
                ++generated;
            return Heard::More;
        });
    QVERIFY(!status.ok());
    QCOMPARE(generated, 7);
}

void TestEngineProcess::receive_returnsWhenNothingCame()
{
    const EnginePtr engine = openFake();
    QVERIFY(engine);
    while (true) { // what opening left over
        const auto message = engine->receive(20ms);
        QVERIFY(message.ok());
        if (!message.value())
            break;
    }
    const auto message = engine->receive(0ms);
    QVERIFY(message.ok());
    QVERIFY(!message.value());
}

void TestEngineProcess::send_doesNotBlockAgainstAnEngineThatTalks()
{
    // Requests and answers together are far more than both pipes hold: whoever only writes waits for ever.
    const EnginePtr engine = openFake();
    QVERIFY(engine);
    const std::string text(40000, 'x');
    constexpr std::uint32_t kRequests = 20;
    const std::uint32_t first = engine->nextRequestId();
    for (std::uint32_t i = 0; i < kRequests; ++i)
        QVERIFY(engine->send(TokenizeText{first + i, {text}}).ok());
    for (std::uint32_t answers = 0; answers < kRequests;) {
        const auto message = engine->receive(30000ms);
        QVERIFY(message.ok() && message.value());
        if (const auto* tokenized = std::get_if<Tokenized>(&*message.value())) {
            QCOMPARE(tokenized->requestId, first + answers);
            QCOMPARE(tokenized->decoded.at(0), text);
            ++answers;
        }
    }
}

void TestEngineProcess::converse_cancelsWhenInterrupted()
{
    const EnginePtr engine = openFake({"--rate", "50"});
    QVERIFY(engine);
    std::atomic<bool> interrupted = false;
    std::string reason;
    const auto status = converse(
        *engine, generateRequest(*engine, 1000),
        [&](const EngineMessage& message) -> Result<Heard> {
            if (const auto* token = std::get_if<Token>(&message); token && token->origin == "generated")
                interrupted = true;
            if (const auto* done = std::get_if<LaneDone>(&message))
                reason = done->reason;
            return std::holds_alternative<GenerationDone>(message) ? Heard::Done : Heard::More;
        },
        &interrupted);
    QVERIFY(!status.ok());
    QCOMPARE(status.error().code, Errc::Cancelled);
    QCOMPARE(reason, std::string("stopped"));
}

void TestEngineProcess::converse_returnsTheEnginesError()
{
    const EnginePtr engine = openFake();
    QVERIFY(engine);
    const auto answer = ask<ModelReady>(*engine, OpenModel{engine->nextRequestId(), "/nowhere.gguf"});
    QVERIFY(!answer.ok());
    QCOMPARE(answer.error().code, Errc::FileNotFound);
    QVERIFY(ask<Tokenized>(*engine, TokenizeText{engine->nextRequestId(), {"still here"}}).ok());
}

void TestEngineProcess::end_closesTheEngine()
{
    EnginePtr engine = openFake();
    QVERIFY(engine);
    const pid_t pid = engine->pid();
    QCOMPARE(::kill(pid, 0), 0);
    engine.reset();
    QCOMPARE(::kill(pid, 0), -1);
}

QTEST_GUILESS_MAIN(TestEngineProcess)
#include "tst_engine_process.moc"
