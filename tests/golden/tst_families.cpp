#include "tests/support/golden.h"

#include "engine/model/family.h"

#include <ATen/Parallel.h>
#include <ATen/ops/cat.h>
#include <nlohmann/json.hpp>

#include <QTemporaryDir>
#include <QtTest>

#include <filesystem>

using namespace ls;
using namespace ls::test;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

constexpr double kBar = 2e-5;    // of the largest entry of the same position; measured noise of the reference is 2e-6
constexpr double kGapBar = 4e-5; // below it the next greedy id may rightly differ

/// The interventions of the golden values as methods; V stands for the file with the steering vector.
const std::vector<std::pair<std::string, std::string>> kInterventions{
    {"skip_block", R"([{"method":"layer_skip","params":{"blocks":[2]}}])"},
    {"skip_attn", R"([{"method":"layer_skip","params":{"attention":[2]}}])"},
    {"skip_mlp", R"([{"method":"layer_skip","params":{"mlp":[2]}}])"},
    {"skip_attn1_mlp_last_but_one", R"([{"method":"layer_skip","params":{"attention":[1],"mlp":[2]}}])"},
    {"zero_head", R"([{"method":"head_ablation","params":{"heads":[[2,1]]}}])"},
    {"steer", R"([{"method":"steering","params":{"vector":"V","layers":[2],"coefficient":4.0}}])"},
    {"ablate_direction", R"([{"method":"direction_ablation","params":{"vector":"V","layers":"all"}}])"},
};

} // namespace

/// Every family in float32, from a folder and from GGUF, computes what the reference implementation computes.
class TestFamilies : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void everyFamily_hasGoldenValues();
    void model_agreesWithTheReference_data();
    void model_agreesWithTheReference();
    void interventions_agreeWithTheReference_data() { models(); }
    void interventions_agreeWithTheReference();
    void fusedBlocks_equalThePlainOnes_data() { models(); }
    void fusedBlocks_equalThePlainOnes();
    void caches_changeNothing_data() { models(); }
    void caches_changeNothing();
    void branches_addUpToTheStream_data() { models(); }
    void branches_addUpToTheStream();
    void sparseAttention_isTheAndOfBothMasks_data() { models(); }
    void sparseAttention_isTheAndOfBothMasks();
    void pruning_worksInEveryFamily_data() { models(); }
    void pruning_worksInEveryFamily();
    void bfloat16_isClose_data() { models(); }
    void bfloat16_isClose();

private:
    void models();
    std::shared_ptr<const Model> open(const QString& path, int context = 0, const char* dtype = "float32");
    bool compareGreedy(const Golden& golden, const std::string& key, const std::vector<std::int32_t>& prompt,
                       const PlanPtr& plan, std::string& failure);

    QTemporaryDir m_folder;
    std::string m_tiny = LAYERSCOPE_TEST_DATA "/golden/tiny", m_variants = LAYERSCOPE_TEST_DATA "/golden/variants";
};

void TestFamilies::initTestCase()
{
    registerMethods(MethodRegistry::instance());
    at::set_num_threads(1); // models this small only lose by a second thread, on a busy machine very much
}

std::shared_ptr<const Model> TestFamilies::open(const QString& path, int context, const char* dtype)
{
    LoadOptions options;
    options.contextLength = context;
    options.dtype = dtype;
    auto model = Model::open(path.toStdString(), options);
    if (!model)
        qWarning("%s: %s %s", qPrintable(path), model.error().message.c_str(), model.error().detail.c_str());
    return model ? model.value() : nullptr;
}

/// Folders and GGUF files of the tiny families.
void TestFamilies::models()
{
    QTest::addColumn<QString>("path");
    QTest::addColumn<QString>("folder");
    std::set<fs::path> folders;
    for (const auto& entry : fs::directory_iterator(m_tiny))
        folders.insert(entry.path());
    for (const fs::path& folder : folders) {
        const QString name = QString::fromStdString(folder.filename().string());
        const QString path = QString::fromStdString(folder.string());
        QTest::newRow(qPrintable(name)) << path << path;
        if (fs::exists(folder / "model.gguf"))
            QTest::newRow(qPrintable(name + QStringLiteral(" gguf"))) << path + QStringLiteral("/model.gguf") << path;
    }
}

void TestFamilies::everyFamily_hasGoldenValues()
{
    std::set<std::string> found;
    for (const auto& entry : fs::directory_iterator(m_tiny)) {
        const auto file = ModelFile::open(entry.path().string());
        QVERIFY2(file.ok(), entry.path().c_str());
        found.insert(familyOf(*file.value()).value()->name);
    }
    for (const Family& family : allFamilies())
        QVERIFY2(found.contains(family.name), family.name.c_str());
}

void TestFamilies::model_agreesWithTheReference_data()
{
    models();
    std::set<fs::path> folders;
    for (const auto& entry : fs::directory_iterator(m_variants))
        folders.insert(entry.path());
    for (const fs::path& folder : folders) {
        const QString name = QString::fromStdString(folder.filename().string());
        const QString path = QString::fromStdString(folder.string());
        QTest::newRow(qPrintable(name)) << path << path;
        if (fs::exists(folder / "model.gguf"))
            QTest::newRow(qPrintable(name + QStringLiteral(" gguf"))) << path + QStringLiteral("/model.gguf") << path;
    }
}

bool TestFamilies::compareGreedy(const Golden& golden, const std::string& key, const std::vector<std::int32_t>& prompt,
                                 const PlanPtr& compiled, std::string& failure)
{
    const auto expected = golden.ints(key + "/greedy");
    const at::Tensor gaps = golden.floats(key + "/greedy_gap");
    const auto out = greedy(compiled, prompt, int(expected.size()));
    if (expected.empty() || !out) {
        failure = out ? key + ": no ids to compare with" : out.error().message;
        return false;
    }
    for (std::size_t i = 0; i < expected.size() && gaps[std::int64_t(i)].item<float>() >= kGapBar; ++i)
        if (out.value().ids[i] != expected[i]) {
            failure = fmt::format("{}: greedy id {} differs", key, i);
            return false;
        }
    return true;
}

void TestFamilies::model_agreesWithTheReference()
{
    QFETCH(QString, path);
    QFETCH(QString, folder);
    const auto golden = Golden::open(folder.toStdString());
    QVERIFY(golden.ok());
    double worst = 0, worstPattern = 0;
    for (const std::string prompt : {"short", "long"}) {
        // LongRoPE has other factors beyond the context it was trained for
        const bool longRope = folder.contains(QStringLiteral("longrope")) && prompt == "long";
        const auto model = open(path, longRope ? 256 : 0);
        QVERIFY(model);
        const auto ids = golden.value()->ints(prompt + "/ids");
        const auto sites = golden.value()->sites(prompt);
        QVERIFY(!ids.empty() && sites.size() >= 9);
        std::set<HookPoint> wanted;
        for (const auto& [point, key] : sites)
            wanted.insert(point);
        Collector taps(wanted);
        KvCache cache = newCache(*model);
        const auto logits = Forward(plan(model, {})).run({ids, int(ids.size()), true, &taps}, cache);
        QVERIFY2(logits.ok(), logits.ok() ? "" : logits.error().message.c_str());
        std::vector<HookPoint> order(wanted.begin(), wanted.end());
        std::stable_sort(order.begin(), order.end(), [](HookPoint a, HookPoint b) {
            return std::pair(a.layer, a.site) < std::pair(b.layer, b.site);
        }); // the order of the pass: the first one over the bar is where to look
        for (const HookPoint point : order) {
            const at::Tensor ours = taps.values.at(point).at(0), theirs = golden.value()->floats(sites.at(point));
            const bool pattern = point.site == Site::AttnPattern;
            const double error = pattern ? ours.sub(theirs).abs().max().item<double>() : rowError(ours, theirs);
            QVERIFY2(error < kBar,
                     fmt::format("{}: first diverging hook {}: {:.2e}", prompt, hookName(point), error).c_str());
            (pattern ? worstPattern : worst) = std::max(pattern ? worstPattern : worst, error);
        }
        const double error = rowError(logits.value(), golden.value()->floats(prompt + "/logits"));
        QVERIFY2(error < kBar, fmt::format("{}: first diverging hook logits: {:.2e}", prompt, error).c_str());
        worst = std::max(worst, error);
        std::string failure;
        QVERIFY2(compareGreedy(*golden.value(), prompt, ids, plan(model, {}), failure), failure.c_str());
    }
    qInfo("rows %.1e, patterns %.1e", worst, worstPattern);
}

void TestFamilies::interventions_agreeWithTheReference()
{
    QFETCH(QString, path);
    QFETCH(QString, folder);
    const auto golden = Golden::open(folder.toStdString());
    const auto model = open(path);
    QVERIFY(golden.ok() && model);
    const std::string vector = m_folder.filePath(QStringLiteral("v.safetensors")).toStdString();
    writeVector(vector, golden.value()->floats("steering_vector"));
    double worst = 0;
    for (const auto& [name, text] : kInterventions) {
        std::string methods = text;
        if (const auto at = methods.find("\"V\""); at != std::string::npos)
            methods.replace(at + 1, 1, vector);
        const PlanPtr compiled = plan(model, methodSetFromJson(json::parse(methods)).value());
        QVERIFY(compiled);
        for (const std::string prompt : {"short", "long"}) {
            const std::string key = prompt + "/" + name;
            const auto ids = golden.value()->ints(prompt + "/ids");
            KvCache cache = newCache(*model);
            const auto logits = Forward(compiled).run({ids, int(ids.size()), prompt == "short"}, cache);
            QVERIFY(logits.ok());
            const at::Tensor all = golden.value()->floats(key + "/logits");
            const at::Tensor expected = all.defined() ? all : golden.value()->floats(key + "/logits_last").unsqueeze(0);
            const double error = rowError(logits.value(), expected);
            QVERIFY2(error < kBar, fmt::format("{}: logits differ by {:.2e}", key, error).c_str());
            worst = std::max(worst, error);
            std::string failure;
            QVERIFY2(compareGreedy(*golden.value(), key, ids, compiled, failure), failure.c_str());
        }
    }
    qInfo("rows %.1e", worst);
}

/// Every site of both implementations: a prompt, a piece behind it, single tokens.
void TestFamilies::fusedBlocks_equalThePlainOnes()
{
    QFETCH(QString, path);
    QFETCH(QString, folder);
    const auto golden = Golden::open(folder.toStdString());
    const auto model = open(path);
    QVERIFY(golden.ok() && model);
    const auto ids = golden.value()->ints("long/ids");
    std::set<HookPoint> wanted;
    for (const auto& [point, key] : golden.value()->sites("short"))
        wanted.insert(point);
    double worst = 0;
    for (
        const char* text :
        {"[]", R"([{"method":"sparse_attention","params":{"window":8,"sinks":2}}])",
         R"([{"method":"sparse_attention","params":{"window":8,"sinks":2,"phase":"decode"}}])",
         R"([{"method":"sparse_attention","params":{"mode":"topk","k":6}},{"method":"layer_skip","params":{"attention":[2]}}])"}) {
        const auto methods = methodSetFromJson(json::parse(text));
        QVERIFY(methods.ok());
        const auto run = [&](ForwardPath way, Collector* taps) {
            Forward forward(plan(model, methods.value()), way);
            KvCache cache = newCache(*model);
            std::vector<at::Tensor> parts;
            const std::size_t half = ids.size() / 2;
            for (std::size_t at = 0, piece = half; at < ids.size(); at += piece, piece = at < half + 8 ? 8 : 1)
                parts.push_back(
                    forward.run({std::span(ids).subspan(at, std::min(piece, ids.size() - at)), 4, true, taps}, cache)
                        .value());
            return at::cat(parts);
        };
        std::set<HookPoint> values = wanted; // scores and patterns come from libtorch's attention
        std::erase_if(values, [](HookPoint p) { return p.site == Site::AttnPattern || p.site == Site::AttnScores; });
        Collector fused(wanted), plain(wanted), some(values);
        const at::Tensor untapped = run(ForwardPath::Fused, nullptr), tapped = run(ForwardPath::Fused, &fused);
        QVERIFY(untapped.equal(run(ForwardPath::Fused, &some))); // to the last bit
        worst = std::max(worst, rowError(untapped, run(ForwardPath::Plain, &plain)));
        QCOMPARE(fused.values.size(), plain.values.size()); // a skipped branch has no inner sites
        for (const auto& [point, pieces] : plain.values)
            for (std::size_t i = 0; i < pieces.size(); ++i) {
                const double error = rowError(fused.values.at(point).at(i), pieces[i]);
                QVERIFY2(error < kBar, fmt::format("{}: {:.2e}", hookName(point), error).c_str());
                worst = std::max(worst, error);
            }
        QVERIFY(rowError(tapped, untapped) < kBar);
    }
    QVERIFY2(worst < kBar, fmt::format("{:.2e}", worst).c_str());
    qInfo("rows %.1e", worst);
}

/// Token by token and in pieces: the same rows as at once, over a window's edge.
void TestFamilies::caches_changeNothing()
{
    QFETCH(QString, path);
    QFETCH(QString, folder);
    const auto golden = Golden::open(folder.toStdString());
    const auto model = open(path);
    QVERIFY(golden.ok() && model);
    const auto ids = golden.value()->ints("long/ids");
    const auto inPieces = [&](std::size_t piece) {
        Forward forward(plan(model, {}));
        KvCache cache = newCache(*model);
        std::vector<at::Tensor> parts;
        for (std::size_t at = 0; at < ids.size(); at += piece) {
            const auto part = std::span(ids).subspan(at, std::min(piece, ids.size() - at));
            parts.push_back(forward.run({part, int(ids.size()), true}, cache).value());
        }
        return at::cat(parts);
    };
    const at::Tensor once = inPieces(100);
    double worst = 0;
    for (const std::size_t piece : {1u, 5u, 23u}) {
        const double error = rowError(inPieces(piece), once);
        QVERIFY2(error < 1e-5, fmt::format("pieces of {}: {:.2e}", piece, error).c_str());
        worst = std::max(worst, error);
    }
    qInfo("rows %.1e", worst);
}

void TestFamilies::branches_addUpToTheStream()
{
    QFETCH(QString, path);
    QFETCH(QString, folder);
    const auto golden = Golden::open(folder.toStdString());
    const auto model = open(path);
    QVERIFY(golden.ok() && model);
    const auto ids = golden.value()->ints("long/ids");
    const auto all = expandTaps({"*"}, model->config()).value();
    Collector taps({all.begin(), all.end()});
    KvCache cache = newCache(*model);
    QVERIFY(Forward(plan(model, {})).run({ids, int(ids.size()), false, &taps}, cache).ok());
    for (const HookPoint point : all)
        QVERIFY2(taps.values.contains(point), hookName(point).c_str());
    QCOMPARE(taps.values.size(), all.size());
    const bool sumsToOne = !model->config().attentionSinks;
    for (int layer = 0; layer < model->config().blockCount; ++layer) {
        const auto value = [&](Site site) { return taps.values.at({site, layer}).at(0); };
        const at::Tensor sum = value(Site::ResidPre).add(value(Site::AttnOut)).add(value(Site::MlpOut));
        QVERIFY(rowError(sum, value(Site::ResidPost)) < 1e-6);
        if (!model->config().parallelResidual)
            QVERIFY(rowError(value(Site::ResidPre).add(value(Site::AttnOut)), value(Site::ResidMid)) < 1e-6);
        const at::Tensor rows = value(Site::AttnPattern).sum(at::IntArrayRef{-1});
        QCOMPARE(rows.sub(1.0).abs().max().item<double>() < 1e-5, sumsToOne);
    }
    QVERIFY(rowError(unembed(*model, taps.values.at({Site::ResidPost, 3}).at(0)),
                     taps.values.at({Site::Logits, -1}).at(0)) < 1e-6);
}

/// What the plan keeps and what the layer sees: pattern entries outside either are 0, and decode equals prefill.
void TestFamilies::sparseAttention_isTheAndOfBothMasks()
{
    QFETCH(QString, path);
    QFETCH(QString, folder);
    const auto golden = Golden::open(folder.toStdString());
    const auto model = open(path);
    QVERIFY(golden.ok() && model);
    const auto ids = golden.value()->ints("long/ids");
    for (const char* params : {R"({"mode":"window","sinks":2,"window":5})", R"({"mode":"topk","k":3})"}) {
        const PlanPtr compiled = plan(model, {{"sparse_attention", json::parse(params)}});
        const bool topK = compiled->blocks()[0].attention.kind == AttentionKind::TopK;
        std::set<HookPoint> sites;
        for (int layer = 0; layer < model->config().blockCount; ++layer)
            sites.insert({Site::AttnPattern, layer});
        Collector taps(sites);
        KvCache cache = newCache(*model), stepwise = newCache(*model);
        const at::Tensor once = Forward(compiled).run({ids, 24, true, &taps}, cache).value();
        Forward forward(compiled);
        std::vector<at::Tensor> rows;
        for (const std::int32_t& id : ids)
            rows.push_back(forward.run({{&id, 1}, 24, true}, stepwise).value());
        const double error = rowError(at::cat(rows), once);
        QVERIFY2(error < 1e-5, fmt::format("{}: decode and prefill differ by {:.2e}", params, error).c_str());
        for (int layer = 0; layer < model->config().blockCount; ++layer) {
            const at::Tensor pattern = taps.values.at({Site::AttnPattern, layer}).at(0).contiguous();
            const int window = model->config().layers[std::size_t(layer)].window;
            for (int head = 0; head < model->config().headCount; ++head)
                for (int i = 0; i < 24; ++i) {
                    int kept = 0;
                    for (int j = 0; j < 24; ++j) {
                        const float weight = pattern.data_ptr<float>()[(head * 24 + i) * 24 + j];
                        const bool seen = j <= i && (window == 0 || i - j < window);
                        const bool keeps = topK || j < 2 || i - j < 5;
                        QVERIFY(weight == 0.0f || (seen && keeps));
                        kept += weight > 0.0f;
                    }
                    QVERIFY(!topK || kept <= 3);
                }
        }
    }
}

void TestFamilies::pruning_worksInEveryFamily()
{
    QFETCH(QString, path);
    QFETCH(QString, folder);
    const auto golden = Golden::open(folder.toStdString());
    const auto model = open(path);
    QVERIFY(golden.ok() && model);
    const auto ids = golden.value()->ints("short/ids");
    const auto logits = [&](const MethodSet& methods) {
        KvCache cache = newCache(*model);
        return Forward(plan(model, methods)).run({ids, 5, true}, cache).value();
    };
    const at::Tensor dense = logits({});
    for (const char* target : {"mlp", "attention", "heads"}) {
        const MethodSet methods{{"weight_pruning", {{"target", target}, {"fraction", 0.5}, {"layers", {1}}}}};
        QVERIFY2(rowError(logits(methods), dense) > 1e-4, target);
        const PlanPtr compiled = plan(model, methods);
        QVERIFY(compiled->ownWeightBytes() > 0);
        const BlockWeights &own = *compiled->blocks()[1].weights, &shared = model->weights().blocks[1];
        const auto zeroShare = [](const at::Tensor& t) { return 1.0 - t.count_nonzero().item<double>() / t.numel(); };
        if (std::string(target) == "mlp") {
            const std::int64_t experts = std::max<std::int64_t>(1, own.wDown.experts());
            for (std::int64_t e = 0; e < experts; ++e)
                for (const WeightMatrix* t : {&own.wGate, &own.wUp, &own.wDown})
                    QVERIFY(!t->defined() || zeroShare((experts > 1 ? t->expert(e) : *t).dense()) >= 0.5);
        } else {
            QVERIFY(zeroShare(own.wo.dense()) >= 0.5);
            QVERIFY(own.wUp.sameAs(shared.wUp));
        }
    }
    QVERIFY(logits({}).equal(dense));
    const std::string vector = m_folder.filePath(QStringLiteral("v.safetensors")).toStdString();
    writeVector(vector, golden.value()->floats("steering_vector"));
    const auto compiled = compilePlan(model, {{"direction_ablation", {{"vector", vector}, {"sites", {"resid_mid"}}}}});
    const auto* refused = std::get_if<PlanError>(&compiled);
    QCOMPARE(refused != nullptr, model->config().parallelResidual); // there is no such place in a parallel block
    if (refused)
        QCOMPARE(refused->error.code, Errc::HookUnavailable);
}

/// Not a parity test: the whole pass with bfloat16 weights stays near, so that no branch of the code is left out.
void TestFamilies::bfloat16_isClose()
{
    QFETCH(QString, path);
    QFETCH(QString, folder);
    const auto golden = Golden::open(folder.toStdString());
    const auto model = open(path, 0, "bfloat16");
    QVERIFY(golden.ok() && model);
    const auto ids = golden.value()->ints("short/ids");
    KvCache cache = newCache(*model);
    const at::Tensor logits = Forward(plan(model, {})).run({ids, 5, true}, cache).value();
    const double error = rowError(logits, golden.value()->floats("short/logits"));
    QVERIFY2(error < 0.1, fmt::format("{:.2e}", error).c_str());
    qInfo("rows %.1e", error);
}

QTEST_GUILESS_MAIN(TestFamilies)
#include "tst_families.moc"
