#include "engine/evaluate/scoring.h"
#include "engine/forward/registry.h"
#include "engine/text/tokenizer.h"
#include "tests/support/desktop.h"
#include "tests/support/test_model.h"
#include "ui/models/fill_in.h"
#include "ui/panels/report_panel.h"
#include "ui/shell/picture.h"

#include <ATen/ATen.h>

#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QProcess>
#include <QRegularExpression>
#include <QSignalSpy>
#include <QSpinBox>
#include <QTemporaryDir>

#include <cmath>
#include <random>

using namespace ls;
using namespace ls::test;
using nlohmann::json;

/// Compares two lanes in the real window with the real engine, saves, quits, reopens without an engine and exports.
/// The numbers on the way are those of forward passes of this program's own.
class TestCompareExport : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void lanesDiverge();
    void fillInEqualsTheModel();
    void accuracyEqualsTheModel();
    void speedStopsAndKeepsWhatItMeasured();
    void looksRight_data();
    void looksRight();
    void exportsFromTheReopenedSession();

private:
    const LaneData& lane(const char* name) const { return *m_desktop->workbench.run()->lane(name); }
    bool finished(const char* kind, int ms = 120000)
    {
        const bool done = QTest::qWaitFor(
            [&] {
                const ExperimentData* found = m_desktop->workbench.latestExperiment(QLatin1String(kind));
                return found && found->state != "running";
            },
            ms);
        return done && m_desktop->workbench.latestExperiment(QLatin1String(kind))->state == "done";
    }
    QString file(const char* name) const { return m_folder.filePath(QLatin1String(name)); }
    QTemporaryDir m_folder;
    std::unique_ptr<Desktop> m_desktop;
    std::shared_ptr<const Model> m_model;
    PlanPtr m_dense, m_changed;
    double m_meanKl = -1, m_accuracyB = -1;
};

namespace {

const QString kEngine = QStringLiteral(LAYERSCOPE_BIN_DIR "/layerscope-engine");
const QString kPictures = QStringLiteral(LAYERSCOPE_BIN_DIR "/../artefacts/");
constexpr int kStatements = 24;

/// Log-probabilities [n, vocab] in float64, by one pass without a cache of what was before.
at::Tensor logProbs(const PlanPtr& plan, const std::vector<std::int32_t>& ids, int promptLength)
{
    const ModelConfig& config = plan->model().config();
    KvCache cache(config.blockCount, config.kvHeadCount, config.headWidth, plan->model().cacheType());
    ForwardInput input;
    input.ids = ids;
    input.promptLength = promptLength;
    input.allLogits = true;
    auto logits = Forward(plan).run(input, cache);
    return logits ? logits.value().to(at::kDouble).log_softmax(-1) : at::Tensor();
}

} // namespace

void TestCompareExport::initTestCase()
{
    QVERIFY2(!smolLmPath().empty(), kSmolLmMissing);
    QVERIFY(m_folder.isValid());
    qputenv("XDG_CACHE_HOME", file("cache").toUtf8());
    prepareApplication();
    registerMethods(MethodRegistry::instance());
    QVERIFY(QDir().mkpath(kPictures));
    auto opened = Model::open(smolLmPath(), {});
    QVERIFY(opened.ok());
    m_model = opened.value();
    m_desktop = std::make_unique<Desktop>(kEngine);
    QVERIFY(m_desktop->openModel(QString::fromStdString(smolLmPath())));
    QVERIFY(m_desktop->workbench.saveSessionAs(file("compare.lsdb")).ok());
}

void TestCompareExport::lanesDiverge()
{
    Workbench& workbench = m_desktop->workbench;
    QVERIFY(m_desktop->trigger(QStringLiteral("action.add.layer_skip")));
    QVERIFY(m_desktop->type(QStringLiteral("card.layer_skip.param.blocks"), QStringLiteral("12,20")));
    QVERIFY(m_desktop->click(QStringLiteral("card.layer_skip.switch")));
    m_desktop->find<QSpinBox>(QStringLiteral("prompt.max"))->setValue(40);
    QVERIFY(m_desktop->type(QStringLiteral("prompt.text"), QStringLiteral("Explain why the sky is blue.")));
    QVERIFY(QTest::qWaitFor([&] { return workbench.generating(); }, 5000));
    QVERIFY(m_desktop->waitForEnd());
    QVERIFY(!workbench.run()->failure);
    QVERIFY(lane("B").divergence.has_value());
    const auto dense = planOf(m_model, {}), changed = planOf(m_model, workbench.run()->currentMethods("B"));
    QVERIFY(dense.ok() && changed.ok());
    m_dense = dense.value();
    m_changed = changed.value();
}

/// KL(A || B) of the panel at every filled position, each lane's own pass of the whole reply.
void TestCompareExport::fillInEqualsTheModel()
{
    QVERIFY(m_desktop->click(QStringLiteral("layout.compare")));
    QVERIFY(m_desktop->click(QStringLiteral("compare.fillIn")));
    QVERIFY(finished("fill_in"));
    const RunData& run = *m_desktop->workbench.run();
    const ExperimentData* filled = fillInOf(*m_desktop->workbench.session(), run);
    QVERIFY(filled);
    std::vector<std::int32_t> ids;
    for (const TokenData& token : lane("B").tokens)
        ids.push_back(token.id);
    const int prompt = lane("B").promptTokens();
    QCOMPARE(int(filled->rows.size()), int(ids.size()) - prompt);
    const at::Tensor a = logProbs(m_dense, ids, prompt), b = logProbs(m_changed, ids, prompt);
    QVERIFY(a.defined() && b.defined());
    const at::Tensor kl = (a.exp() * (a - b)).sum(-1); // row i: of what follows position i
    double sum = 0;
    for (const json& row : filled->rows) {
        const int position = row.at("position").get<int>();
        const double expected = kl[position - 1].item<double>();
        sum += expected;
        QVERIFY2(std::abs(row.at("kl").get<double>() - expected) < 1e-4 + 1e-3 * expected,
                 qPrintable(QStringLiteral("position %1: %2, model %3")
                                .arg(position)
                                .arg(row.at("kl").get<double>())
                                .arg(expected)));
    }
    m_meanKl = filled->result.at("mean_kl").get<double>();
    QVERIFY(std::abs(m_meanKl - sum / double(filled->rows.size())) < 1e-3 * (1 + m_meanKl));
}

void TestCompareExport::accuracyEqualsTheModel()
{
    auto* tasks = m_desktop->find<QComboBox>(QStringLiteral("acc.tasks"));
    tasks->setCurrentIndex(tasks->findData(QStringLiteral("truefalse")));
    m_desktop->find<QSpinBox>(QStringLiteral("acc.limit"))->setValue(kStatements);
    QVERIFY(m_desktop->click(QStringLiteral("acc.run")));
    QVERIFY(finished("accuracy"));
    const ExperimentData& accuracy = *m_desktop->workbench.latestExperiment(QStringLiteral("accuracy"));
    int right = 0;
    std::vector<json> rows; // of lane B
    for (const json& row : accuracy.rows)
        if (row.at("lane") == "B") {
            right += row.at("predicted") == row.at("answer");
            rows.push_back(row);
        }
    QCOMPARE(int(rows.size()), kStatements);
    m_accuracyB = 100.0 * right / kStatements;
    const json items = accuracy.params.at("items");
    std::mt19937 random(std::random_device{}());
    for (int i = 0; i < 3; ++i) {
        const json& row = rows[std::uniform_int_distribution<std::size_t>(0, rows.size() - 1)(random)];
        const json& item = items.at(row.at("item").get<std::size_t>());
        const auto prompt = m_model->tokenizer().tokenize(item.at("prompt").get<std::string>());
        QVERIFY(prompt.ok());
        const at::Tensor next = logProbs(m_changed, prompt.value(), int(prompt.value().size())).select(0, -1);
        for (std::size_t c = 0; c < 2; ++c) {
            const auto choice = m_model->tokenizer().tokenize(item.at("choices").at(c).get<std::string>(), false);
            QVERIFY(choice.ok() && choice.value().size() == 1);
            const double expected = next[choice.value()[0]].item<double>();
            QVERIFY2(std::abs(row.at("scores").at(c).get<double>() - expected) < 1e-3, row.dump().c_str());
        }
    }
    const auto* shown = m_desktop->find<QLabel>(QStringLiteral("acc.details"));
    QTRY_VERIFY2(shown->text().contains(QStringLiteral("B %1").arg(m_accuracyB, 0, 'f', 1)), qPrintable(shown->text()));
}

void TestCompareExport::speedStopsAndKeepsWhatItMeasured()
{
    QVERIFY(m_desktop->click(QStringLiteral("layout.accelerate")));
    QVERIFY(m_desktop->click(QStringLiteral("speed.run")));
    const auto rows = [&] {
        const ExperimentData* bench = m_desktop->workbench.latestExperiment(QStringLiteral("bench"));
        return bench ? bench->rows.size() : 0;
    };
    QVERIFY(QTest::qWaitFor([&] { return rows() >= 2; }, 120000));
    QVERIFY(m_desktop->click(QStringLiteral("speed.run"))); // it says Stop now
    const auto& bench = [&]() -> const ExperimentData& {
        return *m_desktop->workbench.latestExperiment(QStringLiteral("bench"));
    };
    QTRY_COMPARE_WITH_TIMEOUT(bench().state, std::string("cancelled"), 20000);
    QVERIFY(bench().rows.size() >= 2); // what was measured stays
    for (const json& row : bench().rows)
        QVERIFY(row.at("seconds").get<double>() > 0);
}

void TestCompareExport::looksRight_data()
{
    QTest::addColumn<QSize>("size");
    QTest::addColumn<int>("mode");
    for (const QSize size : {QSize(1280, 800), QSize(1600, 1000)})
        for (const auto& [mode, name] : {std::pair{theme::Mode::Light, "light"}, {theme::Mode::Dark, "dark"}})
            QTest::addRow("compared-%s-%d", name, size.width()) << size << int(mode);
}

void TestCompareExport::looksRight()
{
    QFETCH(QSize, size);
    QFETCH(int, mode);
    theme::setMode(theme::Mode(mode));
    m_desktop->window.setLayoutName(QStringLiteral("compare"));
    m_desktop->window.resize(size);
    QVERIFY(savePicture(&m_desktop->window, kPictures + QLatin1String(QTest::currentDataTag()) + QStringLiteral(".png"))
                .ok());
    QCOMPARE(m_desktop->window.size(), size);
}

void TestCompareExport::exportsFromTheReopenedSession()
{
    theme::setMode(theme::Mode::Light);
    const std::string reply = lane("B").text();
    QVERIFY(m_desktop->window.close());
    m_desktop.reset();
    m_desktop = std::make_unique<Desktop>(QStringLiteral("/nonexistent/engine"));
    QVERIFY(m_desktop->workbench.openSession(file("compare.lsdb")).ok());
    QVERIFY(m_desktop->workbench.run());
    m_desktop->window.setLayoutName(QStringLiteral("report"));
    auto* panel = m_desktop->find<ReportPanel>(QStringLiteral("panel.report"));
    QVERIFY(panel);
    QSignalSpy exported(panel, &ReportPanel::exported);
    QVERIFY(QTest::qWaitFor([&] { return !panel->busy(); }, 60000));
    m_desktop->find<QLineEdit>(QStringLiteral("report.folder"))->setText(file("out"));
    m_desktop->find<QLineEdit>(QStringLiteral("report.name"))->setText(QStringLiteral("compared"));
    QVERIFY(m_desktop->click(QStringLiteral("report.export")));
    const auto* result = m_desktop->find<QLabel>(QStringLiteral("report.result"));
    QTRY_VERIFY2_WITH_TIMEOUT(exported.count() == 1, qPrintable(result->text()), 60000);
    const QStringList files = exported[0][0].toStringList();
    QVERIFY2(!files.isEmpty(), qPrintable(result->text()));
    QVERIFY(savePicture(&m_desktop->window, kPictures + QStringLiteral("exported.png")).ok());

    QFile html(file("out/compared.html"));
    QVERIFY2(html.open(QIODevice::ReadOnly), qPrintable(files.join(QLatin1Char(' '))));
    QString page = QString::fromUtf8(html.readAll());
    page.remove(QRegularExpression(QStringLiteral("<[^>]*>"))); // every token is an element of its own
    QProcess pdf;
    pdf.start(QStringLiteral("pdftotext"), {QStringLiteral("-layout"), file("out/compared.pdf"), QStringLiteral("-")});
    QVERIFY(pdf.waitForFinished(30000) && pdf.exitCode() == 0);
    const QString printed = QString::fromUtf8(pdf.readAllStandardOutput());
    for (const QString& text : {page, printed}) {
        QVERIFY(text.contains(QStringLiteral("SmolLM2-135M-Instruct")));
        QVERIFY2(text.contains(QString::number(m_meanKl, 'g', 4)), qPrintable(QString::number(m_meanKl, 'g', 4)));
        QVERIFY2(text.contains(QString::number(m_accuracyB, 'g', 4)), qPrintable(QString::number(m_accuracyB, 'g', 4)));
        const auto packed = [](QString some) {
            return some.remove(QRegularExpression(QStringLiteral("\\s")));
        };                                                                       // lines end anywhere
        const QString later = packed(QString::fromStdString(reply)).mid(20, 12); // past the mark of the divergence
        QVERIFY2(packed(text).contains(later), qPrintable(later));
    }
}

QTEST_MAIN(TestCompareExport)
#include "tst_compare_export.moc"
