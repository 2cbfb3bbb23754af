#include "engine/text/jinja/lexer.h"

#include "engine/text/jinja/literals.h"
#include "engine/text/jinja/unicode.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace ls::jinja {

namespace {

struct Operator {
    std::string_view text;
    Token type;
};
constexpr std::array<Operator, 27> kOperators{{{"//", Token::FloorDiv},
                                               {"**", Token::Pow},
                                               {"==", Token::Equal},
                                               {"!=", Token::NotEqual},
                                               {">=", Token::GreaterEqual},
                                               {"<=", Token::LessEqual},
                                               {"+", Token::Add},
                                               {"-", Token::Sub},
                                               {"/", Token::Div},
                                               {"*", Token::Mul},
                                               {"%", Token::Mod},
                                               {"~", Token::Tilde},
                                               {"[", Token::LeftBracket},
                                               {"]", Token::RightBracket},
                                               {"(", Token::LeftParenthesis},
                                               {")", Token::RightParenthesis},
                                               {"{", Token::LeftBrace},
                                               {"}", Token::RightBrace},
                                               {">", Token::Greater},
                                               {"<", Token::Less},
                                               {"=", Token::Assign},
                                               {".", Token::Dot},
                                               {":", Token::Colon},
                                               {"|", Token::Pipe},
                                               {",", Token::Comma},
                                               {";", Token::Semicolon},
                                               {"", Token::End}}};

/// Every kind of newline becomes "\n"; the last one is dropped.
std::string normalized(std::string_view source)
{
    std::string out;
    out.reserve(source.size());
    for (std::size_t i = 0; i < source.size(); ++i) {
        if (source[i] == '\r') {
            out += '\n';
            i += i + 1 < source.size() && source[i + 1] == '\n';
        } else {
            out += source[i];
        }
    }
    if (out.ends_with('\n'))
        out.pop_back();
    return out;
}

class Lexer {
public:
    explicit Lexer(std::string_view source)
        : m_text(normalized(source))
    {
    }
    std::vector<TokenText> run();

private:
    void data();
    void text(std::size_t end, char sign, bool lineStripped);
    void comment();
    bool raw(std::size_t open);
    void expression(Token end);
    bool closes(Token end);
    void token();
    void pop(char closing);
    void number();
    void string();

    bool at(std::size_t position, std::string_view what) const
    {
        return m_text.compare(position, what.size(), what) == 0;
    }
    std::size_t skipSpace(std::size_t position) const
    {
        return m_text.size() - stripLeft(std::string_view(m_text).substr(position)).size();
    }
    void moveTo(std::size_t position)
    {
        m_line +=
            int(std::count(m_text.begin() + std::ptrdiff_t(m_at), m_text.begin() + std::ptrdiff_t(position), '\n'));
        m_lineStarts = position > 0 && m_text[position - 1] == '\n';
        m_at = position;
    }
    void add(Token type, std::string content = {}, Value value = {})
    {
        m_tokens.push_back({type, m_line, std::move(content), std::move(value)});
    }

    const std::string m_text;
    std::size_t m_at = 0;
    int m_line = 1;
    bool m_lineStarts = true; // the last thing read ended a line, so spaces before a tag may be stripped
    std::string m_brackets;   // closing ones still to come
    std::vector<TokenText> m_tokens;
};

std::vector<TokenText> Lexer::run()
{
    try {
        while (m_at < m_text.size())
            data();
        add(Token::End);
    } catch (const Failure& failure) {
        add(Token::Broken, failure.message);
    }
    return std::move(m_tokens);
}

/// Text up to the next tag, and the tag.
void Lexer::data()
{
    std::size_t open = m_at;
    do {
        open = m_text.find('{', open);
        if (open == m_text.npos) {
            text(m_text.size(), '+', false);
            return;
        }
    } while (!at(open, "{%") && !at(open, "{{") && !at(open, "{#") && ++open);
    const char kind = m_text[open + 1];
    if (kind == '%' && raw(open))
        return;
    const char sign = open + 2 < m_text.size() ? m_text[open + 2] : ' ';
    const bool marked = sign == '-' || sign == '+';
    text(open, marked ? sign : ' ', kind != '{');
    moveTo(open + 2 + marked);
    if (kind == '#')
        return comment();
    const bool variable = kind == '{';
    add(variable ? Token::VariableBegin : Token::BlockBegin);
    expression(variable ? Token::VariableEnd : Token::BlockEnd);
}

/// The text up to `end`, stripped as the sign of the tag there says.
void Lexer::text(std::size_t end, char sign, bool lineStripped)
{
    std::string_view part = std::string_view(m_text).substr(m_at, end - m_at);
    if (sign == '-') {
        part = stripRight(part);
    } else if (sign != '+' && lineStripped) {
        const std::size_t newline = part.rfind('\n');
        const std::size_t begin = newline == part.npos ? 0 : newline + 1;
        if ((newline != part.npos || m_lineStarts) && stripLeft(part.substr(begin)).empty())
            part = part.substr(0, begin);
    }
    if (!part.empty())
        add(Token::Data, std::string(part));
    moveTo(end);
}

void Lexer::comment()
{
    const std::size_t close = m_text.find("#}", m_at);
    if (close == m_text.npos)
        throw Failure{"Missing end of comment tag"};
    const char sign = close > m_at ? m_text[close - 1] : ' ';
    std::size_t end = close + 2;
    if (sign == '-')
        end = skipSpace(end);
    else if (sign != '+' && at(end, "\n"))
        ++end;
    moveTo(end);
}

/// {% raw %} ... {% endraw %}; false if there is another tag at `open`.
bool Lexer::raw(std::size_t open)
{
    /// Position behind `{%- word`, or npos.
    const auto tag = [&](std::size_t position, std::string_view word) {
        position += 2;
        if (position < m_text.size() && (m_text[position] == '-' || m_text[position] == '+'))
            ++position;
        position = skipSpace(position);
        return at(position, word) ? skipSpace(position + word.size()) : m_text.npos;
    };
    const auto signOf = [&](std::size_t position) { return position + 2 < m_text.size() ? m_text[position + 2] : ' '; };
    std::size_t end = tag(open, "raw");
    if (end == m_text.npos || !(at(end, "%}") || at(end, "-%}")))
        return false;
    text(open, signOf(open), true);
    moveTo(at(end, "-%}") ? skipSpace(end + 3) : end + 2);
    for (std::size_t close = m_text.find("{%", m_at); close != m_text.npos; close = m_text.find("{%", close + 1)) {
        end = tag(close, "endraw");
        if (end == m_text.npos)
            continue;
        const std::size_t signs = at(end, "-%}") || at(end, "+%}") ? 1 : 0;
        if (!at(end + signs, "%}"))
            continue;
        text(close, signOf(close), true);
        const char sign = m_text[end];
        end += 2 + signs;
        moveTo(sign == '-' ? skipSpace(end) : sign == '%' && at(end, "\n") ? end + 1 : end);
        return true;
    }
    throw Failure{"Missing end of raw directive"};
}

/// Tokens up to the end of the tag.
void Lexer::expression(Token end)
{
    m_brackets.clear();
    while (m_at < m_text.size())
        if (m_brackets.empty() && closes(end))
            return;
        else
            token();
}

bool Lexer::closes(Token end)
{
    const std::string_view mark = end == Token::VariableEnd ? "}}" : "%}";
    std::size_t position = m_at;
    const char sign = m_text[m_at];
    if (sign == '-' || (sign == '+' && end == Token::BlockEnd))
        ++position;
    if (!at(position, mark))
        return false;
    add(end);
    position += mark.size();
    if (sign == '-')
        position = skipSpace(position);
    else if (sign != '+' && end == Token::BlockEnd && at(position, "\n"))
        ++position;
    moveTo(position);
    return true;
}

void Lexer::token()
{
    std::size_t next = m_at;
    const char32_t c = nextCharacter(m_text, next);
    if (isSpace(c))
        return moveTo(skipSpace(m_at));
    if (c >= '0' && c <= '9')
        return number();
    if (isNamePart(c)) {
        std::size_t end = next;
        while (end < m_text.size() && isNamePart(nextCharacter(m_text, next)))
            end = next;
        if (!isNameStart(c))
            throw Failure{"Invalid character in identifier"};
        add(Token::Name, m_text.substr(m_at, end - m_at));
        return moveTo(end);
    }
    if (c == '"' || c == '\'')
        return string();
    for (const Operator& op : kOperators) {
        if (op.text.empty() || !at(m_at, op.text))
            continue;
        pop(m_text[m_at]);
        add(op.type);
        return moveTo(m_at + op.text.size());
    }
    std::string shown;
    appendCharacter(shown, c);
    throw Failure{fmt::format("unexpected char {} at {}", quoted(shown),
                              countCharacters(std::string_view(m_text).substr(0, m_at)))};
}

/// Opening brackets are remembered, closing ones must fit.
void Lexer::pop(char bracket)
{
    switch (bracket) {
    case '(':
        m_brackets += ')';
        return;
    case '[':
        m_brackets += ']';
        return;
    case '{':
        m_brackets += '}';
        return;
    case ')':
    case ']':
    case '}':
        break;
    default:
        return;
    }
    if (m_brackets.empty())
        throw Failure{fmt::format("unexpected '{}'", bracket)};
    const char expected = m_brackets.back();
    m_brackets.pop_back();
    if (expected != bracket)
        throw Failure{fmt::format("unexpected '{}', expected '{}'", bracket, expected)};
}

void Lexer::number()
{
    const bool afterDot = m_at > 0 && m_text[m_at - 1] == '.';
    const NumberLiteral literal = readNumber(std::string_view(m_text).substr(m_at), !afterDot);
    add(literal.value.as<double>() ? Token::Real : Token::Integer, m_text.substr(m_at, literal.length), literal.value);
    moveTo(m_at + literal.length);
}

void Lexer::string()
{
    const char quote = m_text[m_at];
    std::size_t end = m_at + 1;
    while (end < m_text.size() && m_text[end] != quote)
        end += m_text[end] == '\\' ? 2 : 1;
    if (end >= m_text.size())
        throw Failure{fmt::format("unexpected char {} at {}", quoted(std::string_view(&quote, 1)),
                                  countCharacters(std::string_view(m_text).substr(0, m_at)))};
    add(Token::String, unescaped(std::string_view(m_text).substr(m_at + 1, end - m_at - 1)));
    moveTo(end + 1);
}

} // namespace

std::string_view describe(Token type)
{
    switch (type) {
    case Token::Data:
        return "template data / text";
    case Token::VariableBegin:
        return "begin of print statement";
    case Token::VariableEnd:
        return "end of print statement";
    case Token::BlockBegin:
        return "begin of statement block";
    case Token::BlockEnd:
        return "end of statement block";
    case Token::Name:
        return "name";
    case Token::String:
        return "string";
    case Token::Integer:
        return "integer";
    case Token::Real:
        return "float";
    default:
        break;
    }
    for (const Operator& op : kOperators)
        if (op.type == type && !op.text.empty())
            return op.text;
    return "end of template";
}

std::vector<TokenText> tokenize(std::string_view source)
{
    return Lexer(source).run();
}

} // namespace ls::jinja
