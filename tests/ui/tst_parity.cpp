#include "core/certificate/certificate.h"
#include "tests/support/panel_desktop.h"
#include "ui/panels/parity_panel.h"
#include "ui/plots/plot.h"

#include <QAction>
#include <QDockWidget>
#include <QElapsedTimer>
#include <QTabWidget>
#include <QTableView>
#include <QTableWidget>
#include <QtTest>

using namespace ls;
using namespace ls::test;

/// The certificate in the window: asked for, stopped, kept per model, shown by site and block.
class TestParity : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase()
    {
        prepareDesktop();
        qputenv("XDG_CACHE_HOME", m_cache.path().toUtf8());
    }
    void withoutAModel_saysSo();
    void stop_endsTheCheckWithoutAVerdict();
    void status_followsTheCertificate();
    void status_opensTheCertificate_data();
    void status_opensTheCertificate();
    void modelPanel_showsCardAndTensors();
    void verify_showsAndKeepsTheCertificate();
    void keptCertificate_isShownWithTheModel();
    void firstSiteOverTheBar_isNamed();
    void bothThemes_areDrawn_data();
    void bothThemes_areDrawn();

private:
    QTemporaryDir m_cache;
};

void TestParity::withoutAModel_saysSo()
{
    Desktop desktop;
    QCOMPARE(desktop.find<Panel>("panel.parity")->stateName(), QStringLiteral("unavailable"));
    QVERIFY(!desktop.find<QAbstractButton>("parity.run")->isEnabled());
}

void TestParity::stop_endsTheCheckWithoutAVerdict()
{
    Desktop desktop({QStringLiteral("--certify-ms"), QStringLiteral("1500")});
    QVERIFY(desktop.open());
    desktop.find<QAction>("action.certificate")->trigger();
    auto* panel = desktop.find<Panel>("panel.parity");
    auto* button = desktop.find<QAbstractButton>("parity.run");
    QVERIFY(desktop.click("parity.run"));
    QTRY_COMPARE(panel->stateName(), QStringLiteral("loading"));
    QTRY_COMPARE(button->text(), QStringLiteral("Stop"));
    QTRY_COMPARE(desktop.find<QAbstractButton>("status.parity")->text(), QStringLiteral("parity: checking"));
    QElapsedTimer clock;
    clock.start();
    button->click();
    const ExperimentData* experiment = desktop.workbench.latestExperiment(QStringLiteral("certify"));
    QTRY_COMPARE(experiment->state, std::string("cancelled"));
    QVERIFY2(clock.elapsed() < 4500, qPrintable(QString::number(clock.elapsed()))); // of 6 s for the whole
    QTRY_COMPARE(panel->stateName(), QStringLiteral("empty"));
    QTRY_COMPARE(button->text(), QStringLiteral("Verify"));
    QTRY_COMPARE(desktop.find<QAbstractButton>("status.parity")->text(), QStringLiteral("parity: not checked"));
    const ModelInfo& model = *desktop.workbench.model();
    QVERIFY(!loadCertificate(certificatePath(model.fingerprint, model.dtype)).ok()); // nothing was kept
}

void TestParity::status_followsTheCertificate()
{
    Desktop desktop;
    QVERIFY(!desktop.find<QAbstractButton>("status.parity")->isVisible()); // no model, no word
    QVERIFY(desktop.open());
    auto* status = desktop.find<QAbstractButton>("status.parity");
    auto* link = desktop.find<QAbstractButton>("model.certificate");
    QTRY_COMPARE(status->text(), QStringLiteral("parity: not checked"));
    QTRY_COMPARE(link->text(), QStringLiteral("Certificate: not made"));
    QVERIFY(desktop.run("certify", {{"broken", true}}));
    QTRY_COMPARE(status->text(), QStringLiteral("parity: ✗ fail"));
    QVERIFY2(link->text().startsWith(QStringLiteral("Certificate: ✗ failed, Δmax 5.0e")), qPrintable(link->text()));
    QVERIFY(status->toolTip().contains(QStringLiteral("blocks.1.attn_out")));
    QVERIFY(desktop.run("certify", nlohmann::json::object()));
    QTRY_COMPARE(status->text(), QStringLiteral("parity: ✓ pass"));
    const ModelInfo& model = *desktop.workbench.model();
    QVERIFY(QFile::remove(QString::fromStdString(certificatePath(model.fingerprint, model.dtype))));
}

void TestParity::status_opensTheCertificate_data()
{
    QTest::addColumn<QByteArray>("button");
    QTest::newRow("from the status bar") << QByteArray("status.parity");
    QTest::newRow("from the model panel") << QByteArray("model.certificate");
}

void TestParity::status_opensTheCertificate()
{
    QFETCH(QByteArray, button);
    Desktop desktop;
    QVERIFY(desktop.open());
    QVERIFY(!desktop.find<QDockWidget>("dock.parity")->isVisible());
    auto* found = desktop.find<QAbstractButton>(button.constData());
    QTRY_VERIFY(found->isVisible());
    QVERIFY(!found->accessibleName().isEmpty());
    QVERIFY(found->focusPolicy() & Qt::TabFocus);
    found->setFocus();
    QTest::keyClick(found, Qt::Key_Space);
    QTRY_VERIFY(desktop.find<QDockWidget>("dock.parity")->isVisible());
}

void TestParity::modelPanel_showsCardAndTensors()
{
    Desktop desktop;
    QVERIFY(desktop.open());
    auto* tabs = desktop.find<QTabWidget>("model.tabs");
    auto* table = desktop.find<QTableView>("model.tensors");
    QTRY_VERIFY(tabs->isVisible());
    QCOMPARE(table->model()->rowCount(), 0); // not read before it is looked at
    tabs->setCurrentIndex(1);
    QTRY_VERIFY(desktop.text("model.card").contains(QStringLiteral("apache-2.0")));
    for (const char* part : {"gpt2", "chat template", "Q4_1"})
        QVERIFY2(desktop.text("model.card").contains(QLatin1String(part)), part);
    QVERIFY(desktop.text("model.card").contains(QString::fromStdString(desktop.workbench.model()->fingerprint)));
    QVERIFY(!desktop.text("model.card").contains(QStringLiteral("has changed")));
    tabs->setCurrentIndex(2);
    QCOMPARE(table->model()->rowCount(), 8);
    QVERIFY(desktop.find<Panel>("panel.model")->tableAsTsv().startsWith(QStringLiteral("tensor\tshape")));
    const QString folder = qEnvironmentVariable("LAYERSCOPE_PICTURES");
    for (const QSize size : {QSize(1280, 800), QSize(1600, 1000)})
        for (int tab = 0; tab < 3; ++tab) {
            desktop.window.resize(size);
            tabs->setCurrentIndex(tab);
            QTest::qWait(60);
            QStringList cut = cutOff(desktop.find<Panel>("panel.model"));
            cut.removeIf([](const QString& line) { return line.startsWith(QLatin1Char(' ')); }); // Qt's own parts
            QVERIFY2(cut.isEmpty(), qPrintable(cut.join(QLatin1Char('\n'))));
            if (!folder.isEmpty())
                QVERIFY(desktop.window.grab().save(
                    QStringLiteral("%1/model-tab%2-%3.png").arg(folder).arg(tab).arg(size.width())));
        }
}

void TestParity::verify_showsAndKeepsTheCertificate()
{
    Desktop desktop;
    QVERIFY(desktop.open());
    desktop.find<QAction>("action.certificate")->trigger();
    QVERIFY(desktop.find<QDockWidget>("dock.parity")->isVisible());
    QTRY_COMPARE(desktop.find<Panel>("panel.parity")->stateName(), QStringLiteral("empty"));
    QVERIFY(desktop.click("parity.run"));
    QTRY_COMPARE(desktop.find<Panel>("panel.parity")->stateName(), QStringLiteral("captured"));
    QVERIFY(desktop.text("parity.verdict").contains(QStringLiteral("no site is over the bar")));
    QCOMPARE(desktop.find<QTableWidget>("parity.checks")->rowCount(), 1);
    const QString tsv = desktop.find<Panel>("panel.parity")->tableAsTsv();
    QCOMPARE(tsv.count(QLatin1Char('\n')), 1 + 16);
    QVERIFY(tsv.contains(QStringLiteral("float64\tblocks.3.resid_post\t4e-06\t2e-06\t1\tprose\t3")));
    const ModelInfo& model = *desktop.workbench.model();
    const auto kept = loadCertificate(certificatePath(model.fingerprint, model.dtype));
    QVERIFY(kept.ok());
    QCOMPARE(kept.value().verdict, std::string("pass"));
}

void TestParity::keptCertificate_isShownWithTheModel()
{
    Desktop desktop;
    QVERIFY(desktop.open());
    QTRY_COMPARE(desktop.find<Panel>("panel.parity")->stateName(), QStringLiteral("captured"));
    QCOMPARE(desktop.find<QAbstractButton>("parity.run")->text(), QStringLiteral("Verify again"));
}

void TestParity::firstSiteOverTheBar_isNamed()
{
    Desktop desktop;
    QVERIFY(desktop.open());
    desktop.find<QAction>("action.certificate")->trigger(); // hidden panels are not redrawn
    const ExperimentData* done = desktop.run("certify", {{"broken", true}});
    QVERIFY(done && done->state == "done");
    QTRY_VERIFY(desktop.text("parity.verdict").contains(QStringLiteral("blocks.1.attn_out")));
    QVERIFY(desktop.text("parity.verdict").contains(QStringLiteral("Fails")));
}

void TestParity::bothThemes_areDrawn_data()
{
    QTest::addColumn<int>("mode");
    QTest::newRow("light") << int(theme::Mode::Light);
    QTest::newRow("dark") << int(theme::Mode::Dark);
}

void TestParity::bothThemes_areDrawn()
{
    QFETCH(int, mode);
    theme::setMode(theme::Mode(mode));
    Desktop desktop;
    QVERIFY(desktop.open());
    // LAYERSCOPE_CERTIFICATE: a certificate of a real model to look at; the fake engine makes a small one otherwise
    if (const auto real = qEnvironmentVariable("LAYERSCOPE_CERTIFICATE"); !real.isEmpty()) {
        const ModelInfo& model = *desktop.workbench.model();
        const auto certificate = loadCertificate(real.toStdString());
        QVERIFY(certificate.ok());
        QVERIFY(storeCertificate(certificatePath(model.fingerprint, model.dtype), certificate.value()).ok());
        Q_EMIT desktop.workbench.modelChanged();
    } else {
        QVERIFY(desktop.run("certify", nlohmann::json::object()));
    }
    desktop.find<QAction>("action.certificate")->trigger();
    auto* panel = desktop.find<Panel>("panel.parity");
    QTRY_COMPARE(panel->stateName(), QStringLiteral("captured"));
    QTest::qWait(100);
    QCOMPARE(cutOff(panel), QStringList());
    const QImage picture = desktop.find<QDockWidget>("dock.parity")->grab().toImage();
    QVERIFY(picture.width() > 600);
    const QString folder = qEnvironmentVariable("LAYERSCOPE_PICTURES");
    if (!folder.isEmpty())
        QVERIFY(
            picture.save(folder + QStringLiteral("/parity-%1.png").arg(QString::fromUtf8(QTest::currentDataTag()))));
    theme::setMode(theme::Mode::Light);
}

QTEST_MAIN(TestParity)
#include "tst_parity.moc"
