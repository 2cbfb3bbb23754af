#include "tests/support/golden.h"

#include <nlohmann/json.hpp>

#include <QTemporaryDir>
#include <QtTest>

using namespace ls;
using namespace ls::test;
using nlohmann::json;

namespace {
constexpr double kTapBar = 2e-4; // of the largest entry of the same position; float32 noise is about 1e-5
constexpr double kGapBar = 4e-4; // below it the next greedy id may rightly differ
} // namespace

/// SmolLM2 in float32 computes what the reference implementation computes, with and without every intervention.
class TestSmolLm2Parity : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void taps_equalTheReference_data();
    void taps_equalTheReference();
    void branches_addUpToTheStream();
    void continuation_equalsTheReference_data();
    void continuation_equalsTheReference();

private:
    std::shared_ptr<const Model> m_model;
    std::unique_ptr<Golden> m_golden;
    QTemporaryDir m_folder;
};

void TestSmolLm2Parity::initTestCase()
{
    QVERIFY2(!smolLmPath().empty(), kSmolLmMissing);
    LoadOptions options;
    options.contextLength = 512;
    auto model = Model::open(smolLmPath(), options);
    QVERIFY2(model.ok(), model.ok() ? "" : model.error().message.c_str());
    m_model = model.value();
    registerMethods(MethodRegistry::instance());
    auto golden = Golden::open(LAYERSCOPE_TEST_DATA "/golden/smollm2-135m-instruct-q4_1");
    QVERIFY2(golden.ok(), golden.ok() ? "" : golden.error().message.c_str());
    m_golden = std::move(golden).value();
    writeVector(m_folder.filePath(QStringLiteral("v.safetensors")).toStdString(), m_golden->floats("steering_vector"));
}

void TestSmolLm2Parity::taps_equalTheReference_data()
{
    QTest::addColumn<QString>("prompt");
    for (const char* prompt : {"chat", "capital", "code", "punct", "unicode"})
        QTest::newRow(prompt) << QString::fromUtf8(prompt);
}

void TestSmolLm2Parity::taps_equalTheReference()
{
    QFETCH(QString, prompt);
    const std::string name = prompt.toStdString();
    const auto sites = m_golden->sites(name);
    QVERIFY(sites.size() > 8);
    std::set<HookPoint> wanted;
    for (const auto& [point, key] : sites)
        wanted.insert(point);
    Collector taps(wanted);
    const auto ids = m_golden->ints(name + "/ids");
    KvCache cache = newCache(*m_model);
    const auto logits = Forward(plan(m_model, {})).run({ids, int(ids.size()), false, &taps}, cache);
    QVERIFY(logits.ok());
    double worst = 0;
    std::vector<HookPoint> order;
    for (const auto& [point, key] : sites)
        order.push_back(point);
    std::stable_sort(order.begin(), order.end(), [](HookPoint a, HookPoint b) {
        return std::pair(a.layer, a.site) < std::pair(b.layer, b.site);
    }); // the order of the pass: the first one over the bar is where to look
    for (const HookPoint point : order) {
        const double error = rowError(taps.values.at(point).at(0), m_golden->floats(sites.at(point)));
        QVERIFY2(error < kTapBar, fmt::format("first diverging hook {}: {:.2e}", hookName(point), error).c_str());
        worst = std::max(worst, error);
    }
    qInfo("%s: %zu taps, largest row error %.2e", name.c_str(), sites.size(), worst);
}

void TestSmolLm2Parity::branches_addUpToTheStream()
{
    std::set<HookPoint> wanted;
    for (int layer = 0; layer < m_model->config().blockCount; ++layer)
        for (const Site site : {Site::ResidPre, Site::AttnOut, Site::MlpOut, Site::ResidPost})
            wanted.insert({site, layer});
    Collector taps(wanted);
    const auto ids = m_golden->ints("punct/ids");
    KvCache cache = newCache(*m_model);
    QVERIFY(Forward(plan(m_model, {})).run({ids, int(ids.size()), false, &taps}, cache).ok());
    double worst = 0;
    for (int layer = 0; layer < m_model->config().blockCount; ++layer) {
        const auto value = [&](Site site) { return taps.values.at({site, layer}).at(0); };
        const at::Tensor sum = value(Site::ResidPre).add(value(Site::AttnOut)).add(value(Site::MlpOut));
        const double error = rowError(sum, value(Site::ResidPost));
        QVERIFY2(error < 1e-6, fmt::format("block {}: {:.2e}", layer, error).c_str());
        worst = std::max(worst, error);
    }
    qInfo("%d blocks, largest row error %.2e", m_model->config().blockCount, worst);
}

void TestSmolLm2Parity::continuation_equalsTheReference_data()
{
    QTest::addColumn<QString>("key");
    QTest::addColumn<QString>("prompt");
    QTest::addColumn<QString>("methods");
    for (const char* prompt : {"chat", "capital", "code", "punct", "unicode"})
        QTest::newRow(prompt) << QString::fromUtf8(prompt) << QString::fromUtf8(prompt) << QStringLiteral("[]");
    const auto row = [](const char* name, const char* methods) {
        QTest::newRow(name) << QStringLiteral("chat/") + QString::fromUtf8(name) << QStringLiteral("chat")
                            << QString::fromUtf8(methods);
    };
    row("skip_block", R"([{"method":"layer_skip","params":{"blocks":[15]}}])");
    row("skip_attn", R"([{"method":"layer_skip","params":{"attention":[15]}}])");
    row("skip_mlp", R"([{"method":"layer_skip","params":{"mlp":"15"}}])");
    row("skip_attn1_mlp_last_but_one", R"([{"method":"layer_skip","params":{"attention":[1],"mlp":[28]}}])");
    row("zero_head", R"([{"method":"head_ablation","params":{"heads":[[15,1]]}}])");
    row("steer", R"([{"method":"steering","params":{"vector":"V","layers":[15],"coefficient":4.0}}])");
    row("ablate_direction", R"([{"method":"direction_ablation","params":{"vector":"V","layers":"all"}}])");
}

void TestSmolLm2Parity::continuation_equalsTheReference()
{
    QFETCH(QString, key);
    QFETCH(QString, prompt);
    QFETCH(QString, methods);
    methods.replace(QStringLiteral("\"V\""),
                    QLatin1Char('"') + m_folder.filePath(QStringLiteral("v.safetensors")) + QLatin1Char('"'));
    const PlanPtr compiled = plan(m_model, methodSetFromJson(json::parse(methods.toStdString())).value());
    QVERIFY(compiled);
    const std::string name = key.toStdString();
    const auto expected = m_golden->ints(name + "/greedy");
    const at::Tensor gaps = m_golden->floats(name + "/greedy_gap");
    QVERIFY(expected.size() >= 16);
    const auto out = greedy(compiled, m_golden->ints(prompt.toStdString() + "/ids"), int(expected.size()));
    QVERIFY2(out.ok(), out.ok() ? "" : out.error().message.c_str());

    const at::Tensor logits = out.value().firstLogits.select(0, 0);
    const at::Tensor values = m_golden->floats(name + "/logits_last.top_values");
    const auto ids = m_golden->ints(name + "/logits_last.top_ids");
    at::Tensor ours = at::empty_like(values);
    for (std::size_t i = 0; i < ids.size(); ++i)
        ours.data_ptr<float>()[i] = logits[ids[i]].item<float>();
    const double error = rowError(ours.unsqueeze(0), values.unsqueeze(0));
    QVERIFY2(error < kTapBar, fmt::format("logits differ by {:.2e}", error).c_str());
    const double logSumExp = logits.to(at::kDouble).logsumexp(0).item<double>();
    const double logSumExpError =
        std::abs(logSumExp - m_golden->floats(name + "/logits_last.logsumexp")[0].item<float>());
    QVERIFY2(logSumExpError < 2e-3, fmt::format("log-sum-exp differs by {:.2e}", logSumExpError).c_str());

    for (std::size_t i = 0; i < expected.size(); ++i) {
        if (gaps[std::int64_t(i)].item<float>() < kGapBar) {
            qInfo("%s: stopped at step %zu, the two best ids are too close there", name.c_str(), i);
            break;
        }
        QVERIFY2(out.value().ids[i] == expected[i], fmt::format("greedy id {} differs", i).c_str());
    }
    qInfo("%s: logits %.2e, log-sum-exp %.2e, %zu ids", name.c_str(), error, logSumExpError, expected.size());
}

QTEST_GUILESS_MAIN(TestSmolLm2Parity)
#include "tst_smollm2_parity.moc"
