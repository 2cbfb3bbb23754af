#include "engine/formats/gguf.h"
#include "engine/text/tokenizer.h"
#include "tests/support/test_model.h"

#include <nlohmann/json.hpp>

#include <QtTest>

#include <algorithm>
#include <array>
#include <fstream>
#include <limits>
#include <random>

using namespace ls;

/// The tokenizer of the real model against the ids of the reference implementation.
class TestTokenizer : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void encode_equalsTheReference_data();
    void encode_equalsTheReference();
    void digits_areSplitFirst();
    void bytesWithoutAToken_areLeftOut();
    void randomText_comesBack();
    void streaming_neverSplitsACharacter();
    void specialTokens_onlyWhenAsked();
    void idsOutOfRange_areEmpty();
    void fingerprint_staysTheSame();

private:
    std::unique_ptr<GgufFile> m_file;
    std::unique_ptr<Tokenizer> m_tokenizer;
};

namespace {

QString randomText(std::mt19937& random)
{
    QString text;
    for (int i = int(random() % 61); i > 0; --i) {
        char32_t c = 0;
        switch (random() % 6) {
        case 0:
            c = char32_t(0x20 + random() % 0x60);
            break;
        case 1:
            c = char32_t(0x80 + random() % 0x780);
            break;
        case 2:
            c = char32_t(0x800 + random() % 0xD000); // below the surrogates
            break;
        case 3:
            c = char32_t(0x10000 + random() % 0x30000);
            break;
        case 4:
            c = U" \n\t\r"[random() % 4];
            break;
        default:
            c = char32_t('a' + random() % 26);
        }
        text += QString::fromUcs4(&c, 1);
    }
    return text;
}

} // namespace

void TestTokenizer::initTestCase()
{
    const std::string path = test::smolLmPath();
    QVERIFY2(!path.empty(), test::kSmolLmMissing);
    auto file = GgufFile::open(path);
    QVERIFY2(file.ok(), file.ok() ? "" : file.error().message.c_str());
    m_file = std::move(file).value();
    auto tokenizer = Tokenizer::fromGguf(*m_file);
    QVERIFY2(tokenizer.ok(), tokenizer.ok() ? "" : tokenizer.error().message.c_str());
    m_tokenizer = std::move(tokenizer).value();
    QCOMPARE(m_tokenizer->vocabSize(), 49152);
    QCOMPARE(m_tokenizer->eosId(), m_tokenizer->find("<|im_end|>"));
    QVERIFY(!m_tokenizer->addsBos());
}

void TestTokenizer::encode_equalsTheReference_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QVector<int>>("ids");
    QTest::addColumn<QByteArray>("decoded");
    std::ifstream in(LAYERSCOPE_TEST_DATA "/golden/tokenizers/smollm2-135m-instruct-q4_1/golden.json");
    QVERIFY(in.good());
    const auto golden = nlohmann::json::parse(in);
    QCOMPARE(golden.size(), std::size_t(39));
    for (const auto& row : golden) {
        const auto ids = row["ids"].get<std::vector<int>>();
        QTest::newRow(row["text"].dump(-1, ' ', true).c_str())
            << QByteArray::fromStdString(row["text"].get<std::string>()) << QVector<int>(ids.begin(), ids.end())
            << QByteArray::fromStdString(row["decoded"].get<std::string>());
    }
}

void TestTokenizer::encode_equalsTheReference()
{
    QFETCH(QByteArray, text);
    QFETCH(QVector<int>, ids);
    QFETCH(QByteArray, decoded);
    const auto got = m_tokenizer->encode(text.toStdString());
    QCOMPARE(QByteArray::fromStdString(m_tokenizer->decode(got)), decoded);
    // The golden ids come from a GGUF import that ignores tokenizer.ggml.pre: it does not split digits first. Only this
    // row shows it; its ids under the model's own pre-tokenizer are in digits_areSplitFirst.
    if (text.contains("½"))
        QEXPECT_FAIL("", "made without the digit split that the file asks for (pre = smollm)", Continue);
    QCOMPARE(QVector<int>(got.begin(), got.end()), ids);
}

/// Made with tokenizers 0.23.3: vocabulary and merges of the file, Digits(individual) then ByteLevel.
void TestTokenizer::digits_areSplitFirst()
{
    const auto got = m_tokenizer->encode("½ ² ₃ Ⅷ ①");
    QCOMPARE(got,
             (std::vector<std::int32_t>{16738, 216, 19133, 216, 25699, 221, 216, 173, 223, 117, 216, 173, 235, 250}));
}

/// This vocabulary has no token for 21 of the 256 bytes; the reference leaves these out, too.
void TestTokenizer::bytesWithoutAToken_areLeftOut()
{
    QVERIFY(m_tokenizer->encode("\x04").empty());
    QCOMPARE(m_tokenizer->encode("a\U00041234b"), (std::vector<std::int32_t>{81, 219, 226, 129, 82}));
}

void TestTokenizer::randomText_comesBack()
{
    std::array<bool, 256> known{}; // bytes the vocabulary can write
    for (std::int32_t id = 0; id < m_tokenizer->vocabSize(); ++id)
        if (const std::string bytes = m_tokenizer->bytes(id); bytes.size() == 1)
            known[static_cast<unsigned char>(bytes[0])] = true;
    QCOMPARE(int(std::count(known.begin(), known.end(), true)), 256 - 21);
    std::mt19937 random(7);
    int checked = 0;
    while (checked < 2000) {
        const std::string plain = randomText(random).toStdString();
        if (!std::all_of(plain.begin(), plain.end(), [&](char c) { return known[static_cast<unsigned char>(c)]; }))
            continue;
        ++checked;
        for (const bool special : {true, false}) {
            const std::string back = m_tokenizer->decode(m_tokenizer->encode(plain, special));
            QVERIFY2(back == plain, QByteArray::fromStdString(plain).toHex().constData());
        }
    }
}

void TestTokenizer::streaming_neverSplitsACharacter()
{
    const std::string text = "Zürich 東京 🙂🙃 👩‍👩‍👧 नमस्ते";
    const auto ids = m_tokenizer->encode(text);
    StreamDecoder stream(*m_tokenizer);
    std::string all;
    for (const auto id : ids) {
        const std::string part = stream.push(id);
        QCOMPARE(QString::fromStdString(part).toStdString(), part); // Qt replaces what is no whole UTF-8
        QVERIFY(part.find("\xEF\xBF\xBD") == std::string::npos);
        all += part;
    }
    QCOMPARE(all + stream.flush(), text);
    const std::int32_t half = m_tokenizer->encode("🙂").front();
    QCOMPARE(stream.push(half), std::string()); // the character is not whole yet
    QCOMPARE(stream.flush(), std::string("\xEF\xBF\xBD"));
}

void TestTokenizer::specialTokens_onlyWhenAsked()
{
    const auto special = m_tokenizer->encode("<|im_start|>");
    QCOMPARE(int(special.size()), 1);
    QVERIFY(m_tokenizer->isSpecial(special.front()));
    const auto plain = m_tokenizer->encode("<|im_start|>", false);
    QVERIFY(plain.size() > 1);
    for (const auto id : plain)
        QVERIFY(!m_tokenizer->isSpecial(id));
}

void TestTokenizer::idsOutOfRange_areEmpty()
{
    for (const std::int32_t id : {-1, m_tokenizer->vocabSize(), std::numeric_limits<std::int32_t>::max()}) {
        QCOMPARE(m_tokenizer->bytes(id), std::string());
        QVERIFY(!m_tokenizer->isSpecial(id));
    }
    QCOMPARE(m_tokenizer->find("no such token"), -1);
}

void TestTokenizer::fingerprint_staysTheSame()
{
    auto again = Tokenizer::fromGguf(*m_file);
    QVERIFY(again.ok());
    QCOMPARE(again.value()->fingerprint(), m_tokenizer->fingerprint());
    QCOMPARE(int(m_tokenizer->fingerprint().size()), 16);
}

QTEST_GUILESS_MAIN(TestTokenizer)
#include "tst_tokenizer.moc"
