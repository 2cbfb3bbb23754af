#include "core/report/metrics.h"
#include "tests/support/desktop.h"
#include "ui/models/accuracy_results.h"
#include "ui/models/experiments_model.h"
#include "ui/models/fill_in.h"
#include "ui/models/metric_cache.h"
#include "ui/models/run_summary.h"
#include "ui/models/run_values.h"
#include "ui/models/session_model.h"
#include "ui/models/speed_model.h"
#include "ui/models/text_diff.h"
#include "ui/panels/accuracy_panel.h"
#include "ui/panels/panel.h"
#include "ui/plots/qcustomplot_include.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/picture.h"

#include <QAbstractItemModelTester>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QTabWidget>
#include <QTableView>
#include <QTemporaryDir>
#include <QToolBar>
#include <QTreeView>

#include <cmath>

using namespace ls;

/// Compare layout, speed and accuracy: what is drawn is what the run and the experiments hold, live and reopened.
class TestCompare : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void textsAreAligned_data();
    void textsAreAligned();
    void verdictNeedsAnInterval_data();
    void verdictNeedsAnInterval();
    void namesAreThereAndCanBeRead();
    void emptyPanelsSayWhatToDo();
    void divergenceIsMarkedAndWalked();
    void klIsLiveThenFilledIn();
    void speedIsThatOfTheRows();
    void accuracyIsThatOfTheRows();
    void badColumnsAreToldAndNothingIsLost();
    void experimentsCanBeCancelled();
    void browserShowsOtherRuns();
    void reopenedViewsAreTheSame();
    void picturesAreWhole_data();
    void picturesAreWhole();

private:
    QString modelFile() const { return m_folder.filePath(QStringLiteral("fake.gguf")); }
    QTemporaryDir m_folder;
};

namespace {

/// With the engine without a model, as every test here wants it.
struct Desktop : test::Desktop {
    Desktop()
        : test::Desktop(QStringLiteral(LAYERSCOPE_FAKE_ENGINE))
    {
    }
    template <typename T>
    T* find(const char* name)
    {
        return test::Desktop::find<T>(QLatin1String(name));
    }
    void click(const char* name)
    {
        draw();
        QVERIFY2(test::Desktop::click(QLatin1String(name), 5000), name);
    }
    bool open(const QString& model)
    {
        workbench.openModel(model, QStringLiteral("cpu"), QStringLiteral("float32"));
        return QTest::qWaitFor([this] { return client.model().has_value(); }, 10000);
    }
    static void draw()
    {
        for (int turn = 0; turn < 3; ++turn) {
            QCoreApplication::processEvents();
            RepaintClock::instance().flush();
            MetricCache::instance().finish();
        }
    }
};

void draw()
{
    Desktop::draw();
}

LaneData laneOf(const QStringList& pieces)
{
    LaneData lane{"A"};
    for (const QString& piece : pieces) {
        TokenData token;
        token.text = piece.toStdString();
        token.origin = lane.tokens.empty() ? "prompt" : "generated";
        lane.tokens.push_back(token);
    }
    return lane;
}

void addMethod(Desktop& desktop)
{
    desktop.find<QAction>("action.add.layer_skip")->trigger();
    auto* blocks = desktop.find<QLineEdit>("card.layer_skip.param.blocks");
    blocks->setText(QStringLiteral("2,3"));
    blocks->setModified(true);
    QTest::keyClick(blocks, Qt::Key_Return);
    desktop.click("card.layer_skip.switch");
    QVERIFY(!enabledMethods(desktop.workbench.desk()).empty());
}

void generate(Desktop& desktop, int tokens = 48)
{
    desktop.find<QSpinBox>("prompt.max")->setValue(tokens);
    const RunData* before = desktop.workbench.run();
    desktop.click("run.generate");
    QTRY_VERIFY_WITH_TIMEOUT(!desktop.workbench.generating() && desktop.workbench.run() != before, 20000);
    QVERIFY(desktop.workbench.run()->lane("B"));
}

ExperimentData* finished(Desktop& desktop, const char* kind)
{
    ExperimentData* last = nullptr;
    const bool done = QTest::qWaitFor(
        [&] {
            last = desktop.workbench.latestExperiment(QLatin1String(kind));
            return last && last->state != "running";
        },
        20000);
    draw();
    return done ? last : nullptr;
}

std::map<int, double> barsOf(QCustomPlot* plot, const char* name)
{
    std::map<int, double> out;
    for (int i = 0; i < plot->plottableCount(); ++i)
        if (auto* bars = qobject_cast<QCPBars*>(plot->plottable(i)); bars && bars->name() == QLatin1String(name))
            for (const QCPBarsData& bar : *bars->data())
                out[int(bar.key)] = bar.value;
    return out;
}

std::vector<double> dotsOf(QCustomPlot* plot, const QString& name)
{
    std::vector<double> out;
    for (int i = 0; i < plot->graphCount(); ++i)
        if (plot->graph(i)->name() == name)
            for (const QCPGraphData& point : *plot->graph(i)->data())
                out.push_back(point.key);
    return out;
}

QString stateOf(Desktop& desktop, const char* panel)
{
    return desktop.find<Panel>(panel)->stateName();
}

/// Everything the Compare layout measures, small.
void measureAll(Desktop& desktop)
{
    desktop.click("compare.fillIn");
    QVERIFY(finished(desktop, "fill_in"));
    desktop.click("speed.run");
    QVERIFY(finished(desktop, "bench"));
    auto* tasks = desktop.find<QComboBox>("acc.tasks");
    desktop.find<QSpinBox>("acc.limit")->setValue(80);
    for (const char* task : {"truefalse", "mmlu/astronomy", "mmlu/nutrition"}) {
        tasks->setCurrentIndex(tasks->findData(QLatin1String(task)));
        desktop.click("acc.run");
        QVERIFY(finished(desktop, "accuracy"));
    }
    tasks->setCurrentIndex(tasks->findData(QStringLiteral("text/WikiText-2")));
    desktop.find<QSpinBox>("acc.limit")->setValue(1200);
    desktop.click("acc.run");
    QVERIFY(finished(desktop, "perplexity"));
    tasks->setCurrentIndex(tasks->findData(QStringLiteral("truefalse")));
    desktop.find<QSpinBox>("acc.limit")->setValue(80);
    draw();
}

} // namespace

void TestCompare::initTestCase()
{
    test::prepareApplication();
    QVERIFY(m_folder.isValid());
    QFile file(modelFile());
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write("not read by the fake engine");
}

void TestCompare::textsAreAligned_data()
{
    QTest::addColumn<int>("align");
    QTest::addColumn<QStringList>("a");
    QTest::addColumn<QStringList>("b");
    QTest::addColumn<QList<int>>("changedA");
    QTest::addColumn<QList<int>>("changedB");
    QTest::addColumn<int>("places");
    const QStringList text{"P", " the", " roof", " is", " done"};
    QTest::newRow("equal texts differ nowhere")
        << int(Align::Tokens) << text << text << QList<int>{} << QList<int>{} << 0;
    QTest::newRow("one other token is one place")
        << int(Align::Tokens) << text << QStringList{"P", " the", " wall", " is", " done"} << QList<int>{2}
        << QList<int>{2} << 1;
    QTest::newRow("a token more is a change in B only")
        << int(Align::Tokens) << text << QStringList{"P", " the", " old", " roof", " is", " done"} << QList<int>{}
        << QList<int>{2} << 1;
    QTest::newRow("by position everything behind it differs")
        << int(Align::Position) << text << QStringList{"P", " the", " old", " roof", " is", " done"}
        << QList<int>{2, 3, 4} << QList<int>{2, 3, 4, 5} << 1;
    QTest::newRow("a word cut otherwise is the same word")
        << int(Align::Words) << QStringList{"P", " sur", "vey", " ends"} << QStringList{"P", " s", "urv", "ey", " ends"}
        << QList<int>{} << QList<int>{} << 0;
    QTest::newRow("as tokens it is not") << int(Align::Tokens) << QStringList{"P", " sur", "vey", " ends"}
                                         << QStringList{"P", " s", "urv", "ey", " ends"} << QList<int>{1, 2}
                                         << QList<int>{1, 2, 3} << 1;
    QTest::newRow("a whole word is marked when its end differs")
        << int(Align::Words) << QStringList{"P", " ask", "ed", " for"} << QStringList{"P", " ask", "s", " for"}
        << QList<int>{1, 2} << QList<int>{1, 2} << 1;
    QTest::newRow("two places apart") << int(Align::Words) << text << QStringList{"P", " a", " roof", " is", " red"}
                                      << QList<int>{1, 4} << QList<int>{1, 4} << 2;
    QTest::newRow("the longer text ends in a change")
        << int(Align::Words) << text << QStringList{"P", " the", " roof"} << QList<int>{3, 4} << QList<int>{} << 1;
}

void TestCompare::textsAreAligned()
{
    QFETCH(int, align);
    QFETCH(QStringList, a);
    QFETCH(QStringList, b);
    QFETCH(QList<int>, changedA);
    QFETCH(QList<int>, changedB);
    QFETCH(int, places);
    const TextDiff diff = diffTexts(laneOf(a), laneOf(b), Align(align));
    const auto changed = [](const std::vector<bool>& flags) {
        QList<int> out;
        for (std::size_t i = 0; i < flags.size(); ++i)
            if (flags[i])
                out << int(i);
        return out;
    };
    QCOMPARE(changed(diff.changedA), changedA);
    QCOMPARE(changed(diff.changedB), changedB);
    QCOMPARE(int(diff.places.size()), places);
    for (std::size_t i = 0; i < diff.counterpartA.size(); ++i) // a token has a counterpart, or it differs
        QCOMPARE(diff.counterpartA[i] < 0, bool(diff.changedA[i]));
    for (std::size_t i = 0; i < diff.counterpartB.size(); ++i)
        QCOMPARE(diff.counterpartB[i] < 0, bool(diff.changedB[i]));
}

void TestCompare::verdictNeedsAnInterval_data()
{
    QTest::addColumn<double>("value");
    QTest::addColumn<double>("low");
    QTest::addColumn<double>("high");
    QTest::addColumn<int>("n");
    QTest::addColumn<QString>("verdict");
    const double none = std::nan("");
    QTest::newRow("above 1") << 1.2 << 1.1 << 1.3 << 10 << "faster";
    QTest::newRow("below 1") << 0.8 << 0.7 << 0.9 << 10 << "slower";
    QTest::newRow("1 inside") << 1.2 << 0.9 << 1.5 << 10 << "n.s.";
    QTest::newRow("touches 1") << 1.2 << 1.0 << 1.4 << 10 << "n.s.";
    QTest::newRow("no interval") << 1.2 << none << none << 10 << "n.s.";
    QTest::newRow("too few repetitions") << 1.2 << 1.1 << 1.3 << 4 << "n < 5";
    QTest::newRow("one run") << 2.0 << none << none << 1 << "one run";
}

void TestCompare::verdictNeedsAnInterval()
{
    QFETCH(double, value);
    QFETCH(double, low);
    QFETCH(double, high);
    QFETCH(int, n);
    QFETCH(QString, verdict);
    SpeedRow row;
    row.n = n;
    row.ratio = Metric{};
    row.ratio->value = value;
    if (std::isfinite(low)) {
        row.ratio->low = low;
        row.ratio->high = high;
    }
    QCOMPARE(speedVerdict(row), verdict);
}

void TestCompare::namesAreThereAndCanBeRead()
{
    Desktop desktop;
    QVERIFY(desktop.open(modelFile()));
    desktop.find<QAction>("action.layout.compare")->trigger();
    QCOMPARE(desktop.window.layoutName(), QStringLiteral("compare"));
    QCOMPARE(desktop.find<QAction>("action.layout.compare")->shortcut(), QKeySequence(QStringLiteral("Ctrl+4")));
    for (const char* name : {"panel.session",     "panel.compareText", "panel.compareStreams", "panel.accuracy",
                             "panel.experiments", "panel.speed",       "compare.diff",         "compare.align",
                             "compare.prev",      "compare.next",      "compare.divergence",   "compare.kl",
                             "compare.streams",   "compare.fillIn",    "compare.text.A",       "compare.text.B",
                             "speed.table",       "speed.run",         "speed.ratio",          "acc.tasks",
                             "acc.run",           "acc.limit",         "acc.forest",           "acc.items",
                             "exp.table",         "exp.cancel",        "session.tree",         "session.filter",
                             "session.diff",      "session.verdict",   "dock.compareText",     "dock.speed"}) {
        const auto found = desktop.window.findChildren<QWidget*>(QLatin1String(name));
        QVERIFY2(found.size() == 1, name);
        const auto* label = qobject_cast<QLabel*>(found[0]);
        const auto* button = qobject_cast<QAbstractButton*>(found[0]);
        if (!label && !QByteArray(name).startsWith("dock."))
            QVERIFY2(!found[0]->accessibleName().isEmpty() || (button && !button->text().isEmpty()), name);
    }
    for (const char* panel :
         {"dock.session", "dock.compareText", "dock.compareStreams", "dock.accuracy", "dock.experiments"})
        QVERIFY2(desktop.find<QWidget>(panel)->isVisible(), panel);
    QVERIFY(!desktop.find<QWidget>("dock.methods")->isVisible());
    QVERIFY(!desktop.find<QWidget>("lane.A")->isVisible());
    desktop.window.setLayoutName(QStringLiteral("accelerate"));
    QVERIFY(desktop.find<QWidget>("dock.speed")->isVisible());
    QVERIFY(desktop.find<QWidget>("lane.A")->isVisible());
}

void TestCompare::emptyPanelsSayWhatToDo()
{
    Desktop desktop;
    for (const char* panel : {"panel.compareText", "panel.compareStreams", "panel.session", "panel.experiments"})
        QCOMPARE(stateOf(desktop, panel), QStringLiteral("empty"));
    for (const char* panel : {"panel.speed", "panel.accuracy"}) // nothing to run without a model
        QCOMPARE(stateOf(desktop, panel), QStringLiteral("unavailable"));
    QVERIFY(desktop.open(modelFile()));
    draw();
    for (const char* panel : {"panel.speed", "panel.accuracy"}) {
        QCOMPARE(stateOf(desktop, panel), QStringLiteral("empty"));
        const QByteArray message = QByteArray(panel) + ".message", action = QByteArray(panel) + ".action";
        QVERIFY(!desktop.find<QLabel>(message)->text().isEmpty());
        QVERIFY(!desktop.find<QPushButton>(action)->text().isEmpty());
    }
    QVERIFY(!desktop.find<QPushButton>("compare.fillIn")->isEnabled());
    QVERIFY(!desktop.find<QPushButton>("compare.fillIn")->toolTip().isEmpty());
}

void TestCompare::divergenceIsMarkedAndWalked()
{
    Desktop desktop;
    QVERIFY(desktop.open(modelFile()));
    desktop.window.setLayoutName(QStringLiteral("compare"));
    addMethod(desktop);
    generate(desktop);
    draw();
    const RunData& run = *desktop.workbench.run();
    const LaneData &a = *run.lane("A"), &b = *run.lane("B");
    QVERIFY(b.divergence);
    const int at = *b.divergence;
    QVERIFY2(at > b.promptTokens(), "the fake lanes part at once: nothing to compare before");
    for (int i = 0; i < at; ++i)
        QCOMPARE(a.tokens[std::size_t(i)].id, b.tokens[std::size_t(i)].id);
    QVERIFY(a.tokens[std::size_t(at)].id != b.tokens[std::size_t(at)].id);
    QVERIFY(desktop.find<QLabel>("compare.divergence")->text().endsWith(QString::number(at)));
    QCOMPARE(stateOf(desktop, "panel.compareText"), QStringLiteral("captured"));

    auto* align = desktop.find<QComboBox>("compare.align");
    align->setCurrentIndex(align->findData(int(Align::Tokens)));
    draw();
    const TextDiff diff = diffTexts(a, b, Align::Tokens);
    QVERIFY(!diff.places.empty());
    QCOMPARE(diff.places[0].b, at); // by tokens, the first difference is the divergence
    desktop.find<QAction>("action.nextDifference")->trigger();
    QCOMPARE(desktop.workbench.selection().lane, QStringLiteral("B"));
    QCOMPARE(desktop.workbench.selection().position, at);
    if (diff.places.size() > 1) {
        desktop.click("compare.next");
        QVERIFY(desktop.workbench.selection().position > at);
        desktop.click("compare.prev");
        QCOMPARE(desktop.workbench.selection().position, at);
    }
    QCOMPARE(desktop.find<QAction>("action.nextDifference")->shortcut(), QKeySequence(QStringLiteral("F3")));
    QCOMPARE(desktop.find<QAction>("action.previousDifference")->shortcut(), QKeySequence(QStringLiteral("Shift+F3")));
    desktop.workbench.undoStack()->clear();
}

void TestCompare::klIsLiveThenFilledIn()
{
    Desktop desktop;
    QVERIFY(desktop.open(modelFile()));
    desktop.window.setLayoutName(QStringLiteral("compare"));
    addMethod(desktop);
    generate(desktop);
    draw();
    const LaneData& b = *desktop.workbench.run()->lane("B");
    auto* plot = desktop.find<QCustomPlot>("compare.kl");
    const auto live = barsOf(plot, "live");
    const auto& taps = b.taps.at("kl");
    QCOMPARE(live.size(), taps.size());
    for (const auto& [position, tap] : taps) {
        QCOMPARE(live.at(position), double(tap.value.floats()[0]));
        QVERIFY(position <= *b.divergence);
    }
    QVERIFY(barsOf(plot, "filled in").empty());

    desktop.click("compare.fillIn");
    const ExperimentData* experiment = finished(desktop, "fill_in");
    QVERIFY(experiment);
    QCOMPARE(experiment->state, std::string("done"));
    QCOMPARE(fillInOf(*desktop.workbench.session(), *desktop.workbench.run()), experiment);
    QCOMPARE(barsOf(plot, "live"), live); // what was live stays
    const auto filled = barsOf(plot, "filled in");
    QVERIFY(!filled.empty());
    for (const auto& row : experiment->rows)
        if (const int position = row["position"]; !live.contains(position))
            QCOMPARE(filled.at(position), row["kl"].get<double>());
    QCOMPARE(filled.size() + live.size(), experiment->rows.size());
    for (const auto& [position, value] : filled)
        QVERIFY2(position > *b.divergence, "filled in begins after the divergence");
    const auto metrics = experimentMetrics(*experiment);
    QVERIFY(desktop.find<QLabel>("compare.note")
                ->text()
                .contains(QString::number(findMetric(metrics, "kl_fill_in", "B-A")->value, 'f', 4)));
    // drawn otherwise than live: a pattern, not a fill
    for (int i = 0; i < plot->plottableCount(); ++i)
        QCOMPARE(plot->plottable(i)->brush().style() == Qt::SolidPattern,
                 plot->plottable(i)->name() == QLatin1String("live"));
}

void TestCompare::speedIsThatOfTheRows()
{
    Desktop desktop;
    QVERIFY(desktop.open(modelFile()));
    desktop.window.setLayoutName(QStringLiteral("accelerate"));
    addMethod(desktop);
    generate(desktop);
    desktop.click("speed.run");
    const ExperimentData* bench = finished(desktop, "bench");
    QVERIFY(bench);
    QVERIFY(bench->params["n"].get<int>() >= 5);
    QCOMPARE(bench->params["lanes"].size(), std::size_t(2));
    const auto metrics = experimentMetrics(*bench);
    auto* model = desktop.find<QTableView>("speed.table")->model();
    const auto& rows = static_cast<SpeedModel*>(model)->rows();
    QCOMPARE(model->rowCount(), 4); // two tests, TTFT and memory of the run
    auto* plot = desktop.find<QCustomPlot>("speed.ratio");
    for (const char* test : {"pp512", "tg128"}) {
        const Metric* ratio = findMetric(metrics, std::string("speed_ratio/") + test, "B-A");
        QVERIFY(ratio && ratio->low);
        const auto row = std::find_if(rows.begin(), rows.end(), [&](const SpeedRow& r) { return r.test == test; });
        QVERIFY(row != rows.end());
        QCOMPARE(*row->a, findMetric(metrics, std::string("rate/") + test, "A")->value);
        QCOMPARE(row->ratio->value, ratio->value);
        QVERIFY(row->sdA && *row->sdA > 0);
        QCOMPARE(speedVerdict(*row), QStringLiteral("faster")); // the fake engine's lane B is, by a fifth
        QCOMPARE(dotsOf(plot, QLatin1String(test)), std::vector<double>{ratio->value});
    }
    const auto ttft = std::find_if(rows.begin(), rows.end(), [](const SpeedRow& r) { return r.test == "ttft"; });
    QCOMPARE(*ttft->b * 1000, double(desktop.workbench.run()->lane("B")->ttftUs));
    QCOMPARE(speedVerdict(*ttft), QStringLiteral("one run"));
    QCOMPARE(stateOf(desktop, "panel.speed"), QStringLiteral("captured"));
    desktop.click("card.layer_skip.switch"); // measured under other methods now
    draw();
    QCOMPARE(stateOf(desktop, "panel.speed"), QStringLiteral("stale"));
}

void TestCompare::accuracyIsThatOfTheRows()
{
    Desktop desktop;
    QVERIFY(desktop.open(modelFile()));
    desktop.window.setLayoutName(QStringLiteral("compare"));
    addMethod(desktop);
    auto* tasks = desktop.find<QComboBox>("acc.tasks");
    tasks->setCurrentIndex(tasks->findData(QStringLiteral("truefalse")));
    desktop.find<QSpinBox>("acc.limit")->setValue(60);
    desktop.click("acc.run");
    const ExperimentData* experiment = finished(desktop, "accuracy");
    QVERIFY(experiment);
    QCOMPARE(experiment->params["items"].size(), std::size_t(60));
    const auto metrics = experimentMetrics(*experiment);
    auto* forest = desktop.find<QCustomPlot>("acc.forest");
    for (const char* lane : {"A", "B"})
        QCOMPARE(dotsOf(forest, QLatin1String(lane)),
                 std::vector<double>{findMetric(metrics, "accuracy/truefalse", lane)->value});
    const auto results = accuracyResults(*desktop.workbench.session());
    QCOMPARE(results.size(), std::size_t(1));
    QCOMPARE(results[0].chance, 50.0);
    QVERIFY(results[0].aurocA);
    const QString details = desktop.find<QLabel>("acc.details")->text();
    QVERIFY(details.contains(QStringLiteral("AUROC")));
    QVERIFY(details.contains(QString::number(*results[0].p, 'f', 3)));

    std::map<int, int> predicted[2];
    for (const auto& row : experiment->rows)
        predicted[row["lane"] == "B"][row["item"]] = row["predicted"];
    int flipped = 0;
    for (const auto& [item, answer] : predicted[0])
        flipped += predicted[1].at(item) != answer;
    auto* items = desktop.find<QTableView>("acc.items");
    QCOMPARE(items->model()->rowCount(), flipped);
    QVERIFY(flipped > 0);
    desktop.find<QTabWidget>("acc.tabs")->setCurrentIndex(1);
    items->selectRow(0);
    const int first = items->model()->index(0, 0).data().toInt();
    QVERIFY(desktop.find<QPlainTextEdit>("acc.item")
                ->toPlainText()
                .startsWith(QString::fromStdString(experiment->params["items"][std::size_t(first)]["prompt"])));
    QVERIFY(desktop.find<QPlainTextEdit>("acc.item")->toPlainText().contains(QStringLiteral("B's answer")));

    tasks->setCurrentIndex(tasks->findData(QStringLiteral("mmlu")));
    QCOMPARE(tasks->findData(QStringLiteral("mmlu/astronomy")) >= 0, true);
    desktop.click("acc.run");
    QVERIFY(finished(desktop, "accuracy"));
    QCOMPARE(accuracyResults(*desktop.workbench.session()).size(), std::size_t(2));
    QCOMPARE(accuracyResults(*desktop.workbench.session())[1].chance, 25.0);
}

void TestCompare::badColumnsAreToldAndNothingIsLost()
{
    Desktop desktop;
    QVERIFY(desktop.open(modelFile()));
    desktop.window.setLayoutName(QStringLiteral("compare"));
    const auto write = [this](const char* name, const QByteArray& text) {
        QFile file(m_folder.filePath(QLatin1String(name)));
        if (!file.open(QIODevice::WriteOnly))
            qFatal("no file");
        file.write(text);
        return file.fileName();
    };
    auto* panel = desktop.find<AccuracyPanel>("panel.accuracy");
    auto* tasks = desktop.find<QComboBox>("acc.tasks");
    const QString before = tasks->currentText();
    QVERIFY(!panel->addCsv(write("bad.csv", "q,a,topic\nwhat,1,x\n")));
    QTRY_VERIFY(desktop.find<QToolBar>("bar.banner")->isVisible());
    QCOMPARE(tasks->currentText(), before);
    QVERIFY(panel->addCsv(write("own.csv", "statement,answer\nWater is wet.,true\nFire is cold.,false\n")));
    QCOMPARE(tasks->currentData().toString(), QStringLiteral("csv/own"));
    desktop.click("acc.run");
    const ExperimentData* own = finished(desktop, "accuracy");
    QVERIFY(own);
    QCOMPARE(own->params["items"].size(), std::size_t(2));
    QCOMPARE(own->params["lanes"], nlohmann::json({"A"})); // no method is on
    QVERIFY(!panel->addText(m_folder.filePath(QStringLiteral("absent.txt"))));
    QVERIFY(panel->addText(write("some.txt", QByteArray("The sky is blue because light is scattered. ").repeated(40))));
    desktop.click("acc.run");
    const ExperimentData* text = finished(desktop, "perplexity");
    QVERIFY(text);
    const auto metrics = experimentMetrics(*text);
    QVERIFY(desktop.find<QLabel>("acc.details")
                ->text()
                .contains(QString::number(findMetric(metrics, "perplexity", "A")->value, 'f', 2)));
}

void TestCompare::experimentsCanBeCancelled()
{
    Desktop desktop;
    ExperimentsModel model;
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    QVERIFY(desktop.open(modelFile()));
    desktop.window.setLayoutName(QStringLiteral("compare"));
    auto* tasks = desktop.find<QComboBox>("acc.tasks");
    tasks->setCurrentIndex(tasks->findData(QStringLiteral("mmlu")));
    desktop.click("acc.run");
    QTRY_VERIFY(desktop.workbench.latestExperiment(QStringLiteral("accuracy"))->rows.size() > 3);
    model.setSession(desktop.workbench.session());
    desktop.click("exp.cancel");
    const ExperimentData* cancelled = finished(desktop, "accuracy");
    QVERIFY(cancelled);
    QCOMPARE(cancelled->state, std::string("cancelled"));
    QVERIFY(cancelled->rows.size() > 3); // the rows so far stay
    QVERIFY(cancelled->rows.size() < cancelled->params["items"].size());
    model.refresh();
    desktop.click("speed.run");
    QVERIFY(finished(desktop, "bench"));
    model.refresh();
    auto* table = desktop.find<QTableView>("exp.table");
    QCOMPARE(table->model()->rowCount(), model.rowCount());
    QCOMPARE(model.at(0)->kind, std::string("bench")); // newest first
    QCOMPARE(model.index(0, ExperimentsModel::StateColumn).data().toString(), QStringLiteral("done"));
    QCOMPARE(model.index(1, ExperimentsModel::StateColumn).data().toString(), QStringLiteral("cancelled"));
    QVERIFY(!desktop.find<QPushButton>("exp.cancel")->isEnabled());
}

void TestCompare::browserShowsOtherRuns()
{
    Desktop desktop;
    QVERIFY(desktop.open(modelFile()));
    desktop.window.setLayoutName(QStringLiteral("compare"));
    generate(desktop, 12);
    RunData* first = desktop.workbench.run();
    addMethod(desktop);
    generate(desktop, 24);
    RunData* second = desktop.workbench.run();
    draw();
    auto* tree = desktop.find<QTreeView>("session.tree");
    QAbstractItemModel* shown = tree->model();
    const QModelIndex runs = shown->index(0, 0);
    QCOMPARE(shown->rowCount(runs), 2);
    tree->setFocus();
    tree->setCurrentIndex(shown->index(1, 0, runs)); // newest first
    QTest::keyClick(tree, Qt::Key_Return);
    QCOMPARE(desktop.workbench.run(), first);
    draw();
    QVERIFY(desktop.find<QLabel>("compare.divergence")->text().contains(QStringLiteral("equal")));
    QVERIFY(desktop.find<QLabel>("session.verdict")->text().contains(QStringLiteral("not measured")));
    desktop.find<QLineEdit>("session.filter")->setText(QStringLiteral("layer skip"));
    QCOMPARE(shown->rowCount(shown->index(0, 0)), 1);
    desktop.find<QLineEdit>("session.filter")->clear();
    desktop.workbench.showRun(second);
    desktop.click("speed.run");
    QVERIFY(finished(desktop, "bench"));
    const auto verdict = verdicts(*desktop.workbench.session(), *second);
    QCOMPARE(verdict[0].tone, SummaryLine::Tone::Better);
    QCOMPARE(verdicts(*desktop.workbench.session(), *first)[0].tone, SummaryLine::Tone::Quiet); // other methods
    QVERIFY(desktop.find<QLabel>("session.diff")->text().contains(QStringLiteral("Layer skip")));
}

void TestCompare::reopenedViewsAreTheSame()
{
    const QString saved = m_folder.filePath(QStringLiteral("compared.lsdb"));
    const char* panels[] = {"panel.compareText", "panel.compareStreams", "panel.speed",
                            "panel.accuracy",    "panel.experiments",    "panel.session"};
    std::map<QByteArray, QString> before;
    {
        Desktop desktop;
        QVERIFY(desktop.open(modelFile()));
        desktop.window.setLayoutName(QStringLiteral("compare"));
        addMethod(desktop);
        generate(desktop);
        measureAll(desktop);
        for (const char* panel : panels)
            before[panel] = desktop.find<Panel>(panel)->tableAsTsv();
        QVERIFY(desktop.workbench.saveSessionAs(saved).ok());
        QVERIFY(desktop.workbench.session()->flush().ok());
    }
    Desktop again; // its engine is never started
    QVERIFY(again.workbench.openSession(saved).ok());
    again.window.setLayoutName(QStringLiteral("compare"));
    draw();
    for (const char* panel : panels) {
        QCOMPARE(stateOf(again, panel), QStringLiteral("captured"));
        const QString after = again.find<Panel>(panel)->tableAsTsv();
        QVERIFY2(after.count(QLatin1Char('\n')) > 2, panel);
        QCOMPARE(after, before[panel]);
        QVERIFY(again.find<Panel>(panel)->exportText().startsWith(QLatin1Char('#')));
    }
    for (const char* button : {"speed.run", "acc.run", "compare.fillIn"}) {
        QVERIFY2(!again.find<QPushButton>(button)->isEnabled(), button);
        QVERIFY2(!again.find<QPushButton>(button)->toolTip().isEmpty(), button);
    }
}

void TestCompare::picturesAreWhole_data()
{
    QTest::addColumn<QSize>("size");
    QTest::addColumn<int>("mode");
    QTest::newRow("small, light") << QSize(1280, 800) << int(theme::Mode::Light);
    QTest::newRow("small, dark") << QSize(1280, 800) << int(theme::Mode::Dark);
    QTest::newRow("large, light") << QSize(1600, 1000) << int(theme::Mode::Light);
    QTest::newRow("large, dark") << QSize(1600, 1000) << int(theme::Mode::Dark);
}

void TestCompare::picturesAreWhole()
{
    QFETCH(QSize, size);
    QFETCH(int, mode);
    theme::setMode(theme::Mode(mode));
    Desktop desktop;
    QVERIFY(desktop.open(modelFile()));
    desktop.window.resize(size);
    desktop.window.setLayoutName(QStringLiteral("compare"));
    addMethod(desktop);
    generate(desktop, 60);
    draw();
    measureAll(desktop);
    for (const QString& layout : {QStringLiteral("compare"), QStringLiteral("accelerate")}) {
        desktop.window.setLayoutName(layout);
        QVERIFY(savePicture(&desktop.window,
                            QStringLiteral(LAYERSCOPE_BIN_DIR "/../tests/measured-%1-%2-%3.png")
                                .arg(layout, theme::isDark() ? QStringLiteral("dark") : QStringLiteral("light"))
                                .arg(size.width()))
                    .ok());
        QCOMPARE(desktop.window.size(), size);
        for (const QWidget* widget : desktop.window.findChildren<QWidget*>()) {
            const QString name = widget->objectName();
            const auto* label = qobject_cast<const QLabel*>(widget);
            const auto* button = qobject_cast<const QAbstractButton*>(widget);
            if (!widget->isVisible() || widget->visibleRegion().isEmpty() || !name.contains(QLatin1Char('.')) ||
                name == QLatin1String("model.selection") || (!label && !button) || (label && label->wordWrap()) ||
                (label && label->sizePolicy().horizontalPolicy() == QSizePolicy::Ignored))
                continue;
            const int needed = label ? label->minimumSizeHint().width() : button->sizeHint().width();
            if (label ? !label->text().isEmpty() : !button->text().isEmpty())
                QVERIFY2(widget->width() + 1 >= needed,
                         qPrintable(QStringLiteral("%1: %2 of %3 px").arg(name).arg(widget->width()).arg(needed)));
        }
    }
    theme::setMode(theme::Mode::Light);
}

QTEST_MAIN(TestCompare)
#include "tst_compare.moc"
