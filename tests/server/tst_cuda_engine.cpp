#include "tests/server/driver.h"

#include <QCoreApplication>
#include <QTest>

using namespace ls;
using namespace ls::test;

/// The built engine with the emulated CUDA module: what it lists, opens, refuses and says, as a client sees it.
class TestCudaEngine : public QObject {
    Q_OBJECT

    const std::string m_tiny = LAYERSCOPE_TEST_DATA "/golden/tiny/";

    static QByteArray module()
    {
        return (QCoreApplication::applicationDirPath() + QStringLiteral("/liblayerscope_cuda_emu.so")).toUtf8();
    }
    static const DeviceInfo* cuda(const EngineProcess& engine)
    {
        for (const DeviceInfo& device : engine.ready().devices)
            if (device.id == "cuda:0")
                return &device;
        return nullptr;
    }
    std::optional<Failed> open(EngineProcess& engine, const char* model, const char* device = "cuda:0",
                               const char* dtype = "float32")
    {
        return request(engine, OpenModel{0, m_tiny + model, device, dtype}).failed;
    }
    static Generate plain(int tokens)
    {
        Generate generate;
        generate.prompt.ids = {5, 40, 9, 300, 17, 88, 240, 6, 51, 77};
        generate.maxTokens = tokens;
        generate.ignoreEos = true;
        return generate;
    }

private Q_SLOTS:
    void init() { qputenv("LAYERSCOPE_CUDA_MODULE", module()); }
    void cleanup() { qunsetenv("LAYERSCOPE_EMU_MEMORY"); }

    void device_isListedAsEmulated()
    {
        auto engine = startEngine();
        QVERIFY(engine && cuda(*engine));
        QCOMPARE(engine->ready().devices.front().id, std::string("cpu")); // what is chosen by itself
        QCOMPARE(cuda(*engine)->title, std::string("emulated CUDA device"));
        QVERIFY(cuda(*engine)->available && cuda(*engine)->reason.empty());
    }

    void module_isNotTakenFromAnywhere_data()
    {
        QTest::addColumn<QByteArray>("path");
        QTest::addColumn<QString>("reason");
        QTest::newRow("a name alone") << QByteArray("liblayerscope_cuda_emu.so") << "no whole path";
        QTest::newRow("a relative path") << QByteArray("./liblayerscope_cuda_emu.so") << "no whole path";
        QTest::newRow("no such file") << QByteArray("/no/such/module.so") << "CUDA module cannot be loaded";
        QTest::newRow("no module") << (QCoreApplication::applicationFilePath()).toUtf8()
                                   << "CUDA module cannot be loaded";
    }
    void module_isNotTakenFromAnywhere()
    {
        QFETCH(QByteArray, path);
        QFETCH(QString, reason);
        qputenv("LAYERSCOPE_CUDA_MODULE", path);
        auto engine = startEngine();
        QVERIFY(engine && cuda(*engine));
        QVERIFY(!cuda(*engine)->available);
        QVERIFY2(cuda(*engine)->reason.find(reason.toStdString()) != std::string::npos, cuda(*engine)->reason.c_str());
        const auto failed = open(*engine, "llama");
        QVERIFY(failed);
        QCOMPARE(failed->code, std::string("device-unavailable"));
        QVERIFY(failed->message.find(reason.toStdString()) != std::string::npos);
    }

    void model_generatesAsOnTheCpu_data()
    {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("dtype");
        QTest::addColumn<double>("bar");
        QTest::newRow("llama") << "llama"
                               << "float32" << 1e-4;
        QTest::newRow("gemma3") << "gemma3"
                                << "float32" << 1e-4;
        QTest::newRow("bfloat16") << "qwen3"
                                  << "bfloat16" << 2e-2; // rounds inside and in the cache
        QTest::newRow("quantised") << "llama/model.gguf"
                                   << "quantised" << 2e-2;
    }
    void model_generatesAsOnTheCpu()
    {
        QFETCH(QString, model);
        QFETCH(QString, dtype);
        QFETCH(double, bar);
        auto engine = startEngine();
        Answer answers[2];
        for (const bool device : {false, true}) {
            const auto failed =
                open(*engine, model.toUtf8().constData(), device ? "cuda:0" : "cpu", dtype.toUtf8().constData());
            QVERIFY2(!failed, failed ? (failed->message + failed->detail).c_str() : "");
            Answer& answer = answers[device ? 1 : 0];
            answer = request(*engine, plain(device && bar > 1e-3 ? 1 : 16));
            QVERIFY2(!answer.failed, answer.failed ? answer.failed->message.c_str() : "");
        }
        const auto &cpu = answers[0].tokens["A"], &cuda = answers[1].tokens["A"];
        QCOMPARE(cuda.size(), std::size_t(bar > 1e-3 ? 11 : 26));
        for (std::size_t i = 0; i < cuda.size(); ++i) {
            QCOMPARE(cuda[i].id, cpu[i].id);
            QVERIFY2(std::abs(cuda[i].logprob - cpu[i].logprob) < bar,
                     qPrintable(QStringLiteral("%1: %2, %3").arg(i).arg(cuda[i].logprob).arg(cpu[i].logprob)));
        }
        QVERIFY(answers[1].memories > 0);
    }

    void openModel_saysItsDevice_andGoesBackToTheCpu()
    {
        auto engine = startEngine();
        std::vector<std::string> devices;
        const auto note = [&](const EngineMessage& message) {
            if (const auto* ready = std::get_if<ModelReady>(&message))
                devices.push_back(ready->info.device);
        };
        for (const char* device : {"cuda:0", "cpu", "cuda:0"})
            QVERIFY(!request(*engine, OpenModel{0, m_tiny + "llama", device}, note).failed);
        QCOMPARE(devices, (std::vector<std::string>{"cuda:0", "cpu", "cuda:0"}));
        QCOMPARE(request(*engine, plain(3)).ids("A").size(), std::size_t(3));
    }

    void models_areRefusedWithTheReason_data()
    {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("device");
        QTest::addColumn<QString>("memory");
        QTest::addColumn<QString>("code");
        QTest::addColumn<QString>("words");
        QTest::newRow("layer norms") << "gpt2"
                                     << "cuda:0"
                                     << ""
                                     << "not-supported"
                                     << "layer norms";
        QTest::newRow("experts") << "mixtral"
                                 << "cuda:0"
                                 << ""
                                 << "not-supported"
                                 << "mixtures of experts";
        QTest::newRow("no memory") << "llama"
                                   << "cuda:0"
                                   << "1000"
                                   << "model-too-large"
                                   << "does not fit on the device";
        QTest::newRow("no such device") << "llama"
                                        << "cuda:1"
                                        << ""
                                        << "device-unavailable"
                                        << "no such device";
        QTest::newRow("another kind") << "llama"
                                      << "tpu:0"
                                      << ""
                                      << "device-unavailable"
                                      << "no such device";
    }
    void models_areRefusedWithTheReason()
    {
        QFETCH(QString, model);
        QFETCH(QString, device);
        QFETCH(QString, memory);
        QFETCH(QString, code);
        QFETCH(QString, words);
        if (!memory.isEmpty())
            qputenv("LAYERSCOPE_EMU_MEMORY", memory.toUtf8());
        auto engine = startEngine();
        const auto failed = open(*engine, model.toUtf8().constData(), device.toUtf8().constData());
        QVERIFY(failed);
        QCOMPARE(QString::fromStdString(failed->code), code);
        QVERIFY2(failed->message.find(words.toStdString()) != std::string::npos, failed->message.c_str());
        QVERIFY(!failed->hint.empty());
        QVERIFY(!open(*engine, "llama", "cpu")); // the engine goes on
    }

    void refusedModel_leavesTheOpenOne()
    {
        auto engine = startEngine();
        QVERIFY(!open(*engine, "llama"));
        int closed = 0;
        const auto count = [&](const EngineMessage& message) {
            closed += std::holds_alternative<ModelClosed>(message);
        };
        QVERIFY(request(*engine, OpenModel{0, m_tiny + "gpt2", "cuda:0"}, count).failed);
        QCOMPARE(closed, 0);
        QCOMPARE(request(*engine, plain(3)).ids("A").size(), std::size_t(3));
    }

    void whatRunsOnTheCpu_isRefused()
    {
        auto engine = startEngine();
        QVERIFY(!open(*engine, "llama"));
        Capture capture;
        capture.prompt.ids = {1, 2, 3};
        for (const auto& failed :
             {request(*engine, capture).failed, request(*engine, RunExperiment{0, "accuracy"}).failed}) {
            QVERIFY(failed);
            QCOMPARE(failed->code, std::string("not-supported"));
            QVERIFY(failed->message.find("run on the CPU") != std::string::npos);
        }
    }

    void cancel_stops_andTheNextRuns()
    {
        auto engine = startEngine();
        QVERIFY(!open(*engine, "llama"));
        std::uint32_t running = 0;
        const Answer stopped = request(*engine, plain(200), [&](const EngineMessage& message) {
            const auto* token = std::get_if<Token>(&message);
            if (!token || token->origin != "generated" || running != 0)
                return;
            running = token->requestId;
            QVERIFY(engine->send(Cancel{engine->nextRequestId(), running}).ok());
        });
        QCOMPARE(stopped.lanes.at("A").reason, std::string("stopped"));
        QVERIFY(stopped.ids("A").size() < 200);
        const Answer next = request(*engine, plain(3));
        QCOMPARE(next.lanes.at("A").reason, std::string("length"));
        const auto before = stopped.ids("A"), after = next.ids("A");
        for (std::size_t i = 0; i < std::min(before.size(), after.size()); ++i)
            QCOMPARE(after[i], before[i]);
    }

    void methods_areRefusedBeforeAnythingRuns()
    {
        auto engine = startEngine();
        QVERIFY(!open(*engine, "llama"));
        const auto id = engine->nextRequestId();
        QVERIFY(engine->send(SetMethods{id, "A", {{"head_ablation", {{"heads", {{2, 1}}}}}}, "auto"}).ok());
        auto received = engine->receive(std::chrono::seconds(20));
        QVERIFY(received.ok() && received.value());
        while (std::holds_alternative<Memory>(*received.value()))
            received = engine->receive(std::chrono::seconds(20));
        const auto* refused = std::get_if<Unavailable>(&*received.value());
        QVERIFY(refused);
        QCOMPARE(refused->code, std::string("not-supported"));
        QVERIFY(refused->message.find("silenced heads") != std::string::npos);
        QCOMPARE(refused->method, 0);
    }
};

QTEST_GUILESS_MAIN(TestCudaEngine)
#include "tst_cuda_engine.moc"
