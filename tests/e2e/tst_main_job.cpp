#include "core/data/vector_writer.h"
#include "engine/experiment/contextualisation.h"
#include "engine/experiment/safety.h"
#include "engine/experiment/streams.h"
#include "engine/formats/safetensors.h"
#include "engine/forward/forward.h"
#include "engine/forward/registry.h"
#include "tests/support/desktop.h"
#include "tests/support/test_model.h"
#include "ui/models/run_values.h"
#include "ui/models/stage_bars.h"
#include "ui/plots/qcustomplot_include.h"
#include "ui/shell/picture.h"

#include <ATen/ops/softmax.h>

#include <QCheckBox>
#include <QDockWidget>
#include <QFrame>
#include <QLabel>
#include <QSpinBox>
#include <QTableView>
#include <QTemporaryDir>

#include <cmath>
#include <random>

using namespace ls;
using namespace ls::test;
using nlohmann::json;

/// The main job in the real window with the real engine and the real model, from the open dialog to the reopened
/// session. The functions build on one another, in order.
class TestMainJob : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void opensThroughTheDialog();
    void calibratesInTheBackgroundAndTrainsSafety();
    void everyMethodActsOnTheNextToken_data();
    void everyMethodActsOnTheNextToken();
    void undoAndRedoAreSentToo();
    void viewsEqualTheModel();
    void timelineIsThatOfTheSteps();
    void looksRight_data();
    void looksRight();
    void savesQuitsAndReopensWithoutAnEngine();
    void cleanupTestCase();

private:
    const LaneData& lane(const char* name) const { return *m_desktop->workbench.run()->lane(name); }
    QString file(const char* name) const { return m_folder.filePath(QLatin1String(name)); }
    QTemporaryDir m_folder;
    std::unique_ptr<Desktop> m_desktop;
    Watchdog m_watchdog;
    double m_longestMs = 0;
    RunData m_shown;
    Desk m_shownDesk;
};

namespace {

const QString kEngine = QStringLiteral(LAYERSCOPE_BIN_DIR "/layerscope-engine");
const QString kPictures = QStringLiteral(LAYERSCOPE_BIN_DIR "/../artefacts/");
constexpr double kBlockBarMs = 100;

} // namespace

void TestMainJob::initTestCase()
{
    QVERIFY2(!smolLmPath().empty(), kSmolLmMissing);
    QVERIFY(m_folder.isValid());
    qputenv("XDG_CACHE_HOME", file("cache").toUtf8()); // a calibration of its own
    prepareApplication();
    QVERIFY(QDir().mkpath(kPictures));
    m_desktop = std::make_unique<Desktop>(kEngine);
}

void TestMainJob::opensThroughTheDialog()
{
    QVERIFY(m_desktop->openModel(QString::fromStdString(smolLmPath())));
    const ModelInfo& model = *m_desktop->client.model();
    QCOMPARE(model.blockCount, 30);
    QVERIFY(m_desktop->find<QLabel>(QStringLiteral("status.model"))->text().contains(QStringLiteral("SmolLM2")));
    QVERIFY(m_desktop->find<QLabel>(QStringLiteral("status.fallback"))->isVisible()); // no CUDA module: it says why
    QVERIFY(m_desktop->workbench.saveSessionAs(file("main-job.lsdb")).ok());
}

void TestMainJob::calibratesInTheBackgroundAndTrainsSafety()
{
    QVERIFY(m_desktop->click(QStringLiteral("safety.train")));
    const auto done = [&](const char* kind) {
        const ExperimentData* experiment = m_desktop->workbench.latestExperiment(QLatin1String(kind));
        return experiment && experiment->state == "done";
    };
    m_watchdog.start();
    QVERIFY(QTest::qWaitFor([&] { return done("calibrate_contextualisation") && done("fit_safety"); }, 300000));
    m_longestMs = std::max(m_longestMs, m_watchdog.stop());
}

void TestMainJob::everyMethodActsOnTheNextToken_data()
{
    QTest::addColumn<QString>("method");
    QTest::addColumn<QString>("params");
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    std::vector<float> direction(576);
    for (float& value : direction)
        value = normal(random);
    const QString vector = file("vector.gguf");
    QVERIFY(writeControlVector(vector.toStdString(), "llama", {{14, direction}}).ok());
    QTest::newRow("layer skip") << "layer_skip"
                                << R"({"blocks": [12], "attention": [9], "mlp": [20]})";
    QTest::newRow("window") << "sparse_attention"
                            << R"({"mode": "window", "sinks": 1, "window": 6})";
    QTest::newRow("top-k") << "sparse_attention"
                           << R"({"mode": "topk", "k": 2})";
    QTest::newRow("pruned MLP") << "weight_pruning"
                                << R"({"target": "mlp", "fraction": 0.5, "layers": [10, 11]})";
    QTest::newRow("pruned heads") << "weight_pruning"
                                  << R"({"target": "heads", "fraction": 0.4, "layers": "all"})";
    QTest::newRow("steering") << "steering"
                              << QStringLiteral(R"({"vector": "%1", "layers": [14], "coefficient": 2.0, "unit": "rho",
                                                    "tokens": "all"})")
                                     .arg(vector);
    QTest::newRow("head ablation") << "head_ablation"
                                   << R"({"heads": [[5, 1], [6, 2]]})";
    QTest::newRow("direction ablation") << "direction_ablation"
                                        << QStringLiteral(R"({"vector": "%1", "layers": "all"})").arg(vector);
}

void TestMainJob::everyMethodActsOnTheNextToken()
{
    QFETCH(QString, method);
    QFETCH(QString, params);
    Workbench& workbench = m_desktop->workbench;
    workbench.changeDesk(QStringLiteral("clear"), {});
    QVERIFY(m_desktop->trigger(QStringLiteral("action.add.") + method));
    Desk desk = workbench.desk();
    desk.at(0).use.params.update(json::parse(params.toStdString()));
    workbench.changeDesk(QStringLiteral("set"), desk);
    m_desktop->find<QSpinBox>(QStringLiteral("prompt.max"))->setValue(40);
    QVERIFY(
        m_desktop->type(QStringLiteral("prompt.text"), QStringLiteral("Explain why the sky is blue."))); // generates
    QVERIFY(QTest::qWaitFor([&] { return workbench.generating(); }, 5000));
    m_watchdog.start();
    const auto generated = [&](const char* name) {
        const LaneData* data = workbench.run() ? workbench.run()->lane(name) : nullptr;
        return data ? int(data->tokens.size()) - data->promptTokens() : 0;
    };
    QVERIFY(QTest::qWaitFor([&] { return generated("B") >= 6; }, 60000));
    const QString card = QStringLiteral("card.") + method;
    QVERIFY(m_desktop->click(card + QStringLiteral(".switch")));
    QVERIFY(QTest::qWaitFor([&] { return !workbench.run()->toggles.empty(); }, 20000));
    QVERIFY(
        QTest::qWaitFor([&] { return m_desktop->find<QFrame>(card)->property("state") == QLatin1String("on"); }, 5000));
    QVERIFY(m_desktop->waitForEnd());
    m_longestMs = std::max(m_longestMs, m_watchdog.stop());
    QVERIFY2(!workbench.run()->failure, workbench.run()->failure ? workbench.run()->failure->message.c_str() : "");
    const ToggleData& toggle = workbench.run()->toggles.front();
    QCOMPARE(toggle.lane, std::string("B"));
    const auto& a = lane("A").tokens;
    const auto& b = lane("B").tokens;
    QVERIFY(toggle.position < int(b.size()));
    for (int i = 0; i < toggle.position; ++i) // until then B is the run without the toggle, which is A
        QVERIFY2(a[std::size_t(i)].id == b[std::size_t(i)].id, qPrintable(QString::number(i)));
    // From the position on it is the new plan: another distribution, also where the greedy token is the same.
    const double before = values::ofToken(lane("B"), QStringLiteral("kl"), toggle.position - 1, -1);
    const double after = values::ofToken(lane("B"), QStringLiteral("kl"), toggle.position, -1);
    QVERIFY2(before < 1e-9, qPrintable(QString::number(before)));
    QVERIFY2(after > 1e-7, qPrintable(QString::number(after)));
}

void TestMainJob::undoAndRedoAreSentToo()
{
    Workbench& workbench = m_desktop->workbench;
    workbench.changeDesk(QStringLiteral("clear"), {});
    QVERIFY(m_desktop->trigger(QStringLiteral("action.add.layer_skip")));
    QVERIFY(m_desktop->type(QStringLiteral("card.layer_skip.param.blocks"), QStringLiteral("12")));
    m_desktop->find<QSpinBox>(QStringLiteral("prompt.max"))->setValue(96);
    QVERIFY(m_desktop->click(QStringLiteral("run.generate")));
    const auto toggles = [&] { return workbench.run() ? workbench.run()->toggles.size() : 0; };
    QVERIFY(QTest::qWaitFor(
        [&] { return workbench.run() && workbench.run()->lane("B") && lane("B").text().size() > 20; }, 30000));
    QVERIFY(m_desktop->click(QStringLiteral("card.layer_skip.switch")));
    QVERIFY(QTest::qWaitFor([&] { return toggles() == 1; }, 20000));
    QVERIFY(m_desktop->click(QStringLiteral("run.undo")));
    QVERIFY(QTest::qWaitFor([&] { return toggles() == 2; }, 20000));
    QVERIFY(m_desktop->click(QStringLiteral("run.redo")));
    QVERIFY(QTest::qWaitFor([&] { return toggles() == 3; }, 20000));
    QVERIFY(m_desktop->waitForEnd());
    QVERIFY(!workbench.run()->toggles[0].methods.empty());
    QVERIFY(workbench.run()->toggles[1].methods.empty());
    QVERIFY(workbench.run()->toggles[2].methods == workbench.run()->toggles[0].methods);
    QVERIFY(workbench.run()->toggles[2].position < int(lane("B").tokens.size()));
}

/// Three random cells of each view against a forward pass of this program's own, not the engine's messages.
void TestMainJob::viewsEqualTheModel()
{
    auto opened = Model::open(smolLmPath(), {});
    QVERIFY(opened.ok());
    const std::shared_ptr<const Model> model = opened.value();
    const LaneData& a = lane("A");
    std::vector<std::int32_t> ids;
    for (const TokenData& token : a.tokens)
        ids.push_back(token.id);
    Forward forward = denseForward(model);
    const auto captured = captureStreams(forward, ids, false, {});
    QVERIFY(captured.ok());
    const at::Tensor& streams = captured.value(); // [L+1, n, d]
    const auto safety = safetyDirectionsOf(model->info());
    QVERIFY2(safety.ok() && safety.value(), "the engine's safety directions are not in the cache");
    const auto calibration = contextCalibrationOf(model->info());
    QVERIFY2(calibration.ok() && calibration.value(), "the engine's calibration is not in the cache");

    std::mt19937 random(std::random_device{}());
    const auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
    const int last = int(ids.size()) - 2; // the newest token was made, not run
    for (int cell = 0; cell < 3; ++cell) {
        const int position = pick(17, last), layer = pick(1, 30); // c needs a full window of tokens before it
        const QByteArray where = QStringLiteral("layer %1, token %2").arg(layer).arg(position).toUtf8();
        const at::Tensor state = streams.select(0, layer).select(0, position);
        const auto shown = [&](const char* output) { return values::tap(a, output, position); };
        const double norm = state.to(at::kDouble).norm().item<double>();
        QVERIFY2(std::abs(double(shown("resid_norm").at(std::size_t(layer))) - norm) < 2e-4 * norm, where);

        const at::Tensor p = at::softmax(unembed(*model, state.unsqueeze(0)).to(at::kDouble), -1).select(0, 0);
        const TapValue* lens = a.tap("lens.ids", position);
        QVERIFY2(lens, where);
        const auto candidates = std::size_t(lens->value.shape.at(1));
        for (std::size_t k = 0; k < candidates; ++k) {
            const std::size_t i = std::size_t(layer) * candidates + k;
            const double expected = p[lens->value.ints().at(i)].item<double>();
            QVERIFY2(std::abs(double(shown("lens.probs").at(i)) - expected) < 1e-4, where);
        }
        const double entropy = -p.mul(p.clamp_min(1e-300).log()).sum().item<double>();
        QVERIFY2(std::abs(double(shown("lens.entropy").at(std::size_t(layer))) - entropy) < 1e-3, where);

        const double score =
            safetyScores(*safety.value(), streams.select(1, position).unsqueeze(0))[0][layer].item<double>();
        QVERIFY2(std::abs(double(shown("safety.score").at(std::size_t(layer))) - score) < 2e-3, where);

        const at::Tensor targets = contextTargets(*calibration.value(), model->weights().embedding, ids, position, 1);
        const double c = contextScores(*calibration.value(), layer, state.unsqueeze(0), targets).item<double>();
        QVERIFY2(std::abs(double(shown("contextualisation.c").at(std::size_t(layer))) - c) < 1e-3, where);
    }
    // What the table draws is what the run holds.
    m_desktop->workbench.select({QStringLiteral("A"), last, 14, -1});
    auto* table = m_desktop->find<QTableView>(QStringLiteral("lens.table"));
    QTRY_COMPARE(table->model()->rowCount(), 31);
    for (const char* panel : {"panel.logitLens", "panel.punctuation", "panel.safety"})
        QTRY_COMPARE_WITH_TIMEOUT(m_desktop->find<QWidget>(QLatin1String(panel))->property("state").toString(),
                                  QStringLiteral("captured"), 5000);
}

/// The bars of the stages add up to the steps as the tokens time them, and are drawn as the engine sent them.
void TestMainJob::timelineIsThatOfTheSteps()
{
    const RunData& run = *m_desktop->workbench.run();
    const StageSums& decode = lane("A").stages.decode;
    double steps = 0;
    int count = 0;
    for (int i = lane("A").promptTokens() + 1; i < int(lane("A").tokens.size()); ++i, ++count)
        steps += double(lane("A").tokens[std::size_t(i)].stepUs) / 1000;
    QCOMPARE(decode.tokens, count);
    QVERIFY(std::abs(double(decode.ns.sum()) / 1e6 - steps) < 1e-3 * count); // tokens hold whole microseconds
    QVERIFY(lane("A").stages.prefill.tokens == lane("A").promptTokens() && lane("A").stages.tokenizeNs > 0);
    QVERIFY(decode.ns.attention > 0 && decode.ns.mlp > 0 && decode.ns.unembed > 0 && decode.ns.hooks > 0);
    // B's means are those of the methods it ended with
    const int since = run.toggles.back().position;
    QCOMPARE(lane("B").stages.decode.tokens, int(lane("B").tokens.size()) - since - 1); // less the step of the switch

    m_desktop->window.setLayoutName(QStringLiteral("accelerate"));
    auto* plot = m_desktop->find<QCustomPlot>(QStringLiteral("speed.stages.plot"));
    QTRY_COMPARE_WITH_TIMEOUT(m_desktop->find<QWidget>(QStringLiteral("panel.speed.stages"))->property("state"),
                              QVariant(QStringLiteral("captured")), 5000);
    const auto bars = stageBars(run);
    QVERIFY(!bars.empty());
    for (int i = 0; i < plot->plottableCount(); ++i) {
        auto* drawn = qobject_cast<QCPBars*>(plot->plottable(i));
        for (const QCPBarsData& bar : *drawn->data()) {
            const LaneData* shown = run.lane(bars.at(std::size_t(bar.key)).lane.toStdString());
            const StageSums& sums = shown->stages.decode;
            QCOMPARE(bar.value, double(sums.ns.*kStages.at(std::size_t(i)).stage) * 1e-6 / double(sums.tokens));
        }
    }
}

void TestMainJob::looksRight_data()
{
    QTest::addColumn<QSize>("size");
    QTest::addColumn<int>("mode");
    QTest::addColumn<QString>("layout");
    for (const QSize size : {QSize(1280, 800), QSize(1600, 1000)})
        for (const auto& [mode, name] : {std::pair{theme::Mode::Light, "light"}, {theme::Mode::Dark, "dark"}})
            for (const char* layout : MainWindow::kLayouts)
                QTest::addRow("%s-%s-%d", layout, name, size.width())
                    << size << int(mode) << QString::fromLatin1(layout);
}

void TestMainJob::looksRight()
{
    QFETCH(QSize, size);
    QFETCH(int, mode);
    QFETCH(QString, layout);
    theme::setMode(theme::Mode(mode));
    m_desktop->window.resize(size);
    m_desktop->window.setLayoutName(layout);
    QVERIFY(savePicture(&m_desktop->window, kPictures + QLatin1String(QTest::currentDataTag()) + QStringLiteral(".png"))
                .ok());
    QCOMPARE(m_desktop->window.size(), size);
    for (const QLabel* label : m_desktop->window.findChildren<QLabel*>())
        if (label->isVisible() && !label->wordWrap() && !label->text().isEmpty() &&
            label->objectName().contains(QLatin1Char('.')) && label->objectName() != QLatin1String("model.selection"))
            QVERIFY2(label->width() + 1 >= label->minimumSizeHint().width(),
                     qPrintable(QStringLiteral("%1: %2 of %3 px")
                                    .arg(label->objectName())
                                    .arg(label->width())
                                    .arg(label->minimumSizeHint().width())));
}

void TestMainJob::savesQuitsAndReopensWithoutAnEngine()
{
    theme::setMode(theme::Mode::Light);
    m_shown = *m_desktop->workbench.run();
    m_shownDesk = m_desktop->workbench.desk();
    QVERIFY(m_desktop->window.close());
    m_desktop.reset(); // quits: the engine's input closes
    m_desktop = std::make_unique<Desktop>(QStringLiteral("/nonexistent/engine"));
    QVERIFY(m_desktop->workbench.openSession(file("main-job.lsdb")).ok());
    QVERIFY(m_desktop->workbench.run());
    QVERIFY(m_desktop->workbench.run()->lanes == m_shown.lanes);
    QVERIFY(m_desktop->workbench.run()->toggles == m_shown.toggles);
    QVERIFY(m_desktop->workbench.desk() == m_shownDesk);
    m_desktop->window.setLayoutName(QStringLiteral("accelerate"));
    QTRY_COMPARE_WITH_TIMEOUT(m_desktop->find<QWidget>(QStringLiteral("panel.speed.stages"))->property("state"),
                              QVariant(QStringLiteral("captured")), 5000);
    m_desktop->window.setLayoutName(QStringLiteral("inspect"));
    m_desktop->workbench.select({QStringLiteral("A"), 20, 14, -1});
    for (const char* panel : {"panel.logitLens", "panel.punctuation", "panel.safety", "panel.dashboard", "panel.model"})
        QTRY_COMPARE_WITH_TIMEOUT(m_desktop->find<QWidget>(QLatin1String(panel))->property("state").toString(),
                                  QStringLiteral("captured"), 5000);
    QVERIFY(savePicture(&m_desktop->window, kPictures + QStringLiteral("reopened.png")).ok());
}

void TestMainJob::cleanupTestCase()
{
    m_desktop.reset();
    qInfo("longest stop of the event loop: %.1f ms (bar %.0f)", m_longestMs, kBlockBarMs);
    QVERIFY2(m_longestMs < 5 * kBlockBarMs, qPrintable(QString::number(m_longestMs)));
}

QTEST_MAIN(TestMainJob)
#include "tst_main_job.moc"
