#include "engine/text/jinja/parser_state.h"
#include "engine/text/jinja/unicode.h"

#include <iterator>

/// What follows a value: attributes, subscripts, calls, filters and tests.
namespace ls::jinja {

using Kind = Expression::Kind;

ExpressionPtr Parser::parsePostfix(ExpressionPtr node)
{
    for (int count = 0;; ++count) {
        if (count > kMaxNesting)
            fail("The template is nested too deeply.");
        if (is(Token::Dot) || is(Token::LeftBracket))
            node = parseSubscript(std::move(node));
        else if (is(Token::LeftParenthesis))
            node = parseCall(std::move(node));
        else
            return node;
    }
}

ExpressionPtr Parser::parseFilters(ExpressionPtr node)
{
    for (int count = 0;; ++count) {
        if (count > kMaxNesting)
            fail("The template is nested too deeply.");
        if (is(Token::Pipe))
            node = parseFilter(std::move(node), false);
        else if (isWord("is"))
            node = parseTest(std::move(node));
        else if (is(Token::LeftParenthesis))
            node = parseCall(std::move(node));
        else
            return node;
    }
}

/// `| name(arguments) | name ...`; started: the first bar is not written. Null for null without a filter.
ExpressionPtr Parser::parseFilter(ExpressionPtr node, bool started)
{
    for (int count = 0; started || is(Token::Pipe); ++count) {
        if (count > kMaxNesting)
            fail("The template is nested too deeply.");
        if (!started)
            take();
        started = false;
        const TokenText name = expect(Token::Name);
        ExpressionPtr filter = wrap(Kind::Filter, name.line, std::move(node));
        filter->text = name.text;
        while (skip(Token::Dot))
            filter->text += "." + expect(Token::Name).text;
        if (is(Token::LeftParenthesis))
            filter->setArguments(parseArguments());
        node = std::move(filter);
    }
    return node;
}

ExpressionPtr Parser::parseTest(ExpressionPtr node)
{
    const int line = take().line; // is
    const bool negated = skipWord("not");
    ExpressionPtr test = wrap(Kind::Test, line, std::move(node));
    test->text = expect(Token::Name).text;
    while (skip(Token::Dot))
        test->text += "." + expect(Token::Name).text;
    const bool operand = is(Token::Name) || is(Token::String) || is(Token::Integer) || is(Token::Real) ||
                         is(Token::LeftBracket) || is(Token::LeftBrace);
    if (is(Token::LeftParenthesis)) {
        test->setArguments(parseArguments());
    } else if (operand && !isAnyWord({"else", "or", "and"})) {
        if (isWord("is"))
            fail("You cannot chain multiple tests with is");
        CallArguments one;
        one.positional.push_back(parsePostfix(parsePrimary()));
        test->setArguments(std::move(one));
    }
    return negated ? wrap(Kind::Not, line, std::move(test)) : std::move(test);
}

ExpressionPtr Parser::parseSubscript(ExpressionPtr node)
{
    const TokenText mark = take();
    if (mark.type == Token::LeftBracket)
        return parseBrackets(std::move(node), mark.line);
    const TokenText name = take();
    if (name.type == Token::Name) {
        ExpressionPtr attribute = wrap(Kind::Attribute, mark.line, std::move(node));
        attribute->text = name.text;
        return attribute;
    }
    if (name.type != Token::Integer)
        fail("expected name or number", name.line);
    ExpressionPtr item = wrap(Kind::Item, mark.line, std::move(node));
    ExpressionPtr index = makeExpression(Kind::Constant, name.line);
    index->value = name.value;
    item->add(std::move(index));
    return item;
}

/// [key], [from:to:step]; several keys with commas are a tuple.
ExpressionPtr Parser::parseBrackets(ExpressionPtr node, int line)
{
    const Nesting nesting(*this);
    std::vector<ExpressionPtr> keys;
    std::vector<ExpressionPtr> slice;
    const auto bound = [&]() -> ExpressionPtr {
        return is(Token::Colon) || is(Token::RightBracket) || is(Token::Comma) ? nullptr : parseExpression();
    };
    while (!is(Token::RightBracket)) {
        if (!keys.empty())
            expect(Token::Comma);
        ExpressionPtr first = is(Token::Colon) ? nullptr : parseExpression();
        if (skip(Token::Colon)) {
            slice.push_back(std::move(first));
            slice.push_back(bound());
            slice.push_back(skip(Token::Colon) ? bound() : nullptr);
            if (!keys.empty() || !is(Token::RightBracket))
                fail("Slices of more than one dimension are not supported.", line);
            break;
        }
        keys.push_back(std::move(first));
    }
    expect(Token::RightBracket);
    if (!slice.empty()) {
        ExpressionPtr part = wrap(Kind::Slice, line, std::move(node));
        for (ExpressionPtr& end : slice)
            part->add(std::move(end));
        return part;
    }
    ExpressionPtr item = wrap(Kind::Item, line, std::move(node));
    if (keys.size() == 1) {
        item->add(std::move(keys[0]));
        return item;
    }
    ExpressionPtr tuple = makeExpression(Kind::Tuple, line);
    for (ExpressionPtr& key : keys)
        tuple->add(std::move(key));
    item->add(std::move(tuple));
    return item;
}

ExpressionPtr Parser::parseCall(ExpressionPtr node)
{
    ExpressionPtr call = wrap(Kind::Call, current().line, std::move(node));
    call->setArguments(parseArguments());
    return call;
}

CallArguments Parser::parseArguments()
{
    const Nesting nesting(*this);
    const int line = expect(Token::LeftParenthesis).line;
    CallArguments out;
    bool comma = false;
    const auto ensure = [&](bool good) {
        if (!good)
            fail("invalid syntax for function call expression", line);
    };
    while (!is(Token::RightParenthesis)) {
        if (comma) {
            expect(Token::Comma);
            if (is(Token::RightParenthesis))
                break;
        }
        comma = true;
        if (skip(Token::Mul)) {
            ensure(!out.morePositional && !out.moreNamed);
            out.morePositional = parseExpression();
        } else if (skip(Token::Pow)) {
            ensure(!out.moreNamed);
            out.moreNamed = parseExpression();
        } else if (is(Token::Name) && look().type == Token::Assign) {
            ensure(!out.moreNamed);
            std::string name = take().text;
            take();
            out.named.emplace_back(std::move(name), parseExpression());
        } else {
            ensure(!out.morePositional && !out.moreNamed && out.named.empty());
            out.positional.push_back(parseExpression());
        }
    }
    expect(Token::RightParenthesis);
    return out;
}

} // namespace ls::jinja
