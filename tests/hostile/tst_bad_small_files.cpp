#include "core/data/vector_header.h"
#include "engine/formats/gguf.h"
#include "engine/forward/registry.h"
#include "engine/text/tokenizer.h"
#include "tests/support/bad_file.h"
#include "tests/support/gguf_draft.h"
#include "tests/support/isolated.h"

#include <ATen/Parallel.h>
#include <nlohmann/json.hpp>

#include <QTemporaryDir>
#include <QtTest>

#include <limits>

using namespace ls;
using namespace ls::test;
using nlohmann::json;

/// Steering vectors, methods files and tokenizer.json with one thing wrong: refused in words, at once, cheaply.
class TestBadSmallFiles : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void vector_isRefused_data();
    void vector_isRefused();
    void methods_areRefused_data();
    void methods_areRefused();
    void tokenizer_isRefused_data();
    void tokenizer_isRefused();

private:
    std::string write(const QByteArray& content) const
    {
        const std::string path = m_folder.filePath(QStringLiteral("file.json")).toStdString();
        writeFile(path, content.toStdString());
        return path;
    }
    std::shared_ptr<const Model> m_model;
    QTemporaryDir m_folder;
};

namespace {

void row(const std::string& name, const std::string& content)
{
    QTest::newRow(name.c_str()) << QByteArray::fromStdString(content);
}

std::string nested(const std::string& open, const std::string& close, int times)
{
    std::string out;
    for (int i = 0; i < times; ++i)
        out += open;
    out += "1";
    for (int i = 0; i < times; ++i)
        out += close;
    return out;
}

std::string rowOf(std::initializer_list<float> values)
{
    Bytes out;
    for (const float value : values)
        out.number(value);
    return out.all();
}

GgufDraft controlVector()
{
    GgufDraft draft;
    draft.keys = {{"general.architecture", 8, Bytes().text("controlvector").all()}};
    draft.tensors = {{"direction.1", {4}, 0, rowOf({1, -2, 3, 0.5f})}, {"direction.2", {4}, 0, rowOf({0, 1, 0, 0})}};
    return draft;
}

std::string safetensors(const json& header, const std::string& data)
{
    return Bytes().text(header.dump()).raw(data).all();
}

template <typename Change>
void changedVector(const std::string& name, Change change)
{
    GgufDraft draft = controlVector();
    change(draft);
    row(name, draft.bytes());
}

} // namespace

void TestBadSmallFiles::initTestCase()
{
    at::set_num_threads(1);
    registerMethods(MethodRegistry::instance());
    auto model = Model::open(LAYERSCOPE_TEST_DATA "/golden/tiny/llama/model.gguf", {});
    QVERIFY(model.ok());
    m_model = model.value();
}

void TestBadSmallFiles::vector_isRefused_data()
{
    QTest::addColumn<QByteArray>("content");
    const std::string whole = controlVector().bytes();
    for (std::size_t size = 0; size < whole.size(); size += whole.size() / 12)
        row("vector cut to " + std::to_string(size) + " bytes", whole.substr(0, size));
    row("vector without the last byte", whole.substr(0, whole.size() - 1));
    changedVector("no vectors", [](GgufDraft& d) { d.tensors.clear(); });
    changedVector("vector of another name", [](GgufDraft& d) {
        d.tensors.pop_back();
        d.tensors[0].name = "direction";
    });
    changedVector("vector of a negative block", [](GgufDraft& d) {
        d.tensors.pop_back();
        d.tensors[0].name = "direction.-1";
    });
    changedVector("vectors of two widths", [](GgufDraft& d) { d.tensors[1].extents = {2}; });
    changedVector("vector of no dimensions", [](GgufDraft& d) { d.tensors[0].extents.clear(); });
    changedVector("vector that is a matrix", [](GgufDraft& d) { d.tensors[0].extents = {2, 2}; });
    changedVector("vector of 2^62 entries", [](GgufDraft& d) { d.tensors[0].extents = {std::uint64_t(1) << 62}; });
    changedVector("vector of a type of unknown size and 2^40 entries", [](GgufDraft& d) {
        d.tensors[0].extents = {std::uint64_t(1) << 40};
        d.tensors[0].type = 16;
    });
    changedVector("vector of a type that does not exist", [](GgufDraft& d) { d.tensors[0].type = 99; });
    changedVector("vector of whole numbers", [](GgufDraft& d) { d.tensors[0].type = 26; });
    changedVector("vector of nothing but zeros", [](GgufDraft& d) { d.tensors[0].data = rowOf({0, 0, 0, 0}); });
    changedVector("vector with NaN", [](GgufDraft& d) { d.tensors[1].data = rowOf({0, 1, std::nanf(""), 0}); });
    changedVector("vector with infinity", [](GgufDraft& d) { d.tensors[1].data = rowOf({0, -HUGE_VALF, 0, 0}); });
    changedVector("vector twice", [](GgufDraft& d) { d.tensors[1].name = "direction.1"; });
    changedVector("vector in the place of the other", [](GgufDraft& d) { d.tensors[1].place = 0; });
    changedVector("vector outside the file", [](GgufDraft& d) { d.tensors[1].place = 1 << 20; });
    changedVector("vectors: more than there are", [](GgufDraft& d) { d.claimedTensors = 1'000'000'000; });
    changedVector("vectors: a key of 2^60 bytes", [](GgufDraft& d) {
        d.keys = {{"k", 8, Bytes().number(std::uint64_t(1) << 60).all()}};
    });
    const json one{{"dtype", "F32"}, {"shape", {4}}, {"data_offsets", {0, 16}}};
    const std::string data = rowOf({1, 2, 3, 4});
    const auto changed = [&](const std::string& name, const char* key, const json& value) {
        json tensor = one;
        tensor[key] = value;
        row("safetensors " + name, safetensors({{"vector", tensor}}, data));
    };
    changed("of a dtype that does not exist", "dtype", "F31");
    changed("of whole numbers", "dtype", "I32");
    changed("of another length", "shape", {5});
    changed("that is a matrix", "shape", {2, 2});
    changed("outside the file", "data_offsets", {16, 32});
    changed("without a place", "data_offsets", nullptr);
    row("safetensors without a vector", safetensors({{"weight", one}}, data));
    row("safetensors with NaN", safetensors({{"vector", one}}, rowOf({1, std::nanf(""), 3, 4})));
    row("safetensors whose header claims 60 MB", Bytes().number(std::uint64_t(60) << 20).raw("{}").all());
    row("safetensors nested a million deep", Bytes().text(nested("{\"a\":", "}", 1'000'000)).all());
    row("a text", "This is no vector, but a letter to a friend.");
}

void TestBadSmallFiles::vector_isRefused()
{
    QFETCH(QByteArray, content);
    const std::string path = write(content);
    const Verdict verdict = isolated([&] {
        const auto header = readVectorHeader(path); // the desktop looks first, and may find it good
        if (!header && (header.error().message.empty() || header.error().hint.empty()))
            std::abort();
        const auto file = readVectorFile(path);
        return file ? success() : Status(file.error());
    });
    const std::string wrong = complaint(verdict, content.size());
    QVERIFY2(wrong.empty(), wrong.c_str());
}

void TestBadSmallFiles::methods_areRefused_data()
{
    QTest::addColumn<QByteArray>("content");
    row("nothing", "");
    row("cut off", R"([{"method": "layer_skip")");
    row("a text", R"("layer_skip")");
    row("an object", R"({"method": "layer_skip"})");
    row("numbers", "[1, 2]");
    row("no method", R"([{"params": {}}])");
    row("method is a number", R"([{"method": 1, "params": {}}])");
    row("method is unknown", R"([{"method": "layer_skipp", "params": {}}])");
    row("parameters are a list", R"([{"method": "layer_skip", "params": [2]}])");
    row("broken UTF-8", "[{\"method\": \"\xff\"}]");
    row("nested a million deep", nested("[", "]", 1'000'000));
    row("parameters nested a million deep",
        R"([{"method": "layer_skip", "params": {"blocks": )" + nested("[", "]", 1'000'000) + "}}]");
    const auto use = [](const std::string& name, const char* method, const char* params) {
        row(name, fmt::format(R"([{{"method": "{}", "params": {}}}])", method, params));
    };
    use("the first block skipped", "layer_skip", R"({"blocks": [0]})");
    use("a block that is not there skipped", "layer_skip", R"({"blocks": [4]})");
    use("a negative block skipped", "layer_skip", R"({"blocks": [-1]})");
    use("half a block skipped", "layer_skip", R"({"blocks": [1.5]})");
    use("block 2^63 skipped", "layer_skip", R"({"blocks": [9223372036854775808]})");
    use("blocks 0 to 2^31 skipped", "layer_skip", R"({"blocks": "0-2147483647"})");
    use("blocks of a broken text", "layer_skip", "{\"blocks\": \"\\ud800\"}");
    use("a head that is not there", "head_ablation", R"({"heads": [[0, 4]]})");
    use("a head of three numbers", "head_ablation", R"({"heads": [[0, 1, 2]]})");
    use("a head beyond 64 bits", "head_ablation", R"({"heads": [[0, 18446744073709551615]]})");
    use("a window of nothing", "sparse_attention", R"({"mode": "window", "window": -4})");
    use("a mode that does not exist", "sparse_attention", R"({"mode": "random"})");
    use("more than everything pruned", "weight_pruning", R"({"target": "mlp", "fraction": 1.5, "layers": "all"})");
    use("a fraction beyond all numbers", "weight_pruning", R"({"target": "mlp", "fraction": 1e308, "layers": "all"})");
    use("a vector that is not there", "steering", R"({"vector": "/nowhere.gguf", "layers": [1], "coefficient": 1})");
    use("a vector that is a folder", "steering", R"({"vector": "/tmp", "layers": [1], "coefficient": 1})");
    use("a vector without end", "steering", R"({"vector": "/dev/zero", "layers": [1], "coefficient": 1})");
    use("a vector that is a number", "steering", R"({"vector": 1, "layers": [1], "coefficient": 1})");
    use("a coefficient that is a text", "steering",
        R"({"vector": "/nowhere.gguf", "layers": [1], "coefficient": "4"})");
}

void TestBadSmallFiles::methods_areRefused()
{
    QFETCH(QByteArray, content);
    const std::string path = write(content);
    const Verdict verdict = isolated([&]() -> Status {
        LS_TRY(const MethodSet methods, readMethodSet(path));
        const auto plan = compilePlan(m_model, methods);
        const auto* refused = std::get_if<PlanError>(&plan);
        return refused ? Status(refused->error) : success();
    });
    const std::string wrong = complaint(verdict, content.size());
    QVERIFY2(wrong.empty(), wrong.c_str());
}

void TestBadSmallFiles::tokenizer_isRefused_data()
{
    QTest::addColumn<QByteArray>("content");
    const json good = json::parse(R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "ba": 3},
        "merges": [["a", "b"]], "unk_token": null}, "added_tokens": []})");
    QVERIFY(Tokenizer::fromJson(good.dump()).ok());
    const auto with = [&](const std::string& name, const char* place, const json& value) {
        json file = good;
        file[json::json_pointer(place)] = value;
        row(name, file.dump());
    };
    const std::string whole = good.dump();
    for (std::size_t size = 0; size < whole.size(); size += whole.size() / 8)
        row("cut to " + std::to_string(size) + " bytes", whole.substr(0, size));
    row("nested a million deep", nested("{\"a\":", "}", 1'000'000));
    with("merges in a circle", "/model/merges", {{"a", "b"}, {"ab", "a"}, {"b", "a"}});
    with("merge of a token that is made of it", "/model/merges", {{"ab", "ab"}});
    with("merges are missing", "/model/merges", nullptr);
    with("merges are texts of one word", "/model/merges", {"ab"});
    with("ids twice", "/model/vocab/b", 0);
    with("an id of 2^40", "/model/vocab/b", 1ull << 40);
    with("an id of 2^31 - 1", "/model/vocab/b", 2147483647);
    with("a model of another kind", "/model/type", "WordPiece");
    with("a model that is a list", "/model", json::array());
    with("an added token with an id of 2^31 - 1", "/added_tokens", {{{"id", 2147483647}, {"content", "<x>"}}});
    with("an added token of a million letters", "/added_tokens",
         {{{"id", 4}, {"content", std::string(1'000'000, 'x')}}});
    with("a pattern that is none", "/pre_tokenizer",
         {{"type", "Split"}, {"pattern", {{"Regex", "(((["}}}, {"behavior", "Isolated"}});
    with("a pattern nested 50 000 deep", "/pre_tokenizer",
         {{"type", "Split"},
          {"pattern", {{"Regex", std::string(50'000, '(') + std::string(50'000, ')')}}},
          {"behavior", "Isolated"}});
    with("a pattern that repeats repeats", "/pre_tokenizer",
         {{"type", "Split"}, {"pattern", {{"Regex", "((((a{1000}){1000}){1000}){1000})"}}}, {"behavior", "Isolated"}});
    with("a step that does not exist", "/normalizer", {{"type", "Sideways"}});
    with("a map that lies about its trie", "/normalizer",
         {{"type", "Precompiled"}, {"precompiled_charsmap", "////fwAA"}});
    with("a prefix of ten million letters", "/normalizer",
         {{"type", "Prepend"}, {"prepend", std::string(10'000'000, 'x')}});
    with("a unigram whose score is a text", "/model", {{"type", "Unigram"}, {"unk_id", 0}, {"vocab", {{"a", "b"}}}});
}

void TestBadSmallFiles::tokenizer_isRefused()
{
    QFETCH(QByteArray, content);
    const std::string path = write(content);
    const Verdict verdict = isolated([&] {
        const auto tokenizer = Tokenizer::open(path);
        return tokenizer ? success() : Status(tokenizer.error());
    });
    const std::string wrong = complaint(verdict, content.size());
    QVERIFY2(wrong.empty(), wrong.c_str());
}

QTEST_GUILESS_MAIN(TestBadSmallFiles)
#include "tst_bad_small_files.moc"
