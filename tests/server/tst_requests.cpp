#include "core/protocol/codec.h"
#include "tests/server/driver.h"

#include <QElapsedTimer>
#include <QProcess>
#include <QTest>

using namespace ls;
using namespace ls::test;

namespace {

constexpr const char* kProgram = LAYERSCOPE_BIN_DIR "/layerscope-engine";

QByteArray bytesOf(const ClientMessage& message)
{
    const auto bytes = frame(encode(message));
    return {reinterpret_cast<const char*>(bytes.data()), qsizetype(bytes.size())};
}

/// The next message of a raw engine process.
std::optional<EngineMessage> next(QProcess& process, FrameReader& reader)
{
    for (;;) {
        auto payload = reader.next();
        if (payload && payload.value()) {
            auto message = decodeEngineMessage(*payload.value());
            return message ? std::optional(message.value()) : std::nullopt;
        }
        if (!process.bytesAvailable() && !process.waitForReadyRead(20000))
            return std::nullopt;
        const QByteArray bytes = process.readAllStandardOutput();
        reader.append({reinterpret_cast<const std::uint8_t*>(bytes.data()), std::size_t(bytes.size())});
    }
}

} // namespace

class TestRequests : public QObject {
    Q_OBJECT

    std::unique_ptr<EngineProcess> m_engine;

private Q_SLOTS:
    void initTestCase()
    {
        QVERIFY2(!smolLmPath().empty(), kSmolLmMissing);
        m_engine = startEngine();
        QVERIFY2(m_engine, "the engine program could not be started");
        QCOMPARE(request(*m_engine, Generate{}).failed->code, std::string("file-not-found")); // no model yet
        const Answer opened = request(*m_engine, OpenModel{0, smolLmPath()});
        QVERIFY2(!opened.failed, opened.failed ? opened.failed->message.c_str() : "");
    }

    void ready_namesDevices()
    {
        const Ready& ready = m_engine->ready();
        QCOMPARE(ready.version, kProtocolVersion);
        QVERIFY(ready.devices.size() >= 2);
        QCOMPARE(ready.devices[0].id, std::string("cpu"));
        QVERIFY(ready.devices[0].available && ready.devices[0].freeBytes > 0);
        QVERIFY(ready.devices[1].available || !ready.devices[1].reason.empty());
        QVERIFY(ready.rssBytes > 1'000'000);
        QVERIFY(ready.threads >= 1);
    }

    void badRequests_sayWhy_data()
    {
        QTest::addColumn<QString>("code");
        QTest::addColumn<int>("which");
        QTest::newRow("empty prompt") << "prompt-empty" << 0;
        QTest::newRow("prompt longer than the context") << "prompt-too-long" << 1;
        QTest::newRow("id outside the vocabulary") << "invalid-parameter" << 2;
        QTest::newRow("no tokens") << "invalid-parameter" << 3;
        QTest::newRow("unknown probe") << "invalid-parameter" << 4;
        QTest::newRow("the same lane twice") << "invalid-parameter" << 5;
        QTest::newRow("a method that does not exist") << "method-unknown" << 6;
        QTest::newRow("negative temperature") << "invalid-parameter" << 7;
    }
    void badRequests_sayWhy()
    {
        QFETCH(QString, code);
        QFETCH(int, which);
        Generate generate;
        generate.prompt.text = "Hello";
        switch (which) {
        case 0:
            generate.prompt.text.clear();
            break;
        case 1:
            generate.prompt = {"", nlohmann::json::array(), std::vector<std::int32_t>(100'000, 5)};
            break;
        case 2:
            generate.prompt.ids = {1, 1'000'000};
            break;
        case 3:
            generate.maxTokens = 0;
            break;
        case 4:
            generate.probes = {"no_such_probe"};
            break;
        case 5:
            generate.lanes = {{"A", {}}, {"A", {}}};
            break;
        case 6:
            generate.lanes = {{"A", {{"no_such_method", nlohmann::json::object()}}}};
            break;
        default:
            generate.sampler.temperature = -1;
        }
        const Answer answer = request(*m_engine, generate);
        QVERIFY(answer.failed);
        QCOMPARE(QString::fromStdString(answer.failed->code), code);
        QVERIFY(!answer.failed->message.empty() && !answer.failed->hint.empty());
        QVERIFY(answer.tokens.empty());
    }

    void badFile_leavesNoModel_andTheEngineGoesOn()
    {
        auto engine = startEngine();
        QVERIFY(engine);
        QCOMPARE(request(*engine, OpenModel{0, "/no/such/file.gguf"}).failed->code, std::string("file-not-found"));
        QCOMPARE(request(*engine, OpenModel{0, smolLmPath(), "cuda:99"}).failed->code,
                 std::string("device-unavailable"));
        QCOMPARE(request(*engine, OpenModel{0, smolLmPath(), "cpu", "int3"}).failed->code,
                 std::string("invalid-parameter"));
        QVERIFY(!request(*engine, OpenModel{0, smolLmPath()}).failed);
    }

    void badFile_leavesTheOpenModel()
    {
        int closed = 0;
        const auto count = [&](const EngineMessage& message) {
            closed += std::holds_alternative<ModelClosed>(message);
        };
        Generate generate;
        generate.prompt.text = "One two three";
        generate.maxTokens = 3;
        const Answer before = request(*m_engine, generate);
        QVERIFY(request(*m_engine, OpenModel{0, "/no/such/file.gguf"}, count).failed);
        QVERIFY(request(*m_engine, OpenModel{0, smolLmPath(), "cpu", "int3"}, count).failed);
        QCOMPARE(closed, 0);
        QCOMPARE(request(*m_engine, generate).ids("A", false), before.ids("A", false));
        QVERIFY(!request(*m_engine, OpenModel{0, smolLmPath()}, count).failed);
        QCOMPARE(closed, 1); // a good one replaces it
        QCOMPARE(request(*m_engine, generate).ids("A", false), before.ids("A", false));
    }

    void capture_hasEverySiteAndContinues()
    {
        Capture capture;
        capture.prompt.text = "One two three";
        capture.taps = {"blocks.3.resid_post", "blocks.0.attn.pattern", "final_norm"};
        capture.generate = 3;
        const Answer prompt = request(*m_engine, capture);
        const auto n = prompt.tensors.at("ids").count();
        QCOMPARE(prompt.tensors.at("blocks.3.resid_post").shape, (std::vector<std::int64_t>{n, 576}));
        QCOMPARE(prompt.tensors.at("blocks.0.attn.pattern").shape, (std::vector<std::int64_t>{9, n, n}));
        QCOMPARE(prompt.tensors.at("generated").count(), 3);
        capture.tapGenerated = true;
        const Answer all = request(*m_engine, capture);
        QCOMPARE(all.tensors.at("generated").bytes, prompt.tensors.at("generated").bytes);
        QCOMPARE(all.tensors.at("blocks.3.resid_post").shape, (std::vector<std::int64_t>{n + 3, 576}));
        QCOMPARE(all.tensors.at("blocks.0.attn.pattern").shape, (std::vector<std::int64_t>{9, n + 3, n + 3}));
        const auto pattern = all.tensors.at("blocks.0.attn.pattern").floats();
        for (std::int64_t row = 0; row < 9 * (n + 3); ++row) {
            double sum = 0;
            for (std::int64_t key = 0; key < n + 3; ++key)
                sum += double(pattern[std::size_t(row * (n + 3) + key)]);
            QVERIFY(std::abs(sum - 1) < 1e-4);
        }
        capture.taps = {"blocks.3.no_such_site"};
        QCOMPARE(request(*m_engine, capture).failed->code, std::string("hook-unavailable"));
    }

    void tokenize_goesBothWays()
    {
        std::optional<Tokenized> tokenized;
        TokenizeText tokenize{m_engine->nextRequestId(), {"Hello, world!", "<|im_start|>"}, true, ""};
        QVERIFY(m_engine->send(tokenize).ok());
        auto message = m_engine->receive(std::chrono::seconds(20));
        QVERIFY(message.ok() && message.value());
        tokenized = std::get<Tokenized>(*message.value());
        QCOMPARE(tokenized->decoded, tokenize.texts);
        QCOMPARE(tokenized->ids[1].size(), std::size_t(1));
    }

    void inspect_readsHeaders()
    {
        QVERIFY(m_engine->send(InspectModel{m_engine->nextRequestId(), smolLmPath()}).ok());
        auto message = m_engine->receive(std::chrono::seconds(20));
        QVERIFY(message.ok() && message.value());
        const auto& info = std::get<Inspected>(*message.value()).info;
        QCOMPARE(info["config"]["block_count"].get<int>(), 30);
        QVERIFY(info["tensors"].size() > 200);
        QVERIFY(info["sites"].size() > 30 * 10);
        QVERIFY(info["memory"].size() >= 4);
        QCOMPARE(info["card"]["licence"].get<std::string>(), std::string("apache-2.0"));
        QVERIFY(info["card"]["chat_template"].get<bool>());
        QVERIFY(info["free_bytes"]["cpu"].get<std::int64_t>() > 0);
    }

    void cancel_endsALongPrompt()
    {
        Generate generate;
        generate.prompt.ids.assign(2000, 500);
        generate.requestId = m_engine->nextRequestId();
        QVERIFY(m_engine->send(generate).ok());
        QVERIFY(m_engine->send(Cancel{m_engine->nextRequestId(), generate.requestId}).ok());
        const Answer answer = follow(*m_engine, generate.requestId);
        // either it had begun (stopped) or it still waited (cancelled): never a token
        QVERIFY(answer.ids("A").empty());
        if (answer.failed)
            QCOMPARE(answer.failed->code, std::string("cancelled"));
        else
            QCOMPARE(answer.lanes.at("A").reason, std::string("stopped"));
        QVERIFY(int(answer.ids("A", false).size()) < 2000);
    }

    void cancel_endsAGeneration()
    {
        Generate generate;
        generate.prompt.text = "Once upon a time";
        generate.maxTokens = 1000;
        generate.ignoreEos = true;
        int tokens = 0;
        const Answer answer = request(*m_engine, generate, [&](const EngineMessage& message) {
            if (const auto* token = std::get_if<Token>(&message); token && ++tokens == 10)
                QVERIFY(m_engine->send(Cancel{m_engine->nextRequestId(), token->requestId}).ok());
        });
        QCOMPARE(answer.lanes.at("A").reason, std::string("stopped"));
        QVERIFY(answer.lanes.at("A").generated < 1000);
    }

    void closedInput_endsTheEngine_data()
    {
        QTest::addColumn<bool>("busy");
        QTest::newRow("idle") << false;
        QTest::newRow("in the middle of a long prompt") << true;
    }
    void closedInput_endsTheEngine()
    {
        QFETCH(bool, busy);
        QProcess process;
        FrameReader reader;
        process.start(kProgram, {});
        process.write(bytesOf(Hello{}));
        QVERIFY(next(process, reader));
        if (busy) {
            process.write(bytesOf(OpenModel{1, smolLmPath()}));
            for (;;) {
                const auto message = next(process, reader);
                QVERIFY(message);
                if (std::holds_alternative<ModelReady>(*message))
                    break;
            }
            Generate generate;
            generate.requestId = 2;
            generate.prompt.ids.assign(4000, 500);
            process.write(bytesOf(generate));
            QVERIFY(next(process, reader)); // Memory or GenerationStarted: it has begun
        }
        process.closeWriteChannel();
        QVERIFY(process.waitForFinished(10000));
        QCOMPARE(process.exitStatus(), QProcess::NormalExit);
        QCOMPARE(process.exitCode(), 0);
    }

    void otherVersion_isRefusedInWords()
    {
        QProcess process;
        FrameReader reader;
        process.start(kProgram, {});
        process.write(bytesOf(Hello{kProtocolVersion + 1, "newer client"}));
        auto message = next(process, reader);
        QVERIFY(message && std::holds_alternative<Failed>(*message));
        QCOMPARE(std::get<Failed>(*message).code, std::string("protocol-version"));
        process.write(bytesOf(OpenModel{1, smolLmPath()})); // and nothing is done for it
        message = next(process, reader);
        QVERIFY(message && std::holds_alternative<Failed>(*message));
        process.closeWriteChannel();
        QVERIFY(process.waitForFinished(10000));
    }

    void damagedMessage_isSkipped_damagedFrame_endsTheEngine()
    {
        QProcess process;
        FrameReader reader;
        process.start(kProgram, {});
        const std::vector<std::uint8_t> nonsense{0xff, 0x00, 0x13};
        const auto bytes = frame(nonsense);
        process.write(reinterpret_cast<const char*>(bytes.data()), qint64(bytes.size()));
        auto message = next(process, reader);
        QVERIFY(message && std::holds_alternative<Failed>(*message));
        QCOMPARE(std::get<Failed>(*message).code, std::string("protocol-message"));
        process.write(bytesOf(Hello{}));
        message = next(process, reader);
        QVERIFY(message && std::holds_alternative<Ready>(*message));
        const auto noPath = nlohmann::json::to_cbor({{"type", "open_model"}, {"request_id", 9u}, {"path", 5}});
        const auto wrongType = frame(noPath);
        process.write(reinterpret_cast<const char*>(wrongType.data()), qint64(wrongType.size()));
        message = next(process, reader);
        QVERIFY(message && std::holds_alternative<Failed>(*message));
        QCOMPARE(std::get<Failed>(*message).requestId, 9u); // whoever waits for it hears of it
        process.write("\xff\xff\xff\xff this is no length", 26);
        message = next(process, reader);
        QVERIFY(message && std::holds_alternative<Failed>(*message));
        QVERIFY(process.waitForFinished(10000));
        QCOMPARE(process.exitStatus(), QProcess::NormalExit);
        QCOMPARE(process.exitCode(), 1);
    }

    void version_isPrinted()
    {
        QProcess process;
        process.start(kProgram, {"--version"});
        QVERIFY(process.waitForFinished(10000));
        QCOMPARE(process.readAllStandardOutput(), QByteArray("layerscope-engine " LAYERSCOPE_VERSION "\n"));
    }
};

QTEST_GUILESS_MAIN(TestRequests)
#include "tst_requests.moc"
