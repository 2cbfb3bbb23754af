#pragma once

#include "engine/text/jinja/budget.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

/// Values as the template sees them: Python's, without its objects. Lists and maps cannot change once made, so they are
/// shared, and only namespaces and macros can form cycles (Machine ends those).
namespace ls::jinja {

class Machine;
class Value;
using Values = std::vector<Value>;

struct Text {
    std::string bytes;
    std::size_t length = 0; ///< characters
    bool safe = false;      ///< marked by |safe or |e: `+` escapes what is added
};
struct Sequence;
class Dict;
struct Namespace;
struct Function;
struct Loop;
struct Undefined {
    std::string message; ///< of the error when it is used
};

class Value {
public:
    using Data = std::variant<std::monostate, bool, std::int64_t, double, std::shared_ptr<const Text>,
                              std::shared_ptr<const Sequence>, std::shared_ptr<const Dict>, std::shared_ptr<Namespace>,
                              std::shared_ptr<const Function>, std::shared_ptr<Loop>, std::shared_ptr<const Undefined>>;
    Value() = default; ///< None
    template <typename T>
    requires(!std::is_same_v<std::decay_t<T>, Value> &&
             std::is_constructible_v<Data, std::in_place_type_t<T>, T>) explicit Value(T data)
        : m_data(std::in_place_type<T>, std::move(data))
    {
    }
    static Value text(std::string bytes, bool safe = false);
    static Value undefined(std::string message);

    template <typename T>
    const T* as() const
    {
        return std::get_if<T>(&m_data);
    }
    bool isNone() const { return m_data.index() == 0; }
    const Text* text() const { return pointee<const Text>(); }
    const Sequence* sequence() const { return pointee<const Sequence>(); }
    const Dict* dict() const { return pointee<const Dict>(); }
    Namespace* space() const { return pointee<Namespace>(); }
    const Function* function() const { return pointee<const Function>(); }
    Loop* loop() const { return pointee<Loop>(); }
    const Undefined* undefined() const { return pointee<const Undefined>(); }
    /// The same object (Python's `is`).
    bool same(const Value& other) const { return m_data == other.m_data; }
    const void* identity() const;

private:
    template <typename T>
    T* pointee() const
    {
        const auto* pointer = std::get_if<std::shared_ptr<T>>(&m_data);
        return pointer ? pointer->get() : nullptr;
    }
    Data m_data;
};

struct Sequence {
    enum class Kind { List, Tuple, Generator, Range, DictKeys, DictValues, DictItems };
    Kind kind = Kind::List;
    Values items;
    int depth = 1;              ///< lists in lists; limited, because values are compared, written and freed recursively
    std::string written;        ///< repr of a range
    mutable bool spent = false; ///< a generator can be read once
};

/// A map that keeps the order of insertion.
class Dict {
public:
    using Entry = std::pair<Value, Value>;
    /// A later value for the same key replaces the earlier one. Failure: unhashable key, too deep.
    void set(Budget& budget, Value key, Value value);
    const Value* find(std::string_view key) const;
    const Value* find(Budget& budget, const Value& key) const; ///< Failure: unhashable key
    const std::vector<Entry>& entries() const { return m_entries; }
    int depth() const { return m_depth; }

private:
    std::vector<Entry> m_entries;
    std::unordered_map<std::string_view, std::size_t> m_texts; // keys live in m_entries
    std::unordered_map<std::string, std::size_t> m_others;
    int m_depth = 1;
};

struct Namespace {
    Dict attributes;
};

/// Arguments of a call, filter or test.
struct Arguments {
    Values positional;
    std::vector<std::pair<std::string, Value>> named;
};

struct Function {
    enum class Kind { Builtin, Function, Class, Macro };
    Kind kind = Kind::Builtin;
    std::string name;
    std::function<Value(Machine&, Arguments&)> call;
    int depth = 1; ///< of the value it is bound to, plus one
};

/// The variable `loop`.
struct Loop {
    std::shared_ptr<const Sequence> items;
    std::size_t index = 0;
    std::optional<Values> lastChanged;
    int depth = 1;
    int level = 0;                            ///< of recursive loops
    std::function<Value(const Value&)> again; ///< loop(items) of a recursive loop, while it runs
};

/// Limited depth of nesting. Failure: too deep.
int depthOf(const Value& value);
int depthAround(const Values& items);
Value makeSequence(Sequence::Kind kind, Values items);
inline Value makeList(Values items)
{
    return makeSequence(Sequence::Kind::List, std::move(items));
}
inline Value makeTuple(Values items)
{
    return makeSequence(Sequence::Kind::Tuple, std::move(items));
}
Value makeDict(Dict dict);
Value makeInteger(std::size_t value);

std::string typeName(const Value& value);   ///< type(x).__name__
std::string objectName(const Value& value); ///< as Jinja's messages about missing attributes say it: "dict object"
bool isTrue(const Value& value);
bool isNumber(const Value& value); ///< integer, boolean or real
/// Integers and booleans.
std::optional<std::int64_t> integerOf(const Value& value);
double realOf(const Value& value);
bool equal(Budget& budget, const Value& left, const Value& right);
/// left < right; sign: what the template wrote, ">" and ">=" with the sides swapped. Failure: not comparable.
bool less(Budget& budget, const Value& left, const Value& right, const char* sign = "<");
/// Equal keys have equal texts. Failure: unhashable.
std::string keyOf(Budget& budget, const Value& value);
/// str(value) and repr(value), appended.
void writeText(Budget& budget, const Value& value, std::string& out);
void writeRepr(Budget& budget, const Value& value, std::string& out);
std::string textOf(Budget& budget, const Value& value);
std::string reprOf(Budget& budget, const Value& value);
std::string realText(double value); ///< repr of a float
/// The items of a loop over the value. Failure: not iterable. A generator is spent.
Values itemsOf(Budget& budget, const Value& value);
/// len(value). Failure: has none.
std::size_t lengthOf(const Value& value);

} // namespace ls::jinja
