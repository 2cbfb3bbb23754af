#include "engine/text/jinja/parser_state.h"

#include <algorithm>

namespace ls::jinja {

ExpressionPtr makeExpression(Expression::Kind kind, int line)
{
    auto expression = std::make_unique<Expression>();
    expression->kind = kind;
    expression->line = line;
    return expression;
}

void Expression::deepen(const ExpressionPtr& child)
{
    depth = std::max(depth, child ? child->depth + 1 : 0);
    if (depth > kMaxRecursion)
        throw Failure{"The template is nested too deeply.", line};
}

void Expression::add(ExpressionPtr item)
{
    deepen(item);
    items.push_back(std::move(item));
}

void Expression::setArguments(CallArguments given)
{
    for (const ExpressionPtr& argument : given.positional)
        deepen(argument);
    for (const auto& [name, argument] : given.named)
        deepen(argument);
    deepen(given.morePositional);
    deepen(given.moreNamed);
    arguments = std::move(given);
}

ExpressionPtr wrap(Expression::Kind kind, int line, ExpressionPtr item)
{
    ExpressionPtr expression = makeExpression(kind, line);
    expression->add(std::move(item));
    return expression;
}

} // namespace ls::jinja
