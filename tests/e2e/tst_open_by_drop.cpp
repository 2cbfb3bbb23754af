#include "tests/support/desktop.h"
#include "tests/support/test_model.h"
#include "ui/shell/open_model_dialog.h"
#include "ui/shell/recent_files.h"

#include <QComboBox>
#include <QDropEvent>
#include <QLabel>
#include <QMimeData>
#include <QSettings>
#include <QSpinBox>
#include <QTabWidget>
#include <QTableView>
#include <QTemporaryDir>

using namespace ls;
using namespace ls::test;

/// A real model file dropped on the real window with the real engine: described, opened, looked into, remembered.
class TestOpenByDrop : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void droppedFile_isDescribed();
    void droppedPickle_isRefused();
    void droppedFile_isOpenedAndGenerates();
    void openedFile_hasCardTensorsAndIsRemembered();

private:
    void drop(const QString& path);
    QTemporaryDir m_folder;
    std::unique_ptr<Desktop> m_desktop;
    Watchdog m_watchdog;
};

void TestOpenByDrop::initTestCase()
{
    QVERIFY2(!smolLmPath().empty(), kSmolLmMissing);
    qputenv("XDG_CACHE_HOME", m_folder.filePath(QStringLiteral("cache")).toUtf8());
    prepareApplication();
    QSettings().clear();
    m_desktop = std::make_unique<Desktop>(QStringLiteral(LAYERSCOPE_BIN_DIR "/layerscope-engine"));
}

void TestOpenByDrop::drop(const QString& path)
{
    QMimeData data;
    data.setUrls({QUrl::fromLocalFile(path)});
    const QPoint at = m_desktop->window.rect().center();
    QDragEnterEvent enter(at, Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(&m_desktop->window, &enter);
    QVERIFY(enter.isAccepted());
    QDropEvent event(at, Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(&m_desktop->window, &event);
}

void TestOpenByDrop::droppedFile_isDescribed()
{
    m_watchdog.start();
    drop(QString::fromStdString(smolLmPath()));
    auto* facts = m_desktop->find<QLabel>(QStringLiteral("open.facts"));
    QVERIFY(facts);
    QTRY_VERIFY_WITH_TIMEOUT(facts->text().contains(QStringLiteral("134.5 M")), 20000);
    for (const char* part : {"llama", "30 × 576", "9 / 3", "Q4_1", "apache-2.0", "93.8 MiB"})
        QVERIFY2(facts->text().contains(QString::fromUtf8(part)), part);
    QCOMPARE(m_desktop->find<QTableView>(QStringLiteral("open.tensors"))->model()->rowCount(), 272);
    QVERIFY(m_desktop->find<QComboBox>(QStringLiteral("open.dtype"))->count() >= 2);
    QVERIFY(m_desktop->find<QLabel>(QStringLiteral("open.verdict"))->text().contains(QStringLiteral("are free")));
    QVERIFY(!m_desktop->client.model()); // headers only
}

void TestOpenByDrop::droppedPickle_isRefused()
{
    const QString pickle = m_folder.filePath(QStringLiteral("pytorch_model.bin"));
    QFile file(pickle);
    QVERIFY(file.open(QIODevice::WriteOnly) && file.write("\x80\x02}q") == 4);
    file.close();
    drop(pickle); // into the dialog that is open
    auto* problem = m_desktop->find<QLabel>(QStringLiteral("open.problem"));
    QTRY_VERIFY_WITH_TIMEOUT(problem->isVisible(), 20000);
    QVERIFY2(problem->text().contains(QStringLiteral("can run code")), qPrintable(problem->text()));
    QVERIFY(problem->text().contains(QStringLiteral("safetensors"))); // what next
    QVERIFY(!m_desktop->find<QAbstractButton>(QStringLiteral("open.load"))->isEnabled());
}

void TestOpenByDrop::droppedFile_isOpenedAndGenerates()
{
    drop(QString::fromStdString(smolLmPath()));
    auto* load = m_desktop->find<QAbstractButton>(QStringLiteral("open.load"));
    QTRY_VERIFY_WITH_TIMEOUT(load->isEnabled(), 20000);
    QElapsedTimer clock;
    clock.start();
    load->click();
    QTRY_VERIFY_WITH_TIMEOUT(m_desktop->client.model().has_value(), 60000);
    const qint64 opened = clock.elapsed();
    m_desktop->find<QSpinBox>(QStringLiteral("prompt.max"))->setValue(4);
    QVERIFY(m_desktop->click(QStringLiteral("run.generate")));
    const auto hasToken = [&] {
        const RunData* run = m_desktop->workbench.run();
        const LaneData* lane = run ? run->lane("A") : nullptr;
        return lane && int(lane->tokens.size()) > lane->promptTokens() && lane->promptTokens() > 0;
    };
    QVERIFY(QTest::qWaitFor(hasToken, 60000));
    qInfo("open to ready %lld ms, to the first token %lld ms; longest pause of the window %.0f ms", opened,
          clock.elapsed(), m_watchdog.stop());
    QVERIFY(m_desktop->waitForEnd());
}

void TestOpenByDrop::openedFile_hasCardTensorsAndIsRemembered()
{
    m_desktop->find<QTabWidget>(QStringLiteral("model.tabs"))->setCurrentIndex(1);
    auto* card = m_desktop->find<QLabel>(QStringLiteral("model.card"));
    QTRY_VERIFY_WITH_TIMEOUT(card->text().contains(QStringLiteral("apache-2.0")), 60000);
    QVERIFY(card->text().contains(QString::fromStdString(m_desktop->client.model()->fingerprint)));
    QVERIFY(!card->text().contains(QStringLiteral("has changed")));
    QCOMPARE(m_desktop->find<QTableView>(QStringLiteral("model.tensors"))->model()->rowCount(), 272);
    const auto recents = recent::models();
    QCOMPARE(recents.size(), std::size_t(1));
    QCOMPARE(recents.front().path, QString::fromStdString(smolLmPath()));
    QCOMPARE(recents.front().type, QStringLiteral("Q4_1"));
}

QTEST_MAIN(TestOpenByDrop)
#include "tst_open_by_drop.moc"
