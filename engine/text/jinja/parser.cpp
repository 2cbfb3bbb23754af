#include "engine/text/jinja/parser.h"

#include "engine/text/jinja/parser_state.h"
#include "engine/text/jinja/unicode.h"

#include <fmt/format.h>

#include <algorithm>

namespace ls::jinja {

namespace {

StatementPtr makeStatement(Statement::Kind kind, int line)
{
    auto statement = std::make_unique<Statement>();
    statement->kind = kind;
    statement->line = line;
    return statement;
}

} // namespace

Parser::Parser(std::vector<TokenText> tokens)
    : m_tokens(std::move(tokens))
{
    checkNotBroken();
}

void Parser::checkNotBroken() const
{
    if (is(Token::Broken))
        fail(current().text);
}

const TokenText& Parser::look()
{
    const std::size_t next = std::min(m_at + 1, m_tokens.size() - 1);
    if (m_tokens[next].type == Token::Broken)
        throw Failure{m_tokens[next].text, m_tokens[next].line};
    return m_tokens[next];
}

TokenText Parser::take()
{
    TokenText token = current();
    if (m_at + 1 < m_tokens.size())
        ++m_at;
    checkNotBroken();
    return token;
}

bool Parser::isAnyWord(const Words& words) const
{
    return std::any_of(words.begin(), words.end(), [&](std::string_view word) { return isWord(word); });
}

bool Parser::skip(Token type)
{
    if (!is(type))
        return false;
    take();
    return true;
}

bool Parser::skipWord(std::string_view word)
{
    if (!isWord(word))
        return false;
    take();
    return true;
}

TokenText Parser::expect(Token type)
{
    if (!is(type))
        failUnexpected(describe(type));
    return take();
}

TokenText Parser::expectWord(std::string_view word)
{
    if (!isWord(word))
        failUnexpected(word);
    return take();
}

void Parser::fail(std::string message, int line) const
{
    throw Failure{std::move(message), line > 0 ? line : current().line};
}

void Parser::failUnexpected(std::string_view expected) const
{
    if (is(Token::End))
        fail(fmt::format("unexpected end of template, expected {}.", quoted(expected)));
    fail(fmt::format("expected token {}, got {}", quoted(expected), quoted(describeToken(current()))));
}

std::string_view Parser::describeToken(const TokenText& token)
{
    return token.type == Token::Name ? std::string_view(token.text) : describe(token.type);
}

void Parser::failUnknownTag(const std::string* name, const std::vector<Words>& stack, int line)
{
    std::string message =
        name ? fmt::format("Encountered unknown tag {}.", quoted(*name)) : "Unexpected end of template.";
    if (!stack.empty()) {
        std::string wanted;
        for (const std::string_view word : stack.back())
            wanted += (wanted.empty() ? "" : " or ") + quoted(word);
        const bool closesOther = name && std::any_of(stack.begin(), stack.end(), [&](const Words& words) {
                                     return std::find(words.begin(), words.end(), *name) != words.end();
                                 });
        message += closesOther ? fmt::format(" You probably made a nesting mistake. Jinja is expecting this tag, but "
                                             "currently looking for {}.",
                                             wanted)
                               : fmt::format(" Jinja was looking for the following tags: {}.", wanted);
    }
    if (!m_tags.empty())
        message += fmt::format(" The innermost block that needs to be closed is {}.", quoted(m_tags.back()));
    fail(std::move(message), line);
}

Body Parser::parseTemplate()
{
    return parseBody(nullptr);
}

Body Parser::parseBody(const Words* ends)
{
    const Nesting nesting(*this);
    if (ends)
        m_ends.push_back(*ends);
    Body body;
    while (!is(Token::End)) {
        const int line = current().line;
        if (is(Token::Data)) {
            body.push_back(makeStatement(Statement::Kind::Text, line));
            body.back()->text = take().text;
        } else if (skip(Token::VariableBegin)) {
            body.push_back(makeStatement(Statement::Kind::Print, line));
            body.back()->expression = parseTuple({}, true, false, false, false);
            expect(Token::VariableEnd);
        } else {
            take(); // {%
            if (ends && isAnyWord(*ends))
                break;
            body.push_back(parseStatement());
            expect(Token::BlockEnd);
        }
    }
    if (ends)
        m_ends.pop_back();
    return body;
}

Body Parser::parseStatements(const Words& ends, bool dropEnd)
{
    skip(Token::Colon);
    expect(Token::BlockEnd);
    Body body = parseBody(&ends);
    if (is(Token::End)) {
        std::vector<Words> stack = m_ends;
        stack.push_back(ends);
        failUnknownTag(nullptr, stack, 0);
    }
    if (dropEnd)
        take();
    return body;
}

StatementPtr Parser::parseStatement()
{
    if (!is(Token::Name))
        fail("tag name expected");
    const TokenText tag = current();
    m_tags.push_back(tag.text);
    StatementPtr statement = parseNamed(tag.text);
    m_tags.pop_back();
    if (!statement)
        failUnknownTag(&tag.text, m_ends, tag.line);
    return statement;
}

/// Null for a tag that does not exist.
StatementPtr Parser::parseNamed(std::string_view tag)
{
    if (tag == "for")
        return parseFor();
    if (tag == "if")
        return parseIf();
    if (tag == "set")
        return parseSet();
    if (tag == "macro")
        return parseMacro();
    if (tag == "call")
        return parseCallBlock();
    if (tag == "filter")
        return parseFilterBlock();
    if (tag == "with")
        return parseWith();
    if (tag == "print")
        return parsePrint();
    if (tag == "generation" || tag == "block" || tag == "autoescape")
        return parseTransparent(tag);
    if (tag == "break" || tag == "continue")
        return makeStatement(tag == "break" ? Statement::Kind::Break : Statement::Kind::Continue, take().line);
    if (tag == "include" || tag == "import" || tag == "from" || tag == "extends")
        fail(fmt::format("The tag {} reads other files: that is not supported in a chat template.", quoted(tag)));
    return nullptr;
}

StatementPtr Parser::parseFor()
{
    StatementPtr loop = makeStatement(Statement::Kind::For, expectWord("for").line);
    loop->target = parseTarget({"in"}, false);
    expectWord("in");
    loop->expression = parseTuple({"recursive"}, false, false, false, false);
    if (skipWord("if"))
        loop->condition = parseExpression();
    loop->recursive = skipWord("recursive");
    loop->body = parseStatements({"endfor", "else"}, false);
    if (take().text == "else")
        loop->otherwise = parseStatements({"endfor"}, true);
    return loop;
}

StatementPtr Parser::parseIf()
{
    StatementPtr statement = makeStatement(Statement::Kind::If, expectWord("if").line);
    while (true) {
        Statement::Branch& branch = statement->branches.emplace_back();
        branch.condition = parseTuple({}, false, false, false, false);
        branch.body = parseStatements({"elif", "else", "endif"}, false);
        const TokenText end = take();
        if (end.text == "elif")
            continue;
        if (end.text == "else")
            statement->otherwise = parseStatements({"endif"}, true);
        return statement;
    }
}

StatementPtr Parser::parseSet()
{
    StatementPtr statement = makeStatement(Statement::Kind::Set, take().line);
    statement->target = parseTarget({}, true);
    if (skip(Token::Assign)) {
        statement->expression = parseTuple({}, true, false, false, false);
        return statement;
    }
    statement->kind = Statement::Kind::SetBlock;
    statement->expression = parseFilter(nullptr, false);
    statement->body = parseStatements({"endset"}, true);
    return statement;
}

void Parser::parseSignature(MacroDefinition& macro)
{
    expect(Token::LeftParenthesis);
    while (!is(Token::RightParenthesis)) {
        if (!macro.parameters.empty())
            expect(Token::Comma);
        Parameter parameter{parseTargetName(), nullptr};
        if (skip(Token::Assign))
            parameter.fallback = parseExpression();
        else if (!macro.parameters.empty() && macro.parameters.back().fallback)
            fail("non-default argument follows default argument");
        macro.parameters.push_back(std::move(parameter));
    }
    expect(Token::RightParenthesis);
}

Body Parser::parseMacroBody(MacroDefinition& macro, const Words& ends)
{
    m_macros.push_back(&macro);
    Body body = parseStatements(ends, true);
    m_macros.pop_back();
    return body;
}

StatementPtr Parser::parseMacro()
{
    StatementPtr statement = makeStatement(Statement::Kind::Macro, take().line);
    statement->macro = std::make_unique<MacroDefinition>();
    statement->macro->name = parseTargetName();
    parseSignature(*statement->macro);
    statement->macro->body = parseMacroBody(*statement->macro, {"endmacro"});
    return statement;
}

StatementPtr Parser::parseCallBlock()
{
    StatementPtr statement = makeStatement(Statement::Kind::Call, take().line);
    statement->macro = std::make_unique<MacroDefinition>();
    statement->macro->name = "caller";
    if (is(Token::LeftParenthesis))
        parseSignature(*statement->macro);
    statement->expression = parseExpression();
    if (statement->expression->kind != Expression::Kind::Call)
        fail("expected call", statement->line);
    statement->macro->body = parseMacroBody(*statement->macro, {"endcall"});
    return statement;
}

StatementPtr Parser::parseFilterBlock()
{
    StatementPtr statement = makeStatement(Statement::Kind::FilterBlock, take().line);
    statement->expression = parseFilter(nullptr, true);
    statement->body = parseStatements({"endfilter"}, true);
    return statement;
}

StatementPtr Parser::parseWith()
{
    StatementPtr statement = makeStatement(Statement::Kind::With, take().line);
    while (!is(Token::BlockEnd)) {
        if (!statement->assignments.empty())
            expect(Token::Comma);
        ExpressionPtr target = parseTarget({}, false);
        expect(Token::Assign);
        statement->assignments.emplace_back(std::move(target), parseExpression());
    }
    statement->body = parseStatements({"endwith"}, true);
    return statement;
}

/// Tags that only give their body variables of its own: {% generation %} marks text for training, {% block %} is for
/// templates that build on others, {% autoescape %} is off anyway.
StatementPtr Parser::parseTransparent(std::string_view tag)
{
    StatementPtr statement = makeStatement(Statement::Kind::Scope, take().line);
    std::string name;
    if (tag == "block") {
        name = expect(Token::Name).text;
        if (is(Token::Sub))
            fail("Block names in Jinja have to be valid Python identifiers and may not contain hyphens, use an "
                 "underscore "
                 "instead.");
        while (skipWord("scoped") || skipWord("required")) {
        }
    } else if (tag == "autoescape") {
        const ExpressionPtr on = parseExpression();
        if (on->kind != Expression::Kind::Constant || isTrue(on->value))
            fail("Only {% autoescape false %} is supported in a chat template.", statement->line);
    }
    if (tag == "generation")
        statement->body = parseStatements({"endgeneration"}, true);
    else if (tag == "autoescape")
        statement->body = parseStatements({"endautoescape"}, true);
    else
        statement->body = parseStatements({"endblock"}, true);
    if (tag == "block")
        skipWord(name);
    return statement;
}

StatementPtr Parser::parsePrint()
{
    StatementPtr statement = makeStatement(Statement::Kind::Print, take().line);
    ExpressionPtr joined = makeExpression(Expression::Kind::Concat, statement->line);
    while (!is(Token::BlockEnd)) {
        if (!joined->items.empty())
            expect(Token::Comma);
        joined->add(parseExpression());
    }
    statement->expression = std::move(joined);
    return statement;
}

Body parse(std::string_view source)
{
    if (source.size() > kMaxSource)
        throw Failure{"The template is too large."};
    Body body = Parser(tokenize(source)).parseTemplate();
    check(body);
    return body;
}

} // namespace ls::jinja
