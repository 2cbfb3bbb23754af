#include "engine/text/jinja/methods.h"

#include "engine/text/jinja/unicode.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

/// Attributes of values. What Python has and we do not offer still exists, so that `is defined` says the same.
namespace ls::jinja {

namespace {

using Names = std::initializer_list<std::string_view>;

bool isOneOf(std::string_view name, const Names& names)
{
    return std::find(names.begin(), names.end(), name) != names.end();
}

Value dictView(Machine& machine, const Dict& dict, Sequence::Kind kind)
{
    Values items;
    machine.budget().make(dict.entries().size() * sizeof(Value) * (kind == Sequence::Kind::DictItems ? 4 : 1));
    for (const auto& [key, value] : dict.entries())
        items.push_back(kind == Sequence::Kind::DictKeys     ? key
                        : kind == Sequence::Kind::DictValues ? value
                                                             : makeTuple({key, value}));
    return makeSequence(kind, std::move(items));
}

Value dictMethod(Machine& machine, const Value& self, std::string_view name, Arguments& arguments)
{
    const Dict& dict = *self.dict();
    if (name == "get") {
        if (arguments.positional.empty())
            throw Failure{"get expected at least 1 argument, got 0"};
        Parameters parameters("get", arguments, {"key", "default"}, 1);
        const Value* found = dict.find(machine.budget(), parameters[0]);
        return found ? *found : parameters.get(1, {});
    }
    Parameters("dict." + std::string(name), arguments, {});
    if (name == "keys")
        return dictView(machine, dict, Sequence::Kind::DictKeys);
    if (name == "values")
        return dictView(machine, dict, Sequence::Kind::DictValues);
    if (name == "items")
        return dictView(machine, dict, Sequence::Kind::DictItems);
    return self; // copy: nothing can be changed
}

Value sequenceMethod(Machine& machine, const Value& self, std::string_view name, Arguments& arguments)
{
    Parameters parameters(std::string(name), arguments, {"value"}, name == "copy" ? 0 : 1);
    if (name == "copy")
        return self;
    const Values& items = self.sequence()->items;
    std::int64_t count = 0;
    for (std::size_t i = 0; i < items.size(); ++i)
        if (machine.equal(items[i], parameters[0])) {
            if (name == "index")
                return makeInteger(i);
            ++count;
        }
    if (name == "index")
        throw Failure{fmt::format("{} is not in {}", reprOf(machine.budget(), parameters[0]), typeName(self))};
    return Value(count);
}

Value loopMethod(Machine& machine, const Value& self, std::string_view name, Arguments& arguments)
{
    Loop& loop = *self.loop();
    if (name == "cycle") {
        if (arguments.positional.empty())
            throw Failure{"no items for cycling given"};
        return arguments.positional[loop.index % arguments.positional.size()];
    }
    const bool same = loop.lastChanged && loop.lastChanged->size() == arguments.positional.size() &&
                      std::equal(arguments.positional.begin(), arguments.positional.end(), loop.lastChanged->begin(),
                                 [&](const Value& a, const Value& b) { return machine.equal(a, b); });
    if (!same)
        loop.lastChanged = arguments.positional;
    return Value(!same);
}

std::optional<Value> loopAttribute(Machine& machine, const Value& self, std::string_view name)
{
    const Loop& loop = *self.loop();
    const Values& items = loop.items->items;
    const std::size_t at = loop.index;
    if (name == "index")
        return makeInteger(at + 1);
    if (name == "index0")
        return makeInteger(at);
    if (name == "first")
        return Value(at == 0);
    if (name == "last")
        return Value(at + 1 >= items.size());
    if (name == "length")
        return makeInteger(items.size());
    if (name == "revindex")
        return makeInteger(items.size() - at);
    if (name == "revindex0")
        return makeInteger(items.size() - at - 1);
    if (name == "depth")
        return Value(std::int64_t(loop.level + 1));
    if (name == "depth0")
        return Value(std::int64_t(loop.level));
    if (name == "previtem")
        return at == 0 ? Value::undefined("there is no previous item") : items[at - 1];
    if (name == "nextitem")
        return at + 1 >= items.size() ? Value::undefined("there is no next item") : items[at + 1];
    if (isOneOf(name, {"cycle", "changed"}))
        return bound(machine, self, name, loopMethod);
    return std::nullopt;
}

/// Attributes every Python object has; the sandbox hides them.
bool isInternal(std::string_view name)
{
    return isOneOf(name, {"__class__",        "__doc__",
                          "__init__",         "__new__",
                          "__dir__",          "__hash__",
                          "__repr__",         "__str__",
                          "__eq__",           "__ne__",
                          "__lt__",           "__le__",
                          "__gt__",           "__ge__",
                          "__format__",       "__reduce__",
                          "__reduce_ex__",    "__getattribute__",
                          "__setattr__",      "__delattr__",
                          "__sizeof__",       "__init_subclass__",
                          "__subclasshook__", "__getstate__"});
}

Value unsafe(const Value& self, std::string_view name)
{
    return Value::undefined(
        fmt::format("access to attribute {} of {} object is unsafe.", quoted(name), quoted(typeName(self))));
}

} // namespace

Value bound(Machine& machine, const Value& self, std::string_view name, Method method)
{
    return machine.function(
        std::string(name), Function::Kind::Builtin,
        [self, name = std::string(name), method](Machine& m, Arguments& arguments) {
            return method(m, self, name, arguments);
        },
        depthOf(self) + 1);
}

std::optional<Value> findMethod(Machine& machine, const Value& object, std::string_view name)
{
    if (name.starts_with("__") && isInternal(name))
        return unsafe(object, name);
    if (object.dict()) {
        if (isOneOf(name, {"clear", "pop", "popitem", "setdefault", "update"}))
            return unsafe(object, name);
        if (isOneOf(name, {"get", "keys", "values", "items", "copy"}))
            return bound(machine, object, name, dictMethod);
        if (name == "fromkeys")
            return bound(machine, object, name, unsupportedMethod);
    } else if (object.text()) {
        return textMethod(machine, object, name);
    } else if (object.loop()) {
        return loopAttribute(machine, object, name);
    } else if (const Sequence* sequence = object.sequence(); sequence && sequence->kind <= Sequence::Kind::Tuple) {
        const bool list = sequence->kind == Sequence::Kind::List;
        if (list && isOneOf(name, {"append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"}))
            return unsafe(object, name);
        if (isOneOf(name, {"count", "index"}) || (list && name == "copy"))
            return bound(machine, object, name, sequenceMethod);
    } else if (const Function* function = object.function(); function && function->kind == Function::Kind::Macro) {
        if (name == "name")
            return Value::text(function->name);
    } else if (isNumber(object)) {
        if (isOneOf(name, {"real", "imag", "numerator", "denominator"}) && !object.as<double>())
            return Value(name == "imag" ? 0 : name == "denominator" ? 1 : *integerOf(object));
        if (isOneOf(name, {"as_integer_ratio", "conjugate", object.as<double>() ? "is_integer" : "bit_length",
                           object.as<double>() ? "hex" : "to_bytes", "from_bytes", "bit_count"}))
            return bound(machine, object, name, unsupportedMethod);
    }
    return std::nullopt;
}

Value unsupportedMethod(Machine&, const Value& self, std::string_view name, Arguments&)
{
    throw Failure{fmt::format("The method {}.{} is not supported.", typeName(self), name)};
}

} // namespace ls::jinja
