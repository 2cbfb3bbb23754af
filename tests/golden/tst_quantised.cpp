#include "tests/support/golden.h"

#include "engine/model/model_file.h"
#include "engine/model/tensor_list.h"
#include "engine/text/tokenizer.h"
#include "kernels/cpu/variant.h"
#include "tests/support/gguf_draft.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/tensor.h>

#include <QTemporaryDir>
#include <QtTest>

#include <random>
#include <sstream>

using namespace ls;
using namespace ls::test;

namespace {

/// A tensor type of GGUF, and what its random blocks need so that values are about 0.03: halves at `scales`.
struct StoredType {
    const char* name;
    std::uint32_t id;
    int values, bytes;
    std::vector<std::pair<int, float>> scales;
};
const std::vector<StoredType> kTypes{{"F32", 0, 1, 4, {}},
                                     {"F16", 1, 1, 2, {}},
                                     {"BF16", 30, 1, 2, {}},
                                     {"Q8_0", 8, 32, 34, {{0, 8e-4f}}},
                                     {"Q4_0", 2, 32, 18, {{0, 0.012f}}},
                                     {"Q4_1", 3, 32, 20, {{0, 0.012f}, {2, -0.09f}}},
                                     {"Q5_0", 6, 32, 22, {{0, 0.006f}}},
                                     {"Q5_1", 7, 32, 24, {{0, 0.006f}, {2, -0.09f}}},
                                     {"Q4_K", 12, 256, 144, {{0, 4e-4f}, {2, 3e-3f}}},
                                     {"Q5_K", 13, 256, 176, {{0, 2e-4f}, {2, 3e-3f}}},
                                     {"Q6_K", 14, 256, 210, {{208, 4.5e-5f}}},
                                     // not read by kernels, converted
                                     {"Q2_K", 10, 256, 84, {{80, 5e-3f}, {82, 8e-3f}}},
                                     {"Q3_K", 11, 256, 110, {{108, 1.5e-3f}}},
                                     {"IQ4_NL", 20, 32, 18, {{0, 8e-4f}}},
                                     {"IQ4_XS", 23, 256, 136, {{0, 5e-5f}}},
                                     {"MXFP4", 39, 32, 17, {}}};

std::string randomValues(const StoredType& type, std::size_t values, std::mt19937& random)
{
    std::normal_distribution<float> normal(0.0f, 0.03f);
    std::uniform_real_distribution<float> around(0.25f, 0.75f);
    std::string out(values / std::size_t(type.values) * std::size_t(type.bytes), '\0');
    const auto half = [](char* at, float value) {
        const std::uint16_t bits = kernels::floatToHalf(value);
        std::memcpy(at, &bits, 2);
    };
    for (char* block = out.data(); block < out.data() + out.size(); block += type.bytes) {
        const float value = normal(random);
        if (type.id == 0) {
            std::memcpy(block, &value, 4);
        } else if (type.id == 1) {
            half(block, value);
        } else if (type.id == 30) {
            const std::uint16_t bits = kernels::floatToBfloat(value);
            std::memcpy(block, &bits, 2);
        } else {
            for (int i = 0; i < type.bytes; ++i)
                block[i] = char(random());
            for (const auto& [place, scale] : type.scales)
                half(block + place, scale * around(random));
            if (type.id == 39)
                block[0] = char(120 + random() % 3); // exponent of two, 127 = 1
        }
    }
    return out;
}

/// Replaces every matrix of a draft by random ones of a type.
void fill(GgufDraft& draft, const StoredType& type)
{
    std::mt19937 random(type.id + 7);
    for (auto& tensor : draft.tensors) {
        std::size_t count = 1;
        for (const std::uint64_t extent : tensor.extents)
            count *= std::size_t(extent);
        if (tensor.extents.size() == 1) {
            tensor.data.clear();
            const float one = 1.0f;
            for (std::size_t i = 0; i < count; ++i)
                tensor.data.append(reinterpret_cast<const char*>(&one), 4);
        } else if (tensor.name.find("gate_inp") == std::string::npos) {
            tensor.type = type.id;
            tensor.data = randomValues(type, count, random);
        }
    }
}

std::string u32(std::uint32_t value)
{
    return std::string(reinterpret_cast<const char*>(&value), 4);
}

/// The tiny llama with rows of 256 values, so that every block format fits.
GgufDraft wideLlama(const StoredType& type, bool tied)
{
    constexpr std::uint32_t kU32 = 4;
    GgufDraft draft = GgufDraft::read(LAYERSCOPE_TEST_DATA "/golden/tiny/llama/model.gguf");
    draft.set("llama.embedding_length", kU32, u32(256));
    draft.set("llama.feed_forward_length", kU32, u32(512));
    draft.set("llama.attention.key_length", kU32, u32(64));
    draft.set("llama.attention.value_length", kU32, u32(64));
    draft.set("llama.rope.dimension_count", kU32, u32(64));
    for (auto& tensor : draft.tensors)
        for (std::uint64_t& extent : tensor.extents)
            extent = extent == 64 ? 256 : extent == 160 ? 512 : extent == 32 ? 128 : extent == 512 ? 312 : extent;
    draft.set("llama.vocab_size", kU32, u32(312)); // no multiple of 16: the last panel is not full
    if (tied)
        std::erase_if(draft.tensors, [](const auto& tensor) { return tensor.name == "output.weight"; });
    fill(draft, type);
    return draft;
}

/// Logits [n, vocab] of `ids`, `piece` at a time.
at::Tensor logitsOf(const PlanPtr& plan, const std::vector<std::int32_t>& ids, std::size_t piece,
                    TapSink* taps = nullptr, ForwardPath path = defaultForwardPath())
{
    Forward forward(plan, path);
    KvCache cache = newCache(plan->model());
    std::vector<at::Tensor> out;
    for (std::size_t at = 0; at < ids.size(); at += piece) {
        const auto part = std::span(ids).subspan(at, std::min(piece, ids.size() - at));
        out.push_back(forward.run({part, int(ids.size()), true, taps}, cache).value());
    }
    return at::cat(out);
}

/// Mean KL(a || b) in nats, and the share of rows with the same largest entry.
struct Agreement {
    double divergence, top1;
};
Agreement agreement(const at::Tensor& a, const at::Tensor& b)
{
    const at::Tensor p = at::log_softmax(a, -1), q = at::log_softmax(b, -1);
    return {p.exp().mul(p.sub(q)).sum(-1).mean().item<double>(),
            a.argmax(-1).eq(b.argmax(-1)).to(at::kFloat).mean().item<double>()};
}

std::vector<std::int32_t> someIds(int count, int vocab)
{
    std::vector<std::int32_t> ids;
    for (int i = 0; i < count; ++i)
        ids.push_back((i * 37 + 11) % vocab);
    return ids;
}

} // namespace

/// GGUF files run as they are quantised compute what their decoded values give in float32, up to the rounding of inputs
/// to 15 bits and of keys and values to float16.
class TestQuantised : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() { registerMethods(MethodRegistry::instance()); }
    void cleanup() { kernels::setVariant(m_variant); }
    void format_equalsItsDecodedValues_data();
    void format_equalsItsDecodedValues();
    void family_equalsFloat32_data();
    void family_equalsFloat32();
    void experts_equalTheirDecodedValues_data();
    void experts_equalTheirDecodedValues();
    void pruning_equalsFloat32();
    void conversion_isNamed();
    void folder_isRefused();
    void realModel_agreesWithFloat32_data();
    void realModel_agreesWithFloat32();
    void kernelVariants_agree_data() { realModels(); }
    void kernelVariants_agree();

private:
    std::shared_ptr<const Model> open(const std::string& path, const char* dtype, int context = 0);
    std::string write(const GgufDraft& draft);
    void realModels();

    QTemporaryDir m_folder;
    int m_files = 0;
    kernels::Variant m_variant = kernels::variantInUse();
};

std::shared_ptr<const Model> TestQuantised::open(const std::string& path, const char* dtype, int context)
{
    LoadOptions options;
    options.dtype = dtype;
    options.contextLength = context;
    auto model = Model::open(path, options);
    if (!model)
        qWarning("%s: %s %s", path.c_str(), model.error().message.c_str(), model.error().detail.c_str());
    return model ? model.value() : nullptr;
}

std::string TestQuantised::write(const GgufDraft& draft)
{
    const std::string path = m_folder.filePath(QStringLiteral("%1.gguf").arg(m_files++)).toStdString();
    writeFile(path, draft.bytes());
    return path;
}

void TestQuantised::format_equalsItsDecodedValues_data()
{
    QTest::addColumn<int>("index");
    QTest::addColumn<bool>("tied");
    for (int i = 0; i < int(kTypes.size()); ++i)
        for (const bool tied : {true, false})
            QTest::newRow((std::string(kTypes[std::size_t(i)].name) + (tied ? ", tied" : "")).c_str()) << i << tied;
}

void TestQuantised::format_equalsItsDecodedValues()
{
    QFETCH(int, index);
    QFETCH(bool, tied);
    const StoredType& type = kTypes[std::size_t(index)];
    const std::string path = write(wideLlama(type, tied));
    const auto exact = open(path, "float32"), model = open(path, "quantised");
    QVERIFY(exact && model);
    QCOMPARE(model->info().dtype, std::string("quantised"));
    QCOMPARE(model->info().kvBytesPerToken, std::int64_t(2 * 4 * 2 * 64 * 2));
    QVERIFY(model->weights().blocks[0].wq.native() && model->weights().embedding.native());
    QCOMPARE(model->weights().unembedding.sameAs(model->weights().embedding), tied);
    QVERIFY(model->info().weightBytes <= exact->info().weightBytes);
    const bool converted = index >= 11;
    const double decoded = converted && type.id != 39 ? 5e-4 : 0; // 11 bits of float16
    for (const auto& [ours, theirs] : {std::pair{&model->weights().embedding, &exact->weights().embedding},
                                       std::pair{&model->weights().blocks[1].wq, &exact->weights().blocks[1].wq},
                                       std::pair{&model->weights().blocks[3].wDown, &exact->weights().blocks[3].wDown}})
        QVERIFY(rowError(ours->dense(), theirs->dense()) <= decoded);
    const at::Tensor some = at::tensor({0, 17, 311, 16, 17}, at::kInt); // as experiments look rows up
    QVERIFY(model->weights().embedding.rowsAt(some).equal(model->weights().embedding.dense().index_select(0, some)));
    QVERIFY(model->weights().unembedding.denseRows(30, 5).equal(model->weights().unembedding.dense().narrow(0, 30, 5)));
    const auto ids = someIds(40, model->config().vocabSize);
    const at::Tensor expected = logitsOf(plan(exact, {}), ids, 40);
    QVERIFY(expected.std().item<double>() > 0.1); // the model says something
    for (const kernels::Variant variant : kernels::runnableVariants()) {
        kernels::setVariant(variant);
        // a bfloat16 prompt rounds its inputs to 8 bits where the processor multiplies bfloats
        const bool bfloats = variant == kernels::Variant::Avx512Bf16 && (type.id == 30 || type.id == 39);
        for (const std::size_t piece : {1, 3, 40}) {
            const double error = rowError(logitsOf(plan(model, {}), ids, piece), expected);
            QVERIFY2(error < (bfloats && piece > 4 ? 3e-2 : 3e-3),
                     fmt::format("{} {}, {} at a time: {:.1e}", type.name, variantName(variant), piece, error).c_str());
        }
    }
    const at::Tensor plain = logitsOf(plan(model, {}), ids, 40, nullptr, ForwardPath::Plain);
    QVERIFY2(rowError(plain, expected) < 3e-3, fmt::format("{:.1e}", rowError(plain, expected)).c_str());
}

void TestQuantised::family_equalsFloat32_data()
{
    QTest::addColumn<QString>("path");
    namespace fs = std::filesystem;
    for (const auto& entry : fs::directory_iterator(LAYERSCOPE_TEST_DATA "/golden/tiny"))
        if (const fs::path file = entry.path() / "model.gguf"; fs::exists(file))
            QTest::newRow(entry.path().filename().c_str()) << QString::fromStdString(file.string());
}

/// Every site and every intervention, in every layout of tensors that families know (bfloat16 matrices as stored).
void TestQuantised::family_equalsFloat32()
{
    QFETCH(QString, path);
    const auto exact = open(path.toStdString(), "float32"), model = open(path.toStdString(), "quantised");
    QVERIFY(exact && model);
    const at::Tensor vector = at::empty({model->config().width}, at::kFloat).normal_();
    const std::string file = m_folder.filePath(QStringLiteral("v.safetensors")).toStdString();
    writeVector(file, vector);
    const std::vector<MethodSet> sets{
        {},
        {{"layer_skip", {{"blocks", {1}}, {"attention", {2}}}}},
        {{"head_ablation", {{"heads", {{2, 1}}}}}},
        {{"steering", {{"vector", file}, {"layers", {2}}, {"coefficient", 4.0}}}},
        {{"direction_ablation", {{"vector", file}, {"layers", "all"}}}},
        {{"sparse_attention", {{"mode", "window"}, {"sinks", 2}, {"window", 5}}}},
        {{"weight_pruning", {{"target", "mlp"}, {"fraction", 0.3}, {"layers", {1, 2}}}}},
    };
    const auto ids = someIds(24, model->config().vocabSize);
    const auto points = expandTaps({"*"}, model->config()).value();
    const std::set<HookPoint> sites(points.begin(), points.end());
    for (const MethodSet& methods : sets) {
        const std::string name = methods.empty() ? "dense" : methods[0].method;
        Collector ours(sites), theirs(sites);
        const at::Tensor out = logitsOf(plan(model, methods), ids, 4, &ours); // up to 4: bfloat16 with float32 inputs
        const at::Tensor expected = logitsOf(plan(exact, methods), ids, 4, &theirs);
        QVERIFY2(rowError(out, expected) < 1e-2, fmt::format("{}: {:.1e}", name, rowError(out, expected)).c_str());
        for (const auto& [point, pieces] : theirs.values)
            for (std::size_t i = 0; i < pieces.size(); ++i) {
                const double error = rowError(ours.values[point].at(i), pieces[i]);
                QVERIFY2(error < 2e-2, fmt::format("{} {} piece {}: {:.1e}", name, hookName(point), i, error).c_str());
            }
    }
}

void TestQuantised::experts_equalTheirDecodedValues_data()
{
    QTest::addColumn<QString>("family");
    QTest::addColumn<int>("index");
    for (const char* family : {"mixtral", "gpt-oss"})
        for (const int index : {1, 3, 4, 7, 13, 15})
            QTest::newRow((std::string(family) + " " + kTypes[std::size_t(index)].name).c_str())
                << QString::fromLatin1(family) << index;
}

void TestQuantised::experts_equalTheirDecodedValues()
{
    QFETCH(QString, family);
    QFETCH(int, index);
    const StoredType& type = kTypes[std::size_t(index)];
    GgufDraft draft = GgufDraft::read(LAYERSCOPE_TEST_DATA "/golden/tiny/" + family.toStdString() + "/model.gguf");
    std::mt19937 random(3);
    for (auto& tensor : draft.tensors) {
        if (tensor.extents.size() != 3)
            continue;
        tensor.type = type.id;
        tensor.data =
            randomValues(type, std::size_t(tensor.extents[0] * tensor.extents[1] * tensor.extents[2]), random);
    }
    const std::string path = write(draft);
    const auto exact = open(path, "float32"), model = open(path, "quantised");
    QVERIFY(exact && model);
    QVERIFY(model->weights().blocks[0].wDown.native());
    QCOMPARE(model->weights().blocks[0].wDown.experts(), std::int64_t(model->config().expertCount));
    const double decoded = rowError(model->weights().blocks[1].wDown.dense(), exact->weights().blocks[1].wDown.dense());
    QVERIFY(decoded <= (type.id == 20 ? 5e-4 : 0));
    const auto ids = someIds(12, model->config().vocabSize);
    const at::Tensor expected = logitsOf(plan(exact, {}), ids, 3);
    const double error = rowError(logitsOf(plan(model, {}), ids, 3), expected);
    QVERIFY2(error < 1e-2, fmt::format("{:.1e}", error).c_str());
}

/// Own copies of a plan are float32 beside blocks that stay quantised.
void TestQuantised::pruning_equalsFloat32()
{
    const std::string path = write(wideLlama(kTypes[8], true));
    const auto exact = open(path, "float32"), model = open(path, "quantised");
    QVERIFY(exact && model);
    const auto ids = someIds(20, model->config().vocabSize);
    for (const char* target : {"mlp", "attention", "heads"}) {
        const MethodSet methods{{"weight_pruning", {{"target", target}, {"fraction", 0.5}, {"layers", {1, 2}}}}};
        const PlanPtr ours = plan(model, methods), theirs = plan(exact, methods);
        QVERIFY(ours && theirs);
        QCOMPARE(ours->ownWeightBytes(), theirs->ownWeightBytes());
        QVERIFY(ours->blocks()[3].weights->wUp.native());
        const at::Tensor expected = logitsOf(theirs, ids, 20);
        QVERIFY(rowError(logitsOf(plan(exact, {}), ids, 20), expected) > 1e-2);
        for (const ForwardPath way : {ForwardPath::Fused, ForwardPath::Plain}) {
            const double error = rowError(logitsOf(ours, ids, 20, nullptr, way), expected);
            QVERIFY2(error < 3e-3, fmt::format("{}: {:.1e}", target, error).c_str());
        }
    }
}

void TestQuantised::conversion_isNamed()
{
    const auto specsOf = [&](const std::string& path) {
        const auto file = ModelFile::open(path);
        const Family* family = familyOf(*file.value()).value();
        const ModelConfig config = readConfig(*family, *file.value(), 0).value();
        Weights weights;
        auto specs = listTensors(*family, *file.value(), config, weights).value();
        chooseStorage(specs, "quantised");
        return conversions(specs);
    };
    QCOMPARE(specsOf(write(wideLlama(kTypes[8], true))), std::string());
    QCOMPARE(specsOf(write(wideLlama(kTypes[11], true))), std::string("Q2_K as F16"));
    QCOMPARE(specsOf(write(wideLlama(kTypes[15], true))), std::string("MXFP4 as BF16"));
}

void TestQuantised::folder_isRefused()
{
    LoadOptions options;
    options.dtype = "quantised";
    const auto model = Model::open(LAYERSCOPE_TEST_DATA "/golden/tiny/llama", options);
    QVERIFY(!model);
    QCOMPARE(model.error().code, Errc::NotSupported);
}

void TestQuantised::realModels()
{
    QTest::addColumn<QString>("path");
    const char* gemma = std::getenv("LAYERSCOPE_GEMMA");
    QTest::newRow("SmolLM2 Q4_1") << QString::fromStdString(smolLmPath());
    QTest::newRow("Gemma 3 Q4_K_M") << QString::fromUtf8(gemma ? gemma : "");
}

void TestQuantised::realModel_agreesWithFloat32_data()
{
    realModels();
}

/// 1,000 positions of WikiText-2: a prompt of 500, and 500 one by one.
void TestQuantised::realModel_agreesWithFloat32()
{
    QFETCH(QString, path);
    if (path.isEmpty() && QByteArray(QTest::currentDataTag()).startsWith("Gemma"))
        QSKIP("Set LAYERSCOPE_GEMMA to gemma-3-270m-q4_k_m.gguf to run this; the licence does not let us ship it.");
    QVERIFY2(!path.isEmpty(), kSmolLmMissing);
    std::ifstream file(LAYERSCOPE_TEST_DATA "/perplexity/wikitext-2-test-head.txt");
    std::ostringstream text;
    text << file.rdbuf();
    const auto run = [&](const char* dtype) {
        const auto model = open(path.toStdString(), dtype, 1024);
        auto ids = model->tokenizer().tokenize(text.str().substr(0, 8000), true).value();
        ids.resize(1000);
        Forward forward(plan(model, {}));
        KvCache cache = newCache(*model);
        std::vector<at::Tensor> out{forward.run({std::span(ids).first(500), 500, true}, cache).value()};
        for (std::size_t i = 500; i < 1000; ++i)
            out.push_back(forward.run({std::span(ids).subspan(i, 1), 500, true}, cache).value());
        return at::cat(out);
    };
    const at::Tensor exact = run("float32"), quantised = run("quantised");
    const Agreement prompt = agreement(exact.narrow(0, 0, 500), quantised.narrow(0, 0, 500)),
                    decode = agreement(exact.narrow(0, 500, 500), quantised.narrow(0, 500, 500));
    qInfo("prompt: KL %.1e, same top-1 %.1f %%; decode: KL %.1e, %.1f %%", prompt.divergence, 100 * prompt.top1,
          decode.divergence, 100 * decode.top1);
    for (const Agreement& part : {prompt, decode}) {
        QVERIFY(part.divergence >= 0 && part.divergence < 1e-3);
        QVERIFY(part.top1 >= 0.99);
    }
}

void TestQuantised::kernelVariants_agree()
{
    QFETCH(QString, path);
    if (path.isEmpty())
        QSKIP("The file of this model is not here.");
    const auto model = open(path.toStdString(), "quantised", 1024);
    QVERIFY(model);
    auto ids =
        model->tokenizer().tokenize("The river ran past the mill, and nobody knew how deep it was.", true).value();
    at::Tensor plain;
    for (const kernels::Variant variant : kernels::runnableVariants()) {
        kernels::setVariant(variant);
        const at::Tensor prompt = logitsOf(plan(model, {}), ids, ids.size()), steps = logitsOf(plan(model, {}), ids, 1);
        if (!plain.defined())
            plain = prompt;
        const double error = std::max(rowError(prompt, plain), rowError(steps, plain));
        qInfo("%s: %.1e", std::string(variantName(variant)).c_str(), error);
        QVERIFY2(error < 5e-3, fmt::format("{}: {:.1e}", variantName(variant), error).c_str());
    }
}

QTEST_GUILESS_MAIN(TestQuantised)
#include "tst_quantised.moc"
