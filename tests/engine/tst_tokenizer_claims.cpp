#include "tests/support/tokenizer_files.h"

#include <QtTest>

#include <random>

using namespace ls;

/// Every kind of step that a tokenizer.json can have, against the ids and texts of the reference
/// (make_tokenizer_claims.py).
class TestTokenizerClaims : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void variant_equalsTheReference_data();
    void variant_equalsTheReference();
    void stream_equalsDecodeForAnyIds_data() { variant_equalsTheReference_data(); }
    void stream_equalsDecodeForAnyIds();

private:
    std::map<std::string, nlohmann::json> m_claims, m_bases;
    Result<std::unique_ptr<Tokenizer>> open(const QString& base, int variant);
};

void TestTokenizerClaims::variant_equalsTheReference_data()
{
    QTest::addColumn<QString>("base");
    QTest::addColumn<int>("variant");
    for (const char* base : {"gpt2", "llama2", "llama3", "qwen2", "smollm", "gemma", "unigram"}) {
        if (!m_claims.contains(base)) {
            m_claims[base] = test::readJson(LAYERSCOPE_TEST_DATA "/tokenizers/" + std::string(base) + ".json");
            m_bases[base] = test::readJson(test::goldenTokenizerPath(base));
        }
        QVERIFY(m_claims[base].is_object() && m_bases[base].is_object());
        int place = 0;
        for (const auto& variant : m_claims[base]["variants"])
            QTest::addRow("%s, %s", base, variant["name"].get<std::string>().c_str()) << base << place++;
    }
}

Result<std::unique_ptr<Tokenizer>> TestTokenizerClaims::open(const QString& base, int variant)
{
    const auto& claims = m_claims[base.toStdString()]["variants"][std::size_t(variant)];
    return Tokenizer::fromJson(test::patched(m_bases[base.toStdString()], claims["set"]).dump());
}

void TestTokenizerClaims::variant_equalsTheReference()
{
    QFETCH(QString, base);
    QFETCH(int, variant);
    const auto tokenizer = open(base, variant);
    QVERIFY2(tokenizer.ok(), tokenizer.ok() ? "" : (tokenizer.error().message + tokenizer.error().detail).c_str());
    const auto& cases = m_claims[base.toStdString()]["variants"][std::size_t(variant)]["cases"];
    QVERIFY(cases.size() >= 50);
    for (const auto& row : cases) {
        const auto text = row["text"].get<std::string>();
        const auto wanted = row["ids"].get<std::vector<std::int32_t>>();
        const auto ids = tokenizer.value()->tokenize(text);
        const auto plain = tokenizer.value()->tokenize(text, false);
        QVERIFY2(ids.ok() && plain.ok(), text.c_str());
        QVERIFY2(ids.value() == wanted, (row.dump() + "\ngot " + nlohmann::json(ids.value()).dump()).c_str());
        QVERIFY2(plain.value() == row.value("plain", wanted), row.dump().c_str());
        QCOMPARE(tokenizer.value()->decode(ids.value()), row["decoded"].get<std::string>());
    }
}

/// Ids as a model could make them: any order, broken characters, ids that do not exist.
void TestTokenizerClaims::stream_equalsDecodeForAnyIds()
{
    QFETCH(QString, base);
    QFETCH(int, variant);
    const auto tokenizer = open(base, variant);
    QVERIFY(tokenizer.ok());
    std::mt19937 random(11);
    for (int round = 0; round < 60; ++round) {
        std::vector<std::int32_t> ids;
        for (int i = int(random() % 30); i >= 0; --i)
            ids.push_back(std::int32_t(random() % 3 ? random() % 1300 : random() % 262)); // often bytes
        StreamDecoder stream(*tokenizer.value());
        std::string text;
        for (std::size_t i = 0; i < ids.size(); ++i) {
            StreamDecoder copy(stream); // goes on from the same place
            const std::string part = stream.push(ids[i]);
            QCOMPARE(copy.push(ids[i]), part);
            QCOMPARE(QString::fromStdString("x" + part).toStdString(), "x" + part); // whole characters
            text += part;
        }
        QCOMPARE(text + stream.flush(), tokenizer.value()->decode(ids));
    }
}

QTEST_GUILESS_MAIN(TestTokenizerClaims)
#include "tst_tokenizer_claims.moc"
