#include "tests/support/golden.h"

#include <nlohmann/json.hpp>

#include <fstream>
#include <malloc.h>

#include <QTemporaryDir>
#include <QtTest>

using namespace ls;
using namespace ls::test;
using nlohmann::json;

namespace {
constexpr double kTapBar = 2e-4; // of the largest entry of the same position; float32 noise is about 1e-5
constexpr double kGapBar = 4e-4; // below it the next greedy id may rightly differ
} // namespace

/// A real model, its golden values and where the reference put its interventions.
struct RealModel {
    std::string name, golden;
    std::string path, missing; ///< why it is not there, and what to do
    std::vector<std::string> prompts;
    int middle = 0, lastButOne = 0; ///< blocks
};

/// Gemma must not be redistributed: whoever has it names the file.
RealModel gemma()
{
    const char* path = std::getenv("LAYERSCOPE_GEMMA");
    return {"Gemma",
            "gemma-3-270m-q4_k_m",
            path ? path : "",
            "Set LAYERSCOPE_GEMMA to gemma-3-270m-q4_k_m.gguf to run this; the licence does not let us ship it.",
            {"capital", "code", "punct", "unicode"},
            9,
            16};
}

RealModel smolLm()
{
    return {"SmolLM2",
            "smollm2-135m-instruct-q4_1",
            smolLmPath(),
            kSmolLmMissing,
            {"chat", "capital", "code", "punct", "unicode"},
            15,
            28};
}

struct Open {
    std::shared_ptr<const Model> model;
    std::unique_ptr<Golden> golden;
    std::string vector; ///< file with the steering vector
};

/// Real models in float32 compute what the reference implementation computes, with and without every intervention.
class TestRealModels : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void opening_takesOneCopyOfTheWeights_data();
    void opening_takesOneCopyOfTheWeights();
    void taps_equalTheReference_data();
    void taps_equalTheReference();
    void branches_addUpToTheStream_data();
    void branches_addUpToTheStream();
    void continuation_equalsTheReference_data();
    void continuation_equalsTheReference();

private:
    const Open* open(const QString& name); ///< null when the file is not there

    std::map<std::string, RealModel> m_models{{"SmolLM2", smolLm()}, {"Gemma", gemma()}};
    std::map<std::string, Open> m_open;
    QTemporaryDir m_folder;
};

void TestRealModels::initTestCase()
{
    QVERIFY2(!smolLmPath().empty(), kSmolLmMissing);
    registerMethods(MethodRegistry::instance());
}

void TestRealModels::opening_takesOneCopyOfTheWeights_data()
{
    QTest::addColumn<QString>("model");
    QTest::addColumn<QString>("dtype");
    for (const auto& [name, real] : m_models)
        for (const char* dtype : {"float32", "bfloat16"})
            QTest::newRow((name + " " + dtype).c_str()) << QString::fromStdString(name) << QString::fromUtf8(dtype);
}

/// Peak resident memory while opening, less what was there before: the tensors in the run dtype and 5 %.
void TestRealModels::opening_takesOneCopyOfTheWeights()
{
    QFETCH(QString, model);
    QFETCH(QString, dtype);
    const RealModel& real = m_models.at(model.toStdString());
    if (real.path.empty())
        QSKIP(real.missing.c_str());
    const auto kilobytes = [](const char* field) {
        std::ifstream status("/proc/self/status");
        for (std::string line; std::getline(status, line);)
            if (line.starts_with(field))
                return std::stoll(line.substr(line.find(':') + 1));
        return 0ll;
    };
    malloc_trim(0);                                // memory of the row before, which the allocator keeps
    std::ofstream("/proc/self/clear_refs") << "5"; // the peak starts again
    const auto before = kilobytes("VmRSS");
    if (kilobytes("VmHWM") > before + 4096)
        QSKIP("This kernel does not let a process reset its peak memory.");
    LoadOptions options;
    options.contextLength = 512;
    options.dtype = dtype.toStdString();
    const auto opened = Model::open(real.path, options);
    QVERIFY2(opened.ok(), opened.ok() ? "" : opened.error().message.c_str());
    const double peak = 1024.0 * double(kilobytes("VmHWM") - before);
    const double weights = double(opened.value()->info().weightBytes);
    qInfo("peak %.1f MB for %.1f MB of tensors: %+.1f %%", peak / 1e6, weights / 1e6, 100 * (peak / weights - 1));
    QVERIFY(peak <= 1.05 * weights);
}

const Open* TestRealModels::open(const QString& name)
{
    const RealModel& real = m_models.at(name.toStdString());
    if (real.path.empty())
        return nullptr;
    Open& open = m_open[real.name];
    if (open.model)
        return &open;
    LoadOptions options;
    options.contextLength = 512;
    auto model = Model::open(real.path, options);
    if (!model)
        qFatal("%s", model.error().message.c_str());
    open.model = model.value();
    auto golden = Golden::open(LAYERSCOPE_TEST_DATA "/golden/" + real.golden);
    if (!golden)
        qFatal("%s", golden.error().message.c_str());
    open.golden = std::move(golden).value();
    open.vector = m_folder.filePath(name + QStringLiteral(".safetensors")).toStdString();
    writeVector(open.vector, open.golden->floats("steering_vector"));
    return &open;
}

void TestRealModels::taps_equalTheReference_data()
{
    QTest::addColumn<QString>("model");
    QTest::addColumn<QString>("prompt");
    for (const auto& [name, real] : m_models)
        for (const std::string& prompt : real.prompts)
            QTest::newRow((name + " " + prompt).c_str())
                << QString::fromStdString(name) << QString::fromStdString(prompt);
}

void TestRealModels::taps_equalTheReference()
{
    QFETCH(QString, model);
    const Open* real = open(model);
    if (!real)
        QSKIP(m_models.at(model.toStdString()).missing.c_str());
    QFETCH(QString, prompt);
    const std::string name = prompt.toStdString();
    const auto sites = real->golden->sites(name);
    QVERIFY(sites.size() > 8);
    std::set<HookPoint> wanted;
    for (const auto& [point, key] : sites)
        wanted.insert(point);
    Collector taps(wanted);
    const auto ids = real->golden->ints(name + "/ids");
    KvCache cache = newCache(*real->model);
    const auto logits = Forward(plan(real->model, {})).run({ids, int(ids.size()), false, &taps}, cache);
    QVERIFY(logits.ok());
    double worst = 0;
    std::vector<HookPoint> order;
    for (const auto& [point, key] : sites)
        order.push_back(point);
    std::stable_sort(order.begin(), order.end(), [](HookPoint a, HookPoint b) {
        return std::pair(a.layer, a.site) < std::pair(b.layer, b.site);
    }); // the order of the pass: the first one over the bar is where to look
    for (const HookPoint point : order) {
        const double error = rowError(taps.values.at(point).at(0), real->golden->floats(sites.at(point)));
        QVERIFY2(error < kTapBar, fmt::format("first diverging hook {}: {:.2e}", hookName(point), error).c_str());
        worst = std::max(worst, error);
    }
    qInfo("%s: %zu taps, largest row error %.2e", name.c_str(), sites.size(), worst);
}

void TestRealModels::branches_addUpToTheStream_data()
{
    QTest::addColumn<QString>("model");
    for (const auto& [name, real] : m_models)
        QTest::newRow(name.c_str()) << QString::fromStdString(name);
}

void TestRealModels::branches_addUpToTheStream()
{
    QFETCH(QString, model);
    const Open* real = open(model);
    if (!real)
        QSKIP(m_models.at(model.toStdString()).missing.c_str());
    std::set<HookPoint> wanted;
    for (int layer = 0; layer < real->model->config().blockCount; ++layer)
        for (const Site site : {Site::ResidPre, Site::AttnOut, Site::MlpOut, Site::ResidPost})
            wanted.insert({site, layer});
    Collector taps(wanted);
    const auto ids = real->golden->ints("punct/ids");
    KvCache cache = newCache(*real->model);
    QVERIFY(Forward(plan(real->model, {})).run({ids, int(ids.size()), false, &taps}, cache).ok());
    double worst = 0;
    for (int layer = 0; layer < real->model->config().blockCount; ++layer) {
        const auto value = [&](Site site) { return taps.values.at({site, layer}).at(0); };
        const at::Tensor sum = value(Site::ResidPre).add(value(Site::AttnOut)).add(value(Site::MlpOut));
        const double error = rowError(sum, value(Site::ResidPost));
        QVERIFY2(error < 1e-6, fmt::format("block {}: {:.2e}", layer, error).c_str());
        worst = std::max(worst, error);
    }
    qInfo("%d blocks, largest row error %.2e", real->model->config().blockCount, worst);
}

void TestRealModels::continuation_equalsTheReference_data()
{
    QTest::addColumn<QString>("model");
    QTest::addColumn<QString>("key");
    QTest::addColumn<QString>("prompt");
    QTest::addColumn<QString>("methods");
    for (const auto& [name, real] : m_models) {
        const QString model = QString::fromStdString(name), first = QString::fromStdString(real.prompts.front());
        for (const std::string& prompt : real.prompts)
            QTest::newRow((name + " " + prompt).c_str())
                << model << QString::fromStdString(prompt) << QString::fromStdString(prompt) << QStringLiteral("[]");
        const auto row = [&](const char* intervention, const std::string& methods) {
            QTest::newRow((name + " " + intervention).c_str())
                << model << first + QLatin1Char('/') + QString::fromUtf8(intervention) << first
                << QString::fromStdString(methods);
        };
        const auto skip = [](const std::string& what) {
            return R"([{"method":"layer_skip","params":{)" + what + "}}]";
        };
        const int k = real.middle;
        row("skip_block", skip(fmt::format(R"("blocks":[{}])", k)));
        row("skip_attn", skip(fmt::format(R"("attention":[{}])", k)));
        row("skip_mlp", skip(fmt::format(R"("mlp":"{}")", k)));
        row("skip_attn1_mlp_last_but_one", skip(fmt::format(R"("attention":[1],"mlp":[{}])", real.lastButOne)));
        row("zero_head", fmt::format(R"([{{"method":"head_ablation","params":{{"heads":[[{},1]]}}}}])", k));
        row("steer",
            fmt::format(R"([{{"method":"steering","params":{{"vector":"V","layers":[{}],"coefficient":4.0}}}}])", k));
        row("ablate_direction", R"([{"method":"direction_ablation","params":{"vector":"V","layers":"all"}}])");
    }
}

void TestRealModels::continuation_equalsTheReference()
{
    QFETCH(QString, model);
    const Open* real = open(model);
    if (!real)
        QSKIP(m_models.at(model.toStdString()).missing.c_str());
    QFETCH(QString, key);
    QFETCH(QString, prompt);
    QFETCH(QString, methods);
    methods.replace(QStringLiteral("\"V\""),
                    QLatin1Char('"') + QString::fromStdString(real->vector) + QLatin1Char('"'));
    const PlanPtr compiled = plan(real->model, methodSetFromJson(json::parse(methods.toStdString())).value());
    QVERIFY(compiled);
    const std::string name = key.toStdString();
    const auto expected = real->golden->ints(name + "/greedy");
    const at::Tensor gaps = real->golden->floats(name + "/greedy_gap");
    QVERIFY(expected.size() >= 16);
    const auto out = greedy(compiled, real->golden->ints(prompt.toStdString() + "/ids"), int(expected.size()));
    QVERIFY2(out.ok(), out.ok() ? "" : out.error().message.c_str());

    const at::Tensor logits = out.value().firstLogits.select(0, 0);
    const at::Tensor values = real->golden->floats(name + "/logits_last.top_values");
    const auto ids = real->golden->ints(name + "/logits_last.top_ids");
    at::Tensor ours = at::empty_like(values);
    for (std::size_t i = 0; i < ids.size(); ++i)
        ours.data_ptr<float>()[i] = logits[ids[i]].item<float>();
    const double error = rowError(ours.unsqueeze(0), values.unsqueeze(0));
    QVERIFY2(error < kTapBar, fmt::format("logits differ by {:.2e}", error).c_str());
    const double logSumExp = logits.to(at::kDouble).logsumexp(0).item<double>();
    const double logSumExpError =
        std::abs(logSumExp - real->golden->floats(name + "/logits_last.logsumexp")[0].item<float>());
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

QTEST_GUILESS_MAIN(TestRealModels)
#include "tst_real_models.moc"
