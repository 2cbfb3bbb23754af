#include "core/data/vector_writer.h"
#include "tests/support/bad_file.h"
#include "tests/support/desktop.h"
#include "tests/support/test_model.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <QDialog>
#include <QFile>
#include <QLabel>
#include <QSpinBox>
#include <QTemporaryDir>
#include <QToolBar>

#include <sys/resource.h>

#include <csignal>

using namespace ls;
using namespace ls::test;

/// Bad input in the real window with the real engine: an error in words where the user looks, and nothing is lost. The
/// open model answers as before, the session in view still holds its first run, and its file does too.
class TestBadInput : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void modelFile_isRefusedBeforeLoading_data() { modelFiles(); }
    void modelFile_isRefusedBeforeLoading();
    void modelFile_leavesTheOpenModel_data() { modelFiles(); }
    void modelFile_leavesTheOpenModel();
    void restartAfterABadFile_opensTheModelOfBefore();
    void vectorOfTheWrongWidth_isRefusedByItsCard();
    void prompt_isRefused_data();
    void prompt_isRefused();
    void sessionOfANewerVersion_isRefused();
    void sessionOpenInAnotherWindow_isRefused();
    void fullDisk_isToldAndNothingIsLost();
    void cleanupTestCase();

private:
    static void modelFiles();
    QString badModel(const QString& kind) const;
    QString file(const char* name) const { return m_folder.filePath(QLatin1String(name)); }
    QString banner() const;
    void dismissBanner();
    /// Generates two tokens with the model of before, and looks into session and file.
    void nothingIsLost();

    QTemporaryDir m_folder;
    std::unique_ptr<Desktop> m_desktop;
    std::vector<LaneData> m_kept; ///< the first run
};

namespace {

const QString kEngine = QStringLiteral(LAYERSCOPE_BIN_DIR "/layerscope-engine");
constexpr const char* kTiny = LAYERSCOPE_TEST_DATA "/golden/tiny/llama/model.gguf";

QByteArray contentOf(const QString& path)
{
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

/// The GGUF header writes a text behind its 64-bit length.
QByteArray counted(const char* text)
{
    const QByteArray bytes(text);
    const std::string all = Bytes().text(bytes.toStdString()).all();
    return {all.data(), qsizetype(all.size())};
}

} // namespace

void TestBadInput::modelFiles()
{
    QTest::addColumn<QString>("kind");
    QTest::addColumn<QString>("words");
    QTest::newRow("truncated GGUF") << "truncated"
                                    << "damaged or cut off";
    QTest::newRow("wrong magic") << "magic"
                                 << "not a GGUF file";
    QTest::newRow("unknown architecture") << "architecture"
                                          << "llamo";
    QTest::newRow("tensor with a wrong shape") << "shape"
                                               << "blk.0.ffn_up.weight";
}

QString TestBadInput::badModel(const QString& kind) const
{
    QByteArray bytes = contentOf(QLatin1String(kTiny));
    if (kind == QLatin1String("truncated")) {
        bytes.truncate(bytes.size() / 2);
    } else if (kind == QLatin1String("magic")) {
        bytes.replace(0, 4, "GGML");
    } else if (kind == QLatin1String("architecture")) {
        bytes.replace(counted("llama"), counted("llamo"));
    } else {
        const QByteArray name = counted("blk.0.ffn_up.weight");
        const qsizetype extents = bytes.indexOf(name) + name.size() + 4; // behind the number of dimensions
        bytes = bytes.left(extents) + bytes.mid(extents + 8, 8) + bytes.mid(extents, 8) + bytes.mid(extents + 16);
    }
    const QString path = m_folder.filePath(kind + QStringLiteral(".gguf"));
    test::writeFile(path.toStdString(), bytes.toStdString());
    return path;
}

QString TestBadInput::banner() const
{
    const auto* bar = m_desktop->find<QToolBar>(QStringLiteral("bar.banner"));
    return bar->isVisible() ? m_desktop->find<QLabel>(QStringLiteral("banner.text"))->text() : QString();
}

void TestBadInput::dismissBanner()
{
    if (!banner().isEmpty())
        QVERIFY(m_desktop->click(QStringLiteral("banner.dismiss")));
}

void TestBadInput::initTestCase()
{
    QVERIFY2(!smolLmPath().empty(), kSmolLmMissing);
    QVERIFY(m_folder.isValid());
    qputenv("XDG_CACHE_HOME", file("cache").toUtf8());
    prepareApplication();
    m_desktop = std::make_unique<Desktop>(kEngine);
    QVERIFY(m_desktop->openModel(QString::fromStdString(smolLmPath())));
    QVERIFY(m_desktop->workbench.saveSessionAs(file("kept.lsdb")).ok());
    m_desktop->find<QSpinBox>(QStringLiteral("prompt.max"))->setValue(3);
    QVERIFY(m_desktop->type(QStringLiteral("prompt.text"), QStringLiteral("Say hello.")));
    QVERIFY(QTest::qWaitFor([&] { return m_desktop->workbench.run() && !m_desktop->workbench.generating(); }, 60000));
    QVERIFY(!m_desktop->workbench.run()->failure);
    m_kept = m_desktop->workbench.run()->lanes;
    QVERIFY(m_kept.size() == 2 && m_kept[0].tokens.size() > 4);
}

void TestBadInput::nothingIsLost()
{
    Workbench& workbench = m_desktop->workbench;
    QVERIFY(m_desktop->client.model() && m_desktop->client.model()->blockCount == 30);
    QCOMPARE(QString::fromStdString(workbench.session()->path()), file("kept.lsdb"));
    QVERIFY(m_desktop->type(QStringLiteral("prompt.text"), QStringLiteral("Say hello.")));
    QVERIFY(QTest::qWaitFor([&] { return workbench.generating(); }, 10000));
    QVERIFY(m_desktop->waitForEnd());
    QVERIFY2(!workbench.run()->failure, workbench.run()->failure ? workbench.run()->failure->message.c_str() : "");
    QCOMPARE(workbench.run()->lanes.at(0).tokens.size(), m_kept[0].tokens.size());
    QVERIFY(workbench.session()->flush().ok());
    auto stored = Session::open(file("kept.lsdb").toStdString(), true);
    QVERIFY2(stored.ok(), stored ? "" : stored.error().message.c_str());
    for (Session* session : {workbench.session(), stored.value().get()})
        for (std::size_t lane = 0; lane < m_kept.size(); ++lane)
            QVERIFY(session->runs().at(0)->lanes.at(lane).tokens == m_kept[lane].tokens);
    QCOMPARE(stored.value()->runs().size(), workbench.session()->runs().size());
}

void TestBadInput::modelFile_isRefusedBeforeLoading()
{
    QFETCH(QString, kind);
    QFETCH(QString, words);
    QVERIFY(m_desktop->trigger(QStringLiteral("action.openModel")));
    QVERIFY(m_desktop->type(QStringLiteral("open.path"), badModel(kind)));
    const auto said = [&] { return m_desktop->find<QLabel>(QStringLiteral("open.problem"))->text(); };
    QVERIFY2(QTest::qWaitFor([&] { return said().contains(words); }, 10000), qPrintable(said()));
    QVERIFY2(said().count(QLatin1Char('.')) >= 2, qPrintable(said())); // message and hint
    QVERIFY(!m_desktop->find<QAbstractButton>(QStringLiteral("open.load"))->isEnabled());
    QVERIFY(m_desktop->click(QStringLiteral("open.cancel")));
    QTRY_VERIFY(!m_desktop->find<QDialog>(QStringLiteral("dialog.openModel")));
    dismissBanner();
    nothingIsLost();
}

/// As from the command line: without the dialog in between.
void TestBadInput::modelFile_leavesTheOpenModel()
{
    QFETCH(QString, kind);
    QFETCH(QString, words);
    m_desktop->workbench.openModel(badModel(kind), QStringLiteral("cpu"), QStringLiteral("float32"));
    // The first one waits for the calibration in the background.
    QVERIFY2(QTest::qWaitFor([&] { return banner().contains(words); }, 120000), qPrintable(banner()));
    QVERIFY2(banner().count(QLatin1Char('.')) >= 2, qPrintable(banner()));
    QVERIFY(m_desktop->find<QLabel>(QStringLiteral("status.progress"))->text().isEmpty());
    dismissBanner();
    nothingIsLost();
}

void TestBadInput::restartAfterABadFile_opensTheModelOfBefore()
{
    m_desktop->workbench.openModel(badModel(QStringLiteral("truncated")), QStringLiteral("cpu"),
                                   QStringLiteral("float32"));
    QVERIFY(QTest::qWaitFor([&] { return banner().contains(QStringLiteral("damaged")); }, 10000));
    ::kill(pid_t(m_desktop->client.processId()), SIGKILL);
    QTRY_COMPARE_WITH_TIMEOUT(m_desktop->client.state(), EngineClient::State::Died, 10000);
    QVERIFY(m_desktop->click(QStringLiteral("banner.restart")));
    QTRY_VERIFY_WITH_TIMEOUT(m_desktop->client.model().has_value(), 60000);
    dismissBanner();
    nothingIsLost();
}

void TestBadInput::vectorOfTheWrongWidth_isRefusedByItsCard()
{
    const QString vector = file("narrow.gguf");
    const std::vector<float> narrow(64, 1.0f);
    QVERIFY(writeControlVector(vector.toStdString(), "llama", {{14, narrow}}).ok());
    QVERIFY(m_desktop->trigger(QStringLiteral("action.add.steering")));
    Workbench& workbench = m_desktop->workbench;
    Desk desk = workbench.desk();
    desk.at(0).use.params.update({{"vector", vector.toStdString()}, {"layers", {14}}});
    workbench.changeDesk(QStringLiteral("set"), desk);
    QVERIFY(m_desktop->click(QStringLiteral("card.steering.switch")));
    const auto reason = [&] { return m_desktop->find<QLabel>(QStringLiteral("card.steering.reason"))->text(); };
    QVERIFY2(QTest::qWaitFor([&] { return reason().contains(QStringLiteral("64")); }, 10000), qPrintable(reason()));
    QVERIFY2(reason().contains(QStringLiteral("576")), qPrintable(reason()));
    QVERIFY(enabledMethods(workbench.desk()).empty()); // the switch is off again
    nothingIsLost();
    workbench.changeDesk(QStringLiteral("clear"), {});
}

void TestBadInput::prompt_isRefused_data()
{
    QTest::addColumn<QString>("prompt");
    QTest::addColumn<QString>("words");
    QTest::newRow("empty") << QString() << "empty";
    QTest::newRow("longer than the context") << QStringLiteral("very ").repeated(20000) << "context";
}

void TestBadInput::prompt_isRefused()
{
    QFETCH(QString, prompt);
    QFETCH(QString, words);
    auto* edit = m_desktop->find<QLineEdit>(QStringLiteral("prompt.text"));
    edit->setText(prompt); // as pasted
    QTest::keyClick(edit, Qt::Key_Return);
    QVERIFY2(QTest::qWaitFor([&] { return banner().contains(words); }, 20000), qPrintable(banner()));
    QVERIFY2(banner().count(QLatin1Char('.')) >= 2, qPrintable(banner()));
    QVERIFY(!m_desktop->workbench.generating());
    QCOMPARE(edit->text(), prompt); // what was written can be corrected
    dismissBanner();
    nothingIsLost();
}

void TestBadInput::sessionOfANewerVersion_isRefused()
{
    QVERIFY(m_desktop->workbench.session()->flush().ok());
    const QString newer = file("newer.lsdb");
    {
        SQLite::Database from(file("kept.lsdb").toStdString());
        from.exec("VACUUM INTO '" + newer.toStdString() + "'");
        SQLite::Database(newer.toStdString(), SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 1000");
    }
    const QByteArray before = contentOf(newer);
    m_desktop->window.openPath(newer);
    QVERIFY2(banner().contains(QStringLiteral("newer")), qPrintable(banner()));
    QVERIFY2(banner().count(QLatin1Char('.')) >= 2, qPrintable(banner()));
    QCOMPARE(contentOf(newer), before);
    dismissBanner();
    nothingIsLost();
}

void TestBadInput::sessionOpenInAnotherWindow_isRefused()
{
    Desktop second(kEngine);
    second.window.openPath(file("kept.lsdb"));
    QVERIFY(second.find<QToolBar>(QStringLiteral("bar.banner"))->isVisible());
    const QString text = second.find<QLabel>(QStringLiteral("banner.text"))->text();
    QVERIFY2(text.contains(QStringLiteral("another window")) || text.contains(QStringLiteral("other")),
             qPrintable(text));
    QVERIFY2(text.count(QLatin1Char('.')) >= 2, qPrintable(text));
    QVERIFY(!second.workbench.session());
    nothingIsLost();
}

void TestBadInput::fullDisk_isToldAndNothingIsLost()
{
    Workbench& workbench = m_desktop->workbench;
    QVERIFY(workbench.session()->flush().ok());
    std::signal(SIGXFSZ, SIG_IGN); // a file at its limit then fails as one on a full disk does
    rlimit old{};
    getrlimit(RLIMIT_FSIZE, &old);
    const rlimit small{64, old.rlim_max};
    QCOMPARE(setrlimit(RLIMIT_FSIZE, &small), 0);
    const bool started = m_desktop->type(QStringLiteral("prompt.text"), QStringLiteral("Say hello.")) &&
                         QTest::qWaitFor([&] { return workbench.generating(); }, 10000) && m_desktop->waitForEnd();
    const bool told = QTest::qWaitFor([&] { return banner().contains(QStringLiteral("disk")); }, 10000);
    const QString text = banner();
    const bool closed = m_desktop->window.close(); // would lose what is not on disk
    QCOMPARE(setrlimit(RLIMIT_FSIZE, &old), 0);
    QVERIFY(started);
    QVERIFY2(told && text.contains(QStringLiteral("full")), qPrintable(text));
    QVERIFY2(text.count(QLatin1Char('.')) >= 2, qPrintable(text));
    QVERIFY(!closed && m_desktop->window.isVisible());
    QCOMPARE(workbench.run()->lanes.at(0).tokens.size(), m_kept[0].tokens.size()); // shown all the same
    dismissBanner();
    nothingIsLost(); // with room again, the file holds that run too
}

void TestBadInput::cleanupTestCase()
{
    m_desktop.reset();
}

QTEST_MAIN(TestBadInput)
#include "tst_bad_input.moc"
