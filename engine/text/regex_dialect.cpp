#include "engine/text/regex_dialect.h"

#include <fmt/format.h>

#include <cctype>

namespace ls {

namespace {

// Contents of classes, because PCRE2's own \s and \w hold other characters than Oniguruma's.
constexpr const char* kSpace = R"(\x{09}-\x{0D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F})"
                               R"(\x{205F}\x{3000})";
constexpr const char* kWord = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE})";
constexpr const char* kHex = "0-9A-Fa-f";

const char* classOf(char name)
{
    switch (name) {
    case 's':
        return kSpace;
    case 'w':
        return kWord;
    case 'h':
        return kHex;
    default:
        return nullptr;
    }
}

struct Refused {
    const char* what;
};

/// One pass from left to right; throws Refused, which does not leave this file.
class Translator {
public:
    explicit Translator(std::string_view pattern)
        : m_in(pattern)
    {
    }

    std::string run()
    {
        while (m_at < m_in.size()) {
            const char c = m_in[m_at];
            if (c == '\\')
                escape(false);
            else if (c == '[')
                characterClass();
            else if (c == '(')
                group();
            else if (c == '{')
                repeat();
            else
                copy(1);
        }
        return std::move(m_out);
    }

private:
    char peek(std::size_t ahead) const { return m_at + ahead < m_in.size() ? m_in[m_at + ahead] : '\0'; }
    bool starts(std::string_view text) const { return m_in.substr(m_at).starts_with(text); }
    void copy(std::size_t count)
    {
        m_out += m_in.substr(m_at, count);
        m_at += count;
    }
    void replace(std::size_t count, std::string_view by)
    {
        m_out += by;
        m_at += count;
    }

    void escape(bool inClass)
    {
        const char c = peek(1);
        const char lower = char(std::tolower(static_cast<unsigned char>(c)));
        if (const char* content = classOf(lower)) {
            const bool negated = c != lower;
            if (inClass && negated)
                return negatedInClass(c);
            replace(2, inClass ? std::string(content) : fmt::format("[{}{}]", negated ? "^" : "", content));
        } else if ((c == 'b' || c == 'B') && !inClass) {
            const std::string in = fmt::format("[{}]", kWord);
            const std::string border = fmt::format("(?:(?<={0})(?!{0})|(?<!{0})(?={0}))", in);
            const std::string inside = fmt::format("(?:(?<={0})(?={0})|(?<!{0})(?!{0}))", in);
            replace(2, c == 'b' ? border : inside);
        } else if (c == 'u') {
            for (std::size_t i = 2; i < 6; ++i)
                if (!std::isxdigit(static_cast<unsigned char>(peek(i))))
                    throw Refused{"\\u without four digits"};
            replace(6, fmt::format("\\x{{{}}}", m_in.substr(m_at + 2, 4)));
        } else if (c == 'Q' || c == 'E' || c == 'N' || c == 'O' || c == 'y' || c == 'Y' || c == 'C') {
            throw Refused{"an escape with another meaning"};
        } else if (c == 'p' || c == 'P') {
            const std::size_t close = peek(2) == '{' ? m_in.find('}', m_at) : std::string_view::npos;
            if (close == std::string_view::npos)
                throw Refused{"\\p without braces"};
            copy(close + 1 - m_at);
        } else {
            copy(2);
        }
    }

    void negatedInClass(char c)
    {
        if (c != 'S')
            throw Refused{"a negated word or hex class inside a class"};
        replace(2, R"(\P{White_Space})"); // the same characters as kSpace
    }

    void characterClass()
    {
        copy(1);
        if (peek(0) == '^')
            copy(1);
        if (peek(0) == ']')
            copy(1);
        while (m_at < m_in.size() && m_in[m_at] != ']') {
            if (m_in[m_at] == '\\')
                escape(true);
            else if (starts("[:"))
                posixClass();
            else if (m_in[m_at] == '[')
                throw Refused{"a class inside a class"};
            else if (starts("&&"))
                throw Refused{"an intersection of classes"};
            else
                copy(1);
        }
        copy(1);
    }

    void posixClass()
    {
        struct Named {
            std::string_view name;
            const char* content;
        };
        static constexpr Named kNamed[] = {{"[:alpha:]", R"(\p{Alphabetic}\x{363}-\x{36F})"},
                                           {"[:digit:]", R"(\p{Nd})"},
                                           {"[:alnum:]", R"(\p{Alphabetic}\p{Nd})"},
                                           {"[:upper:]", R"(\p{Uppercase})"},
                                           {"[:lower:]", R"(\p{Lowercase})"},
                                           {"[:space:]", kSpace}};
        for (const Named& named : kNamed)
            if (starts(named.name))
                return replace(named.name.size(), named.content);
        throw Refused{"a named class"};
    }

    void group()
    {
        if (starts("(*"))
            throw Refused{"a verb"};
        if (!starts("(?"))
            return copy(1);
        std::size_t end = m_at + 2;
        std::string options;
        for (; end < m_in.size() && (std::islower(static_cast<unsigned char>(m_in[end])) || m_in[end] == '-'); ++end) {
            const char option = m_in[end] == 'm' ? 's' : m_in[end]; // Ruby's m: the dot matches a line break
            if (std::string_view("isx-").find(option) == std::string_view::npos || m_in[end] == 's')
                throw Refused{"an option"};
            options += option;
        }
        if (options.empty())
            return copy(2);
        const char close = end < m_in.size() ? m_in[end] : '\0';
        if (close != ':' && (close != ')' || m_at != 0))
            throw Refused{"an option in mid-pattern"}; // Ruby and PCRE2 disagree on how far it reaches
        replace(end + 1 - m_at, fmt::format("(?{}{}", options, close));
    }

    void repeat()
    {
        const std::size_t close = m_in.find('}', m_at);
        const std::string_view inside =
            close == std::string_view::npos ? std::string_view() : m_in.substr(m_at + 1, close - m_at - 1);
        if (inside.empty() || inside.find_first_not_of("0123456789,") != std::string_view::npos)
            return copy(1); // a literal brace
        const char after = close + 1 < m_in.size() ? m_in[close + 1] : '\0';
        if (after == '+' || (after == '?' && inside.find(',') == std::string_view::npos))
            throw Refused{"a repeated repetition"};
        replace(close + 1 - m_at, fmt::format("{{{}{}}}", inside.front() == ',' ? "0" : "", inside));
    }

    std::string_view m_in;
    std::size_t m_at = 0;
    std::string m_out;
};

} // namespace

Result<std::string> toPcre2(std::string_view pattern)
{
    try {
        return Translator(pattern).run();
    } catch (const Refused& refused) {
        return Error{Errc::TokenizerUnknown, fmt::format("The tokenizer's pattern holds {}.", refused.what),
                     "Guessing would give wrong ids, so the model is not opened.", std::string(pattern.substr(0, 500))};
    }
}

std::string literalPattern(std::string_view text)
{
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80 && !std::isalnum(byte))
            out += fmt::format("\\x{{{:02X}}}", byte);
        else
            out += c;
    }
    return out;
}

} // namespace ls
