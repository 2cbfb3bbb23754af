#include "core/certificate/certificate.h"
#include "tests/support/panel_desktop.h"
#include "ui/panels/parity_panel.h"
#include "ui/plots/plot.h"

#include <QAction>
#include <QDockWidget>
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
