#include "tests/support/panel_desktop.h"
#include "ui/panels/report_panel.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/workbench.h"

#include "core/data/datasets.h"
#include "core/report/report.h"

#include <QAction>
#include <QSpinBox>

#include <functional>

using namespace ls;
using namespace ls::test;
using nlohmann::json;

/// A session file may come from anyone. Every value that a run or an experiment holds is replaced by nonsense, and the
/// window with all its views, and the report, show what they can.
class TestHostileSession : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void nonsense_isShownOrLeftOut_data();
    void nonsense_isShownOrLeftOut();

private:
    std::unique_ptr<Desktop> m_desktop;
    std::vector<ExperimentData> m_experiments;
    RunSpec m_spec;
    ModelInfo m_model;
};

namespace {

/// Calls `visit` with every value below `json`, so that it can be changed and put back.
void walk(json& value, int& budget, const std::function<void(json&)>& visit)
{
    if (--budget < 0)
        return;
    visit(value);
    if (value.is_structured()) {
        int shown = 0;
        for (auto& item : value)
            if (++shown <= 12)
                walk(item, budget, visit);
    }
}

const std::vector<json> kNonsense{nullptr,
                                  true,
                                  -1,
                                  1e300,
                                  18446744073709551615ull,
                                  "\xff<b>",
                                  json::array(),
                                  json::object(),
                                  json::array({1, "x", nullptr})};

} // namespace

void TestHostileSession::initTestCase()
{
    prepareDesktop();
    m_desktop = std::make_unique<Desktop>();
    QVERIFY(m_desktop->open());
    m_desktop->find<QSpinBox>("prompt.max")->setValue(8);
    m_desktop->find<QAction>("action.generate")->trigger();
    QVERIFY(QTest::qWaitFor([&] { return m_desktop->workbench.run() && !m_desktop->workbench.generating(); }, 15000));
    m_spec = m_desktop->workbench.run()->spec;
    m_model = m_desktop->workbench.run()->model;
    const json methods{{{"method", "layer_skip"}, {"params", {{"blocks", {2}}}}}};
    const std::string words = "The river moves under the old stone house while a small light grows. ";
    const std::vector<std::pair<const char*, json>> kinds{
        {"fit_safety", safetyParams()},
        {"contextualisation_corpus", calibrationParams()},
        {"perplexity", {{"text", words + words}, {"methods", methods}, {"lanes", {"A", "B"}}, {"context", 32}}},
        {"accuracy", accuracyParams(trueFalseTask(), enabledMethods({}), 6)},
        {"bench", {{"tests", {"pp128", "tg32"}}, {"n", 5}, {"methods", methods}, {"lanes", {"A", "B"}}}},
        {"measure_cost",
         {{"methods", methods}, {"leave_out", 0}, {"text", words}, {"n", 5}, {"items", itemsJson(trueFalseTask(), 6)}}},
        {"build_steering",
         {{"name", "glad"},
          {"positive", {"a", "b", "c"}},
          {"negative", {"d", "e", "f"}},
          {"layer", 2},
          {"template", true}}}};
    for (const auto& [kind, params] : kinds) {
        const ExperimentData* done = m_desktop->run(kind, params);
        QVERIFY2(done && done->state == "done", kind);
        m_experiments.push_back(*done);
        m_experiments.back().rows.resize(std::min<std::size_t>(3, done->rows.size())); // the others are like them
        if (m_experiments.back().params.dump().size() > 100'000)
            m_experiments.back().params = json{{"harmful", {"a", "b"}}, {"harmless", {"c"}}};
    }
}

void TestHostileSession::nonsense_isShownOrLeftOut_data()
{
    QTest::addColumn<int>("experiment"); // -1: the desk and the prompt
    QTest::addColumn<int>("nonsense");
    for (int experiment = -1; experiment < int(m_experiments.size()); ++experiment)
        for (int nonsense = 0; nonsense < int(kNonsense.size()); ++nonsense)
            QTest::addRow("%s, nonsense %d",
                          experiment < 0 ? "desk" : m_experiments[std::size_t(experiment)].kind.c_str(), nonsense)
                << experiment << nonsense;
}

void TestHostileSession::nonsense_isShownOrLeftOut()
{
    QFETCH(int, experiment);
    QFETCH(int, nonsense);
    const json& bad = kNonsense[std::size_t(nonsense)];
    QTemporaryDir folder;
    const QString file = folder.filePath(QStringLiteral("s.lsdb"));
    int made = 0;
    {
        auto session = Session::create(file.toStdString());
        QVERIFY(session.ok());
        RunData& run = session.value()->startRun(m_spec, m_model);
        session.value()->finishRun(run);
        if (experiment < 0) {
            for (const char* key : {"desk", "steering", "report", "environment", "layout"})
                session.value()->setProperty(key, bad);
            session.value()->setProperty("desk",
                                         {{{"method", "layer_skip"}, {"params", bad}, {"key", bad}, {"enabled", bad}}});
            ++made;
        } else {
            // One experiment for every value of the good one that is replaced.
            const ExperimentData& good = m_experiments[std::size_t(experiment)];
            json parts{{"params", good.params}, {"rows", good.rows}, {"result", good.result}};
            int budget = 60;
            walk(parts, budget, [&](json& value) {
                const json kept = std::exchange(value, bad);
                if (parts.is_object() && parts["rows"].is_array()) {
                    ExperimentData& stored = session.value()->startExperiment(good.kind, parts["params"], m_model);
                    int index = 0;
                    for (const json& row : parts["rows"])
                        session.value()->record(stored, ExperimentRow{1, index++, row});
                    session.value()->record(stored, ExperimentDone{1, parts["result"]});
                    session.value()->endExperiment(stored, "done", {});
                    ++made;
                }
                value = kept;
            });
        }
    }
    QVERIFY(made > 0);
    QVERIFY(m_desktop->workbench.openSession(file).ok());
    for (const char* layout : {"inspect", "accelerate", "steer", "compare", "report"}) {
        m_desktop->window.setLayoutName(QLatin1String(layout));
        QApplication::processEvents();
        RepaintClock::instance().flush();
    }
    auto* panel = m_desktop->window.findChild<ReportPanel*>();
    QVERIFY(QTest::qWaitFor([&] { return !panel->busy(); }, 30000));
    const report::Document document = buildReport(*m_desktop->workbench.session());
    QVERIFY(!toHtml(document).empty() && !toJson(document).empty());
}

QTEST_MAIN(TestHostileSession)
#include "tst_hostile_session.moc"
