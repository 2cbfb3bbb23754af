#include "engine/text/jinja/machine.h"

#include "engine/text/jinja/unicode.h"

#include <fmt/format.h>

#include <algorithm>

namespace ls::jinja {

const Value* Scope::find(Budget& budget, std::string_view name) const
{
    budget.scan(name.size());
    for (const Scope* scope = this; scope; scope = scope->m_parent.get()) {
        budget.step();
        if (const auto found = scope->m_variables.find(name); found != scope->m_variables.end())
            return &found->second;
    }
    return nullptr;
}

namespace {

/// Arguments are copied for every item by map and select.
void chargeCopy(Budget& budget, const Arguments& arguments)
{
    std::size_t bytes = arguments.positional.size() * sizeof(Value);
    for (const auto& [name, value] : arguments.named)
        bytes += name.size() + sizeof(Value);
    budget.make(bytes);
}

} // namespace

Machine::Machine(const Body& body, Context context, std::string fixedTime)
    : m_body(body)
    , m_context(std::move(context))
    , m_fixedTime(std::move(fixedTime))
    , m_scope(std::make_shared<Scope>(nullptr))
{
}

Machine::~Machine()
{
    // One link at a time: a chain of a million namespaces must not be freed recursively.
    for (const auto& space : m_namespaces)
        space->attributes = {};
    for (const auto& closure : m_closures)
        closure->reset();
}

std::string Machine::render()
{
    std::string output;
    m_output = &output;
    run(m_body);
    return output;
}

Value Machine::makeNamespace(Dict attributes)
{
    m_budget.make(sizeof(Namespace));
    m_namespaces.push_back(std::make_shared<Namespace>(Namespace{std::move(attributes)}));
    return Value(m_namespaces.back());
}

Value Machine::function(std::string name, Function::Kind kind, std::function<Value(Machine&, Arguments&)> call,
                        int depth)
{
    m_budget.make(sizeof(Function));
    if (depth > kMaxValueDepth)
        throw Failure{"A value is nested too deeply."};
    auto made = std::make_shared<Function>(Function{kind, std::move(name), std::move(call), depth});
    return Value(std::shared_ptr<const Function>(std::move(made)));
}

Value Machine::call(const Value& callee, Arguments& arguments)
{
    if (const Undefined* undefined = callee.undefined())
        throw Failure{undefined->message};
    if (const Loop* loop = callee.loop()) {
        Parameters parameters("loop", arguments, {"iterable"}, 1);
        if (!loop->again)
            throw Failure{"The loop must have the 'recursive' marker to be called recursively."};
        const Level level(m_budget);
        return loop->again(parameters[0]);
    }
    const Function* function = callee.function();
    if (!function)
        throw Failure{fmt::format("'{}' object is not callable", typeName(callee))};
    const Value keep = callee; // a macro may replace the variable it is called through
    const Level level(m_budget);
    return function->call(*this, arguments);
}

Value Machine::filter(const std::string& name, Value subject, Arguments arguments)
{
    const Filter found = findFilter(name);
    if (!found)
        throw Failure{fmt::format("No filter named {}.", quoted(name))};
    const Level level(m_budget);
    chargeCopy(m_budget, arguments);
    return found(*this, subject, arguments);
}

bool Machine::test(const std::string& name, const Value& subject, Arguments arguments)
{
    const Test found = findTest(name);
    if (!found)
        throw Failure{fmt::format("No test named {}.", quoted(name))};
    const Level level(m_budget);
    chargeCopy(m_budget, arguments);
    return found(*this, subject, arguments);
}

Parameters::Parameters(const std::string& function, Arguments& arguments, std::initializer_list<const char*> names,
                       std::size_t required)
    : m_values(names.size())
{
    if (arguments.positional.size() > names.size())
        throw Failure{fmt::format("{}() takes {} {} positional argument{} but {} were given", function,
                                  required == names.size() ? "" : "at most", names.size(), names.size() == 1 ? "" : "s",
                                  arguments.positional.size())};
    for (std::size_t i = 0; i < arguments.positional.size(); ++i)
        m_values[i] = std::move(arguments.positional[i]);
    for (auto& [name, value] : arguments.named) {
        const auto found = std::find(names.begin(), names.end(), std::string_view(name));
        if (found == names.end())
            throw Failure{fmt::format("{}() got an unexpected keyword argument '{}'", function, name)};
        auto& slot = m_values[std::size_t(found - names.begin())];
        if (slot)
            throw Failure{fmt::format("{}() got multiple values for argument '{}'", function, name)};
        slot = std::move(value);
    }
    for (std::size_t i = 0; i < required; ++i)
        if (!m_values[i])
            throw Failure{fmt::format("{}() missing 1 required positional argument: '{}'", function, names.begin()[i])};
}

std::int64_t Parameters::integer(std::size_t index, std::int64_t fallback) const
{
    if (!has(index))
        return fallback;
    if (const auto value = integerOf(*m_values[index]))
        return *value;
    if (const Undefined* undefined = m_values[index]->undefined())
        throw Failure{undefined->message};
    throw Failure{fmt::format("'{}' object cannot be interpreted as an integer", typeName(*m_values[index]))};
}

std::string Parameters::text(std::size_t index, std::string fallback) const
{
    if (!has(index))
        return fallback;
    if (const Text* text = m_values[index]->text())
        return text->bytes;
    throw Failure{fmt::format("must be str, not {}", typeName(*m_values[index]))};
}

} // namespace ls::jinja
