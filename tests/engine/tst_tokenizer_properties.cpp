#include "engine/text/byte_level.h"
#include "engine/text/unicode.h"
#include "tests/support/tokenizer_files.h"

#include <QElapsedTimer>
#include <QtTest>

#include <random>
#include <set>

using namespace ls;

/// What holds for any text.
class TestTokenizerProperties : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void roundTrip_isTheNormalisedText_data();
    void roundTrip_isTheNormalisedText();
    void brokenUtf8_isRepairedFirst_data() { roundTrip_isTheNormalisedText_data(); }
    void brokenUtf8_isRepairedFirst();
    void bytes_addUpToTheText_data() { roundTrip_isTheNormalisedText_data(); }
    void bytes_addUpToTheText();
    void tokenEnds_arePlacesInTheText();
    void longTexts_takeLinearTime_data();
    void longTexts_takeLinearTime();
    void utf8_isJudgedAsByQt();
    void fingerprint_tellsTokenizersApart();
    void special_isWhatTheFileSays();
};

namespace {

char32_t randomCharacter(std::mt19937& random)
{
    switch (random() % 8) {
    case 0:
        return char32_t(random() % 0x80); // control characters, too
    case 1:
        return char32_t(0x80 + random() % 0x780);
    case 2:
        return char32_t(0x800 + random() % 0xD000); // below the surrogates
    case 3:
        return char32_t(0xE000 + random() % 0x2000);
    case 4:
        return char32_t(0x10000 + random() % 0x100000);
    case 5:
        return U" \n\t\r"[random() % 4];
    case 6:
        return char32_t(0x300 + random() % 0x70); // combining marks
    default:
        return char32_t('a' + random() % 26);
    }
}

std::string randomText(std::mt19937& random)
{
    std::string text;
    for (int i = int(random() % 61); i > 0; --i)
        appendCharacter(text, randomCharacter(random));
    return text;
}

std::unique_ptr<Tokenizer> golden(const char* name)
{
    auto tokenizer = Tokenizer::open(test::goldenTokenizerPath(name));
    return tokenizer ? std::move(tokenizer).value() : nullptr;
}

std::string repeated(const char* text, std::size_t bytes)
{
    std::string out;
    while (out.size() < bytes)
        out += text;
    return out;
}

} // namespace

void TestTokenizerProperties::roundTrip_isTheNormalisedText_data()
{
    QTest::addColumn<QString>("name");
    for (const char* name : {"gpt2", "llama3", "qwen2", "smollm"})
        QTest::newRow(name) << name;
}

void TestTokenizerProperties::roundTrip_isTheNormalisedText()
{
    QFETCH(QString, name);
    const auto tokenizer = golden(qPrintable(name));
    QVERIFY(tokenizer);
    std::mt19937 random(7);
    for (int i = 0; i < 4000; ++i) {
        std::string text = randomText(random);
        const auto ids = tokenizer->encode(text, i % 2 == 0);
        if (name == QLatin1String("qwen2"))
            text = normalised(text, NormalForm::C).value();
        QVERIFY2(tokenizer->decode(ids) == text, QByteArray::fromStdString(text).toHex().constData());
    }
}

void TestTokenizerProperties::brokenUtf8_isRepairedFirst()
{
    QFETCH(QString, name);
    const auto tokenizer = golden(qPrintable(name));
    QVERIFY(tokenizer);
    std::mt19937 random(8);
    for (int i = 0; i < 2000; ++i) {
        std::string text = randomText(random);
        for (int change = 0; change < 3 && !text.empty(); ++change)
            text[random() % text.size()] = char(random());
        QCOMPARE(tokenizer->encode(text), tokenizer->encode(repairUtf8(text)));
    }
}

/// Of texts that normalising leaves alone.
void TestTokenizerProperties::bytes_addUpToTheText()
{
    QFETCH(QString, name);
    const auto tokenizer = golden(qPrintable(name));
    QVERIFY(tokenizer);
    const std::string text = "Zürich 東京 🙂🙃 नमस्ते\n\n  x = {1: 'a'}<|im_start|>";
    std::string all;
    for (const auto id : tokenizer->encode(text))
        all += tokenizer->bytes(id);
    QCOMPARE(all, text);
}

void TestTokenizerProperties::tokenEnds_arePlacesInTheText()
{
    for (const char* name : {"gpt2", "llama2", "gemma", "unigram"}) {
        const auto tokenizer = golden(name);
        QVERIFY(tokenizer);
        const std::string text = "the king and the queen";
        const auto ids = tokenizer->encode(text);
        const auto ends = tokenEnds(*tokenizer, ids, text);
        QCOMPARE(ends.size(), ids.size());
        QVERIFY(std::is_sorted(ends.begin(), ends.end()));
        QCOMPARE(ends.back(), text.size());
        std::string all; // the first space of SentencePiece is not in the text
        for (std::size_t i = 0; i < ids.size(); ++i) {
            const std::string bytes = tokenizer->bytes(ids[i]);
            all += bytes;
            QVERIFY(std::string_view(all).ends_with(text.substr(0, ends[i])));
            QVERIFY(all.size() - ends[i] <= 1);
        }
    }
    auto withBos = test::readJson(test::goldenTokenizerPath("gpt2"));
    withBos["post_processor"] = {
        {"type", "RobertaProcessing"}, {"cls", {"<|im_start|>", 2}}, {"sep", {"<|im_end|>", 3}}};
    const auto tokenizer = Tokenizer::fromJson(withBos.dump());
    QVERIFY(tokenizer.ok());
    QCOMPARE(tokenizer.value()->bosId(), 2);
    QCOMPARE(tokenizer.value()->eosId(), 3);
    QVERIFY(tokenizer.value()->addsBos());
    auto ids = tokenizer.value()->encode("aé");
    ids.pop_back(); // the end token; what is behind the text would count as text
    QCOMPARE(tokenEnds(*tokenizer.value(), ids, "aé"), (std::vector<std::size_t>{0, 1, 2, 3})); // two bytes of é
}

void TestTokenizerProperties::longTexts_takeLinearTime_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("text");
    for (const char* name : {"gpt2", "llama3", "llama2", "gemma", "unigram"})
        for (const char* text :
             {"a", " ", "\n", " \n", "the", "東京", "\u0301", "🙂", "1", "x ", "'", "<|im_start|>", "é!\t"})
            QTest::addRow("%s %s", name, QByteArray(text).toHex().constData()) << name << text;
}

/// A megabyte without the breaks that cut other texts; anything quadratic would need hours.
void TestTokenizerProperties::longTexts_takeLinearTime()
{
    QFETCH(QString, name);
    QFETCH(QString, text);
    const auto tokenizer = golden(qPrintable(name));
    QVERIFY(tokenizer);
    const std::string longText = repeated(text.toUtf8().constData(), 1 << 20);
    QElapsedTimer timer;
    timer.start();
    const auto ids = tokenizer->tokenize(longText);
    QVERIFY2(ids.ok(), ids.ok() ? "" : ids.error().message.c_str());
    QVERIFY(!tokenizer->decode(ids.value()).empty());
    QVERIFY2(timer.elapsed() < 20'000, qPrintable(QString::number(timer.elapsed()) + QStringLiteral(" ms")));
}

void TestTokenizerProperties::utf8_isJudgedAsByQt()
{
    std::mt19937 random(9);
    for (int i = 0; i < 20'000; ++i) {
        std::string text = "x"; // Qt takes a mark at the very start as a sign of the encoding
        for (int c = int(random() % 4); c >= 0; --c)
            appendCharacter(text, randomCharacter(random));
        if (i % 2)
            text[1 + random() % (text.size() - 1)] = char(random());
        const std::string qt = QString::fromStdString(text).toStdString(); // replaces what is no UTF-8
        QCOMPARE(isValidUtf8(text), qt == text);
        QVERIFY(isValidUtf8(repairUtf8(text)));
        QVERIFY(completePrefix(text) <= text.size());
    }
}

void TestTokenizerProperties::fingerprint_tellsTokenizersApart()
{
    const auto file = test::readJson(test::goldenTokenizerPath("gpt2"));
    std::set<std::string> seen;
    const auto add = [&](const char* pointer, const nlohmann::json& value) {
        auto changed = file;
        changed[nlohmann::json::json_pointer(pointer)] = value;
        const auto tokenizer = Tokenizer::fromJson(changed.dump());
        QVERIFY(tokenizer.ok());
        QCOMPARE(int(tokenizer.value()->fingerprint().size()), 16);
        QVERIFY(seen.insert(tokenizer.value()->fingerprint()).second);
        QCOMPARE(Tokenizer::fromJson(changed.dump()).value()->fingerprint(), tokenizer.value()->fingerprint());
    };
    add("/version", "1.0");
    add("/normalizer", {{"type", "NFC"}});
    add("/model/merges/0", file["model"]["merges"][1]);
    add("/model/ignore_merges", true);
    add("/added_tokens/0/special", false);
    add("/decoder", nullptr);
}

void TestTokenizerProperties::special_isWhatTheFileSays()
{
    const auto tokenizer = golden("gpt2");
    QVERIFY(tokenizer);
    for (std::int32_t id = -1; id <= tokenizer->vocabSize(); ++id)
        QCOMPARE(tokenizer->isSpecial(id), id >= 0 && id < 4);
    QCOMPARE(tokenizer->find("<|im_end|>"), 3);
    QCOMPARE(tokenizer->find("nothing"), -1);
    QCOMPARE(tokenizer->bosId(), -1); // the file does not say
    QVERIFY(!tokenizer->addsBos());
}

QTEST_GUILESS_MAIN(TestTokenizerProperties)
#include "tst_tokenizer_properties.moc"
