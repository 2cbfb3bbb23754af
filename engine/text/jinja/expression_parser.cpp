#include "engine/text/jinja/parser_state.h"
#include "engine/text/jinja/unicode.h"

#include <fmt/format.h>

#include <algorithm>

namespace ls::jinja {

using Kind = Expression::Kind;
using Operator = Expression::Operator;

namespace {

/// The name of a node in the message about a target that cannot be assigned to.
const char* className(Kind kind)
{
    switch (kind) {
    case Kind::Constant:
        return "const";
    case Kind::List:
        return "list";
    case Kind::Dict:
        return "dict";
    default:
        return "expression";
    }
}

bool isReserved(const std::string& name)
{
    return name == "true" || name == "false" || name == "none" || name == "True" || name == "False" || name == "None";
}

} // namespace

ExpressionPtr Parser::parseTarget(const Words& ends, bool withMember)
{
    ExpressionPtr target = parseTuple(ends, true, false, true, withMember);
    const auto assignable = [](const auto& self, const Expression& node) -> const Expression* {
        if (node.kind == Kind::Name || node.kind == Kind::Member)
            return nullptr;
        if (node.kind != Kind::Tuple)
            return &node;
        for (const ExpressionPtr& item : node.items)
            if (self(self, *item))
                return &node;
        return nullptr;
    };
    if (const Expression* bad = assignable(assignable, *target))
        fail(fmt::format("can't assign to '{}'", bad->kind == Kind::Tuple ? "tuple" : className(bad->kind)),
             target->line);
    return target;
}

std::string Parser::parseTargetName()
{
    const TokenText token = expect(Token::Name);
    if (isReserved(token.text))
        fail("can't assign to 'name'", token.line);
    return token.text;
}

ExpressionPtr Parser::parseTuple(const Words& ends, bool withCondition, bool parentheses, bool simple, bool withMember)
{
    const Nesting nesting(*this);
    int line = current().line;
    std::vector<ExpressionPtr> items;
    bool tuple = false;
    while (true) {
        if (!items.empty())
            expect(Token::Comma);
        if (is(Token::VariableEnd) || is(Token::BlockEnd) || is(Token::RightParenthesis) || isAnyWord(ends))
            break;
        items.push_back(simple ? parsePrimary(withMember) : parseExpression(withCondition));
        if (!is(Token::Comma))
            break;
        tuple = true;
        line = current().line;
    }
    if (!tuple && !items.empty())
        return std::move(items[0]);
    if (!tuple && !parentheses)
        fail(fmt::format("Expected an expression, got {}", quoted(describeToken(current()))));
    ExpressionPtr node = makeExpression(Kind::Tuple, line);
    for (ExpressionPtr& item : items)
        node->add(std::move(item));
    return node;
}

ExpressionPtr Parser::parseExpression(bool withCondition)
{
    const Nesting nesting(*this);
    return withCondition ? parseConditional() : parseLogic(true);
}

ExpressionPtr Parser::parseConditional()
{
    const Nesting nesting(*this);
    int line = current().line;
    ExpressionPtr node = parseLogic(true);
    for (int count = 0; skipWord("if"); ++count) {
        if (count > kMaxNesting)
            fail("The template is nested too deeply.");
        ExpressionPtr condition = wrap(Kind::Conditional, line, parseLogic(true));
        condition->add(std::move(node));
        condition->add(skipWord("else") ? parseConditional() : nullptr);
        node = std::move(condition);
        line = current().line;
    }
    return node;
}

ExpressionPtr Parser::parseLogic(bool disjunction)
{
    const char* word = disjunction ? "or" : "and";
    const int line = current().line;
    const auto operand = [&] { return disjunction ? parseLogic(false) : parseNot(); };
    ExpressionPtr first = operand();
    if (!isWord(word))
        return first;
    ExpressionPtr node = wrap(disjunction ? Kind::Or : Kind::And, line, std::move(first));
    while (skipWord(word))
        node->add(operand());
    return node;
}

ExpressionPtr Parser::parseNot()
{
    const Nesting nesting(*this);
    const int line = current().line;
    if (skipWord("not"))
        return wrap(Kind::Not, line, parseNot());
    return parseCompare();
}

ExpressionPtr Parser::parseCompare()
{
    const int line = current().line;
    ExpressionPtr node = wrap(Kind::Compare, line, parseSum());
    while (true) {
        constexpr std::pair<Token, Operator> kComparisons[] = {
            {Token::Equal, Operator::Equal},     {Token::NotEqual, Operator::NotEqual},
            {Token::Less, Operator::Less},       {Token::LessEqual, Operator::LessEqual},
            {Token::Greater, Operator::Greater}, {Token::GreaterEqual, Operator::GreaterEqual}};
        const auto found = std::find_if(std::begin(kComparisons), std::end(kComparisons),
                                        [&](const auto& entry) { return is(entry.first); });
        if (found != std::end(kComparisons)) {
            take();
            node->operators.push_back(found->second);
        } else if (skipWord("in")) {
            node->operators.push_back(Operator::In);
        } else if (isWord("not") && look().type == Token::Name && look().text == "in") {
            take();
            take();
            node->operators.push_back(Operator::NotIn);
        } else {
            break;
        }
        node->add(parseSum());
    }
    return node->operators.empty() ? std::move(node->items[0]) : std::move(node);
}

/// Operators of one precedence, taken from the left.
template <typename Next>
ExpressionPtr Parser::parseChain(std::initializer_list<std::pair<Token, Operator>> operators, Next next)
{
    ExpressionPtr node = wrap(Kind::Arithmetic, current().line, next());
    while (true) {
        const auto found =
            std::find_if(operators.begin(), operators.end(), [&](const auto& entry) { return is(entry.first); });
        if (found == operators.end())
            break;
        take();
        node->operators.push_back(found->second);
        node->add(next());
    }
    return node->operators.empty() ? std::move(node->items[0]) : std::move(node);
}

ExpressionPtr Parser::parseSum()
{
    return parseChain({{Token::Add, Operator::Add}, {Token::Sub, Operator::Sub}}, [this] { return parseConcat(); });
}

ExpressionPtr Parser::parseConcat()
{
    ExpressionPtr node = wrap(Kind::Concat, current().line, parseProduct());
    while (skip(Token::Tilde))
        node->add(parseProduct());
    return node->items.size() == 1 ? std::move(node->items[0]) : std::move(node);
}

ExpressionPtr Parser::parseProduct()
{
    return parseChain({{Token::Mul, Operator::Mul},
                       {Token::Div, Operator::Div},
                       {Token::FloorDiv, Operator::FloorDiv},
                       {Token::Mod, Operator::Mod}},
                      [this] { return parsePower(); });
}

ExpressionPtr Parser::parsePower()
{
    return parseChain({{Token::Pow, Operator::Pow}}, [this] { return parseUnary(); });
}

ExpressionPtr Parser::parseUnary(bool withFilter)
{
    const Nesting nesting(*this);
    const int line = current().line;
    ExpressionPtr node;
    if (skip(Token::Sub))
        node = wrap(Kind::Negative, line, parseUnary(false));
    else if (skip(Token::Add))
        node = wrap(Kind::Positive, line, parseUnary(false));
    else
        node = parsePrimary();
    node = parsePostfix(std::move(node));
    return withFilter ? parseFilters(std::move(node)) : std::move(node);
}

ExpressionPtr Parser::parseNameOrConstant(bool withMember)
{
    const TokenText token = take();
    if (isReserved(token.text)) {
        ExpressionPtr node = makeExpression(Kind::Constant, token.line);
        if (token.text != "none" && token.text != "None")
            node->value = Value(token.text == "true" || token.text == "True");
        return node;
    }
    ExpressionPtr node = makeExpression(Kind::Name, token.line);
    node->text = token.text;
    for (MacroDefinition* macro : m_macros) {
        macro->usesCaller = macro->usesCaller || token.text == "caller";
        macro->usesNamed = macro->usesNamed || token.text == "kwargs";
        macro->usesPositional = macro->usesPositional || token.text == "varargs";
    }
    if (withMember && skip(Token::Dot)) {
        node->kind = Kind::Member;
        node->member = expect(Token::Name).text;
    }
    return node;
}

ExpressionPtr Parser::parsePrimary(bool withMember)
{
    const int line = current().line;
    switch (current().type) {
    case Token::Name:
        return parseNameOrConstant(withMember);
    case Token::String: {
        std::string text = take().text;
        while (is(Token::String))
            text += take().text;
        ExpressionPtr node = makeExpression(Kind::Constant, line);
        node->value = Value::text(std::move(text));
        return node;
    }
    case Token::Integer:
    case Token::Real: {
        ExpressionPtr node = makeExpression(Kind::Constant, line);
        node->value = take().value;
        return node;
    }
    case Token::LeftParenthesis: {
        take();
        ExpressionPtr node = parseTuple({}, true, true, false, false);
        expect(Token::RightParenthesis);
        return node;
    }
    case Token::LeftBracket:
        return parseList();
    case Token::LeftBrace:
        return parseDict();
    default:
        fail(fmt::format("unexpected {}", quoted(describeToken(current()))));
    }
}

ExpressionPtr Parser::parseList()
{
    ExpressionPtr node = makeExpression(Kind::List, take().line);
    while (!is(Token::RightBracket)) {
        if (!node->items.empty())
            expect(Token::Comma);
        if (is(Token::RightBracket))
            break;
        node->add(parseExpression());
    }
    take();
    return node;
}

ExpressionPtr Parser::parseDict()
{
    ExpressionPtr node = makeExpression(Kind::Dict, take().line);
    while (!is(Token::RightBrace)) {
        if (!node->items.empty())
            expect(Token::Comma);
        if (is(Token::RightBrace))
            break;
        node->add(parseExpression());
        expect(Token::Colon);
        node->add(parseExpression());
    }
    take();
    return node;
}

} // namespace ls::jinja
