#include "ui/client/engine_client.h"
#include "ui/models/layer_model.h"
#include "ui/models/lens_model.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/main_window.h"
#include "ui/shell/picture.h"
#include "ui/shell/theme.h"
#include "ui/shell/workbench.h"

#include <QAbstractButton>
#include <QAbstractItemModelTester>
#include <QAction>
#include <QDockWidget>
#include <QFrame>
#include <QLabel>
#include <QLineEdit>
#include <QSpinBox>
#include <QStandardPaths>
#include <QStyleFactory>
#include <QTemporaryDir>
#include <QTest>
#include <QToolBar>

#include <map>

using namespace ls;

/// The window against an engine without a model.
class TestWindow : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void namesAreUniqueAndPresent();
    void deskChangesCanBeUndone();
    void generatesTogglesAndReopens();
    void deathIsABannerAndRestartWorks();
    void modelsAreConsistent();
    void plotsFollowTheTheme();
    void nothingIsCutOff_data();
    void nothingIsCutOff();

private:
    QString modelFile() const { return m_folder.filePath(QStringLiteral("fake.gguf")); }
    QTemporaryDir m_folder;
};

namespace {

struct Desktop {
    explicit Desktop(const QStringList& arguments = {})
        : client(QStringLiteral(LAYERSCOPE_FAKE_ENGINE), arguments)
        , workbench(&client)
        , window(&workbench)
    {
        window.resize(1600, 1000);
        window.show();
    }
    template <typename T>
    T* find(const char* name)
    {
        return window.findChild<T*>(QLatin1String(name));
    }
    void click(const char* name)
    {
        auto* button = find<QAbstractButton>(name);
        QVERIFY2(button, name);
        QTRY_VERIFY2(button->isEnabled(), name);
        button->click();
    }
    bool open(const QString& model)
    {
        workbench.openModel(model, QStringLiteral("cpu"), QStringLiteral("float32"));
        return QTest::qWaitFor([this] { return client.model().has_value(); }, 10000);
    }
    EngineClient client;
    Workbench workbench;
    MainWindow window;
};

} // namespace

void TestWindow::initTestCase()
{
    QStandardPaths::setTestModeEnabled(true);
    QApplication::setStyle(QStyleFactory::create(QStringLiteral("Fusion")));
    theme::setMode(theme::Mode::Light);
    QVERIFY(m_folder.isValid());
    QFile file(modelFile());
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write("not read by the fake engine");
}

void TestWindow::namesAreUniqueAndPresent()
{
    Desktop desktop;
    QVERIFY(desktop.open(modelFile()));
    for (const MethodSchema& schema : methodSchemas())
        desktop.window.findChild<QAction*>(QStringLiteral("action.add.%1").arg(QString::fromStdString(schema.id)))
            ->trigger();
    std::map<QString, int> names;
    for (const QObject* object : desktop.window.findChildren<QObject*>())
        if (!object->objectName().startsWith(QLatin1String("qt_")) && object->objectName().contains(QLatin1Char('.')))
            ++names[object->objectName()];
    for (const auto& [name, count] : names)
        QVERIFY2(count == 1, qPrintable(QStringLiteral("%1 stands %2 times").arg(name).arg(count)));
    for (const char* name : {"bar.run",
                             "bar.status",
                             "splitter.centre",
                             "dock.model",
                             "dock.methods",
                             "dock.logitLens",
                             "run.generate",
                             "run.stop",
                             "run.undo",
                             "run.redo",
                             "layout.inspect",
                             "layout.steer",
                             "page.welcome",
                             "model.tree",
                             "model.measure",
                             "prompt.text",
                             "prompt.seed",
                             "lane.A",
                             "lane.B.tokens",
                             "lane.B.colour",
                             "desk.list",
                             "desk.add",
                             "desk.stack.tokps",
                             "card.layer_skip.switch",
                             "card.layer_skip.param.blocks",
                             "card.layer_skip.policy",
                             "card.layer_skip.measure",
                             "card.layer_skip.cost.kl",
                             "card.steering.param.vector",
                             "card.steering.param.vector.import",
                             "card.sparse_attention.param.mode.topk",
                             "panel.logitLens.state",
                             "lens.table",
                             "punct.map",
                             "punct.corpus",
                             "safety.byBlock",
                             "safety.byToken",
                             "safety.train"})
        QVERIFY2(names.count(QLatin1String(name)) == 1, name);
    for (const QAbstractButton* button : desktop.window.findChildren<QAbstractButton*>())
        if (button->objectName().startsWith(QLatin1String("card.")))
            QVERIFY2(!button->accessibleName().isEmpty() || !button->text().isEmpty(),
                     qPrintable(button->objectName()));
}

void TestWindow::deskChangesCanBeUndone()
{
    Desktop desktop;
    QVERIFY(desktop.open(modelFile()));
    desktop.find<QAction>("action.add.layer_skip")->trigger();
    auto* blocks = desktop.find<QLineEdit>("card.layer_skip.param.blocks");
    QVERIFY(blocks);
    blocks->setFocus();
    blocks->selectAll();
    QTest::keyClicks(blocks, QStringLiteral("1-2"));
    QTest::keyClick(blocks, Qt::Key_Return);
    QCOMPARE(desktop.workbench.desk()[0].use.params["blocks"].dump(), std::string("[1,2]"));
    desktop.click("card.layer_skip.switch");
    QVERIFY(desktop.workbench.desk()[0].enabled);
    QTRY_COMPARE(desktop.find<QFrame>("card.layer_skip")->property("state").toString(), QStringLiteral("on"));
    desktop.find<QAction>("action.undo")->trigger();
    QVERIFY(!desktop.workbench.desk()[0].enabled);
    desktop.find<QAction>("action.undo")->trigger();
    QCOMPARE(desktop.workbench.desk()[0].use.params["blocks"].dump(), std::string("[]"));
    desktop.find<QAction>("action.redo")->trigger();
    desktop.find<QAction>("action.redo")->trigger();
    QVERIFY(desktop.workbench.desk()[0].enabled);
    blocks->setFocus();
    blocks->selectAll();
    QTest::keyClicks(blocks, QStringLiteral("0"));
    QTest::keyClick(blocks, Qt::Key_Return);
    QVERIFY(desktop.find<QLabel>("card.layer_skip.reason")->isVisibleTo(&desktop.window));
    QCOMPARE(desktop.workbench.desk()[0].use.params["blocks"].dump(), std::string("[1,2]"));
}

void TestWindow::generatesTogglesAndReopens()
{
    const QString saved = m_folder.filePath(QStringLiteral("saved.lsdb"));
    RunData shown;
    {
        Desktop desktop({QStringLiteral("--rate"), QStringLiteral("60")});
        QVERIFY(desktop.open(modelFile()));
        desktop.find<QAction>("action.add.layer_skip")->trigger();
        desktop.find<QSpinBox>("prompt.max")->setValue(40);
        desktop.click("run.generate");
        QTRY_VERIFY(desktop.workbench.run() && desktop.workbench.run()->lane("B") &&
                    desktop.workbench.run()->lane("B")->text().size() > 4);
        desktop.click("card.layer_skip.switch");
        QTRY_COMPARE(desktop.workbench.run()->toggles.size(), std::size_t(1));
        QTRY_VERIFY_WITH_TIMEOUT(!desktop.workbench.generating(), 15000);
        QVERIFY(desktop.workbench.saveSessionAs(saved).ok());
        QVERIFY(desktop.workbench.session()->flush().ok());
        shown = *desktop.workbench.run();
    }
    Desktop again;
    QVERIFY(again.workbench.openSession(saved).ok());
    QVERIFY(again.workbench.run());
    QCOMPARE(again.workbench.run()->lanes.size(), shown.lanes.size());
    for (std::size_t i = 0; i < shown.lanes.size(); ++i)
        QVERIFY(again.workbench.run()->lanes[i].tokens == shown.lanes[i].tokens);
    QVERIFY(again.workbench.run()->toggles == shown.toggles);
    QVERIFY(again.workbench.desk()[0].enabled);
    // A session of the command line has no desk of its own: the desk is what makes its run.
    again.workbench.session()->setProperty("desk", nullptr);
    QVERIFY(again.workbench.session()->flush().ok());
    QVERIFY(again.workbench.newSession(m_folder.filePath(QStringLiteral("other.lsdb"))).ok());
    QVERIFY(again.workbench.desk().empty());
    QVERIFY(again.workbench.openSession(saved).ok());
    QVERIFY(enabledMethods(again.workbench.desk()) == shown.currentMethods("B"));
    QVERIFY(savePicture(&again.window, QStringLiteral(LAYERSCOPE_BIN_DIR "/../tests/window-reopened.png")).ok());
}

void TestWindow::deathIsABannerAndRestartWorks()
{
    Desktop desktop({QStringLiteral("--kill-at"), QStringLiteral("6")});
    QVERIFY(desktop.open(modelFile()));
    desktop.click("run.generate");
    QTRY_COMPARE_WITH_TIMEOUT(desktop.client.state(), EngineClient::State::Died, 15000);
    QTRY_VERIFY(desktop.find<QToolBar>("bar.banner")->isVisible());
    QVERIFY(desktop.workbench.run()->lane("A")->text().size() > 0);
    QVERIFY(desktop.workbench.run()->failure.has_value());
    desktop.click("banner.restart");
    QTRY_COMPARE_WITH_TIMEOUT(desktop.client.state(), EngineClient::State::Ready, 10000);
    QTRY_VERIFY(!desktop.find<QToolBar>("bar.banner")->isVisible());
    QTRY_VERIFY(desktop.client.model().has_value());
}

void TestWindow::modelsAreConsistent()
{
    Desktop desktop;
    LayerModel layers(&desktop.workbench);
    LensModel lens;
    QAbstractItemModelTester layerTester(&layers, QAbstractItemModelTester::FailureReportingMode::QtTest);
    QAbstractItemModelTester lensTester(&lens, QAbstractItemModelTester::FailureReportingMode::QtTest);
    QVERIFY(desktop.open(modelFile()));
    layers.refresh();
    QCOMPARE(layers.rowCount(), desktop.client.model()->blockCount + 2);
    desktop.click("run.generate");
    QTRY_VERIFY_WITH_TIMEOUT(!desktop.workbench.generating() && desktop.workbench.run(), 15000);
    layers.refresh();
    lens.setPosition(desktop.workbench.run()->lane("A"), 1);
    lens.setPosition(nullptr, -1);
    QCOMPARE(lens.rowCount(), 0);
}

void TestWindow::plotsFollowTheTheme()
{
    Desktop desktop;
    QVERIFY(desktop.open(modelFile()));
    desktop.click("run.generate");
    QTRY_VERIFY_WITH_TIMEOUT(!desktop.workbench.generating() && desktop.workbench.run(), 15000);
    auto* plot = desktop.find<QWidget>("panel.dashboard.plot.rate");
    QVERIFY(plot);
    const auto background = [&] {
        RepaintClock::instance().flush();
        return plot->grab().toImage().pixelColor(1, 1);
    };
    for (const auto mode : {theme::Mode::Dark, theme::Mode::Light, theme::Mode::Dark}) {
        theme::setMode(mode);
        QTRY_COMPARE(background(), theme::color(theme::Role::Panel));
    }
    desktop.window.setLayoutName(QStringLiteral("compare"));
    for (const auto mode : {theme::Mode::Light, theme::Mode::Dark}) { // tables that name their colours
        theme::setMode(mode);
        QTRY_VERIFY(
            desktop.find<QLabel>("session.diff")->text().contains(theme::color(theme::Role::TextSecond).name()));
    }
    theme::setMode(theme::Mode::Light);
}

void TestWindow::nothingIsCutOff_data()
{
    QTest::addColumn<QSize>("size");
    QTest::addColumn<int>("mode");
    QTest::addColumn<QString>("layout");
    for (const QSize size : {QSize(1280, 800), QSize(1600, 1000)})
        for (const auto& [mode, name] : {std::pair{theme::Mode::Light, "light"}, {theme::Mode::Dark, "dark"}})
            for (const char* layout : MainWindow::kLayouts)
                QTest::addRow("%s %s at %d x %d", layout, name, size.width(), size.height())
                    << size << int(mode) << QString::fromLatin1(layout);
}

void TestWindow::nothingIsCutOff()
{
    QFETCH(QSize, size);
    QFETCH(int, mode);
    QFETCH(QString, layout);
    theme::setMode(theme::Mode(mode));
    Desktop desktop;
    QVERIFY(desktop.open(modelFile()));
    desktop.window.resize(size);
    desktop.window.setLayoutName(layout);
    for (const char* method : {"action.add.layer_skip", "action.add.sparse_attention", "action.add.steering"})
        desktop.find<QAction>(method)->trigger();
    desktop.find<QSpinBox>("prompt.max")->setValue(48);
    desktop.click("card.layer_skip.switch");
    desktop.click("run.generate");
    QTRY_VERIFY_WITH_TIMEOUT(!desktop.workbench.generating() && desktop.workbench.run(), 15000);
    QVERIFY(savePicture(&desktop.window,
                        QStringLiteral(LAYERSCOPE_BIN_DIR "/../tests/%1-%2-%3.png")
                            .arg(layout, theme::isDark() ? QStringLiteral("dark") : QStringLiteral("light"))
                            .arg(size.width()))
                .ok());
    QCOMPARE(desktop.window.size(), size);
    if (const auto* cards = desktop.find<QWidget>("desk.list"); cards->isVisible()) // whole, beside the scroll bar
        QVERIFY2(cards->width() <= cards->parentWidget()->width(), qPrintable(QString::number(cards->width())));
    std::vector<QDockWidget*> docks;
    for (QDockWidget* dock : desktop.window.findChildren<QDockWidget*>())
        if (!dock->visibleRegion().isEmpty())
            docks.push_back(dock);
    for (const QDockWidget* a : docks)
        for (const QDockWidget* b : docks)
            QVERIFY2(a == b || !a->geometry().intersects(b->geometry()),
                     qPrintable(QStringLiteral("%1 at %2…%3 lies over %4 at %5…%6")
                                    .arg(a->objectName())
                                    .arg(a->geometry().left())
                                    .arg(a->geometry().right())
                                    .arg(b->objectName())
                                    .arg(b->geometry().left())
                                    .arg(b->geometry().right())));
    for (const QLabel* label : desktop.window.findChildren<QLabel*>())
        if (label->isVisible() && !label->wordWrap() && !label->text().isEmpty() &&
            label->objectName().contains(QLatin1Char('.')) && label->objectName() != QLatin1String("model.selection"))
            QVERIFY2(label->width() + 1 >= label->minimumSizeHint().width(),
                     qPrintable(QStringLiteral("%1: %2 of %3 px")
                                    .arg(label->objectName())
                                    .arg(label->width())
                                    .arg(label->minimumSizeHint().width())));
}

QTEST_MAIN(TestWindow)
#include "tst_window.moc"
