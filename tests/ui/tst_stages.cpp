#include "tests/support/panel_desktop.h"
#include "ui/models/stage_bars.h"
#include "ui/panels/panel.h"
#include "ui/plots/qcustomplot_include.h"
#include "ui/plots/repaint_clock.h"

#include <QDockWidget>
#include <QSpinBox>
#include <QTemporaryDir>

#include <cmath>

using namespace ls;

namespace {

void draw()
{
    for (int turn = 0; turn < 3; ++turn) {
        QCoreApplication::processEvents();
        RepaintClock::instance().flush();
    }
}

/// What the bars of the plot hold, by stage and lane.
std::map<QString, std::map<int, double>> barsOf(QCustomPlot* plot)
{
    std::map<QString, std::map<int, double>> out;
    for (int i = 0; i < plot->plottableCount(); ++i)
        if (auto* bars = qobject_cast<QCPBars*>(plot->plottable(i)))
            for (const QCPBarsData& bar : *bars->data())
                out[bars->name()][int(bar.key)] = bar.value;
    return out;
}

QStringList wordsOf(QCustomPlot* plot)
{
    QStringList out;
    for (int i = 0; i < plot->itemCount(); ++i)
        if (auto* item = qobject_cast<QCPItemText*>(plot->item(i)))
            out << item->text().trimmed();
    return out;
}

struct StageDesktop : test::Desktop {
    using test::Desktop::Desktop;
    Panel* panel() { return find<Panel>("panel.speed.stages"); }
    QCustomPlot* plot() { return find<QCustomPlot>("speed.stages.plot"); }
    bool generate(int tokens = 24)
    {
        find<QSpinBox>("prompt.max")->setValue(tokens);
        const RunData* before = workbench.run();
        if (!click("run.generate"))
            return false;
        return QTest::qWaitFor([&] { return !workbench.generating() && workbench.run() != before; }, 20000);
    }
    void setMethods(const nlohmann::json& blocks)
    {
        workbench.changeDesk(QStringLiteral("set"),
                             {{QStringLiteral("layer_skip"), {"layer_skip", {{"blocks", blocks}}}, true}});
    }
};

RunData runWith(std::vector<std::pair<const char*, LaneStages>> lanes)
{
    RunData run;
    for (const auto& [name, stages] : lanes) {
        LaneData lane;
        lane.name = name;
        lane.stages = stages;
        run.lanes.push_back(lane);
    }
    return run;
}

} // namespace

/// The timeline of a decode step: what is drawn is what the engine said, live and reopened.
class TestStages : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() { test::prepareDesktop(); }
    void bars_areMeansPerStep();
    void note_saysWhatIsKnown_data();
    void note_saysWhatIsKnown();
    void panel_showsTheTimesOfTheRun();
    void panel_isStaleWhenTheDeskChanges();
    void panel_saysWhyItIsEmpty();
    void reopened_isTheSame();
    void looksRight_data();
    void looksRight();
};

void TestStages::bars_areMeansPerStep()
{
    const RunData run = runWith({{"A", {0, {}, {4, {.attention = 2'000'000, .mlp = 6'000'000, .other = 400'000}}, 0}},
                                 {"B", {0, {9, {.mlp = 1}}, {}, 0}}});
    const auto bars = stageBars(run);
    QCOMPARE(bars.size(), std::size_t(1)); // B has made no step yet
    QCOMPARE(bars[0].lane, QStringLiteral("A"));
    QCOMPARE(bars[0].steps, 4);
    QCOMPARE(bars[0].total, 2.1);
    double sum = 0;
    for (std::size_t stage = 0; stage < kStages.size(); ++stage) {
        QVERIFY(!stageTitle(stage).isEmpty());
        sum += bars[0].ms[stage];
    }
    QCOMPARE(sum, bars[0].total);
    QCOMPARE(bars[0].ms[2], 0.5);
    QCOMPARE(bars[0].ms[4], 1.5);
}

void TestStages::note_saysWhatIsKnown_data()
{
    QTest::addColumn<qint64>("tokenize");
    QTest::addColumn<qint64>("probes");
    QTest::addColumn<QString>("note");
    QTest::newRow("all") << qint64(420'000) << qint64(3'000'000)
                         << "Tokenise 0.42 ms. Prefill of 9 tokens A 12.5 ms. Mean of 4 steps. Probes beside each step "
                            "A 0.75 ms.";
    QTest::newRow("ids were given, no probes")
        << qint64(0) << qint64(0) << "Prefill of 9 tokens A 12.5 ms. Mean of 4 steps.";
}

void TestStages::note_saysWhatIsKnown()
{
    QFETCH(qint64, tokenize);
    QFETCH(qint64, probes);
    QFETCH(QString, note);
    QCOMPARE(stageNote(runWith({{"A", {tokenize, {9, {.mlp = 12'500'000}}, {4, {.mlp = 8'000'000}}, probes}}})), note);
}

void TestStages::panel_showsTheTimesOfTheRun()
{
    StageDesktop desktop;
    QVERIFY(desktop.open());
    desktop.window.setLayoutName(QStringLiteral("accelerate"));
    QVERIFY(desktop.find<QDockWidget>("dock.speed.stages")->isVisible());
    desktop.setMethods({2, 3});
    QVERIFY(desktop.generate());
    draw();
    QCOMPARE(desktop.panel()->stateName(), QStringLiteral("captured"));
    const RunData& run = *desktop.workbench.run();
    const auto drawn = barsOf(desktop.plot());
    const QStringList words = wordsOf(desktop.plot());
    for (int lane = 0; lane < 2; ++lane) {
        const StageSums& decode = run.lanes[std::size_t(lane)].stages.decode;
        QCOMPARE(decode.tokens, 23);
        for (std::size_t stage = 0; stage < kStages.size(); ++stage) {
            const double ms = double(decode.ns.*kStages[stage].stage) / 1e6 / 23;
            const auto bars = drawn.find(stageTitle(stage));
            QVERIFY(bars != drawn.end());
            QCOMPARE(bars->second.count(lane) > 0, ms > 0); // hooks: of lane B only
            if (ms > 0)
                QVERIFY(std::abs(bars->second.at(lane) - ms) < 1e-9);
        }
        const double total = double(decode.ns.sum()) / 1e6 / 23;
        QVERIFY2(words.contains(QString::number(total, 'f', total < 20 ? 2 : 1)), qPrintable(words.join(u' ')));
    }
    QVERIFY(drawn.at(stageTitle(2)).at(1) < drawn.at(stageTitle(2)).at(0)); // the fake's lane B attends for less long
    QVERIFY(desktop.text("speed.stages.note").contains(QStringLiteral("Tokenise 0.42 ms.")));
    QVERIFY(desktop.text("speed.stages.note").contains(QStringLiteral("Mean of 23 steps.")));
    QVERIFY(desktop.text("speed.stages.key").contains(QStringLiteral("attention")));
    QVERIFY(desktop.plot()->accessibleDescription().contains(QStringLiteral("attention")));
    QVERIFY(!desktop.plot()->accessibleName().isEmpty());

    const QStringList lines = desktop.panel()->tableAsTsv().split(QLatin1Char('\n'), Qt::SkipEmptyParts);
    QCOMPARE(lines.size(), 1 + 2 * 4); // decode, probes, prefill, tokenise of each lane
    const QStringList head = lines[0].split(QLatin1Char('\t')), row = lines[1].split(QLatin1Char('\t'));
    QCOMPARE(row[head.indexOf(QStringLiteral("what"))], QStringLiteral("decode"));
    QVERIFY(std::abs(row[head.indexOf(QStringLiteral("mlp"))].toDouble() - drawn.at(stageTitle(4)).at(0)) < 1e-6);
    for (const QString& line : lines)
        QCOMPARE(line.count(QLatin1Char('\t')), head.size() - 1);
}

void TestStages::panel_isStaleWhenTheDeskChanges()
{
    StageDesktop desktop;
    QVERIFY(desktop.open());
    desktop.window.setLayoutName(QStringLiteral("accelerate"));
    desktop.setMethods({2, 3});
    QVERIFY(desktop.generate());
    desktop.setMethods({2});
    draw();
    QCOMPARE(desktop.panel()->stateName(), QStringLiteral("stale"));
    const RunData* before = desktop.workbench.run();
    QVERIFY(desktop.click("panel.speed.stages.update")); // the same prompt under the methods of now
    QVERIFY(
        QTest::qWaitFor([&] { return desktop.workbench.run() != before && !desktop.workbench.generating(); }, 20000));
    draw();
    QCOMPARE(desktop.panel()->stateName(), QStringLiteral("captured"));
    QCOMPARE(desktop.workbench.run()->lane("B")->methods, enabledMethods(desktop.workbench.desk()));
    QCOMPARE(desktop.workbench.run()->spec.prompt, before->spec.prompt);
}

void TestStages::panel_saysWhyItIsEmpty()
{
    StageDesktop desktop;
    draw();
    QCOMPARE(desktop.panel()->stateName(), QStringLiteral("empty"));
    QVERIFY(desktop.text("panel.speed.stages.message").startsWith(QStringLiteral("Generate")));
    QVERIFY(desktop.open());
    QVERIFY(desktop.generate());
    for (LaneData& lane : desktop.workbench.run()->lanes)
        lane.stages.decode = {}; // as after a switch that no step followed
    Q_EMIT desktop.workbench.runChanged();
    draw();
    QCOMPARE(desktop.panel()->stateName(), QStringLiteral("empty"));
    QVERIFY(desktop.text("panel.speed.stages.message").contains(QStringLiteral("since the last switch")));
    for (LaneData& lane : desktop.workbench.run()->lanes)
        lane.stages = {}; // as in a file of before
    Q_EMIT desktop.workbench.runChanged();
    draw();
    QCOMPARE(desktop.panel()->stateName(), QStringLiteral("empty"));
    QVERIFY(desktop.text("panel.speed.stages.message").contains(QStringLiteral("stored without")));
}

void TestStages::reopened_isTheSame()
{
    QTemporaryDir folder;
    const QString saved = folder.filePath(QStringLiteral("stages.lsdb"));
    QString table, note;
    {
        StageDesktop desktop;
        QVERIFY(desktop.open());
        QVERIFY(desktop.generate());
        draw();
        table = desktop.panel()->tableAsTsv();
        note = stageNote(*desktop.workbench.run());
        QVERIFY(desktop.workbench.saveSessionAs(saved).ok());
        QVERIFY(desktop.workbench.session()->flush().ok());
    }
    StageDesktop again; // its engine is never started
    QVERIFY(again.workbench.openSession(saved).ok());
    again.window.setLayoutName(QStringLiteral("accelerate"));
    draw();
    QCOMPARE(again.panel()->stateName(), QStringLiteral("captured"));
    QCOMPARE(again.panel()->tableAsTsv(), table);
    QCOMPARE(again.text("speed.stages.note"), note);
    QCOMPARE(barsOf(again.plot()).at(stageTitle(4)).size(), std::size_t(2));
}

void TestStages::looksRight_data()
{
    QTest::addColumn<QSize>("size");
    QTest::addColumn<int>("mode");
    QTest::newRow("small, light") << QSize(1280, 800) << int(theme::Mode::Light);
    QTest::newRow("low, light") << QSize(1440, 900) << int(theme::Mode::Light);
    QTest::newRow("usual, light") << QSize(1600, 1000) << int(theme::Mode::Light);
    QTest::newRow("usual, dark") << QSize(1600, 1000) << int(theme::Mode::Dark);
}

/// No text is cut off, no number stands on another, colours are those of the theme.
void TestStages::looksRight()
{
    QFETCH(QSize, size);
    QFETCH(int, mode);
    theme::setMode(theme::Mode(mode));
    StageDesktop desktop({}, size);
    QVERIFY(desktop.open());
    desktop.window.setLayoutName(QStringLiteral("accelerate"));
    desktop.setMethods({2, 3});
    QVERIFY(desktop.generate());
    QVERIFY(desktop.click("speed.run")); // beside a full table
    QVERIFY(QTest::qWaitFor(
        [&] {
            const ExperimentData* bench = desktop.workbench.latestExperiment(QStringLiteral("bench"));
            return bench && bench->state == "done";
        },
        20000));
    desktop.find<QDockWidget>("dock.speed.stages")->raise();
    draw();
    draw(); // once more in the final size
    QCOMPARE(test::cutOff(desktop.panel()), QStringList());
    QVERIFY(desktop.plot()->isVisible());
    QCOMPARE(desktop.window.size(), size);       // no panel needs more than there is
    std::map<double, std::vector<QRectF>> lines; // of numbers, by lane
    for (int i = 0; i < desktop.plot()->itemCount(); ++i)
        if (auto* item = qobject_cast<QCPItemText*>(desktop.plot()->item(i))) {
            const QRectF box(item->topLeft->pixelPosition(), item->bottomRight->pixelPosition());
            QVERIFY2(desktop.plot()->rect().contains(box.toAlignedRect()), qPrintable(item->text()));
            for (const QRectF& other : lines[item->position->value()])
                QVERIFY(!other.intersects(box));
            lines[item->position->value()].push_back(box);
        }
    for (int i = 0; i < desktop.plot()->plottableCount(); ++i)
        QCOMPARE(desktop.plot()->plottable(i)->brush().color(), theme::color(stageRole(std::size_t(i))));
    const QString folder = qEnvironmentVariable("LAYERSCOPE_PICTURES"); // for the eye
    if (!folder.isEmpty())
        QVERIFY(
            desktop.window.grab().save(QStringLiteral("%1/stages-%2-%3.png").arg(folder).arg(size.width()).arg(mode)));
    theme::setMode(theme::Mode::Light);
}

QTEST_MAIN(TestStages)
#include "tst_stages.moc"
