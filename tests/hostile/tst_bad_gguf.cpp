#include "engine/model/model.h"
#include "tests/support/gguf_draft.h"
#include "tests/support/isolated.h"

#include <ATen/Parallel.h>

#include <QTemporaryDir>
#include <QtTest>

#include <limits>

using namespace ls;
using namespace ls::test;

/// GGUF models with one thing wrong: each is refused in words, at once, and for no more memory than the file justifies.
class TestBadGguf : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void isolation_seesCrashLoopAndGreed();
    void goodFile_opens_data();
    void goodFile_opens();
    void badFile_isRefused_data();
    void badFile_isRefused();

private:
    void truncations();
    void lyingCounts();
    void tensors();
    void values();
    void metadata();
    void vocabularies();
    /// A row whose file is the good one after `change`.
    template <typename Change>
    void row(const std::string& name, Change change)
    {
        GgufDraft draft = m_good;
        change(draft);
        QTest::newRow(name.c_str()) << QByteArray::fromStdString(draft.bytes());
    }
    Verdict open(const std::string& bytes, const char* dtype) const
    {
        const std::string path = m_folder.filePath(QStringLiteral("model.gguf")).toStdString();
        writeFile(path, bytes);
        LoadOptions options;
        options.dtype = dtype;
        return isolated([&] { return Status(statusOf(Model::open(path, options))); });
    }
    static Status statusOf(const Result<std::shared_ptr<const Model>>& model)
    {
        return model ? success() : Status(model.error());
    }

    QTemporaryDir m_folder;
    GgufDraft m_good = GgufDraft::read(LAYERSCOPE_TEST_DATA "/golden/tiny/llama/model.gguf");
};

namespace {

constexpr std::uint32_t kU32 = 4, kI32 = 5, kF32 = 6, kBool = 7, kText = 8, kList = 9, kU64 = 10, kI64 = 11;
constexpr std::uint32_t kTypeF32 = 0, kTypeF16 = 1, kTypeQ8_0 = 8, kTypeQ4_K = 12, kTypeIq2 = 16, kTypeI32 = 26;
constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();

template <typename T>
std::string number(T value)
{
    return Bytes().number(value).all();
}
std::string text(std::string_view value)
{
    return Bytes().text(value).all();
}
std::string list(std::uint32_t kind, std::uint64_t count, const std::string& items = {})
{
    return Bytes().number(kind).number(count).raw(items).all();
}
std::string texts(const std::vector<std::string>& items)
{
    Bytes out;
    for (const std::string& item : items)
        out.text(item);
    return list(kText, items.size(), out.all());
}

void addVocabulary(GgufDraft& d)
{
    d.set("tokenizer.ggml.model", kText, text("gpt2"));
    d.set("tokenizer.ggml.pre", kText, text("smollm"));
    d.set("tokenizer.ggml.tokens", kList, texts({"a", "b", "ab", "c", "bc", "abc"}));
    d.set("tokenizer.ggml.merges", kList, texts({"a b", "b c", "ab c"}));
}

void addPieces(GgufDraft& d, float score)
{
    addVocabulary(d);
    d.set("tokenizer.ggml.model", kText, text("llama"));
    std::string scores;
    for (int i = 0; i < 6; ++i)
        scores += number(i == 3 ? score : float(-i));
    d.set("tokenizer.ggml.scores", kList, list(kF32, 6, scores));
}

} // namespace

void TestBadGguf::initTestCase()
{
    QVERIFY(m_folder.isValid());
    at::set_num_threads(1); // a forked process has no other threads
}

void TestBadGguf::isolation_seesCrashLoopAndGreed()
{
    const Verdict crash = isolated([]() -> Status { std::abort(); });
    QVERIFY(!crash.ended && complaint(crash, 0).find("Abort") != std::string::npos);
    const Verdict loop = isolated([]() -> Status {
        for (volatile bool forever = true; forever;) {
        }
        return success();
    });
    QVERIFY(!loop.ended && complaint(loop, 0).find("CPU") != std::string::npos);
    const Verdict greedy = isolated([]() -> Status {
        std::vector<char> taken(std::size_t(200) << 20, 'x');
        return Error{Errc::FileFormat, fmt::format("{} taken", taken.back()), "hint", {}};
    });
    QVERIFY(greedy.ended && greedy.peakGrowth > 200 << 20);
    QVERIFY(!complaint(greedy, 1000).empty());
    QVERIFY(!complaint(isolated([] { return success(); }), 1000).empty()); // accepted
}

void TestBadGguf::goodFile_opens_data()
{
    QTest::addColumn<QByteArray>("bytes");
    row("as it is", [](GgufDraft&) {});
    row("with a vocabulary", addVocabulary);
    row("with pieces", [](GgufDraft& d) { addPieces(d, -3.0f); });
    row("with the largest numbers", [](GgufDraft& d) {
        const float largest = std::numeric_limits<float>::max();
        std::memcpy(d.tensor("blk.2.attn_norm.weight").data.data(), &largest, sizeof largest);
    });
    row("with blocks", [](GgufDraft& d) {
        d.tensor("blk.1.ffn_up.weight").type = kTypeQ8_0;
        d.tensor("blk.1.ffn_up.weight").data.assign(64 * 160 / 32 * 34, '\x11');
    });
}

/// Every bad file is one of these with a change.
void TestBadGguf::goodFile_opens()
{
    QFETCH(QByteArray, bytes);
    for (const char* dtype : {"float32", "quantised"}) {
        const Verdict verdict = open(bytes.toStdString(), dtype);
        QVERIFY2(verdict.ended && !verdict.refused, verdict.message.c_str());
        QVERIFY2(verdict.peakGrowth < justifiedBytes(bytes.size()), qPrintable(QString::number(verdict.peakGrowth)));
    }
}

void TestBadGguf::truncations()
{
    std::map<std::string, std::size_t> marks;
    const std::string whole = m_good.bytes(&marks);
    const auto cut = [&](const std::string& name, std::size_t size) {
        QTest::newRow(("cut: " + name).c_str()) << QByteArray::fromStdString(whole.substr(0, size));
    };
    cut("nothing left", 0);
    cut("inside the magic", 3);
    cut("behind the magic", 4);
    cut("inside the version", 6);
    const std::string key = "llama.rope.freq_base", tensor = "blk.2.attn_q.weight";
    for (const std::string& section :
         {std::string("number of tensors"), std::string("number of keys"), "key " + key, "kind of " + key,
          "value of " + key, std::string("value of general.architecture"), "tensor " + tensor,
          "dimensions of " + tensor, "type of " + tensor, "offset of " + tensor, std::string("padding"),
          std::string("data of output.weight"), "data of " + tensor}) {
        cut("before the " + section, marks.at(section));
        cut("inside the " + section, marks.at(section) + 2);
    }
    cut("the last byte", whole.size() - 1);
    cut("the last tensor", whole.size() - m_good.tensors.back().data.size());
}

void TestBadGguf::lyingCounts()
{
    for (const std::int64_t count : {std::int64_t(1'000), std::int64_t(1) << 32, kHuge}) {
        row("tensors: " + std::to_string(count), [&](GgufDraft& d) { d.claimedTensors = count; });
        row("keys: " + std::to_string(count), [&](GgufDraft& d) { d.claimedKeys = count; });
        row("length of a text: " + std::to_string(count), [&](GgufDraft& d) {
            d.keys.insert(d.keys.begin(), {"k", kText, number(std::uint64_t(count))});
        });
        for (const std::uint32_t kind : {0u, 2u, kU32, kF32, kBool, kText, kList, kU64})
            row("list of kind " + std::to_string(kind) + " with entries: " + std::to_string(count), [&](GgufDraft& d) {
                d.keys.insert(d.keys.begin(), {"k", kList, list(kind, std::uint64_t(count) * 1000)});
            });
    }
    row("a key less", [](GgufDraft& d) { d.claimedKeys = std::int64_t(d.keys.size()) - 1; });
    row("a tensor more", [](GgufDraft& d) { d.claimedTensors = std::int64_t(d.tensors.size()) + 1; });
    row("a tensor less", [](GgufDraft& d) { d.claimedTensors = std::int64_t(d.tensors.size()) - 1; });
    row("no tensors", [](GgufDraft& d) { d.claimedTensors = 0; });
    row("no keys", [](GgufDraft& d) { d.claimedKeys = 0; });
    row("a list of lists of lists of lists", [](GgufDraft& d) {
        std::string nested = list(kU32, 0);
        for (int depth = 0; depth < 50'000; ++depth)
            nested = depth < 3 ? list(kList, 1, nested) : nested;
        d.set("k", kList, nested);
    });
    row("a kind that does not exist", [](GgufDraft& d) { d.set("k", 13, number(0u)); });
    row("a list of a kind that does not exist", [](GgufDraft& d) { d.set("k", kList, list(77, 1, number(0u))); });
    row("a key twice", [](GgufDraft& d) { d.keys.push_back(d.keys[0]); });
    row("version 0", [](GgufDraft& d) { d.version = 0; });
    row("version 4", [](GgufDraft& d) { d.version = 4; });
    row("big-endian", [](GgufDraft& d) { d.version = 3u << 24; });
    row("another magic", [](GgufDraft& d) { d.magic = "GGJT"; });
}

void TestBadGguf::tensors()
{
    const std::string name = "blk.1.ffn_up.weight"; // 64 inputs, 160 outputs
    const auto with = [&](const std::string& what, auto change) {
        row("tensor " + what, [&](GgufDraft& d) { change(d.tensor(name)); });
    };
    using T = GgufDraft::Tensor;
    with("beyond the end", [](T& t) { t.place = 1 << 30; });
    with("at a place that overflows", [](T& t) { t.place = kHuge / 32 * 32; });
    with("that is not aligned", [](T& t) { t.place = 4; });
    with("over the one before", [](T& t) { t.place = 131072; });
    with("in the place of the first", [](T& t) { t.place = 0; });
    with("with a huge extent", [](T& t) { t.extents[1] = std::uint64_t(1) << 50; });
    with("with a negative extent", [](T& t) { t.extents[1] = ~std::uint64_t(0); });
    with("whose size overflows", [](T& t) { t.extents = {std::uint64_t(1) << 40, std::uint64_t(1) << 40}; });
    with("without values", [](T& t) { t.extents[0] = 0; });
    with("of no dimensions", [](T& t) { t.extents.clear(); });
    with("of five dimensions", [](T& t) { t.extents = {64, 1, 1, 1, 160}; });
    with("lying on its side", [](T& t) { std::swap(t.extents[0], t.extents[1]); });
    with("a row short", [](T& t) { t.extents[1] = 159; });
    with("a column short", [](T& t) { t.extents[0] = 63; });
    with("in one dimension", [](T& t) { t.extents = {64 * 160}; });
    with("in three dimensions", [](T& t) { t.extents = {64, 16, 10}; });
    with("of another name", [](T& t) { t.name = "blk.1.ffn_upp.weight"; });
    with("of a block that is not there", [](T& t) { t.name = "blk.9.ffn_up.weight"; });
    with("with a name of broken UTF-8", [](T& t) { t.name = "blk.1.ffn_up.weight\xff"; });
    with("without a name", [](T& t) { t.name.clear(); });
    with("of whole numbers", [](T& t) { t.type = kTypeI32; });
    with("of a type that does not exist", [](T& t) { t.type = 4711; });
    with("of a type we cannot read", [](T& t) { t.type = kTypeIq2; });
    with("of a larger type than its bytes", [](T& t) {
        t.type = kTypeF32;
        t.place = 400'000;
    });
    with("of blocks that its rows do not fill", [](T& t) { t.type = kTypeQ4_K; });
    row("tensor twice", [&](GgufDraft& d) { d.tensors.push_back(d.tensor(name)); });
    row("tensor too many", [&](GgufDraft& d) {
        d.tensors.push_back(d.tensor(name));
        d.tensors.back().name = "blk.1.attn_q_norm.weight";
    });
    for (const char* missing :
         {"token_embd.weight", "blk.3.attn_norm.weight", "blk.0.attn_k.weight", "output_norm.weight"})
        row(std::string("tensor missing: ") + missing,
            [&](GgufDraft& d) { std::erase_if(d.tensors, [&](const T& t) { return t.name == missing; }); });
}

/// Numbers that are none, found when the tensor is read.
void TestBadGguf::values()
{
    const auto at = [](std::string& data, std::size_t place, auto value) {
        std::memcpy(data.data() + place, &value, sizeof value);
    };
    const auto vector = [](const std::string& name) { return name + ".attn_norm.weight"; };
    row("NaN in a norm", [&](GgufDraft& d) { at(d.tensor(vector("blk.2")).data, 12, std::nanf("")); });
    row("infinity in a norm", [&](GgufDraft& d) { at(d.tensor(vector("blk.0")).data, 0, HUGE_VALF); });
    row("NaN in a bfloat16 matrix",
        [&](GgufDraft& d) { at(d.tensor("output.weight").data, 600, std::uint16_t(0x7FC1)); });
    row("infinity in the embedding",
        [&](GgufDraft& d) { at(d.tensor("token_embd.weight").data, 65534, std::uint16_t(0xFF80)); });
    const auto quantised = [&](const std::string& what, std::uint32_t type, std::size_t block, std::size_t bytes,
                               std::size_t place, std::uint16_t scale) {
        row(what, [&](GgufDraft& d) {
            auto& tensor = d.tensor("blk.1.ffn_up.weight");
            tensor.type = type;
            tensor.data.assign(64 * 160 / block * bytes, '\0');
            at(tensor.data, 5 * bytes + place, scale);
            if (type == kTypeF16)
                at(tensor.data, 10, scale);
            else
                tensor.data[5 * bytes + place + 2] = 1; // 0 times infinity is no number either, but say it plainly
        });
    };
    quantised("NaN as a scale of Q8_0", kTypeQ8_0, 32, 34, 0, 0x7E00);
    quantised("infinity as a scale of Q8_0", kTypeQ8_0, 32, 34, 0, 0x7C00);
    quantised("NaN as a scale of Q4_0", 2, 32, 18, 0, 0x7E00);
    quantised("NaN as a minimum of Q4_1", 3, 32, 20, 2, 0x7E00);
    quantised("NaN as a scale of Q5_0", 6, 32, 22, 0, 0xFE00);
    quantised("NaN as a minimum of Q5_1", 7, 32, 24, 2, 0x7E00);
    quantised("NaN as a scale of IQ4_NL", 20, 32, 18, 0, 0x7E00);
    quantised("NaN in F16", kTypeF16, 1, 2, 0, 0x7E00);
    quantised("an exponent of MXFP4 that leads beyond float32", 39, 32, 17, 0, 0x77FF);
}

void TestBadGguf::metadata()
{
    const auto set = [&](const std::string& name, std::uint32_t kind, const std::string& value,
                         const std::string& what) {
        row(name + " " + what, [&](GgufDraft& d) { d.set(name, kind, value); });
    };
    row("no architecture", [](GgufDraft& d) { d.remove("general.architecture"); });
    set("general.architecture", kU32, number(1u), "is a number");
    set("general.architecture", kText, text("mamba"), "is unknown");
    set("general.architecture", kText, text("\xff\xfe"), "is broken UTF-8");
    set("general.architecture", kText, text(std::string(100'000, 'x')), "is 100 000 letters");
    set("general.alignment", kU32, number(0u), "is 0");
    set("general.alignment", kU32, number(48u), "is 48");
    set("general.alignment", kU32, number(1u << 31), "is 2^31");
    set("general.alignment", kText, text("32"), "is a text");
    for (const char* count : {"block_count", "embedding_length", "feed_forward_length", "attention.head_count",
                              "attention.head_count_kv", "context_length"}) {
        const std::string name = std::string("llama.") + count;
        set(name, kU32, number(0u), "is 0");
        set(name, kI32, number(-4), "is negative");
        set(name, kU64, number(~std::uint64_t(0)), "is 2^64 - 1");
        set(name, kI64, number(kHuge), "is 2^63 - 1");
        set(name, kText, text("4"), "is a text");
    }
    for (const char* count : {"block_count", "embedding_length", "attention.head_count"}) {
        const std::string name = std::string("llama.") + count;
        row(name + " is missing", [&](GgufDraft& d) { d.remove(name); });
        set(name, kU32, number(5u), "is another");
    }
    set("llama.attention.key_length", kU32, number(15u), "is odd");
    set("llama.attention.value_length", kU32, number(8u), "is another than the keys'");
    set("llama.rope.dimension_count", kU32, number(4096u), "is larger than a head");
    set("llama.rope.freq_base", kF32, number(std::nanf("")), "is NaN");
    set("llama.rope.freq_base", kF32, number(-1.0f), "is negative");
    set("llama.attention.layer_norm_rms_epsilon", kF32, number(std::nanf("")), "is NaN");
    set("llama.attention.layer_norm_rms_epsilon", kF32, number(HUGE_VALF), "is infinity");
    set("llama.rope.scaling.type", kText, text("spiral"), "is unknown");
    set("llama.expert_count", kU32, number(8u), "promises experts that are not there");
}

void TestBadGguf::vocabularies()
{
    const auto vocabulary = [&](const std::string& what, auto change) {
        row("vocabulary " + what, [&](GgufDraft& d) {
            addVocabulary(d);
            change(d);
        });
    };
    vocabulary("tokens are numbers",
               [](GgufDraft& d) { d.set("tokenizer.ggml.tokens", kList, list(kU32, 2, number(1u) + number(2u))); });
    vocabulary("tokens are a text", [](GgufDraft& d) { d.set("tokenizer.ggml.tokens", kText, text("ab")); });
    vocabulary("token of broken UTF-8", [](GgufDraft& d) {
        d.set("tokenizer.ggml.tokens", kList, texts({"a", "b", "ab", "\xc3\x28"}));
    });
    vocabulary("types are too few",
               [](GgufDraft& d) { d.set("tokenizer.ggml.token_type", kList, list(kI32, 1, number(1))); });
    vocabulary("no merges", [](GgufDraft& d) { d.remove("tokenizer.ggml.merges"); });
    vocabulary("merges are numbers",
               [](GgufDraft& d) { d.set("tokenizer.ggml.merges", kList, list(kU32, 1, number(1u))); });
    vocabulary("merge of one", [](GgufDraft& d) { d.set("tokenizer.ggml.merges", kList, texts({"a"})); });
    vocabulary("merge of a missing token", [](GgufDraft& d) { d.set("tokenizer.ggml.merges", kList, texts({"a x"})); });
    vocabulary("merge into a missing token",
               [](GgufDraft& d) { d.set("tokenizer.ggml.merges", kList, texts({"b a"})); });
    vocabulary("merge of broken UTF-8", [](GgufDraft& d) { d.set("tokenizer.ggml.merges", kList, texts({"a \xff"})); });
    vocabulary("pieces without scores", [](GgufDraft& d) { d.set("tokenizer.ggml.model", kText, text("llama")); });
    vocabulary("pieces with a score that is no number", [](GgufDraft& d) { addPieces(d, std::nanf("")); });
    vocabulary("template is a number", [](GgufDraft& d) { d.set("tokenizer.chat_template", kU32, number(1u)); });
}

void TestBadGguf::badFile_isRefused_data()
{
    QTest::addColumn<QByteArray>("bytes");
    truncations();
    lyingCounts();
    tensors();
    values();
    metadata();
    vocabularies();
}

void TestBadGguf::badFile_isRefused()
{
    QFETCH(QByteArray, bytes);
    for (const char* dtype : {"float32", "quantised"}) {
        const Verdict verdict = open(bytes.toStdString(), dtype);
        const std::string wrong = complaint(verdict, bytes.size());
        QVERIFY2(wrong.empty(), fmt::format("{}: {}", dtype, wrong).c_str());
    }
}

QTEST_GUILESS_MAIN(TestBadGguf)
#include "tst_bad_gguf.moc"
