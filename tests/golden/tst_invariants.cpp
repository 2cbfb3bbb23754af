#include "tests/support/golden.h"

#include "plugins/reference_statistics.h"

#include <ATen/ops/cat.h>
#include <nlohmann/json.hpp>

#include <QTemporaryDir>
#include <QtTest>

using namespace ls;
using namespace ls::test;
using nlohmann::json;

/// What must hold of the forward pass whatever the model: caches, pieces, sparse attention, private weights, refusals.
class TestInvariants : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void cachedDecode_equalsUncached();
    void promptInPieces_equalsPromptAtOnce();
    void truncatedCache_goesOnAsIfNothingHappened();
    void methodsOff_isBitForBitDense();
    void skippedAttention_writesNoKeys();
    void failedRun_leavesTheCacheAlone();
    void sparseAttention_thatKeepsAllKeysIsDense_data();
    void sparseAttention_thatKeepsAllKeysIsDense();
    void sparseAttention_equalsTheScalarReference_data();
    void sparseAttention_equalsTheScalarReference();
    void windowDecode_equalsItsPrefill();
    void pruning_touchesOnlyItsOwnCopies_data();
    void pruning_touchesOnlyItsOwnCopies();
    void steeringUnits_meanWhatTheySay();
    void parameters_areRefusedWithAReason_data();
    void parameters_areRefusedWithAReason();

private:
    at::Tensor logits(const MethodSet& methods, const std::vector<std::int32_t>& ids, std::size_t piece,
                      int promptLength);

    std::shared_ptr<const Model> m_model;
    std::vector<std::int32_t> m_ids;
    QTemporaryDir m_folder;
};

void TestInvariants::initTestCase()
{
    QVERIFY2(!smolLmPath().empty(), kSmolLmMissing);
    LoadOptions options;
    options.contextLength = 64;
    auto model = Model::open(smolLmPath(), options);
    QVERIFY(model.ok());
    m_model = model.value();
    registerMethods(MethodRegistry::instance());
    auto golden = Golden::open(LAYERSCOPE_TEST_DATA "/golden/smollm2-135m-instruct-q4_1");
    QVERIFY(golden.ok());
    m_ids = golden.value()->ints("unicode/ids");
    QCOMPARE(int(m_ids.size()), 38);
    at::Tensor narrow = at::empty({8}, at::kFloat).fill_(1.0f);
    writeVector(m_folder.filePath(QStringLiteral("narrow.safetensors")).toStdString(), narrow);
}

/// Logits of all positions, the ids run `piece` at a time through one cache.
at::Tensor TestInvariants::logits(const MethodSet& methods, const std::vector<std::int32_t>& ids, std::size_t piece,
                                  int promptLength)
{
    Forward forward(plan(m_model, methods));
    KvCache cache = newCache(*m_model);
    std::vector<at::Tensor> parts;
    for (std::size_t at = 0; at < ids.size(); at += piece) {
        const auto part = std::span(ids).subspan(at, std::min(piece, ids.size() - at));
        parts.push_back(forward.run({part, promptLength, true}, cache).value());
    }
    return at::cat(parts);
}

void TestInvariants::cachedDecode_equalsUncached()
{
    const double error = rowError(logits({}, m_ids, 1, 38), logits({}, m_ids, 100, 38));
    QVERIFY2(error < 1e-5, fmt::format("{:.2e}", error).c_str());
    qInfo("%.2e", error);
}

void TestInvariants::promptInPieces_equalsPromptAtOnce()
{
    for (const std::size_t piece : {5u, 7u, 37u}) {
        const double error = rowError(logits({}, m_ids, piece, 38), logits({}, m_ids, 100, 38));
        QVERIFY2(error < 1e-5, fmt::format("pieces of {}: {:.2e}", piece, error).c_str());
    }
}

void TestInvariants::truncatedCache_goesOnAsIfNothingHappened()
{
    Forward forward(plan(m_model, {}));
    KvCache cache = newCache(*m_model), fresh = newCache(*m_model);
    const auto head = std::span(m_ids).first(20), tail = std::span(m_ids).subspan(20);
    QVERIFY(forward.run({head, 20}, cache).ok());
    const at::Tensor once = forward.run({tail, 20}, cache).value();
    cache.truncate(20);
    QCOMPARE(cache.length(), 20);
    const at::Tensor again = forward.run({tail, 20}, cache).value();
    QVERIFY(once.equal(again));
    const KvCache copy = cache.clone();
    QCOMPARE(copy.bytes(), cache.bytes());
    QCOMPARE(cache.bytes(), 38 * m_model->info().kvBytesPerToken);
}

void TestInvariants::methodsOff_isBitForBitDense()
{
    const at::Tensor before = logits({}, m_ids, 100, 38);
    const MethodSet pruning{{"weight_pruning", {{"target", "mlp"}, {"fraction", 0.5}}}};
    QVERIFY(!logits(pruning, m_ids, 100, 38).equal(before));
    QVERIFY(logits({}, m_ids, 100, 38).equal(before));
    const MethodSet nothing{{"layer_skip", json::object()}};
    QVERIFY(logits(nothing, m_ids, 100, 38).equal(before));
}

void TestInvariants::skippedAttention_writesNoKeys()
{
    Forward skipping(plan(m_model, {{"layer_skip", {{"blocks", {4}}}}}));
    Forward dense(plan(m_model, {}));
    KvCache cache = newCache(*m_model);
    QVERIFY(skipping.run({std::span(m_ids).first(10), 10}, cache).ok());
    QCOMPARE(int(cache.positions(4).size()), 0);
    QCOMPARE(int(cache.positions(5).size()), 10);
    QVERIFY(dense.run({std::span(m_ids).subspan(10, 3), 10}, cache).ok()); // "keep": block 4 sees only the new keys
    QCOMPARE(cache.positions(4), (std::vector<std::int32_t>{10, 11, 12}));
}

void TestInvariants::failedRun_leavesTheCacheAlone()
{
    Forward forward(plan(m_model, {}));
    KvCache cache = newCache(*m_model);
    QVERIFY(forward.run({std::span(m_ids).first(30), 30}, cache).ok());
    const auto tooLong = forward.run({m_ids, 30}, cache); // 30 + 38 > 64
    QCOMPARE(tooLong.error().code, Errc::ContextTooLarge);
    QCOMPARE(forward.run({{}, 30}, cache).error().code, Errc::PromptEmpty);
    int asked = 0;
    ForwardInput input{std::span(m_ids).first(5), 30};
    input.interrupted = [&] { return ++asked > 3; };
    QCOMPARE(forward.run(input, cache).error().code, Errc::Cancelled);
    QCOMPARE(cache.length(), 30);
    QCOMPARE(int(cache.positions(0).size()), 30);
    const std::string vector = m_folder.filePath(QStringLiteral("huge.safetensors")).toStdString();
    writeVector(vector, at::empty({576}, at::kFloat).fill_(3e38f));
    Forward exploding(plan(m_model, {{"steering", {{"vector", vector}, {"layers", {7}}, {"coefficient", 2.0}}}}));
    KvCache other = newCache(*m_model);
    const auto broken = exploding.run({m_ids, 38}, other);
    QCOMPARE(broken.error().code, Errc::NanStream);
    QVERIFY2(QString::fromStdString(broken.error().message).contains(QStringLiteral("Block 7")),
             broken.error().message.c_str());
    QCOMPARE(other.length(), 0);
}

void TestInvariants::sparseAttention_thatKeepsAllKeysIsDense_data()
{
    QTest::addColumn<QString>("params");
    QTest::newRow("window as long as the text") << R"({"mode":"window","sinks":0,"window":38})";
    QTest::newRow("sinks as long as the text") << R"({"mode":"window","sinks":38,"window":1})";
    QTest::newRow("top k of all") << R"({"mode":"topk","k":38})";
    QTest::newRow("decode only, all is prompt") << R"({"mode":"topk","k":1,"phase":"decode"})";
    QTest::newRow("no block") << R"({"mode":"topk","k":1,"layers":[]})";
}

void TestInvariants::sparseAttention_thatKeepsAllKeysIsDense()
{
    QFETCH(QString, params);
    const MethodSet methods{{"sparse_attention", json::parse(params.toStdString())}};
    const double error = rowError(logits(methods, m_ids, 100, 38), logits({}, m_ids, 100, 38));
    QVERIFY2(error < 1e-5, fmt::format("{:.2e}", error).c_str());
}

void TestInvariants::sparseAttention_equalsTheScalarReference_data()
{
    QTest::addColumn<QString>("params");
    QTest::newRow("two sinks, window 3") << R"({"mode":"window","sinks":2,"window":3})";
    QTest::newRow("no sink, window 1") << R"({"mode":"window","sinks":0,"window":1})";
    QTest::newRow("top 5") << R"({"mode":"topk","k":5})";
    QTest::newRow("top 1") << R"({"mode":"topk","k":1})";
}

/// Block 3's z from its q, k, v by a scalar loop in double, written independently of engine/forward/attention.cpp.
void TestInvariants::sparseAttention_equalsTheScalarReference()
{
    QFETCH(QString, params);
    const json p = json::parse(params.toStdString());
    Collector taps({{Site::AttnQ, 3}, {Site::AttnK, 3}, {Site::AttnV, 3}, {Site::AttnZ, 3}});
    KvCache cache = newCache(*m_model);
    QVERIFY(Forward(plan(m_model, {{"sparse_attention", p}})).run({m_ids, 38, false, &taps}, cache).ok());
    const auto tap = [&](Site site) { return taps.values.at({site, 3}).at(0).contiguous(); };
    const at::Tensor q = tap(Site::AttnQ), k = tap(Site::AttnK), v = tap(Site::AttnV);
    at::Tensor expected = at::empty_like(q);
    const int n = int(q.size(0)), heads = int(q.size(1)), width = int(q.size(2)), group = heads / int(k.size(1));
    const auto at3 = [&](const at::Tensor& t, int i, int h, int c) {
        return double(t.data_ptr<float>()[(std::int64_t(i) * t.size(1) + h) * width + c]);
    };
    for (int i = 0; i < n; ++i) {
        for (int h = 0; h < heads; ++h) {
            std::vector<std::pair<double, int>> kept; // (-score, key): sorts by larger score, then smaller key
            for (int j = 0; j <= i; ++j) {
                double score = 0;
                for (int c = 0; c < width; ++c)
                    score += at3(q, i, h, c) * at3(k, j, h / group, c);
                const bool visible = p["mode"] == "topk" || j < p["sinks"].get<int>() || i - j < p["window"].get<int>();
                if (visible)
                    kept.emplace_back(-score / std::sqrt(double(width)), j);
            }
            std::sort(kept.begin(), kept.end());
            if (p["mode"] == "topk" && int(kept.size()) > p["k"].get<int>())
                kept.resize(p["k"].get<std::size_t>());
            for (int c = 0; c < width; ++c) {
                double sum = 0, weight = 0;
                for (const auto& [negative, j] : kept) {
                    const double w = std::exp(kept[0].first - negative);
                    sum += w * at3(v, j, h / group, c);
                    weight += w;
                }
                expected.data_ptr<float>()[(std::int64_t(i) * heads + h) * width + c] = float(sum / weight);
            }
        }
    }
    const double error = rowError(tap(Site::AttnZ), expected);
    QVERIFY2(error < 1e-5, fmt::format("{:.2e}", error).c_str());
}

void TestInvariants::windowDecode_equalsItsPrefill()
{
    // one query reads two slices of the cache, many queries use a mask: the text crosses sinks + window on the way
    const MethodSet methods{{"sparse_attention", {{"mode", "window"}, {"sinks", 2}, {"window", 6}}}};
    const double error = rowError(logits(methods, m_ids, 1, 38), logits(methods, m_ids, 100, 38));
    QVERIFY2(error < 1e-5, fmt::format("{:.2e}", error).c_str());
    const MethodSet decode{{"sparse_attention", {{"mode", "topk"}, {"k", 4}, {"phase", "decode"}}}};
    const double decodeError = rowError(logits(decode, m_ids, 1, 20), logits(decode, m_ids, 100, 20));
    QVERIFY2(decodeError < 1e-5, fmt::format("{:.2e}", decodeError).c_str());
}

void TestInvariants::pruning_touchesOnlyItsOwnCopies_data()
{
    QTest::addColumn<QString>("target");
    QTest::newRow("mlp") << "mlp";
    QTest::newRow("attention") << "attention";
    QTest::newRow("heads") << "heads";
}

void TestInvariants::pruning_touchesOnlyItsOwnCopies()
{
    QFETCH(QString, target);
    const BlockWeights& original = m_model->weights().blocks[5];
    const at::Tensor up = original.wUp.dense().clone(), wo = original.wo.dense().clone();
    const double fraction = 0.4;
    const PlanPtr pruned = plan(
        m_model, {{"weight_pruning", {{"target", target.toStdString()}, {"fraction", fraction}, {"layers", {5}}}}});
    QVERIFY(pruned);
    QVERIFY(original.wUp.dense().equal(up) && original.wo.dense().equal(wo));
    const BlockWeights& own = *pruned->blocks()[5].weights;
    const at::Tensor ownUp = own.wUp.dense(), ownOut = own.wo.dense();
    QCOMPARE(pruned->blocks()[6].weights, &m_model->weights().blocks[6]);
    const auto zeros = [](const at::Tensor& t) { return t.numel() - t.count_nonzero().item<std::int64_t>(); };
    if (target == QStringLiteral("mlp")) {
        const auto expected = std::int64_t(fraction * double(up.numel()));
        QVERIFY(std::abs(zeros(ownUp) - expected) <= zeros(up)); // zeros that were there may be among the pruned
        QVERIFY(ownUp.abs().masked_select(ownUp.ne(0)).min().item<float>() >=
                std::get<0>(up.abs().flatten().kthvalue(expected)).item<float>());
        QVERIFY(own.wo.sameAs(original.wo));
        QCOMPARE(pruned->ownWeightBytes(), 3 * std::int64_t(up.nbytes()));
    } else if (target == QStringLiteral("attention")) {
        QVERIFY(own.wUp.sameAs(original.wUp));
        QVERIFY(zeros(ownOut) >= std::int64_t(fraction * double(wo.numel())));
    } else { // floor(0.4 * 9) = 3 heads of the smallest norm
        std::vector<std::pair<float, int>> norms;
        for (int h = 0; h < 9; ++h)
            norms.emplace_back(wo.narrow(1, h * 64, 64).norm().item<float>(), h);
        std::sort(norms.begin(), norms.end());
        for (int i = 0; i < 9; ++i) {
            const at::Tensor slice = ownOut.narrow(1, norms[std::size_t(i)].second * 64, 64);
            QCOMPARE(slice.count_nonzero().item<std::int64_t>() == 0, i < 3);
        }
    }
}

void TestInvariants::steeringUnits_meanWhatTheySay()
{
    const std::string file = m_folder.filePath(QStringLiteral("v.safetensors")).toStdString();
    at::Tensor direction = at::empty({576}, at::kFloat).fill_(0.0f);
    direction.data_ptr<float>()[10] = 5.0f; // the length in the file counts for raw only
    writeVector(file, direction);
    const auto added = [&](const char* unit) {
        const PlanPtr steered =
            plan(m_model, {{"steering", {{"vector", file}, {"layers", {12}}, {"coefficient", 0.5}, {"unit", unit}}}});
        return std::get<Addition>(steered->blocks()[12].residPostEdits.at(0).what).vector;
    };
    QCOMPARE(added("raw")[10].item<float>(), 2.5f);
    const auto statistics = plugins::ReferenceStatistics::of(m_model).value();
    QVERIFY(statistics->medianNorm(12) > 1.0 &&
            statistics->medianNorm(12) < 1000.0); // position 0 alone is above 20 000
    QCOMPARE(added("rho")[10].item<float>(), float(0.5 * statistics->medianNorm(12)));
    QCOMPARE(added("sigma")[10].item<float>(), float(0.5 * statistics->projectionDeviation(12, direction.div(5.0))));
    QVERIFY(added("sigma")[10].item<float>() > 0.0f &&
            added("sigma")[10].item<float>() < added("rho")[10].item<float>());
    QCOMPARE(added("rho")[11].item<float>(), 0.0f);
}

void TestInvariants::parameters_areRefusedWithAReason_data()
{
    QTest::addColumn<QString>("methods");
    QTest::addColumn<int>("code");
    QTest::addColumn<int>("index");
    const auto row = [](const char* name, const char* methods, Errc code, int index = 0) {
        QTest::newRow(name) << QString::fromUtf8(methods) << int(code) << index;
    };
    row("first block", R"([{"method":"layer_skip","params":{"blocks":[0]}}])", Errc::LayerLocked);
    row("last block's MLP", R"([{"method":"layer_skip","params":{"mlp":[29]}}])", Errc::LayerLocked);
    row("a block too many", R"([{"method":"layer_skip","params":{"blocks":[30]}}])", Errc::InvalidParameter);
    row("a misspelt parameter", R"([{"method":"layer_skip","params":{"block":[3]}}])", Errc::InvalidParameter);
    row("an unknown method", R"([{"method":"layer_skip"},{"method":"layer_skop"}])", Errc::MethodUnknown, 1);
    row("no window", R"([{"method":"sparse_attention","params":{"window":0}}])", Errc::InvalidParameter);
    row("unknown mode", R"([{"method":"sparse_attention","params":{"mode":"random"}}])", Errc::InvalidParameter);
    row("k as text", R"([{"method":"sparse_attention","params":{"mode":"topk","k":"5"}}])", Errc::InvalidParameter);
    row("all weights", R"([{"method":"weight_pruning","params":{"fraction":1.0}}])", Errc::InvalidParameter);
    row("head 9 of 9", R"([{"method":"head_ablation","params":{"heads":[[3,9]]}}])", Errc::InvalidParameter);
    row("a head that is no pair", R"([{"method":"head_ablation","params":{"heads":[3]}}])", Errc::InvalidParameter);
    row("no vector", R"([{"method":"steering"}])", Errc::InvalidParameter);
    row("a vector that is not there", R"([{"method":"steering","params":{"vector":"/nowhere.gguf"}}])",
        Errc::FileNotFound);
    row("a vector of another width", R"([{"method":"steering","params":{"vector":"NARROW"}}])", Errc::VectorWidth);
    row("an unknown site", R"([{"method":"direction_ablation","params":{"vector":"NARROW","sites":["logits"]}}])",
        Errc::HookUnavailable);
}

void TestInvariants::parameters_areRefusedWithAReason()
{
    QFETCH(QString, methods);
    QFETCH(int, code);
    QFETCH(int, index);
    methods.replace(QStringLiteral("NARROW"), m_folder.filePath(QStringLiteral("narrow.safetensors")));
    const auto compiled = compilePlan(m_model, methodSetFromJson(json::parse(methods.toStdString())).value());
    const auto* refused = std::get_if<PlanError>(&compiled);
    QVERIFY(refused);
    QCOMPARE(int(refused->error.code), code);
    QCOMPARE(refused->method, index);
    QVERIFY(!refused->error.message.empty() && !refused->error.hint.empty());
}

QTEST_GUILESS_MAIN(TestInvariants)
#include "tst_invariants.moc"
