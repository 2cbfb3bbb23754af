#include "engine/text/jinja/machine.h"
#include "engine/text/jinja/unicode.h"

#include <fmt/format.h>

#include <algorithm>

namespace ls::jinja {

namespace {

/// Puts back what a block replaces, whichever way the block ends.
template <typename T>
class Restore {
public:
    Restore(T& place, T value)
        : m_place(place)
        , m_old(std::exchange(place, std::move(value)))
    {
    }
    ~Restore() { m_place = std::move(m_old); }
    Restore(const Restore&) = delete;
    Restore& operator=(const Restore&) = delete;

private:
    T& m_place;
    T m_old;
};

} // namespace

Machine::Flow Machine::run(const Body& body)
{
    const Level level(m_budget);
    for (const StatementPtr& statement : body)
        if (const Flow flow = run(*statement); flow != Flow::Normal)
            return flow;
    return Flow::Normal;
}

Machine::Flow Machine::run(const Statement& statement)
{
    m_budget.step();
    try {
        switch (statement.kind) {
        case Statement::Kind::Text:
            m_budget.make(statement.text.size());
            *m_output += statement.text;
            break;
        case Statement::Kind::Print:
            write(evaluate(*statement.expression));
            break;
        case Statement::Kind::If:
            return runIf(statement);
        case Statement::Kind::For:
            return runFor(statement);
        case Statement::Kind::Set:
        case Statement::Kind::SetBlock:
            return runSet(statement);
        case Statement::Kind::Macro:
            m_scope->set(statement.macro->name, makeMacro(*statement.macro));
            break;
        case Statement::Kind::Call:
            runCall(statement);
            break;
        case Statement::Kind::FilterBlock:
            return runFilterBlock(statement);
        case Statement::Kind::With:
            return runWith(statement);
        case Statement::Kind::Scope:
            return inScope(statement.body);
        case Statement::Kind::Break:
            return Flow::Break;
        case Statement::Kind::Continue:
            return Flow::Continue;
        }
    } catch (Failure& failure) {
        if (failure.line == 0)
            failure.line = statement.line;
        throw;
    }
    if (m_output->size() > kMaxOutput)
        throw Failure{"The template makes too much text.", statement.line};
    return Flow::Normal;
}

void Machine::write(const Value& value)
{
    writeText(m_budget, value, *m_output);
}

Machine::Flow Machine::runIf(const Statement& statement)
{
    for (const Statement::Branch& branch : statement.branches)
        if (isTrue(evaluate(*branch.condition)))
            return run(branch.body);
    return run(statement.otherwise);
}

Values Machine::filtered(const Statement& statement, Values items)
{
    if (!statement.condition)
        return items;
    Values kept;
    for (Value& item : items) {
        const Restore<ScopePtr> scope(m_scope, std::make_shared<Scope>(m_scope));
        assign(*statement.target, item);
        if (isTrue(evaluate(*statement.condition)))
            kept.push_back(std::move(item));
    }
    return kept;
}

Machine::Flow Machine::runFor(const Statement& statement)
{
    std::string output;
    const Flow flow = loop(statement, evaluate(*statement.expression), 0, output);
    m_budget.scan(output.size());
    *m_output += output;
    return flow;
}

/// level: of a loop that calls itself. Break and Continue come from the else branch, for the loop around.
Machine::Flow Machine::loop(const Statement& statement, const Value& iterable, int level, std::string& output)
{
    const Level guard(m_budget);
    const Restore<std::string*> target(m_output, &output);
    Values items = filtered(statement, itemsOf(iterable));
    if (items.empty())
        return inScope(statement.otherwise);
    auto state = std::make_shared<Loop>();
    state->level = level;
    state->depth = depthAround(items);
    state->items = std::make_shared<const Sequence>(Sequence{Sequence::Kind::List, std::move(items), state->depth, {}});
    const ScopePtr outer = m_scope;
    const Restore<ScopePtr> scope(m_scope, outer);
    if (statement.recursive)
        state->again = [this, &statement, level, outer](const Value& inner) {
            const Restore<ScopePtr> around(m_scope, outer); // the body does not see the variables of this round
            std::string rendered;
            loop(statement, inner, level + 1, rendered);
            return text(std::move(rendered));
        };
    for (; state->index < state->items->items.size(); ++state->index) {
        m_budget.step();
        m_scope = std::make_shared<Scope>(outer);
        m_scope->set("loop", Value(state));
        assign(*statement.target, state->items->items[state->index]);
        if (run(statement.body) == Flow::Break)
            break;
    }
    state->lastChanged.reset();
    state->again = nullptr;
    return Flow::Normal;
}

Machine::Flow Machine::inScope(const Body& body)
{
    const Restore<ScopePtr> scope(m_scope, std::make_shared<Scope>(m_scope));
    return run(body);
}

Machine::Flow Machine::capture(const Body& body, std::string& output)
{
    const Restore<std::string*> target(m_output, &output);
    const Flow flow = inScope(body);
    m_budget.make(output.size());
    return flow;
}

Machine::Flow Machine::runSet(const Statement& statement)
{
    if (statement.kind == Statement::Kind::Set) {
        assign(*statement.target, evaluate(*statement.expression));
        return Flow::Normal;
    }
    std::string bytes;
    const Flow flow = capture(statement.body, bytes);
    if (flow == Flow::Normal)
        assign(*statement.target, throughFilters(statement.expression.get(), std::move(bytes)));
    return flow;
}

Machine::Flow Machine::runFilterBlock(const Statement& statement)
{
    std::string bytes;
    const Flow flow = capture(statement.body, bytes);
    if (flow == Flow::Normal)
        write(throughFilters(statement.expression.get(), std::move(bytes)));
    return flow;
}

void Machine::assign(const Expression& target, Value value)
{
    if (target.kind == Expression::Kind::Name)
        return m_scope->set(target.text, std::move(value));
    if (target.kind == Expression::Kind::Member) {
        const Value* found = m_scope->find(m_budget, target.text);
        Namespace* space = found ? found->space() : nullptr;
        if (!space)
            throw Failure{"cannot assign attribute on non-namespace object", target.line};
        return space->attributes.set(m_budget, text(target.member), std::move(value));
    }
    const bool iterable = value.sequence() || value.dict() || value.text() || value.undefined();
    if (!iterable)
        throw Failure{fmt::format("cannot unpack non-iterable {} object", typeName(value)), target.line};
    const Values parts = itemsOf(value);
    if (parts.size() < target.items.size())
        throw Failure{
            fmt::format("not enough values to unpack (expected {}, got {})", target.items.size(), parts.size()),
            target.line};
    if (parts.size() > target.items.size())
        throw Failure{fmt::format("too many values to unpack (expected {})", target.items.size()), target.line};
    for (std::size_t i = 0; i < parts.size(); ++i)
        assign(*target.items[i], parts[i]);
}

Machine::Flow Machine::runWith(const Statement& statement)
{
    Values values; // all are read before the first is set
    for (const auto& [target, value] : statement.assignments)
        values.push_back(evaluate(*value));
    const Restore<ScopePtr> scope(m_scope, std::make_shared<Scope>(m_scope));
    for (std::size_t i = 0; i < values.size(); ++i)
        assign(*statement.assignments[i].first, std::move(values[i]));
    return run(statement.body);
}

void Machine::runCall(const Statement& statement)
{
    const Value caller = makeMacro(*statement.macro);
    write(evaluateCall(*statement.expression, &caller));
}

Value Machine::makeMacro(const MacroDefinition& definition)
{
    // The closure is held weakly by the function and strongly by the machine, which ends it: scopes hold macros.
    m_closures.push_back(std::make_shared<ScopePtr>(m_scope));
    const std::weak_ptr<ScopePtr> closure = m_closures.back();
    return function(definition.name, Function::Kind::Macro,
                    [&definition, closure](Machine& machine, Arguments& arguments) {
                        const auto scope = closure.lock();
                        return machine.callMacro(definition, *scope, arguments);
                    });
}

Value Machine::callMacro(const MacroDefinition& definition, const ScopePtr& scope, Arguments& arguments)
{
    const Restore<ScopePtr> inner(m_scope, std::make_shared<Scope>(scope));
    bindParameters(definition, arguments);
    std::string output;
    const Restore<std::string*> target(m_output, &output);
    run(definition.body);
    return text(std::move(output));
}

void Machine::bindParameters(const MacroDefinition& definition, Arguments& arguments)
{
    const auto takeNamed = [&](std::string_view name) -> std::optional<Value> {
        m_budget.step(1 + arguments.named.size() / 8);
        for (auto entry = arguments.named.begin(); entry != arguments.named.end(); ++entry)
            if (entry->first == name) {
                Value value = std::move(entry->second);
                arguments.named.erase(entry);
                return value;
            }
        return std::nullopt;
    };
    const auto& parameters = definition.parameters;
    std::vector<std::optional<Value>> values(parameters.size());
    bool callerIsParameter = false;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        callerIsParameter = callerIsParameter || parameters[i].name == "caller";
        values[i] =
            i < arguments.positional.size() ? std::move(arguments.positional[i]) : takeNamed(parameters[i].name);
    }
    if (definition.usesCaller && !callerIsParameter)
        m_scope->set("caller", takeNamed("caller").value_or(Value::undefined("No caller defined")));
    if (definition.usesNamed) {
        Dict named;
        for (auto& [name, value] : arguments.named)
            named.set(m_budget, Value::text(name), std::move(value));
        m_scope->set("kwargs", makeDict(std::move(named)));
    } else if (!arguments.named.empty()) {
        if (takeNamed("caller"))
            throw Failure{fmt::format("macro {} was invoked with two values for the special caller argument. This is "
                                      "most likely a bug.",
                                      quoted(definition.name))};
        throw Failure{fmt::format("macro {} takes no keyword argument {}", quoted(definition.name),
                                  quoted(arguments.named[0].first))};
    }
    const std::size_t used = std::min(parameters.size(), arguments.positional.size());
    if (definition.usesPositional)
        m_scope->set("varargs", makeTuple(Values(arguments.positional.begin() + std::ptrdiff_t(used),
                                                 arguments.positional.end())));
    else if (arguments.positional.size() > parameters.size())
        throw Failure{
            fmt::format("macro {} takes not more than {} argument(s)", quoted(definition.name), parameters.size())};
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        if (!values[i] && parameters[i].fallback)
            values[i] = evaluate(*parameters[i].fallback);
        m_scope->set(parameters[i].name, values[i] ? std::move(*values[i])
                                                   : Value::undefined(fmt::format("parameter {} was not provided",
                                                                                  quoted(parameters[i].name))));
    }
}

} // namespace ls::jinja
