#pragma once

#include "engine/text/jinja/ast.h"

#include <map>

namespace ls::jinja {

/// Variables of a block; names that are not here are looked up in the block around it.
class Scope {
public:
    explicit Scope(std::shared_ptr<const Scope> parent)
        : m_parent(std::move(parent))
    {
    }
    const Value* find(Budget& budget, std::string_view name) const;
    void set(std::string_view name, Value value) { m_variables.insert_or_assign(name, std::move(value)); }

private:
    std::shared_ptr<const Scope> m_parent;
    std::map<std::string_view, Value> m_variables; // names live in the syntax tree
};
using ScopePtr = std::shared_ptr<Scope>;

/// Renders one template once: walks the syntax tree.
class Machine {
public:
    /// A variable from outside, nullopt if there is none.
    using Context = std::function<std::optional<Value>(Budget&, std::string_view)>;
    /// body must outlive the machine. fixedTime: what strftime_now() answers; empty: the clock.
    Machine(const Body& body, Context context, std::string fixedTime);
    ~Machine();
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;
    /// Failure with line.
    std::string render();

    // for filters, tests and functions
    Budget& budget() { return m_budget; }
    Value text(std::string bytes, bool safe = false)
    {
        m_budget.make(bytes.size());
        return Value::text(std::move(bytes), safe);
    }
    Value list(Values items)
    {
        m_budget.make(items.size() * sizeof(Value));
        return makeList(std::move(items));
    }
    Value generator(Values items)
    {
        m_budget.make(items.size() * sizeof(Value));
        return makeSequence(Sequence::Kind::Generator, std::move(items));
    }
    Values itemsOf(const Value& value) { return jinja::itemsOf(m_budget, value); }
    std::string textOf(const Value& value) { return jinja::textOf(m_budget, value); }
    bool equal(const Value& a, const Value& b) { return jinja::equal(m_budget, a, b); }
    Value makeNamespace(Dict attributes);
    Value function(std::string name, Function::Kind kind, std::function<Value(Machine&, Arguments&)> call,
                   int depth = 1);
    Value attribute(const Value& object, std::string_view name); ///< object.name
    Value item(const Value& object, const Value& key);           ///< object[key]
    Value filter(const std::string& name, Value subject, Arguments arguments);
    bool test(const std::string& name, const Value& subject, Arguments arguments);
    Value call(const Value& callee, Arguments& arguments);
    const std::string& fixedTime() const { return m_fixedTime; }

private:
    enum class Flow { Normal, Break, Continue };

    // statements.cpp
    Flow run(const Body& body);
    Flow run(const Statement& statement);
    Flow runIf(const Statement& statement);
    Flow runFor(const Statement& statement);
    Flow loop(const Statement& statement, const Value& iterable, int level, std::string& output);
    Values filtered(const Statement& statement, Values items);
    Flow runSet(const Statement& statement);
    Flow runFilterBlock(const Statement& statement);
    Flow runWith(const Statement& statement);
    void runCall(const Statement& statement);
    Flow inScope(const Body& body);
    Flow capture(const Body& body, std::string& output);
    void assign(const Expression& target, Value value);
    void write(const Value& value);
    Value makeMacro(const MacroDefinition& definition);
    Value callMacro(const MacroDefinition& definition, const ScopePtr& scope, Arguments& arguments);
    void bindParameters(const MacroDefinition& definition, Arguments& arguments);

    // expressions.cpp
    Value evaluate(const Expression& expression);
    Value evaluateKind(const Expression& expression);
    Value evaluateName(const Expression& expression);
    Value evaluateSequence(const Expression& expression);
    Value evaluateDict(const Expression& expression);
    Value evaluateSlice(const Expression& expression);
    Value evaluateLogic(const Expression& expression);
    Value evaluateConditional(const Expression& expression);
    Value evaluateArithmetic(const Expression& expression);
    bool evaluateCompare(const Expression& expression);
    Value evaluateConcat(const Expression& expression);
    Value evaluateCall(const Expression& expression, const Value* caller);
    Value throughFilters(const Expression* filters, std::string text);
    Arguments evaluateArguments(const CallArguments& arguments);

    const Body& m_body;
    Context m_context;
    std::string m_fixedTime;
    Budget m_budget;
    ScopePtr m_scope;
    std::string* m_output = nullptr;
    std::map<std::string, std::optional<Value>, std::less<>> m_globals; // read from the context at first use
    // What can be part of a cycle, or of a chain too long to be freed recursively, lives to the end.
    std::vector<std::shared_ptr<Namespace>> m_namespaces;
    std::vector<std::shared_ptr<ScopePtr>> m_closures;
};

/// What a filter, test or function does with its arguments, by their names. Failure: missing, unknown, too many.
class Parameters {
public:
    Parameters(const std::string& function, Arguments& arguments, std::initializer_list<const char*> names,
               std::size_t required = 0);
    bool has(std::size_t index) const { return m_values[index].has_value(); }
    const Value& operator[](std::size_t index) const { return *m_values[index]; }
    Value get(std::size_t index, Value fallback) const { return has(index) ? *m_values[index] : std::move(fallback); }
    bool flag(std::size_t index, bool fallback = false) const
    {
        return has(index) ? isTrue(*m_values[index]) : fallback;
    }
    /// An integer. Failure: another type.
    std::int64_t integer(std::size_t index, std::int64_t fallback) const;
    /// A text. Failure: another type.
    std::string text(std::size_t index, std::string fallback) const;

private:
    std::vector<std::optional<Value>> m_values;
};

using Filter = Value (*)(Machine&, const Value& subject, Arguments&);
using Test = bool (*)(Machine&, const Value& subject, Arguments&);
Filter findFilter(std::string_view name); ///< null if there is none
Test findTest(std::string_view name);
/// A global function of templates: range, namespace, dict, raise_exception, strftime_now, joiner, cycler.
std::optional<Value> findGlobal(Machine& machine, std::string_view name);
/// Method of a text, list, tuple or map; nullopt if Python has none of that name.
std::optional<Value> findMethod(Machine& machine, const Value& object, std::string_view name);

Value add(Machine& machine, const Value& left, const Value& right);
Value arithmetic(Machine& machine, Expression::Operator op, const Value& left, const Value& right);
bool contains(Machine& machine, const Value& container, const Value& item);
Value sliced(Machine& machine, const Value& object, const Value& from, const Value& to, const Value& step);
/// "%s and %d" % (a, b)
std::string formatPercent(Machine& machine, std::string_view format, const Value& values);
std::string escaped(std::string_view text); ///< & < > ' " as HTML
/// json.dumps. indent: none = one line. Failure: not serialisable.
std::string toJson(Machine& machine, const Value& value, const Value& indent, bool asciiOnly, bool sortKeys,
                   const Value& separators);

} // namespace ls::jinja
