#include "core/process/engine_process.h"
#include "tests/support/test_model.h"

#include <QElapsedTimer>
#include <QFile>
#include <QProcess>
#include <QTest>

#include <algorithm>
#include <chrono>

using namespace ls;

/// Figures of the closing notes: reported, and failed only at five times the bar (machines differ).
class TestMeasures : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void windowPaints_within500ms();
    void memoryAfterLoad_isTheWeights_data();
    void memoryAfterLoad_isTheWeights();
    void engine_endsWithItsInput();
};

namespace {

std::int64_t residentKb(int pid, const char* field)
{
    QFile status(QStringLiteral("/proc/%1/status").arg(pid));
    if (!status.open(QIODevice::ReadOnly))
        return 0;
    for (const QByteArray& line : status.readAll().split('\n'))
        if (line.startsWith(field))
            return line.simplified().split(' ').value(1).toLongLong();
    return 0;
}

std::unique_ptr<EngineProcess> start()
{
    EngineOptions options;
    options.program = LAYERSCOPE_BIN_DIR "/layerscope-engine";
    auto engine = EngineProcess::start(options);
    return engine ? std::move(engine).value() : nullptr;
}

} // namespace

void TestMeasures::windowPaints_within500ms()
{
    std::vector<qint64> times;
    for (int run = 0; run < 6; ++run) {
        QProcess window;
        QElapsedTimer clock;
        clock.start();
        window.start(QStringLiteral(LAYERSCOPE_BIN_DIR "/layerscope"), {QStringLiteral("--announce-paint")});
        QVERIFY(window.waitForReadyRead(20000));
        const qint64 ms = clock.elapsed();
        QCOMPARE(window.readAllStandardOutput().trimmed(), QByteArray("painted"));
        if (run > 0) // the first one warms the file cache
            times.push_back(ms);
        window.terminate();
        window.waitForFinished();
    }
    std::sort(times.begin(), times.end());
    qInfo("window painted after %lld ms (median of %zu, %lld to %lld; bar 500)", static_cast<long long>(times[2]),
          times.size(), static_cast<long long>(times.front()), static_cast<long long>(times.back()));
    QVERIFY(times[2] < 2500);
}

void TestMeasures::memoryAfterLoad_isTheWeights_data()
{
    QTest::addColumn<QString>("dtype");
    QTest::newRow("float32") << "float32";
    QTest::newRow("bfloat16") << "bfloat16";
    QTest::newRow("quantised") << "quantised";
}

void TestMeasures::memoryAfterLoad_isTheWeights()
{
    QFETCH(QString, dtype);
    QVERIFY2(!test::smolLmPath().empty(), test::kSmolLmMissing);
    const auto engine = start();
    QVERIFY(engine);
    const int pid = int(engine->pid());
    const std::int64_t idle = residentKb(pid, "VmRSS:");
    OpenModel open;
    open.requestId = engine->nextRequestId();
    open.path = test::smolLmPath();
    open.dtype = dtype.toStdString();
    QElapsedTimer clock;
    clock.start();
    QVERIFY(engine->send(open).ok());
    std::optional<ModelReady> ready;
    while (!ready) {
        const auto message = engine->receive(std::chrono::seconds(60));
        QVERIFY(message.ok() && message.value());
        if (const auto* found = std::get_if<ModelReady>(&*message.value()))
            ready = *found;
        QVERIFY(!std::holds_alternative<Failed>(*message.value()));
    }
    const qint64 openMs = clock.elapsed();
    const double after = double(residentKb(pid, "VmRSS:") - idle) * 1024;
    const double peak = double(residentKb(pid, "VmHWM:") - idle) * 1024;
    const bool quantised = dtype == QStringLiteral("quantised");
    // as quantised the file itself is the measure: nothing may be there twice
    const double weights = double(quantised ? ready->info.fileBytes : ready->info.weightBytes);
    qInfo("%s: %s %.1f MiB; resident after load %+.1f %% of it (bar %+d), peak %+.1f %%; opened in %lld ms",
          qPrintable(dtype), quantised ? "file" : "weights", weights / 1048576, 100 * (after / weights - 1),
          quantised ? 5 : 10, 100 * (peak / weights - 1), static_cast<long long>(openMs));
    QVERIFY(after < weights * (quantised ? 1.25 : 1.5));
}

void TestMeasures::engine_endsWithItsInput()
{
    QProcess engine;
    engine.start(QStringLiteral(LAYERSCOPE_BIN_DIR "/layerscope-engine"), QStringList{});
    QVERIFY(engine.waitForStarted());
    QTest::qWait(200);
    QElapsedTimer clock;
    clock.start();
    engine.closeWriteChannel();
    QVERIFY(engine.waitForFinished(5000));
    QCOMPARE(engine.exitCode(), 0);
    qInfo("engine ended %lld ms after its input closed", static_cast<long long>(clock.elapsed()));
}

QTEST_GUILESS_MAIN(TestMeasures)
#include "tst_measures.moc"
