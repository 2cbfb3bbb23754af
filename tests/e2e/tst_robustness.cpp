#include "tests/support/desktop.h"
#include "tests/support/test_model.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <QDir>
#include <QLabel>
#include <QProcess>
#include <QSpinBox>
#include <QTemporaryDir>
#include <QToolBar>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <random>

using namespace ls;
using namespace ls::test;

/// Programs are killed while they work: what was shown stays.
class TestRobustness : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void killedEngine_tenTimes();
    void killedWindow_losesAtMost200ms_data();
    void killedWindow_losesAtMost200ms();

private:
    QTemporaryDir m_folder;
};

namespace {

const QString kEngine = QStringLiteral(LAYERSCOPE_BIN_DIR "/layerscope-engine");
constexpr int kTimes = 10;
constexpr std::int64_t kLossNs = 200'000'000;

std::int64_t monotonicNs()
{
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

bool alive(qint64 pid)
{
    QFile state(QStringLiteral("/proc/%1/stat").arg(pid));
    if (!state.open(QIODevice::ReadOnly))
        return false;
    const QByteArray line = state.readAll();
    return line.mid(line.lastIndexOf(')') + 2, 1) != "Z";
}

/// The window as a program of its own: opens the model, generates into the session and prints every token it shows as
/// "lane position nanoseconds" until it is killed.
int childWindow(const QStringList& arguments)
{
    const QString session = arguments.at(2), model = arguments.at(3);
    Desktop desktop(kEngine);
    QObject::connect(&desktop.workbench, &Workbench::runAppended, [&](const QString& lane, int position) {
        const RunData* run = desktop.workbench.run();
        const LaneData* data = run ? run->lane(lane.toStdString()) : nullptr;
        if (!data || position < 0 || std::size_t(position) + 1 != data->tokens.size())
            return; // a tap of an older token
        std::printf("%s %d %lld\n", qPrintable(lane), position, static_cast<long long>(monotonicNs()));
        std::fflush(stdout);
    });
    if (!desktop.workbench.newSession(session).ok() || !desktop.openModel(model))
        return 1;
    std::printf("engine %lld\n", static_cast<long long>(desktop.client.processId()));
    desktop.find<QSpinBox>(QStringLiteral("prompt.max"))->setValue(4000);
    if (!desktop.click(QStringLiteral("run.generate")))
        return 1;
    return QApplication::exec();
}

} // namespace

void TestRobustness::initTestCase()
{
    QVERIFY2(!smolLmPath().empty(), kSmolLmMissing);
    QVERIFY(m_folder.isValid());
}

void TestRobustness::killedEngine_tenTimes()
{
    Desktop desktop(kEngine);
    QVERIFY(desktop.openModel(QString::fromStdString(smolLmPath())));
    QVERIFY(desktop.workbench.saveSessionAs(m_folder.filePath(QStringLiteral("killed-engine.lsdb"))).ok());
    desktop.find<QSpinBox>(QStringLiteral("prompt.max"))->setValue(4000);
    std::mt19937 random(11);
    std::vector<std::vector<LaneData>> shown;
    for (int time = 0; time < kTimes; ++time) {
        const int wanted = std::uniform_int_distribution<int>(1, 12)(random);
        QVERIFY(desktop.click(QStringLiteral("run.generate")));
        QVERIFY(QTest::qWaitFor(
            [&] {
                const RunData* run = desktop.workbench.run();
                const LaneData* lane = run && run->running ? run->lane("B") : nullptr;
                return lane && int(lane->tokens.size()) >= lane->promptTokens() + wanted;
            },
            60000));
        ::kill(pid_t(desktop.client.processId()), SIGKILL);
        QTRY_COMPARE_WITH_TIMEOUT(desktop.client.state(), EngineClient::State::Died, 10000);
        QTRY_VERIFY(desktop.find<QToolBar>(QStringLiteral("bar.banner"))->isVisible());
        const QString text = desktop.find<QLabel>(QStringLiteral("banner.text"))->text();
        QVERIFY2(text.contains(QStringLiteral("killed")), qPrintable(text));
        QVERIFY(desktop.window.isVisible());
        QVERIFY(!desktop.workbench.generating());
        QVERIFY(desktop.workbench.run()->failure.has_value());
        shown.push_back(desktop.workbench.run()->lanes);
        QVERIFY(desktop.click(QStringLiteral("banner.restart")));
        QTRY_VERIFY_WITH_TIMEOUT(desktop.client.model().has_value(), 60000);
    }
    QVERIFY(desktop.workbench.session()->flush().ok());
    auto stored = Session::open(m_folder.filePath(QStringLiteral("killed-engine.lsdb")).toStdString(), true);
    QVERIFY2(stored.ok(), stored ? "" : stored.error().message.c_str());
    const auto runs = stored.value()->runs();
    QCOMPARE(runs.size(), std::size_t(kTimes));
    for (int time = 0; time < kTimes; ++time)
        for (std::size_t lane = 0; lane < shown[std::size_t(time)].size(); ++lane)
            QVERIFY2(runs[std::size_t(time)]->lanes.at(lane).tokens == shown[std::size_t(time)][lane].tokens,
                     qPrintable(QStringLiteral("run %1, lane %2").arg(time).arg(lane)));
}

void TestRobustness::killedWindow_losesAtMost200ms_data()
{
    QTest::addColumn<int>("afterMs");
    std::mt19937 random(5);
    for (int time = 0; time < kTimes; ++time)
        QTest::addRow("time %d", time) << std::uniform_int_distribution<int>(250, 2500)(random);
}

void TestRobustness::killedWindow_losesAtMost200ms()
{
    QFETCH(int, afterMs);
    const QString session = m_folder.filePath(QStringLiteral("killed-window-%1.lsdb").arg(afterMs));
    QProcess window;
    window.start(QCoreApplication::applicationFilePath(),
                 {QStringLiteral("--child-window"), session, QString::fromStdString(smolLmPath())});
    QVERIFY(window.waitForStarted());
    struct Shown {
        std::string lane;
        int position;
        std::int64_t ns;
    };
    std::vector<Shown> shown;
    qint64 engine = 0;
    const auto read = [&] {
        while (window.canReadLine()) {
            const QList<QByteArray> words = window.readLine().simplified().split(' ');
            if (words.value(0) == "engine")
                engine = words.value(1).toLongLong();
            else if (words.size() == 3)
                shown.push_back({words[0].toStdString(), words[1].toInt(), words[2].toLongLong()});
        }
        return !shown.empty();
    };
    QVERIFY(QTest::qWaitFor(read, 60000));
    QTest::qWait(afterMs);
    const std::int64_t killedAt = monotonicNs();
    ::kill(pid_t(window.processId()), SIGKILL);
    QVERIFY(window.waitForFinished(10000));
    read();
    QVERIFY(engine > 0);
    QVERIFY2(QTest::qWaitFor([&] { return !alive(engine); }, 5000), "the engine outlives its window");
    {
        SQLite::Database file(session.toStdString(), SQLite::OPEN_READWRITE); // as the next window opens it
        QCOMPARE(file.execAndGet("PRAGMA integrity_check").getString(), std::string("ok"));
    }
    auto stored = Session::open(session.toStdString());
    QVERIFY2(stored.ok(), stored ? "" : stored.error().message.c_str());
    const RunData* run = stored.value()->latestRun();
    QVERIFY(run);
    int due = 0;
    for (const Shown& token : shown) {
        if (killedAt - token.ns <= kLossNs)
            continue;
        ++due;
        const LaneData* lane = run->lane(token.lane);
        QVERIFY2(lane && int(lane->tokens.size()) > token.position,
                 qPrintable(QStringLiteral("lane %1, token %2, shown %3 ms before")
                                .arg(QString::fromStdString(token.lane))
                                .arg(token.position)
                                .arg((killedAt - token.ns) / 1000000)));
    }
    QVERIFY(due > 0);
}

int main(int argc, char** argv)
{
    QApplication application(argc, argv);
    prepareApplication();
    const QStringList arguments = QApplication::arguments();
    if (arguments.value(1) == QLatin1String("--child-window"))
        return childWindow(arguments);
    TestRobustness test;
    return QTest::qExec(&test, argc, argv);
}

#include "tst_robustness.moc"
