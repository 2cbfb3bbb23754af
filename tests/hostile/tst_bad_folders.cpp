#include "engine/model/model.h"
#include "tests/support/bad_file.h"
#include "tests/support/isolated.h"

#include <ATen/Parallel.h>
#include <nlohmann/json.hpp>

#include <QTemporaryDir>
#include <QtTest>

#include <filesystem>

using namespace ls;
using namespace ls::test;
using nlohmann::json;
namespace fs = std::filesystem;

/// Model folders with one thing wrong in config.json, the weights or their index: refused in words, at once, cheaply.
class TestBadFolders : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void goodFolder_opens();
    void badFile_isRefused_data();
    void badFile_isRefused();

private:
    void configs();
    void headers();
    void weights();
    void indices();
    void others();
    static void row(const std::string& name, const char* file, const std::string& content)
    {
        QTest::newRow(name.c_str()) << QString::fromLatin1(file) << QByteArray::fromStdString(content);
    }
    Verdict open() const
    {
        return isolated([&] {
            const auto model = Model::open(m_path.string(), {});
            return model ? success() : Status(model.error());
        });
    }
    std::int64_t folderBytes() const
    {
        std::int64_t bytes = 0;
        for (const auto& entry : fs::directory_iterator(m_path))
            bytes += std::int64_t(entry.file_size());
        return bytes;
    }

    QTemporaryDir m_folder;
    fs::path m_path;
    std::string m_config, m_data; ///< as they are; the data without its header
    json m_header;
};

namespace {

constexpr const char *kConfig = "config.json", *kWeights = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";
const fs::path kGood = LAYERSCOPE_TEST_DATA "/golden/tiny/llama";

std::string contentOf(const fs::path& path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string nested(const char* open, const char* close, int times)
{
    std::string out;
    for (int i = 0; i < times; ++i)
        out += open;
    out += "1";
    for (int i = 0; i < times; ++i)
        out += close;
    return out;
}

/// A safetensors file with this header, which claims to be `claimed` bytes long; -1: what it is.
std::string withHeader(const std::string& header, const std::string& data, std::int64_t claimed = -1)
{
    return Bytes()
        .number(claimed < 0 ? std::uint64_t(header.size()) : std::uint64_t(claimed))
        .raw(header)
        .raw(data)
        .all();
}

} // namespace

void TestBadFolders::initTestCase()
{
    QVERIFY(m_folder.isValid());
    at::set_num_threads(1); // a forked process has no other threads
    m_path = fs::path(m_folder.path().toStdString()) / "model";
    m_config = contentOf(kGood / kConfig);
    const std::string whole = contentOf(kGood / kWeights);
    std::uint64_t size = 0;
    std::memcpy(&size, whole.data(), sizeof size);
    m_header = json::parse(whole.substr(8, std::size_t(size)));
    m_data = whole.substr(8 + std::size_t(size));
    QVERIFY(m_header.contains("model.layers.1.mlp.up_proj.weight"));
}

void TestBadFolders::goodFolder_opens()
{
    fs::create_directories(m_path);
    writeFile((m_path / kConfig).string(), m_config);
    writeFile((m_path / kWeights).string(), withHeader(m_header.dump(), m_data));
    const Verdict verdict = open();
    QVERIFY2(verdict.ended && !verdict.refused, verdict.message.c_str());
    QVERIFY2(verdict.peakGrowth < justifiedBytes(folderBytes()), qPrintable(QString::number(verdict.peakGrowth)));
}

void TestBadFolders::configs()
{
    row("config: empty", kConfig, "");
    row("config: cut off", kConfig, m_config.substr(0, m_config.size() / 2));
    row("config: the last bracket is missing", kConfig, m_config.substr(0, m_config.rfind('}')));
    row("config: a list", kConfig, "[]");
    row("config: a text", kConfig, "\"llama\"");
    row("config: broken UTF-8", kConfig, "{\"model_type\": \"llama\xff\"}");
    row("config: zeros", kConfig, std::string(4096, '\0'));
    row("config: a web page", kConfig, "<!DOCTYPE html><html></html>");
    row("config: nested a million deep", kConfig, nested("{\"a\":", "}", 1'000'000));
    row("config: a list nested a million deep", kConfig,
        R"({"model_type": "llama", "x": )" + nested("[", "]", 1'000'000) + "}");
    const auto change = [&](const std::string& key, const json& value) {
        json config = json::parse(m_config);
        config[key] = value;
        row("config: " + key + " is " + value.dump().substr(0, 40), kConfig, config.dump());
    };
    for (const char* key : {"model_type", "hidden_act"})
        for (const json& value : {json(7), json::array({"llama"}), json("nonsense"), json("")})
            if (!(std::string_view(key) == "hidden_act" && value == "")) // says nothing: the family's own
                change(key, value);
    for (const char* key : {"num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size"})
        for (const json& value :
             {json(-1), json(0), json(3.5), json("64"), json(1ull << 63), json(1e300), json::object()})
            change(key, value);
    change("num_key_value_heads", 3);
    change("head_dim", 17);
    change("head_dim", 1 << 30);
    change("rms_norm_eps", -1);
    change("rms_norm_eps", "small");
    change("rope_parameters", {{"rope_theta", 0}});
    change("rope_parameters", {{"rope_theta", 1e4}, {"rope_type", "yarn"}, {"factor", -2}});
    change("rope_parameters", {{"rope_theta", 1e4}, {"rope_type", "longrope"}, {"short_factor", json::array()}});
    change("attention_bias", true);
    change("tie_word_embeddings", 2);
    change("quantization_config", {{"quant_method", "awq"}});
    change("max_position_embeddings", 0);
}

void TestBadFolders::headers()
{
    const std::string good = m_header.dump();
    row("header: nothing", kWeights, "");
    row("header: inside its length", kWeights, "\x08\0\0");
    row("header: nothing behind its length", kWeights, withHeader({}, {}, 100));
    row("header: cut in the middle", kWeights, withHeader(good, {}).substr(0, good.size() / 2));
    row("header: longer than the file", kWeights,
        withHeader(good, m_data, std::int64_t(good.size() + m_data.size() + 1)));
    row("header: of 2^40 bytes", kWeights, withHeader(good, m_data, std::int64_t(1) << 40));
    row("header: of 2^63 - 1 bytes", kWeights, withHeader(good, m_data, std::numeric_limits<std::int64_t>::max()));
    row("header: a byte short", kWeights, withHeader(good, m_data, std::int64_t(good.size()) - 1));
    row("header: a byte more", kWeights, withHeader(good, m_data, std::int64_t(good.size()) + 1));
    row("header: of no bytes", kWeights, withHeader(good, m_data, 0));
    row("header: a list", kWeights, withHeader("[]", m_data));
    row("header: empty", kWeights, withHeader("{}", m_data));
    row("header: broken UTF-8", kWeights, withHeader("{\"\xff\": {}}", m_data));
    row("header: nested a million deep", kWeights, withHeader(nested("{\"a\":", "}", 1'000'000), m_data));
    row("header: metadata is a list", kWeights, withHeader(R"({"__metadata__": []})", m_data));
    row("header: metadata holds numbers", kWeights, withHeader(R"({"__metadata__": {"a": 1}})", m_data));
    row("header: a GGUF file", kWeights, "GGUF" + std::string(100, '\0'));
    row("header: a pickle", kWeights, "\x80\x02}q\x01" + std::string(100, 'x'));
    row("header: a pointer of Git LFS", kWeights,
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 480336\n");
    row("header: a tensor twice", kWeights,
        withHeader(fmt::format("{{\"model.norm.weight\":{},{}", m_header["model.norm.weight"].dump(), good.substr(1)),
                   m_data));
}

void TestBadFolders::weights()
{
    const std::string name = "model.layers.1.mlp.up_proj.weight"; // [160, 64]
    const auto tensor = [&](const std::string& what, auto change, std::string data = {}) {
        json header = m_header;
        change(header[name]);
        row("tensor " + what, kWeights, withHeader(header.dump(), data.empty() ? m_data : data));
    };
    const auto set = [&](const char* key, const json& value) {
        tensor(std::string(key) + " is " + value.dump(), [&](json& t) { t[key] = value; });
    };
    for (const json& value : {json(nullptr), json(4), json("F33"), json("I8"), json("F32"), json("I16"), json::array()})
        set("dtype", value);
    for (const json& value :
         {json(nullptr), json("[160, 64]"), json::array(), json({-160, -64}), json({160.0, 64}), json({"160", 64}),
          json({64, 160}), json({161, 64}), json({10240}), json({160, 64, 1, 1}), json({0, 64}),
          json({1ull << 32, 1ull << 32}), json({1ull << 63, 2}), json({18446744073709551615ull, 64})})
        set("shape", value);
    const std::int64_t begin = m_header[name]["data_offsets"][0], end = m_header[name]["data_offsets"][1];
    for (const json& value :
         {json(nullptr), json::array(), json({begin}), json({begin, end, end}), json({end, begin}), json({-2, end}),
          json({begin + 2, end + 2}), json({begin - 2, end - 2}), json({begin, end + 2}), json({0, end - begin}),
          json({begin, 1ull << 62}), json({18446744073709551614ull, 18446744073709551615ull}), json({begin + 0.5, end}),
          json({m_data.size(), m_data.size() + std::size_t(end - begin)})})
        set("data_offsets", value);
    tensor("is a number", [](json& t) { t = 1; });
    tensor("has bytes of the next one", [&](json& t) { t = m_header["model.layers.1.mlp.gate_proj.weight"]; });
    json header = m_header;
    header.erase(name);
    row("tensor missing", kWeights, withHeader(header.dump(), m_data));
    row("tensor data cut off", kWeights, withHeader(m_header.dump(), m_data.substr(0, m_data.size() / 2)));
    row("tensor data without the last byte", kWeights,
        withHeader(m_header.dump(), m_data.substr(0, m_data.size() - 1)));
    for (const auto& [what, bits] : {std::pair{"NaN", std::uint16_t(0x7FC0)}, {"infinity", std::uint16_t(0xFF80)}})
        for (const std::string& where :
             {name, std::string("model.norm.weight"), std::string("model.embed_tokens.weight")}) {
            std::string data = m_data;
            std::memcpy(data.data() + m_header[where]["data_offsets"][1].get<std::size_t>() - 2, &bits, 2);
            row(std::string("tensor ") + where + " holds " + what, kWeights, withHeader(m_header.dump(), data));
        }
}

void TestBadFolders::indices()
{
    const auto map = [](const json& to) { return json{{"weight_map", {{"model.norm.weight", to}}}}.dump(); };
    row("index: no map", kIndex, "{}");
    row("index: cut off", kIndex, R"({"weight_map": {"a": )");
    row("index: a list", kIndex, "[]");
    row("index: map is a list", kIndex, R"({"weight_map": ["model.safetensors"]})");
    row("index: map is empty", kIndex, R"({"weight_map": {}})");
    row("index: nested a million deep", kIndex, nested("{\"weight_map\":", "}", 1'000'000));
    for (const char* to : {"../model.safetensors", "/etc/passwd", "/dev/zero.safetensors", "sub/model.safetensors", "",
                           ".", "..", "missing.safetensors", "model.bin", "model.safetensors/",
                           "C:\\model.safetensors"
                           "\u0000.safetensors"})
        row(std::string("index: leads to ") + to, kIndex, map(to));
    row("index: leads to a number", kIndex, map(3));
    row("index: leads to null", kIndex, map(nullptr));
    row("index: leads to a name of 100 000 letters", kIndex, map(std::string(100'000, 'x') + ".safetensors"));
    json many = json::object();
    for (int i = 0; i < 20'000; ++i)
        many["t" + std::to_string(i)] = "missing-" + std::to_string(i) + ".safetensors";
    row("index: leads to 20 000 files", kIndex, json{{"weight_map", many}}.dump());
}

void TestBadFolders::others()
{
    row("generation_config: a list", "generation_config.json", "[]");
    row("generation_config: cut off", "generation_config.json", "{\"eos_token_id\": ");
    row("tokenizer_config: cut off", "tokenizer_config.json", "{");
    row("tokenizer_config: nested a million deep", "tokenizer_config.json", nested("[", "]", 1'000'000));
    row("tokenizer: empty", "tokenizer.json", "");
    row("tokenizer: nested a million deep", "tokenizer.json", nested("[", "]", 1'000'000));
    row("tokenizer: normalizers nested deep", "tokenizer.json",
        R"({"normalizer": )" + nested(R"({"type": "Sequence", "normalizers": [)", "]}", 10'000) + "}");
}

void TestBadFolders::badFile_isRefused_data()
{
    QTest::addColumn<QString>("file");
    QTest::addColumn<QByteArray>("content");
    configs();
    headers();
    weights();
    indices();
    others();
}

void TestBadFolders::badFile_isRefused()
{
    QFETCH(QString, file);
    QFETCH(QByteArray, content);
    fs::remove_all(m_path);
    fs::create_directories(m_path);
    writeFile((m_path / kConfig).string(), m_config);
    writeFile((m_path / kWeights).string(), withHeader(m_header.dump(), m_data));
    writeFile((m_path / file.toStdString()).string(), content.toStdString());
    const std::string wrong = complaint(open(), folderBytes());
    QVERIFY2(wrong.empty(), wrong.c_str());
}

QTEST_GUILESS_MAIN(TestBadFolders)
#include "tst_bad_folders.moc"
