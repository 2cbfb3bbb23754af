#include "engine/text/jinja/machine.h"
#include "engine/text/jinja/unicode.h"

#include <fmt/format.h>

#include <algorithm>

namespace ls::jinja {

using Kind = Expression::Kind;
using Operator = Expression::Operator;

Value Machine::evaluate(const Expression& expression)
{
    if (expression.kind == Kind::Constant)
        return expression.value;
    const Level level(m_budget);
    m_budget.step();
    try {
        return evaluateKind(expression);
    } catch (Failure& failure) {
        if (failure.line == 0)
            failure.line = expression.line;
        throw;
    }
}

Value Machine::evaluateKind(const Expression& e)
{
    switch (e.kind) {
    case Kind::Constant:
    case Kind::Member:
        return e.value;
    case Kind::Name:
        return evaluateName(e);
    case Kind::Tuple:
    case Kind::List:
        return evaluateSequence(e);
    case Kind::Dict:
        return evaluateDict(e);
    case Kind::Attribute:
        return attribute(evaluate(*e.items[0]), e.text);
    case Kind::Item: {
        const Value object = evaluate(*e.items[0]);
        return item(object, evaluate(*e.items[1]));
    }
    case Kind::Slice:
        return evaluateSlice(e);
    case Kind::Call:
        return evaluateCall(e, nullptr);
    case Kind::Filter: {
        if (!findFilter(e.text)) // in a branch: parse() refuses it elsewhere
            throw Failure{fmt::format("No filter named {} found.", quoted(e.text))};
        Value subject = evaluate(*e.items[0]);
        return filter(e.text, std::move(subject), evaluateArguments(e.arguments));
    }
    case Kind::Test: {
        if (!findTest(e.text))
            throw Failure{fmt::format("No test named {} found.", quoted(e.text))};
        const Value subject = evaluate(*e.items[0]);
        return Value(test(e.text, subject, evaluateArguments(e.arguments)));
    }
    case Kind::Not:
        return Value(!isTrue(evaluate(*e.items[0])));
    case Kind::Negative:
    case Kind::Positive: {
        const Value operand = evaluate(*e.items[0]);
        if (const Undefined* undefined = operand.undefined())
            throw Failure{undefined->message};
        if (!isNumber(operand))
            throw Failure{fmt::format("bad operand type for unary {}: '{}'", e.kind == Kind::Negative ? "-" : "+",
                                      typeName(operand))};
        if (e.kind == Kind::Positive)
            return operand.as<double>() ? operand : Value(*integerOf(operand));
        if (const double* real = operand.as<double>())
            return Value(-*real);
        return arithmetic(*this, Operator::Sub, Value(std::int64_t(0)), operand);
    }
    case Kind::And:
    case Kind::Or:
        return evaluateLogic(e);
    case Kind::Conditional:
        return evaluateConditional(e);
    case Kind::Arithmetic:
        return evaluateArithmetic(e);
    case Kind::Compare:
        return Value(evaluateCompare(e));
    case Kind::Concat:
        return evaluateConcat(e);
    }
    return {};
}

Value Machine::evaluateName(const Expression& e)
{
    if (const Value* found = m_scope->find(m_budget, e.text))
        return *found;
    auto known = m_globals.find(e.text);
    if (known == m_globals.end()) {
        std::optional<Value> value = m_context(m_budget, e.text);
        known = m_globals.emplace(e.text, value ? std::move(value) : findGlobal(*this, e.text)).first;
    }
    return known->second ? *known->second : Value::undefined(quoted(e.text) + " is undefined");
}

Value Machine::evaluateSequence(const Expression& e)
{
    Values items;
    m_budget.make(e.items.size() * sizeof(Value));
    for (const ExpressionPtr& item : e.items)
        items.push_back(evaluate(*item));
    return makeSequence(e.kind == Kind::Tuple ? Sequence::Kind::Tuple : Sequence::Kind::List, std::move(items));
}

Value Machine::evaluateDict(const Expression& e)
{
    Dict dict;
    for (std::size_t i = 0; i < e.items.size(); i += 2) {
        Value key = evaluate(*e.items[i]);
        dict.set(m_budget, std::move(key), evaluate(*e.items[i + 1]));
    }
    return makeDict(std::move(dict));
}

Value Machine::evaluateSlice(const Expression& e)
{
    const Value object = evaluate(*e.items[0]);
    Value bounds[3];
    for (std::size_t i = 0; i < 3; ++i)
        if (e.items[i + 1])
            bounds[i] = evaluate(*e.items[i + 1]);
    return sliced(*this, object, bounds[0], bounds[1], bounds[2]);
}

Value Machine::evaluateLogic(const Expression& e)
{
    Value last;
    for (const ExpressionPtr& item : e.items) {
        last = evaluate(*item);
        if (isTrue(last) == (e.kind == Kind::Or))
            break;
    }
    return last;
}

Value Machine::evaluateConditional(const Expression& e)
{
    if (isTrue(evaluate(*e.items[0])))
        return evaluate(*e.items[1]);
    if (e.items[2])
        return evaluate(*e.items[2]);
    return Value::undefined(
        fmt::format("the inline if-expression on line {} evaluated to false and no else section was defined.", e.line));
}

Value Machine::evaluateArithmetic(const Expression& e)
{
    Value left = evaluate(*e.items[0]);
    for (std::size_t i = 0; i < e.operators.size(); ++i) {
        const Value right = evaluate(*e.items[i + 1]);
        left = arithmetic(*this, e.operators[i], left, right);
    }
    return left;
}

bool Machine::evaluateCompare(const Expression& e)
{
    Value left = evaluate(*e.items[0]);
    for (std::size_t i = 0; i < e.operators.size(); ++i) {
        Value right = evaluate(*e.items[i + 1]);
        const auto orderedOrEqual = [&](const Value& a, const Value& b, const char* sign) {
            // NaN is neither; texts and lists that are equal are not less either way
            return jinja::less(m_budget, a, b, sign) || equal(a, b);
        };
        bool holds = false;
        switch (e.operators[i]) {
        case Operator::Equal:
            holds = equal(left, right);
            break;
        case Operator::NotEqual:
            holds = !equal(left, right);
            break;
        case Operator::Less:
            holds = jinja::less(m_budget, left, right, "<");
            break;
        case Operator::Greater:
            holds = jinja::less(m_budget, right, left, ">");
            break;
        case Operator::LessEqual:
            holds = orderedOrEqual(left, right, "<=");
            break;
        case Operator::GreaterEqual:
            holds = orderedOrEqual(right, left, ">=");
            break;
        case Operator::In:
            holds = contains(*this, right, left);
            break;
        default:
            holds = !contains(*this, right, left);
        }
        if (!holds)
            return false;
        left = std::move(right);
    }
    return true;
}

Value Machine::evaluateConcat(const Expression& e)
{
    std::string out;
    for (const ExpressionPtr& item : e.items)
        writeText(m_budget, evaluate(*item), out);
    return text(std::move(out));
}

Arguments Machine::evaluateArguments(const CallArguments& given)
{
    Arguments out;
    for (const ExpressionPtr& argument : given.positional)
        out.positional.push_back(evaluate(*argument));
    for (const auto& [name, argument] : given.named) {
        m_budget.make(name.size());
        out.named.emplace_back(name, evaluate(*argument));
    }
    if (given.morePositional)
        for (Value& item : itemsOf(evaluate(*given.morePositional)))
            out.positional.push_back(std::move(item));
    if (given.moreNamed) {
        const Value more = evaluate(*given.moreNamed);
        if (!more.dict())
            throw Failure{fmt::format("argument after ** must be a mapping, not {}", typeName(more))};
        for (const auto& [key, value] : more.dict()->entries()) {
            if (!key.text())
                throw Failure{"keywords must be strings"};
            m_budget.make(key.text()->bytes.size());
            out.named.emplace_back(key.text()->bytes, value);
        }
    }
    m_budget.make((out.positional.size() + out.named.size()) * sizeof(Value));
    return out;
}

Value Machine::evaluateCall(const Expression& e, const Value* caller)
{
    const Value callee = evaluate(*e.items[0]);
    Arguments arguments = evaluateArguments(e.arguments);
    if (caller)
        arguments.named.emplace_back("caller", *caller);
    return call(callee, arguments);
}

/// Filters of a block: the innermost has no subject.
Value Machine::throughFilters(const Expression* filters, std::string bytes)
{
    std::vector<const Expression*> chain;
    for (; filters; filters = filters->items[0].get())
        chain.push_back(filters);
    Value value = text(std::move(bytes));
    for (auto link = chain.rbegin(); link != chain.rend(); ++link)
        value = filter((*link)->text, std::move(value), evaluateArguments((*link)->arguments));
    return value;
}

Value Machine::attribute(const Value& object, std::string_view name)
{
    if (const Undefined* undefined = object.undefined())
        throw Failure{undefined->message};
    m_budget.scan(name.size());
    if (auto method = findMethod(*this, object, name))
        return *method;
    if (const Dict* dict = object.dict())
        if (const Value* found = dict->find(name))
            return *found;
    if (const Namespace* space = object.space())
        if (const Value* found = space->attributes.find(name))
            return *found;
    m_budget.make(name.size()); // the message quotes it
    return Value::undefined(fmt::format("{} has no attribute {}", quoted(objectName(object)), quoted(name)));
}

Value Machine::item(const Value& object, const Value& key)
{
    if (const Undefined* undefined = object.undefined())
        throw Failure{undefined->message};
    const Sequence* sequence = object.sequence();
    const bool indexed =
        sequence && (sequence->kind == Sequence::Kind::List || sequence->kind == Sequence::Kind::Tuple ||
                     sequence->kind == Sequence::Kind::Range);
    if (const Dict* dict = object.dict()) {
        const bool hashable = !key.dict() && (!key.sequence() || key.sequence()->kind == Sequence::Kind::Tuple);
        if (const Value* found = hashable ? dict->find(m_budget, key) : nullptr)
            return *found;
    } else if (const auto index = integerOf(key); index && (indexed || object.text())) {
        const auto length = std::int64_t(lengthOf(object));
        const std::int64_t at = *index < 0 ? *index + length : *index;
        if (at >= 0 && at < length) {
            if (indexed)
                return sequence->items[std::size_t(at)];
            return sliced(*this, object, Value(at), Value(at + 1), {});
        }
    }
    if (const Text* name = key.text()) {
        m_budget.make(name->bytes.size() * 4); // the message quotes it
        if (auto method = findMethod(*this, object, name->bytes))
            return *method;
        if (const Namespace* space = object.space())
            if (const Value* found = space->attributes.find(name->bytes))
                return *found;
        return Value::undefined(fmt::format("{} has no attribute {}", quoted(objectName(object)), quoted(name->bytes)));
    }
    return Value::undefined(fmt::format("{} has no element {}", objectName(object), reprOf(m_budget, key)));
}

} // namespace ls::jinja
