#include "core/data/word_classes.h"

#include "core/data/embedded_data.h"

#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>

namespace ls {

namespace {

constexpr std::array<std::string_view, 16> kNames{
    "full stop", "comma",     "other mark", "newline", "article", "determiner", "preposition", "conjunction",
    "pronoun",   "auxiliary", "particle",   "number",  "content", "word piece", "mixed",       "special"};

using Lexicon = std::unordered_map<std::string, WordClass>;

const Lexicon& lexicon()
{
    static const Lexicon words = [] {
        Lexicon out;
        std::string_view file = embeddedData("function-words-en.tsv");
        while (!file.empty()) {
            const std::string_view line = file.substr(0, file.find('\n'));
            file.remove_prefix(std::min(file.size(), line.size() + 1));
            const std::size_t tab = line.find('\t');
            if (!line.starts_with('#') && tab != line.npos)
                out.emplace(line.substr(0, tab), wordClassFromName(line.substr(tab + 1)));
        }
        return out;
    }();
    return words;
}

enum class Kind { Space, Break, Letter, Digit, Apostrophe, Mark };

struct Character {
    Kind kind = Kind::Space;
    std::size_t bytes = 1;
    char32_t code = 0;
};

bool isWideSpace(char32_t c)
{
    return c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200B) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000 || c == 0xFEFF;
}

/// Blocks of punctuation and symbols; everything else beyond ASCII counts as a letter, which is right for alphabets.
bool isWideMark(char32_t c)
{
    return (c > 0xA0 && c <= 0xBF && c != 0xAA && c != 0xB5 && c != 0xBA) || c == 0xD7 || c == 0xF7 ||
           (c >= 0x2010 && c <= 0x2BFF) || (c >= 0x3001 && c <= 0x303F) || (c >= 0xFF01 && c <= 0xFF0F) ||
           (c >= 0xFF1A && c <= 0xFF20) || (c >= 0xFF3B && c <= 0xFF40) || (c >= 0xFF5B && c <= 0xFF65) ||
           c == 0xFFFD || (c >= 0x1F000 && c <= 0x1FAFF);
}

Kind kindOf(char32_t c)
{
    if (c == '\n' || c == '\r')
        return Kind::Break;
    if (c <= ' ' || c == 0x7F || isWideSpace(c))
        return Kind::Space;
    if (c >= '0' && c <= '9')
        return Kind::Digit;
    if (c == '\'' || c == 0x2019)
        return Kind::Apostrophe;
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return Kind::Letter;
    return c < 0x80 || isWideMark(c) ? Kind::Mark : Kind::Letter;
}

/// The UTF-8 character at `at`; a byte that begins none is a mark of its own. Past the end: space of no bytes.
Character characterAt(std::string_view text, std::size_t at)
{
    if (at >= text.size())
        return {Kind::Space, 0, 0};
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
    const unsigned char first = byte(0);
    const std::size_t length = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
    if (length == 0 || at + length > text.size())
        return {Kind::Mark, 1, 0xFFFD};
    char32_t code = length == 1 ? first : first & (0x7F >> length);
    for (std::size_t i = 1; i < length; ++i) {
        if (byte(i) >> 6 != 2)
            return {Kind::Mark, 1, 0xFFFD};
        code = code << 6 | (byte(i) & 0x3F);
    }
    return {kindOf(code), length, code};
}

WordClass markClass(char32_t c)
{
    if (c == '.' || c == '!' || c == '?' || c == 0x3002 || c == 0xFF01 || c == 0xFF1F)
        return WordClass::FullStop;
    return c == ',' || c == 0x3001 || c == 0xFF0C ? WordClass::Comma : WordClass::OtherMark;
}

WordClass lookUp(std::string word)
{
    std::string plain;
    for (std::size_t at = 0; at < word.size();) { // lower case, typographic apostrophe as the plain one
        const Character c = characterAt(word, at);
        if (c.kind == Kind::Apostrophe)
            plain += '\'';
        else if (c.bytes == 1)
            plain += char(c.code >= 'A' && c.code <= 'Z' ? c.code + 32 : c.code);
        else
            plain += word.substr(at, c.bytes);
        at += c.bytes;
    }
    auto found = lexicon().find(plain);
    if (found == lexicon().end() && plain.starts_with('\''))
        found = lexicon().find(plain.substr(1));
    return found == lexicon().end() ? WordClass::Content : found->second;
}

/// End of the word that begins at `begin` (letters and digits, or an apostrophe with letters behind it).
std::size_t wordEnd(std::string_view text, std::size_t begin, bool& isNumber)
{
    std::size_t at = begin;
    isNumber = true;
    for (Character c = characterAt(text, at); c.bytes > 0; c = characterAt(text, at)) {
        const Character next = characterAt(text, at + c.bytes);
        const bool inNumber = isNumber && at > begin && (c.code == '.' || c.code == ',') && next.kind == Kind::Digit;
        const bool leads = at == begin && c.kind == Kind::Apostrophe;
        if (c.kind != Kind::Letter && c.kind != Kind::Digit && !inNumber && !leads)
            break;
        isNumber = isNumber && (c.kind == Kind::Digit || inNumber);
        at += c.bytes;
    }
    return at;
}

bool isBlank(std::string_view text)
{
    for (std::size_t at = 0; at < text.size();) {
        const Character c = characterAt(text, at);
        if (c.kind != Kind::Space && c.kind != Kind::Break)
            return false;
        at += c.bytes;
    }
    return true;
}

bool isMark(WordClass c)
{
    return c == WordClass::FullStop || c == WordClass::Comma || c == WordClass::OtherMark;
}

WordClass classOfToken(std::span<const WordSpan> inside, std::size_t tokenEnd)
{
    std::vector<WordSpan> shown(inside.begin(), inside.end());
    std::erase_if(shown, [](const WordSpan& span) { return span.wordClass == WordClass::Newline; });
    if (shown.empty())
        return WordClass::Newline;
    const auto marks =
        std::count_if(shown.begin(), shown.end(), [](const auto& span) { return isMark(span.wordClass); });
    if (marks == std::ptrdiff_t(shown.size()))
        return shown.front().wordClass; // ." counts as its first mark
    if (marks > 0)
        return WordClass::Mixed;
    const auto finished =
        std::find_if(shown.rbegin(), shown.rend(), [&](const auto& span) { return span.end <= tokenEnd; });
    return finished == shown.rend() ? WordClass::WordPiece : finished->wordClass;
}

} // namespace

std::string_view wordClassName(WordClass wordClass)
{
    return kNames[std::size_t(wordClass)];
}

WordClass wordClassFromName(std::string_view name)
{
    const auto found = std::find(kNames.begin(), kNames.end(), name);
    return found == kNames.end() ? WordClass::Content : WordClass(found - kNames.begin());
}

WordGroup wordGroup(WordClass wordClass)
{
    if (isMark(wordClass))
        return WordGroup::Punctuation;
    if (wordClass >= WordClass::Article && wordClass <= WordClass::Particle)
        return WordGroup::Function;
    return wordClass == WordClass::Content ? WordGroup::Content : WordGroup::None;
}

std::vector<WordSpan> wordClasses(std::string_view text)
{
    std::vector<WordSpan> spans;
    Kind previous = Kind::Space;
    for (std::size_t at = 0; at < text.size();) {
        const Character c = characterAt(text, at);
        std::size_t end = at + c.bytes;
        const bool contraction =
            c.kind == Kind::Apostrophe && previous == Kind::Letter && characterAt(text, end).kind == Kind::Letter;
        previous = c.kind;
        if (c.kind == Kind::Letter || c.kind == Kind::Digit || contraction) {
            bool isNumber = false;
            end = wordEnd(text, at, isNumber);
            spans.push_back({at, end, isNumber ? WordClass::Number : lookUp(std::string(text.substr(at, end - at)))});
            previous = Kind::Letter;
        } else if (c.kind == Kind::Break) {
            spans.push_back({at, end, WordClass::Newline});
        } else if (c.kind != Kind::Space) {
            spans.push_back({at, end, markClass(c.code)});
        }
        at = end;
    }
    return spans;
}

std::vector<WordClass> tokenClasses(std::string_view text, std::span<const WordSpan> words,
                                    std::span<const std::size_t> bounds)
{
    std::vector<WordClass> classes;
    std::size_t first = 0; // words before it end before the token
    for (std::size_t i = 0; i + 1 < bounds.size(); ++i) {
        while (first < words.size() && words[first].end <= bounds[i])
            ++first;
        std::size_t last = first;
        while (last < words.size() && words[last].begin < bounds[i + 1])
            ++last;
        const bool blank = isBlank(text.substr(bounds[i], bounds[i + 1] - bounds[i]));
        classes.push_back(blank ? WordClass::Newline : classOfToken(words.subspan(first, last - first), bounds[i + 1]));
    }
    return classes;
}

std::vector<WordGroup> tokenGroups(std::span<const std::string> tokenTexts)
{
    std::vector<bool> special;
    for (const std::string& text : tokenTexts)
        special.push_back(looksSpecial(text));
    std::vector<WordGroup> groups;
    for (const WordClass wordClass : tokenClasses(tokenTexts, special))
        groups.push_back(wordGroup(wordClass));
    return groups;
}

std::vector<WordClass> tokenClasses(std::span<const std::string> tokenTexts, const std::vector<bool>& special)
{
    const auto isSpecial = [&](std::size_t i) { return i < special.size() && special[i]; };
    std::vector<WordClass> classes;
    for (std::size_t i = 0; i < tokenTexts.size();) {
        if (isSpecial(i)) {
            classes.push_back(WordClass::Special);
            ++i;
            continue;
        }
        std::string text;
        std::vector<std::size_t> bounds{0};
        for (; i < tokenTexts.size() && !isSpecial(i); ++i)
            bounds.push_back((text += tokenTexts[i]).size());
        const auto part = tokenClasses(text, wordClasses(text), bounds);
        classes.insert(classes.end(), part.begin(), part.end());
    }
    return classes;
}

bool looksSpecial(std::string_view text)
{
    if (text.starts_with("<|") && text.ends_with("|>") && text.size() > 4)
        return true;
    static constexpr std::array<std::string_view, 12> kKnown{
        "<s>",    "</s>",    "<bos>",           "<eos>",         "<pad>", "<unk>",
        "[INST]", "[/INST]", "<start_of_turn>", "<end_of_turn>", "[BOS]", "[EOS]"};
    return std::find(kKnown.begin(), kKnown.end(), text) != kKnown.end();
}

} // namespace ls
