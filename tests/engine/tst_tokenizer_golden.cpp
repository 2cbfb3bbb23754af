#include "tests/support/test_model.h"
#include "tests/support/tokenizer_files.h"

#include <QTemporaryDir>
#include <QtTest>

#include <map>

using namespace ls;

/// Every golden text of every tokenizer: ids, decoded text, and the same text token by token.
class TestTokenizerGolden : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void golden_equalsTheReference_data();
    void golden_equalsTheReference();
    void gguf_equalsTheReference_data();
    void gguf_equalsTheReference();
    void gemma_equalsTheReference();
    void gemma_findsUserDefinedTokensInAnyText();

private:
    void compare(const Tokenizer& tokenizer, const std::string& name);
    QTemporaryDir m_folder;
};

namespace {

std::string streamed(const Tokenizer& tokenizer, const std::vector<std::int32_t>& ids)
{
    StreamDecoder stream(tokenizer);
    std::string text;
    for (const auto id : ids)
        text += stream.push(id);
    return text + stream.flush();
}

constexpr const char* kGemmaMissing =
    "Gemma has terms of its own and is not part of this project. Set LAYERSCOPE_GEMMA to gemma-3-270m-q4_k_m.gguf.";

Result<std::unique_ptr<Tokenizer>> openGemma()
{
    const char* path = std::getenv("LAYERSCOPE_GEMMA");
    return Tokenizer::open(path ? path : "");
}

} // namespace

void TestTokenizerGolden::compare(const Tokenizer& tokenizer, const std::string& name)
{
    const auto golden = test::readJson(LAYERSCOPE_TEST_DATA "/golden/tokenizers/" + name + "/golden.json");
    QCOMPARE(golden.size(), std::size_t(39));
    for (const auto& row : golden) {
        const auto text = row["text"].get<std::string>();
        const auto ids = tokenizer.tokenize(text);
        QVERIFY2(ids.ok(), text.c_str());
        QVERIFY2(ids.value() == row["ids"].get<std::vector<std::int32_t>>(), row.dump().c_str());
        QCOMPARE(tokenizer.decode(ids.value()), row["decoded"].get<std::string>());
        QCOMPARE(streamed(tokenizer, ids.value()), row["decoded"].get<std::string>());
    }
}

void TestTokenizerGolden::golden_equalsTheReference_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<int>("size");
    for (const char* name : {"gpt2", "llama2", "llama3", "qwen2", "smollm", "gemma", "unigram"})
        QTest::newRow(name) << name << 1200;
}

void TestTokenizerGolden::golden_equalsTheReference()
{
    QFETCH(QString, name);
    const auto tokenizer = Tokenizer::open(test::goldenTokenizerPath(name.toStdString()));
    QVERIFY2(tokenizer.ok(), tokenizer.ok() ? "" : tokenizer.error().message.c_str());
    QTEST(tokenizer.value()->vocabSize(), "size");
    compare(*tokenizer.value(), name.toStdString());
}

void TestTokenizerGolden::gguf_equalsTheReference_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("pre");
    QTest::newRow("gpt-2") << "gpt2"
                           << "gpt-2";
    QTest::newRow("no name") << "gpt2"
                             << "";
    QTest::newRow("smollm") << "smollm"
                            << "smollm";
    QTest::newRow("qwen2") << "qwen2"
                           << "qwen2";
    QTest::newRow("llama-bpe") << "llama3"
                               << "llama-bpe";
    QTest::newRow("dbrx") << "llama3"
                          << "dbrx";
    QTest::newRow("llama2") << "llama2"
                            << "llama";
    QTest::newRow("gemma") << "gemma"
                           << "llama";
}

/// The same vocabularies inside GGUF files.
void TestTokenizerGolden::gguf_equalsTheReference()
{
    QFETCH(QString, name);
    QFETCH(QString, pre);
    const auto json = test::readJson(test::goldenTokenizerPath(name.toStdString()));
    test::GgufVocabulary file = test::ggufOf(json);
    if (pre == QLatin1String("llama")) {
        // A token's score is the rank of the first merge that makes it: the order in which a trainer found them.
        file.model = "llama";
        std::map<std::string, float> ranks;
        for (const std::string& merge : file.merges)
            ranks.emplace(std::string(merge).erase(merge.find(' ', 1), 1), -float(ranks.size()) - 1);
        for (std::size_t id = 0; id < file.tokens.size(); ++id)
            file.scores.push_back(ranks.contains(file.tokens[id]) ? ranks[file.tokens[id]] : -1e6f);
        file.merges.clear();
        file.flags = {{"add_space_prefix", name == QLatin1String("llama2")}, {"add_bos_token", false}};
        file.numbers = {{"unknown_token_id", name == QLatin1String("llama2") ? 0u : 3u}};
    } else {
        file.pre = pre.toStdString();
    }
    const auto tokenizer = file.open(m_folder.filePath(QStringLiteral("v.gguf")).toStdString());
    QVERIFY2(tokenizer.ok(), tokenizer.ok() ? "" : tokenizer.error().message.c_str());
    compare(*tokenizer.value(), name.toStdString());
}

void TestTokenizerGolden::gemma_equalsTheReference()
{
    if (!std::getenv("LAYERSCOPE_GEMMA"))
        QSKIP(kGemmaMissing);
    const auto tokenizer = openGemma();
    QVERIFY2(tokenizer.ok(), tokenizer.ok() ? "" : tokenizer.error().message.c_str());
    QCOMPARE(tokenizer.value()->vocabSize(), 262144);
    QCOMPARE(tokenizer.value()->bosId(), 2);
    QCOMPARE(tokenizer.value()->eosId(), 1);
    QVERIFY(tokenizer.value()->addsBos());
    compare(*tokenizer.value(), "gemma-3-270m-q4_k_m");
}

void TestTokenizerGolden::gemma_findsUserDefinedTokensInAnyText()
{
    if (!std::getenv("LAYERSCOPE_GEMMA"))
        QSKIP(kGemmaMissing);
    const auto tokenizer = openGemma();
    QVERIFY(tokenizer.ok());
    const Tokenizer& t = *tokenizer.value();
    QCOMPARE(t.encode("a\n\n\nb", false), (std::vector<std::int32_t>{236746, 109, 236763}));
    QCOMPARE(int(t.encode("<table>", false).size()), 1);
    QVERIFY(t.encode("<bos>", false).size() > 1); // a control token is text then
    QCOMPARE(t.encode("<bos>"), (std::vector<std::int32_t>{2, 2}));
    QVERIFY(!t.isSpecial(109));
    QVERIFY(t.isSpecial(2));
    QCOMPARE(t.bytes(236743), std::string(" "));
    QCOMPARE(t.bytes(t.find("<0x0D>")), std::string("\r"));
}

QTEST_GUILESS_MAIN(TestTokenizerGolden)
#include "tst_tokenizer_golden.moc"
