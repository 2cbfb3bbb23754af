#include "engine/experiment/contextualisation.h"
#include "engine/experiment/safety.h"
#include "engine/experiment/streams.h"
#include "engine/forward/registry.h"
#include "engine/text/tokenizer.h"
#include "tests/support/test_model.h"

#include "core/data/datasets.h"
#include "core/stats/auroc.h"
#include "core/stats/bootstrap.h"

#include <ATen/ops/cat.h>
#include <fmt/format.h>

#include <QTemporaryDir>
#include <QtTest>

#include <cmath>

using namespace ls;
using nlohmann::json;

/// Contextualisation and safety states on SmolLM2-135M: minutes, because 60 paragraphs and 450 prompts go through it.
class TestContextualisationModel : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void calibration_isCachedAndLiveEqualsBatch();
    void wrongParams_areRefused_data();
    void wrongParams_areRefused();
    void cancel_stopsBetweenItems();
    void marksAndDeterminers_holdMoreThanContent();
    void safety_separatesTheOtherHalf();

private:
    struct Outcome {
        Result<json> result = json();
        std::vector<json> rows;
        std::map<std::string, TensorBlob> tensors;
    };
    Outcome run(const std::string& kind, const json& params, int itemsUntilCancel = -1);
    std::shared_ptr<const Model> m_model;
    QTemporaryDir m_cache;
};

void TestContextualisationModel::initTestCase()
{
    QVERIFY2(!test::smolLmPath().empty(), test::kSmolLmMissing);
    qputenv("XDG_CACHE_HOME", m_cache.path().toUtf8());
    auto model = Model::open(test::smolLmPath(), {});
    QVERIFY2(model.ok(), model ? "" : model.error().message.c_str());
    m_model = model.value();
    registerContextualisation(ExperimentRegistry::instance(), ProbeRegistry::instance());
    registerSafety(ExperimentRegistry::instance(), ProbeRegistry::instance());
}

TestContextualisationModel::Outcome TestContextualisationModel::run(const std::string& kind, const json& params,
                                                                    int itemsUntilCancel)
{
    Outcome outcome;
    ExperimentContext context{m_model, params};
    context.progress = [](const std::string&, double, double) {};
    context.row = [&](json row) { outcome.rows.push_back(std::move(row)); };
    context.tensor = [&](const std::string& name, TensorBlob value) { outcome.tensors[name] = std::move(value); };
    context.checkpoint = [left = itemsUntilCancel]() mutable { return left < 0 || left-- > 0; };
    context.interrupted = [] { return false; };
    outcome.result = (*ExperimentRegistry::instance().find(kind))(context);
    return outcome;
}

void TestContextualisationModel::calibration_isCachedAndLiveEqualsBatch()
{
    const auto create = *ProbeRegistry::instance().find("contextualisation");
    QVERIFY(create(m_model).ok() && !create(m_model).value()); // nothing to show before the calibration
    const std::vector<std::string> few(calibrationParagraphs().begin(), calibrationParagraphs().begin() + 8);
    const Outcome first = run("calibrate_contextualisation", calibrationParams(few, 64));
    QVERIFY2(first.result.ok(), first.result ? "" : first.result.error().message.c_str());
    QCOMPARE(first.result.value()["cached"], json(false));
    QCOMPARE(first.result.value()["fragments"], json(8));
    QCOMPARE(first.result.value()["dimensions"], json(128));
    QVERIFY(!first.result.value().contains("cache_error"));
    const Outcome second = run("calibrate_contextualisation", calibrationParams(few, 64));
    QCOMPARE(second.result.value()["cached"], json(true));

    // Live: a prompt in one call, then token by token; batch: all states at once, float64.
    const LiveProbePtr probe = create(m_model).value();
    QVERIFY(probe);
    const std::vector<std::int32_t> all = m_model->tokenizer().encode(calibrationParagraphs().back());
    const std::vector<std::int32_t> ids(all.begin(), all.begin() + 40);
    Forward forward = denseForward(m_model);
    const at::Tensor streams = captureStreams(forward, ids, false, {}).value();
    std::map<std::string, std::map<int, std::vector<float>>> emitted;
    const auto points = streamSites(m_model->config().blockCount);
    for (int first2 = 0, count = 30; first2 < 40; first2 += count, count = 1) {
        StepView step{*m_model, "A", first2, count, 30, std::span(ids).first(std::size_t(first2 + count)), {}, {}};
        for (std::size_t i = 0; i < points.size(); ++i)
            step.taps[points[i]] = streams[std::int64_t(i)].narrow(0, first2, count);
        step.emit = [&](int position, std::string output, TensorBlob value, std::vector<std::string>) {
            emitted[output][position] = value.floats();
        };
        probe->onStep(step);
    }
    const auto calibration = contextCalibrationOf(m_model->info()).value();
    const at::Tensor y = windowMeans(m_model->weights().embedding, calibration->tokenMean.to(at::kDouble), ids, 0, 40);
    const at::Tensor targets = y.mm(calibration->directions.to(at::kDouble));
    double worst = 0;
    for (std::int64_t l = 0; l < streams.size(0); ++l) {
        const RidgeMap map{calibration->mean[l].to(at::kDouble), calibration->scale[l].to(at::kDouble),
                           calibration->map[l].to(at::kDouble)};
        const at::Tensor batch = rowCosines(map.predict(streams[l]), targets);
        for (int position = kContextWindow; position < 40; ++position)
            worst = std::max(worst, std::abs(emitted["contextualisation.c"][position][std::size_t(l)] -
                                             batch[position].item<double>()));
    }
    qInfo("live against batch: %.1e", worst);
    QVERIFY(worst < 1e-4);
    QVERIFY(std::isnan(emitted["contextualisation.c"][kContextWindow - 1][10]));
    QCOMPARE(emitted["contextualisation.gain"][20][0], 0.0f);
    QCOMPARE(emitted["contextualisation.sink"][0][0], 1.0f);
    QCOMPARE(emitted["contextualisation.sink"][20][0], 0.0f);
}

void TestContextualisationModel::wrongParams_areRefused_data()
{
    QTest::addColumn<QString>("kind");
    QTest::addColumn<QByteArray>("params");
    QTest::addColumn<int>("code");
    const int invalid = int(Errc::InvalidParameter), few = int(Errc::DataTooFew);
    QTest::newRow("no paragraphs") << "calibrate_contextualisation" << QByteArray("{}") << invalid;
    QTest::newRow("short paragraphs") << "calibrate_contextualisation" << QByteArray(R"({"paragraphs":["Hi."]})")
                                      << few;
    QTest::newRow("hardly a full window")
        << "calibrate_contextualisation"
        << QByteArray(
               R"({"paragraphs":["One two three four five six seven eight nine ten, and so it goes on and on."]})")
        << few;
    QTest::newRow("classes of another shape")
        << "contextualisation_corpus" << QByteArray(R"({"paragraphs":["Hi."],"classes":[3]})") << invalid;
    QTest::newRow("classes past the text")
        << "contextualisation_corpus"
        << QByteArray(R"({"paragraphs":["Hi."],"classes":[[{"begin":0,"end":9,"class":"comma"}]]})") << invalid;
    QTest::newRow("no prompts") << "fit_safety" << QByteArray("{}") << invalid;
    QTest::newRow("an index without a prompt")
        << "fit_safety" << QByteArray(R"({"harmful":["a"],"harmless":["b"],"train":[2],"test":[0]})") << invalid;
    QTest::newRow("halves that overlap") << "fit_safety"
                                         << QByteArray(R"({"harmful":["a"],"harmless":["b"],"train":[0],"test":[0]})")
                                         << invalid;
    QTest::newRow("too few prompts") << "fit_safety"
                                     << QByteArray(R"({"harmful":["a"],"harmless":["b"],"train":[0],"test":[1]})")
                                     << few;
}

void TestContextualisationModel::wrongParams_areRefused()
{
    QFETCH(QString, kind);
    QFETCH(QByteArray, params);
    QFETCH(int, code);
    const Outcome outcome = run(kind.toStdString(), json::parse(params.toStdString()));
    QVERIFY(!outcome.result.ok());
    QCOMPARE(int(outcome.result.error().code), code);
    QVERIFY(!outcome.result.error().hint.empty());
}

void TestContextualisationModel::cancel_stopsBetweenItems()
{
    const std::vector<std::string> other(calibrationParagraphs().begin() + 8, calibrationParagraphs().begin() + 14);
    QCOMPARE(run("calibrate_contextualisation", calibrationParams(other, 32), 2).result.error().code, Errc::Cancelled);
    QCOMPARE(run("calibrate_contextualisation", calibrationParams(other, 32), 8).result.error().code, Errc::Cancelled);
    QCOMPARE(run("fit_safety", safetyParams(), 1).result.error().code, Errc::Cancelled);
}

void TestContextualisationModel::marksAndDeterminers_holdMoreThanContent()
{
    const Outcome outcome = run("contextualisation_corpus", calibrationParams());
    QVERIFY2(outcome.result.ok(), outcome.result ? "" : outcome.result.error().message.c_str());
    QCOMPARE(outcome.result.value()["fragments"], json(60));
    struct Sums {
        std::vector<double> n = std::vector<double>(60), c = n, gain = n;
    };
    constexpr std::size_t kLayer = 10;
    std::map<std::string, Sums> byClass;
    for (const json& row : outcome.rows) {
        std::string name = row["class"];
        if (name == "article")
            name = "determiner";
        const auto fragment = row["fragment"].get<std::size_t>();
        byClass[name].n[fragment] += row["n"].get<double>();
        byClass[name].c[fragment] += row["sum_c"][kLayer].get<double>();
        byClass[name].gain[fragment] += row["sum_gain"][kLayer].get<double>();
    }
    for (const auto& [name, sums] : byClass) {
        const Estimate c = bootstrapRatio(sums.c, sums.n).value(), gain = bootstrapRatio(sums.gain, sums.n).value();
        double n = 0;
        for (const double count : sums.n)
            n += count;
        qInfo("%-12s n %5.0f  c %.3f [%.3f, %.3f]  gain %.3f", name.c_str(), n, c.value, c.low, c.high, gain.value);
    }
    const Sums& content = byClass["content"];
    for (const char* name : {"full stop", "comma", "determiner"}) {
        const Sums& own = byClass[name];
        const Estimate c = bootstrapRatioDifference(own.c, own.n, content.c, content.n).value();
        const Estimate gain = bootstrapRatioDifference(own.gain, own.n, content.gain, content.n).value();
        QVERIFY2(c.low > 0,
                 fmt::format("{}: c above content by {:.3f} [{:.3f}, {:.3f}]", name, c.value, c.low, c.high).c_str());
        QVERIFY2(gain.value > 0, fmt::format("{}: gain above content by {:.3f}", name, gain.value).c_str());
    }
}

void TestContextualisationModel::safety_separatesTheOtherHalf()
{
    const Outcome outcome = run("fit_safety", safetyParams());
    QVERIFY2(outcome.result.ok(), outcome.result ? "" : outcome.result.error().message.c_str());
    QCOMPARE(outcome.rows.size(), std::size_t(450));
    QCOMPARE(outcome.tensors.at("safety.unit").shape, (std::vector<std::int64_t>{31, 576}));
    double best = 0;
    QString curve;
    for (std::size_t layer = 0; layer < 31; ++layer) {
        std::vector<double> bad, good;
        for (const json& row : outcome.rows)
            if (row["part"] == "test")
                (row["label"] == "harmful" ? bad : good).push_back(row["score"][layer].get<double>());
        const Estimate area = auroc(bad, good).value();
        curve += QString::asprintf(" %.3f", area.value);
        best = std::max(best, area.value);
        if (layer == 0)
            QCOMPARE(area.value, 0.5); // the template's last token has one embedding
    }
    qInfo("AUROC of the other half, embed and 30 blocks:%s", qPrintable(curve));
    QVERIFY2(best > .7, qPrintable(curve)); // about .75 to .8 is what this model gives
    const Outcome again = run("fit_safety", safetyParams());
    QCOMPARE(again.result.value()["cached"], json(true));
    QCOMPARE(again.rows, outcome.rows);
}

QTEST_GUILESS_MAIN(TestContextualisationModel)
#include "tst_contextualisation_model.moc"
