#include "tests/support/golden.h"

#include "engine/generate/prompt.h"
#include "engine/model/family.h"
#include "engine/model/rotary.h"
#include "engine/text/tokenizer.h"
#include "tests/support/bad_file.h"
#include "tests/support/gguf_draft.h"

#include <ATen/Parallel.h>
#include <nlohmann/json.hpp>

#include <QTemporaryDir>
#include <QtTest>

#include <filesystem>
#include <fstream>

using namespace ls;
using namespace ls::test;
using nlohmann::json;
namespace fs = std::filesystem;

/// Model folders come from outside: what they say is checked, and what cannot be computed right is refused.
class TestModelFiles : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); } // models this small only lose by a second thread
    void init();
    void badConfig_isRefused_data();
    void badConfig_isRefused();
    void oddModel_isRefusedWithTheReason_data();
    void oddModel_isRefusedWithTheReason();
    void badFolder_isRefused_data();
    void badFolder_isRefused();
    void changedConfig_neverCrashes();
    void lyingSizes_costNothing_data();
    void lyingSizes_costNothing();
    void modelWithoutVocabulary_runsIds();
    void stopIds_comeFromBothConfigurations();
    void pathsInsideAFolder_openTheFolder();
    void rotaryFactors_followTheContext();
    void yarnMagnitude_isTheUsualOneOrRefused();
    void anyByteOfTheWeights_changesTheFingerprint();
    void outputMatrixOfItsOwn_isUsedThoughTied();

private:
    void useModel(const char* name);
    void writeConfig(const json& config) { writeFile((m_path / "config.json").string(), config.dump()); }
    Result<std::shared_ptr<const Model>> open(const LoadOptions& options = {}) const
    {
        return Model::open(m_path.string(), options);
    }

    std::unique_ptr<QTemporaryDir> m_folder;
    fs::path m_path;
    json m_config;
};

namespace {

json parsed(const QString& text)
{
    return json::parse(text.toStdString());
}

} // namespace

void TestModelFiles::init()
{
    m_folder = std::make_unique<QTemporaryDir>();
    m_path = fs::path(m_folder->path().toStdString()) / "model";
    useModel("llama");
}

void TestModelFiles::useModel(const char* name)
{
    fs::remove_all(m_path);
    fs::create_directories(m_path);
    const fs::path from = fs::path(LAYERSCOPE_TEST_DATA "/golden/tiny") / name;
    for (const char* file : {"config.json", "generation_config.json", "model.safetensors"}) {
        fs::copy_file(from / file, m_path / file);
        fs::permissions(m_path / file, fs::perms::owner_write, fs::perm_options::add);
    }
    std::ifstream stream(m_path / "config.json");
    m_config = json::parse(stream);
}

void TestModelFiles::badConfig_isRefused_data()
{
    QTest::addColumn<QString>("change"); // merged into config.json; null removes
    const auto row = [](const char* name, const char* change) { QTest::newRow(name) << QString::fromUtf8(change); };
    row("no model_type", R"({"model_type": null})");
    row("model_type is a number", R"({"model_type": 3})");
    row("unknown model_type", R"({"model_type": "mamba"})");
    row("no blocks", R"({"num_hidden_layers": 0})");
    row("blocks missing", R"({"num_hidden_layers": null})");
    row("blocks negative", R"({"num_hidden_layers": -4})");
    row("blocks as text", R"({"num_hidden_layers": "4"})");
    row("blocks as fraction", R"({"num_hidden_layers": 4.5})");
    row("blocks beyond all reason", R"({"num_hidden_layers": 1000000000})");
    row("a number beyond 64 bits", R"({"num_hidden_layers": 18446744073709551615})");
    row("one block too many", R"({"num_hidden_layers": 5})");
    row("width beyond all reason", R"({"hidden_size": 4611686018427387904})");
    row("width of another model", R"({"hidden_size": 128})");
    row("width a list", R"({"hidden_size": [64]})");
    row("heads negative", R"({"num_attention_heads": -1})");
    row("heads that do not divide", R"({"num_attention_heads": 3, "head_dim": null})");
    row("KV heads that do not divide", R"({"num_key_value_heads": 3})");
    row("more KV heads than heads", R"({"num_key_value_heads": 8})");
    row("head width zero", R"({"head_dim": 0})");
    row("odd head width", R"({"head_dim": 15})");
    row("MLP of another width", R"({"intermediate_size": 161})");
    row("no context", R"({"max_position_embeddings": null})");
    row("context negative", R"({"max_position_embeddings": -256})");
    row("no epsilon", R"({"rms_norm_eps": null})");
    row("epsilon negative", R"({"rms_norm_eps": -1e-6})");
    row("epsilon as text", R"({"rms_norm_eps": "1e-6"})");
    row("rotary base zero", R"({"rope_parameters": {"rope_theta": 0}})");
    row("rotary base as text", R"({"rope_parameters": {"rope_theta": "10000"}})");
    row("rotary kind is a number", R"({"rope_parameters": {"rope_type": 3}})");
    row("no factor", R"({"rope_parameters": {"rope_type": "linear", "rope_theta": 10000}})");
    row("factor zero", R"({"rope_parameters": {"rope_type": "linear", "factor": 0}})");
    row("llama3 without its factors", R"({"rope_parameters": {"rope_type": "llama3", "factor": 8}})");
    row("llama3 factors the wrong way round",
        R"({"rope_parameters": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 1}})");
    row("longrope without a list", R"({"rope_parameters": {"rope_type": "longrope", "factor": 8}})");
    row("longrope with a short list",
        R"({"rope_parameters": {"rope_type": "longrope", "factor": 8, "short_factor": [1.0]}})");
    row("longrope with a zero", R"({"rope_parameters": {"rope_type": "longrope", "factor": 8,
        "short_factor": [1, 1, 1, 0, 1, 1, 1, 1]}})");
    row("biases that are not there", R"({"attention_bias": true})");
    row("biases of the MLP that are not there", R"({"mlp_bias": true})");
    row("tied is no flag", R"({"tie_word_embeddings": "no"})");
    row("quantisation that is no object", R"({"quantization_config": "fp8"})");
}

void TestModelFiles::badConfig_isRefused()
{
    QFETCH(QString, change);
    m_config.merge_patch(parsed(change));
    writeConfig(m_config);
    const auto model = open();
    QVERIFY(!model.ok());
    const Error& error = model.error();
    QVERIFY2(!error.message.empty() && !error.hint.empty(), error.detail.c_str());
    const bool expected = error.code == Errc::FileFormat || error.code == Errc::TensorShape ||
                          error.code == Errc::TensorMissing || error.code == Errc::FamilyUnknown ||
                          error.code == Errc::NotSupported;
    QVERIFY2(expected, std::string(errcName(error.code)).c_str());
}

void TestModelFiles::oddModel_isRefusedWithTheReason_data()
{
    QTest::addColumn<QString>("model");
    QTest::addColumn<QString>("change");
    QTest::addColumn<QString>("reason");
    const auto row = [](const char* name, const char* model, const char* change, const char* reason) {
        QTest::newRow(name) << QString::fromUtf8(model) << QString::fromUtf8(change) << QString::fromUtf8(reason);
    };
    row("dynamic rotary scaling", "llama", R"({"rope_parameters": {"rope_type": "dynamic", "factor": 2}})", "dynamic");
    row("unknown rotary kind", "llama", R"({"rope_scaling": {"type": "spiral"}, "rope_parameters": null})", "spiral");
    row("heads rotated in part where the family has none", "llama", R"({"partial_rotary_factor": 0.5})",
        "0.5 of a head");
    row("likewise inside rope_parameters", "qwen3",
        R"({"rope_parameters": {"rope_type": "default", "rope_theta": 10000, "partial_rotary_factor": 0.5}})",
        "0.5 of a head");
    row("unknown activation", "llama", R"({"hidden_act": "relu2"})", "relu2");
    row("GELU in a family of SiLU", "qwen2", R"({"hidden_act": "gelu"})", "gelu");
    row("a window where the family has none", "llama", R"({"sliding_window": 8})", "sliding window");
    row("unknown layer type", "gemma2",
        R"({"layer_types": ["chunked_attention", "full_attention", "full_attention", "full_attention"]})", "chunked");
    row("too few layer types", "gemma2", R"({"layer_types": ["full_attention"]})", "1 entries");
    row("both directions", "gemma3", R"({"use_bidirectional_attention": true})", "later positions");
    row("parallel StableLM", "stablelm", R"({"use_parallel_residual": true})", "parallel");
    row("head norms in StableLM", "stablelm", R"({"qk_layernorm": true})", "normalises");
    row("unscaled GPT-2", "gpt2", R"({"scale_attn_weights": false})", "scale");
    row("cross attention", "gpt2", R"({"add_cross_attention": true})", "another model");
    row("layers without experts", "qwen3-moe", R"({"mlp_only_layers": [1]})", "no experts");
    row("every other layer", "qwen3-moe", R"({"decoder_sparse_step": 2})", "no experts");
    row("more experts used than there are", "mixtral", R"({"num_experts_per_tok": 5})", "num_experts_per_tok");
    row("sliding SmolLM3", "smollm3", R"({"use_sliding_window": true})", "sliding window");
    row("rotary list too short", "smollm3", R"({"no_rope_layers": [1]})", "no_rope_layers");
    row("quantised folder", "llama", R"({"quantization_config": {"quant_method": "gptq"}})", "gptq");
    row("tensors of another family", "qwen2", R"({"model_type": "llama", "num_hidden_layers": 3})", "do not have");
    row("norms that llama does not have", "qwen3", R"({"model_type": "llama"})", "k_norm");
}

void TestModelFiles::oddModel_isRefusedWithTheReason()
{
    QFETCH(QString, model);
    QFETCH(QString, change);
    QFETCH(QString, reason);
    useModel(model.toUtf8().constData());
    QVERIFY(open().ok());
    m_config.merge_patch(parsed(change));
    writeConfig(m_config);
    const auto opened = open();
    QVERIFY(!opened.ok());
    QVERIFY(!opened.error().hint.empty());
    QVERIFY2(QString::fromStdString(opened.error().message).contains(reason), opened.error().message.c_str());
}

void TestModelFiles::badFolder_isRefused_data()
{
    QTest::addColumn<QString>("file");
    QTest::addColumn<QByteArray>("content"); // null: removed
    QTest::addColumn<int>("code");
    const auto row = [](const char* name, const char* file, const char* content, Errc code) {
        QTest::newRow(name) << QString::fromUtf8(file) << QByteArray(content) << int(code);
    };
    constexpr const char* kIndex = "model.safetensors.index.json";
    row("no config.json", "config.json", nullptr, Errc::FileNotFound);
    row("config.json is empty", "config.json", "", Errc::FileFormat);
    row("config.json is a list", "config.json", "[]", Errc::FileFormat);
    row("config.json is cut off", "config.json", R"({"model_type": "lla)", Errc::FileFormat);
    row("config.json holds infinity", "config.json", R"({"model_type": "llama", "rms_norm_eps": 1e999})",
        Errc::FileFormat);
    row("no weights", "model.safetensors", nullptr, Errc::FileNotFound);
    row("weights cut off", "model.safetensors", "\x08\0\0\0\0\0\0\0{}", Errc::FileFormat);
    row("index without a map", kIndex, "{}", Errc::FileFormat);
    row("empty index", kIndex, R"({"weight_map": {}})", Errc::FileFormat);
    row("index out of the folder", kIndex, R"({"weight_map": {"a": "../model/model.safetensors"}})", Errc::FileFormat);
    row("index to an absolute path", kIndex, R"({"weight_map": {"a": "/etc/passwd.safetensors"}})", Errc::FileFormat);
    row("index to a pickle", kIndex, R"({"weight_map": {"a": "pytorch_model.bin"}})", Errc::FileFormat);
    row("index to a number", kIndex, R"({"weight_map": {"a": 1}})", Errc::FileFormat);
    row("index to a file that is not there", kIndex, R"({"weight_map": {"a": "other.safetensors"}})",
        Errc::FileNotFound);
    row("generation_config.json is broken", "generation_config.json", "{", Errc::FileFormat);
}

void TestModelFiles::badFolder_isRefused()
{
    QFETCH(QString, file);
    QFETCH(QByteArray, content);
    QFETCH(int, code);
    const fs::path path = m_path / file.toStdString();
    if (content.isNull())
        fs::remove(path);
    else
        writeFile(path.string(), content.toStdString());
    const auto model = open();
    QVERIFY(!model.ok());
    QCOMPARE(int(model.error().code), code);
    QVERIFY(!model.error().message.empty() && !model.error().hint.empty());
    if (file != QStringLiteral("model.safetensors") || !content.isNull())
        return;
    writeFile((m_path / "pytorch_model.bin").string(), "pickle");
    QCOMPARE(open().error().code, Errc::PickleRefused);
    QCOMPARE(Model::open((m_path / "pytorch_model.bin").string(), {}).error().code, Errc::PickleRefused);
}

/// Every value of config.json replaced by every kind of nonsense, in the family with the most settings.
void TestModelFiles::changedConfig_neverCrashes()
{
    useModel("gpt-oss");
    const json good = m_config;
    const std::vector<json> nonsense{nullptr,
                                     true,
                                     -1,
                                     0,
                                     1,
                                     2147483648LL,
                                     1e300,
                                     "x",
                                     json::array(),
                                     json::object(),
                                     json::array({1, "x", nullptr})};
    int refused = 0, opened = 0;
    for (const auto& [key, value] : good.items())
        for (const json& bad : nonsense) {
            m_config = good;
            m_config[key] = bad;
            writeConfig(m_config);
            const auto file = ModelFile::open(m_path.string());
            QVERIFY(file.ok());
            const auto family = familyOf(*file.value());
            const auto config =
                family ? readConfig(*family.value(), *file.value(), 0) : Result<ModelConfig>(family.error());
            (config ? opened : refused) += 1;
            if (!config)
                QVERIFY2(!config.error().message.empty() && !config.error().hint.empty(), key.c_str());
        }
    QVERIFY(refused > 100);
    QVERIFY(opened > 50); // keys that do not matter
}

void TestModelFiles::lyingSizes_costNothing_data()
{
    QTest::addColumn<QString>("change");
    QTest::newRow("more blocks than tensors") << R"({"num_hidden_layers": 1000})";
    QTest::newRow("a vocabulary that is not there") << R"({"hidden_size": 1000000, "head_dim": 16})";
    QTest::newRow("a gigantic MLP") << R"({"intermediate_size": 1000000})";
}

/// Shapes are compared with the file before anything is allocated.
void TestModelFiles::lyingSizes_costNothing()
{
    QFETCH(QString, change);
    m_config.merge_patch(parsed(change));
    writeConfig(m_config);
    QElapsedTimer timer;
    timer.start();
    QVERIFY(!open().ok());
    QVERIFY(timer.elapsed() < 2000);
}

void TestModelFiles::modelWithoutVocabulary_runsIds()
{
    for (const std::string& path :
         {m_path.string(), std::string(LAYERSCOPE_TEST_DATA "/golden/tiny/llama/model.gguf")}) {
        const auto model = Model::open(path, {});
        QVERIFY(model.ok());
        QVERIFY(!model.value()->needsText().ok());
        QCOMPARE(model.value()->needsText().error().code, Errc::TokenizerMissing);
        QVERIFY(!model.value()->needsText().error().hint.empty());
        QVERIFY(model.value()->tokenizer().encode("text").empty());
        QVERIFY(!model.value()->info().hasChatTemplate);
        PromptSpec spec;
        spec.text = "text";
        QCOMPARE(preparePrompt(*model.value(), spec, 4).error().code, Errc::TokenizerMissing);
        spec.ids = {5, 6, 7};
        const auto prompt = preparePrompt(*model.value(), spec, 4);
        QVERIFY(prompt.ok());
        KvCache cache = newCache(*model.value());
        QVERIFY(Forward(plan(model.value(), {})).run({prompt.value().ids, 3}, cache).ok());
        for (const std::int32_t id : {-1, 512}) // a tokenizer may know more tokens than the model
            QCOMPARE(Forward(plan(model.value(), {})).run({{&id, 1}, 1}, cache).error().code, Errc::InvalidParameter);
    }
}

void TestModelFiles::stopIds_comeFromBothConfigurations()
{
    writeFile((m_path / "generation_config.json").string(),
              R"({"eos_token_id": [7, 5, 7, 99999, -1], "bos_token_id": 3})");
    const auto model = open();
    QVERIFY(model.ok());
    QCOMPARE(model.value()->config().stopIds, (std::vector<int>{7, 5, 2})); // 2 stands in config.json
    QCOMPARE(model.value()->config().eosId, 7);
    QCOMPARE(model.value()->config().bosId, 3);
}

void TestModelFiles::pathsInsideAFolder_openTheFolder()
{
    const auto folder = open();
    QVERIFY(folder.ok());
    for (const char* file : {"config.json", "model.safetensors", ""}) {
        const auto model = Model::open((m_path / file).string(), {});
        QVERIFY(model.ok());
        QCOMPARE(model.value()->info().name, std::string("model"));
        QCOMPARE(model.value()->info().fingerprint, folder.value()->info().fingerprint);
        QCOMPARE(model.value()->info().storedType, std::string("BF16"));
    }
    QCOMPARE(folder.value()->info().license, std::string());
    writeFile((m_path / "README.md").string(), "---\nlanguage: en\nlicense: apache-2.0\n---\nlicense: none\n");
    QCOMPARE(open().value()->info().license, std::string("apache-2.0"));
    m_config["rms_norm_eps"] = 1e-5;
    writeConfig(m_config);
    QVERIFY(open().value()->info().fingerprint != folder.value()->info().fingerprint);
}

void TestModelFiles::rotaryFactors_followTheContext()
{
    const std::string path = LAYERSCOPE_TEST_DATA "/golden/variants/phi3-longrope";
    const auto file = ModelFile::open(path);
    QVERIFY(file.ok());
    const Family& family = *familyOf(*file.value()).value();
    const ModelConfig asTrained = readConfig(family, *file.value(), 0).value();
    QCOMPARE(asTrained.defaultContext, 16); // what the short factors were made for
    QCOMPARE(asTrained.trainedContext, 256);
    const ModelConfig longer = readConfig(family, *file.value(), 17).value();
    QVERIFY(!(longer.rotaries[0] == asTrained.rotaries[0]));
    QVERIFY(readConfig(family, *file.value(), 16).value().rotaries[0] == asTrained.rotaries[0]);
}

void TestModelFiles::yarnMagnitude_isTheUsualOneOrRefused()
{
    const auto bits = [](float value) {
        std::string out(4, 0);
        std::memcpy(out.data(), &value, 4);
        return out;
    };
    const auto openWith = [&](float magnitude) {
        GgufDraft draft = GgufDraft::read(LAYERSCOPE_TEST_DATA "/golden/tiny/llama/model.gguf");
        const std::uint32_t kFloat = 6, kText = 8, kUnsigned = 4;
        draft.set("llama.rope.scaling.type", kText, std::string("\4\0\0\0\0\0\0\0yarn", 12));
        draft.set("llama.rope.scaling.factor", kFloat, bits(4));
        draft.set("llama.rope.scaling.original_context_length", kUnsigned, std::string("\x10\0\0\0", 4));
        if (magnitude > 0)
            draft.set("llama.rope.scaling.attn_factor", kFloat, bits(magnitude));
        const std::string path = (m_path / "yarn.gguf").string();
        writeFile(path, draft.bytes());
        return Model::open(path, {});
    };
    const auto plain = openWith(0);
    QVERIFY2(plain.ok(), plain.ok() ? "" : plain.error().message.c_str());
    for (const float usual : {1.0f, float(1 + 0.1 * std::log(4.0))}) {
        const auto same = openWith(usual);
        QVERIFY(same.ok());
        QCOMPARE(same.value()->config().rotaries[0].magnitude, plain.value()->config().rotaries[0].magnitude);
    }
    const auto refused = openWith(1.3f);
    QVERIFY(!refused.ok());
    QVERIFY2(refused.error().message.find("attn_factor") != std::string::npos, refused.error().message.c_str());
}

/// An edited neuron is another model: its certificate and calibration must not be those of the first.
void TestModelFiles::anyByteOfTheWeights_changesTheFingerprint()
{
    const auto fingerprintOf = [](const fs::path& path) {
        return ModelFile::open(path.string()).value()->fingerprint();
    };
    const auto flip = [](const fs::path& path, std::size_t at) {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekg(std::streamoff(at));
        const char byte = char(file.get() ^ 1);
        file.seekp(std::streamoff(at));
        file.put(byte);
    };
    const fs::path gguf = m_path / "copy.gguf", weights = m_path / "model.safetensors";
    fs::copy_file(LAYERSCOPE_TEST_DATA "/golden/tiny/llama/model.gguf", gguf);
    fs::permissions(gguf, fs::perms::owner_write, fs::perm_options::add);
    for (const auto& [opened, file] : {std::pair{gguf, gguf}, std::pair{m_path, weights}}) {
        const std::string before = fingerprintOf(opened);
        const auto size = fs::file_size(file);
        for (const auto share : {40u, 55u, 77u}) {
            flip(file, size * share / 100);
            QVERIFY(fingerprintOf(opened) != before);
            flip(file, size * share / 100);
            QCOMPARE(fingerprintOf(opened), before);
        }
    }
}

/// "Tied" in config.json and a second matrix that differs: the reference uses the second one.
void TestModelFiles::outputMatrixOfItsOwn_isUsedThoughTied()
{
    const auto logits = [&] {
        const auto model = open();
        KvCache cache = newCache(*model.value());
        const std::vector<std::int32_t> ids{5, 6, 7};
        return Forward(plan(model.value(), {})).run({ids, 3}, cache).value();
    };
    QVERIFY(!open().value()->config().tiedEmbedding);
    const at::Tensor untied = logits();
    m_config["tie_word_embeddings"] = true;
    writeConfig(m_config);
    QVERIFY(!open().value()->config().tiedEmbedding);
    QVERIFY(logits().equal(untied));
}

QTEST_GUILESS_MAIN(TestModelFiles)
#include "tst_model_files.moc"
