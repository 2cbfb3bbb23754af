#include "engine/text/regex.h"
#include "engine/text/regex_dialect.h"
#include "engine/text/unicode.h"

#include <QtTest>

using namespace ls;

/// Patterns in Oniguruma's syntax match as Oniguruma's would.
class TestRegex : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void matches_areOniguruma_data();
    void matches_areOniguruma();
    void classes_holdTheSameCharacters_data();
    void classes_holdTheSameCharacters();
    void literal_matchesItself();
};

namespace {

QStringList matchesOf(const Regex& regex, const std::string& text)
{
    QStringList out;
    const Status status = regex.forEachMatch(text, [&](std::size_t begin, std::size_t end) {
        out.append(QStringLiteral("%1:%2").arg(begin).arg(QString::fromStdString(text.substr(begin, end - begin))));
    });
    return status.ok() ? out : QStringList{QStringLiteral("error")};
}

bool contains(const char* pattern, char32_t c)
{
    static std::map<std::string, Regex> known;
    if (!known.contains(pattern))
        known.emplace(pattern, std::move(Regex::compile(pattern)).value());
    std::string text;
    appendCharacter(text, c);
    bool found = false;
    return known.at(pattern).forEachMatch(text, [&](std::size_t b, std::size_t e) { found = e > b; }).ok() && found;
}

} // namespace

/// Wanted: what Split(Regex(pattern), "isolated") of tokenizers 0.23.3 cuts out.
void TestRegex::matches_areOniguruma_data()
{
    QTest::addColumn<QString>("pattern");
    QTest::addColumn<QString>("text");
    QTest::addColumn<QStringList>("wanted");
    const auto row = [](const char* pattern, const char* text, const QStringList& wanted) {
        QTest::newRow(pattern) << QString::fromUtf8(pattern) << QString::fromUtf8(text) << wanted;
    };
    row("a+", "aabca", {"0:aa", "4:a"});
    row("a*", "baac", {"0:", "1:aa", "4:"});
    row("", "aé", {"0:", "1:", "3:"});
    row("(?=[A-Z])", "aBCd", {"1:", "2:"});
    row("^b.", "ab\nbc\nbd", {"3:bc", "6:bd"}); // lines without a flag
    row("(?m:b.)", "b\nb", {"0:b\n"});          // the flag that Perl calls s
    row("(?im-x:B.)", "b\n", {"0:b\n"});
    row("b.", "b\nbc", {"2:bc"});
    row("(?i)É'S", "é's É'ſ", {"0:é's", "5:É'ſ"});
    row("x{,2}y", "xxxy y", {"1:xxy", "5:y"});
    row("x{2}", "xxx", {"0:xx"});
    row("x{", "x{", {"0:x{"});
    row("\\h+", "xyzAF09g", {"3:AF09"});
    row("\\bé\\b", "é éa é", {"0:é", "7:é"});
    row("a\\B.", "ab a", {"0:ab"});
    row("[^\\S\\n]+", "a \t\nb", {"1: \t"});
    row("[\\w']+", "don't ①", {"0:don't"});
    row("[]a]+", "a]b", {"0:a]"});
    row("\\u00e9|\\x{1F642}", "é🙂", {"0:é", "2:🙂"});
    row("(?<!a)b(?!c)", "ab bc b", {"6:b"});
    row("(?>a+)b|a", "aab", {"0:aab"});
    row("[[:alpha:][:digit:]]+", "a1-b", {"0:a1", "3:b"});
}

void TestRegex::matches_areOniguruma()
{
    QFETCH(QString, pattern);
    QFETCH(QString, text);
    const auto regex = Regex::compile(pattern.toStdString());
    QVERIFY2(regex.ok(), regex.ok() ? "" : regex.error().detail.c_str());
    QTEST(matchesOf(regex.value(), text.toStdString()), "wanted");
}

void TestRegex::classes_holdTheSameCharacters_data()
{
    QTest::addColumn<QString>("pattern");
    QTest::addColumn<QString>("opposite");
    QTest::addColumn<int>("kind");
    QTest::newRow("\\s") << "\\s"
                         << "\\S" << 0;
    QTest::newRow("[\\s]") << "[\\s]"
                           << "[\\S]" << 0;
    QTest::newRow("\\w") << "\\w"
                         << "\\W" << 1;
    QTest::newRow("[\\w]") << "[\\w]"
                           << "[^\\w]" << 1;
    QTest::newRow("\\p{N}") << "\\p{N}"
                            << "\\P{N}" << 2;
}

void TestRegex::classes_holdTheSameCharacters()
{
    QFETCH(QString, pattern);
    QFETCH(QString, opposite);
    QFETCH(int, kind);
    int count = 0;
    for (char32_t c = 0; c <= 0x3000; ++c) {
        // Oniguruma's \w: no joiners, but the numbers of Latin-1.
        const bool latinNumber = c == 0xB2 || c == 0xB3 || c == 0xB9 || (c >= 0xBC && c <= 0xBE);
        const bool wanted = kind == 0   ? isWhitespace(c)
                            : kind == 1 ? latinNumber || (isWordCharacter(c) && c != 0x200C && c != 0x200D)
                                        : isNumeric(c);
        if (kind > 0 && c >= 0x870)
            break; // beyond, the Unicode versions of the two libraries differ in new letters
        count += wanted;
        QVERIFY2(contains(pattern.toUtf8().constData(), c) == wanted, qPrintable(QString::number(c, 16)));
        QVERIFY2(contains(opposite.toUtf8().constData(), c) == !wanted, qPrintable(QString::number(c, 16)));
    }
    QVERIFY(count >= 25 || kind == 2);
}

void TestRegex::literal_matchesItself()
{
    const std::string text = "a.b*c\\d[e]{2}(f)|^$+? #\n🙂é-&~";
    const auto regex = Regex::compile(literalPattern(text));
    QVERIFY(regex.ok());
    QCOMPARE(matchesOf(regex.value(), "x" + text + text).size(), qsizetype(2));
}

QTEST_GUILESS_MAIN(TestRegex)
#include "tst_regex.moc"
