#include "engine/text/jinja/machine.h"
#include "engine/text/jinja/parser.h"
#include "engine/text/jinja/unicode.h"

#include <fmt/format.h>

namespace ls::jinja {

namespace {

void check(const Expression* node, bool soft);

void check(const CallArguments& arguments, bool soft)
{
    for (const ExpressionPtr& argument : arguments.positional)
        check(argument.get(), soft);
    for (const auto& [name, argument] : arguments.named)
        check(argument.get(), soft);
    check(arguments.morePositional.get(), soft);
    check(arguments.moreNamed.get(), soft);
}

void check(const Expression* node, bool soft)
{
    if (!node)
        return;
    using Kind = Expression::Kind;
    soft = soft || node->kind == Kind::Conditional;
    const bool filter = node->kind == Kind::Filter, test = node->kind == Kind::Test;
    if (!soft && ((filter && !findFilter(node->text)) || (test && !findTest(node->text))))
        throw Failure{fmt::format("No {} named {}.", filter ? "filter" : "test", quoted(node->text)), node->line};
    for (const ExpressionPtr& item : node->items)
        check(item.get(), soft);
    check(node->arguments, soft);
}

void check(const Body& body, bool soft, bool inLoop);

void check(const Statement& node, bool soft, bool inLoop)
{
    using Kind = Statement::Kind;
    if (!inLoop && (node.kind == Kind::Break || node.kind == Kind::Continue))
        throw Failure{node.kind == Kind::Break ? "'break' outside loop" : "'continue' not properly in loop", node.line};
    const bool branch = soft || node.kind == Kind::If;
    check(node.expression.get(), soft);
    check(node.condition.get(), soft);
    for (const Statement::Branch& way : node.branches) {
        check(way.condition.get(), branch);
        check(way.body, branch, inLoop);
    }
    for (const auto& [target, value] : node.assignments)
        check(value.get(), soft);
    const bool opensScope = node.kind != Kind::If;
    check(node.body, soft && !opensScope, inLoop || node.kind == Kind::For);
    check(node.otherwise, branch && !opensScope, inLoop);
    if (node.macro) {
        for (const Parameter& parameter : node.macro->parameters)
            check(parameter.fallback.get(), false);
        check(node.macro->body, false, false);
    }
}

void check(const Body& body, bool soft, bool inLoop)
{
    for (const StatementPtr& statement : body)
        check(*statement, soft, inLoop);
}

} // namespace

void check(const Body& body)
{
    check(body, false, false);
}

} // namespace ls::jinja
