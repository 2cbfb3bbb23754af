#include "engine/text/jinja/machine.h"
#include "engine/text/jinja/unicode.h"

#include <algorithm>
#include <iterator>

/// Tests: `x is name`.
namespace ls::jinja {

namespace {

using Operator = Expression::Operator;

template <bool (*Holds)(const Value&)>
bool plain(Machine&, const Value& subject, Arguments& arguments)
{
    Parameters("test", arguments, {});
    return Holds(subject);
}

bool isDefined(const Value& value)
{
    return !value.undefined();
}
bool isUndefined(const Value& value)
{
    return value.undefined();
}
bool isNone(const Value& value)
{
    return value.isNone();
}
bool isBoolean(const Value& value)
{
    return value.as<bool>();
}
bool isTrueItself(const Value& value)
{
    return value.as<bool>() && *value.as<bool>();
}
bool isFalseItself(const Value& value)
{
    return value.as<bool>() && !*value.as<bool>();
}
bool isInteger(const Value& value)
{
    return value.as<std::int64_t>();
}
bool isReal(const Value& value)
{
    return value.as<double>();
}
bool isText(const Value& value)
{
    return value.text();
}
bool isMapping(const Value& value)
{
    return value.dict();
}
bool isCallable(const Value& value)
{
    return value.function() || value.undefined() || value.loop();
}
bool isEscaped(const Value& value)
{
    return value.text() && value.text()->safe;
}
bool isIterable(const Value& value)
{
    return value.sequence() || value.dict() || value.text() || value.undefined() || value.loop();
}
/// Has a length and can be indexed.
bool isSequence(const Value& value)
{
    const Sequence* sequence = value.sequence();
    return value.text() || value.dict() || value.undefined() ||
           (sequence && sequence->kind <= Sequence::Kind::Range && sequence->kind != Sequence::Kind::Generator);
}

bool isLowerText(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters("test_lower", arguments, {});
    return isLower(machine.textOf(subject));
}

bool isUpperText(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters("test_upper", arguments, {});
    return isUpper(machine.textOf(subject));
}

bool remainderIs(Machine& machine, const Value& subject, std::int64_t divisor, std::int64_t remainder)
{
    const Value left = arithmetic(machine, Operator::Mod, subject, Value(divisor));
    return machine.equal(left, Value(remainder));
}

bool isOdd(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters("test_odd", arguments, {});
    return remainderIs(machine, subject, 2, 1);
}

bool isEven(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters("test_even", arguments, {});
    return remainderIs(machine, subject, 2, 0);
}

bool isDivisibleBy(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters parameters("test_divisibleby", arguments, {"num"}, 1);
    return machine.equal(arithmetic(machine, Operator::Mod, subject, parameters[0]), Value(std::int64_t(0)));
}

bool isSame(Machine&, const Value& subject, Arguments& arguments)
{
    Parameters parameters("test_sameas", arguments, {"other"}, 1);
    return subject.same(parameters[0]);
}

bool isIn(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters parameters("test_in", arguments, {"seq"}, 1);
    return contains(machine, parameters[0], subject);
}

bool isFilter(Machine&, const Value& subject, Arguments& arguments)
{
    Parameters("test_filter", arguments, {});
    return subject.text() && findFilter(subject.text()->bytes);
}

bool isTest(Machine&, const Value& subject, Arguments& arguments)
{
    Parameters("test_test", arguments, {});
    return subject.text() && findTest(subject.text()->bytes);
}

template <Operator Op>
bool compared(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters parameters("test", arguments, {"other"}, 1);
    const Value& other = parameters[0];
    Budget& budget = machine.budget();
    switch (Op) {
    case Operator::Equal:
        return machine.equal(subject, other);
    case Operator::NotEqual:
        return !machine.equal(subject, other);
    case Operator::Less:
        return less(budget, subject, other, "<");
    case Operator::LessEqual:
        return less(budget, subject, other, "<=") || machine.equal(subject, other);
    case Operator::Greater:
        return less(budget, other, subject, ">");
    default:
        return less(budget, other, subject, ">=") || machine.equal(subject, other);
    }
}

struct Entry {
    std::string_view name;
    Test test;
};
constexpr Entry kTests[] = {{"odd", isOdd},
                            {"even", isEven},
                            {"divisibleby", isDivisibleBy},
                            {"defined", plain<isDefined>},
                            {"undefined", plain<isUndefined>},
                            {"filter", isFilter},
                            {"test", isTest},
                            {"none", plain<isNone>},
                            {"boolean", plain<isBoolean>},
                            {"false", plain<isFalseItself>},
                            {"true", plain<isTrueItself>},
                            {"integer", plain<isInteger>},
                            {"float", plain<isReal>},
                            {"lower", isLowerText},
                            {"upper", isUpperText},
                            {"string", plain<isText>},
                            {"mapping", plain<isMapping>},
                            {"number", plain<isNumber>},
                            {"sequence", plain<isSequence>},
                            {"iterable", plain<isIterable>},
                            {"callable", plain<isCallable>},
                            {"sameas", isSame},
                            {"escaped", plain<isEscaped>},
                            {"in", isIn},
                            {"==", compared<Operator::Equal>},
                            {"eq", compared<Operator::Equal>},
                            {"equalto", compared<Operator::Equal>},
                            {"!=", compared<Operator::NotEqual>},
                            {"ne", compared<Operator::NotEqual>},
                            {">", compared<Operator::Greater>},
                            {"gt", compared<Operator::Greater>},
                            {"greaterthan", compared<Operator::Greater>},
                            {">=", compared<Operator::GreaterEqual>},
                            {"ge", compared<Operator::GreaterEqual>},
                            {"<", compared<Operator::Less>},
                            {"lt", compared<Operator::Less>},
                            {"lessthan", compared<Operator::Less>},
                            {"<=", compared<Operator::LessEqual>},
                            {"le", compared<Operator::LessEqual>}};

} // namespace

Test findTest(std::string_view name)
{
    const auto found =
        std::find_if(std::begin(kTests), std::end(kTests), [&](const Entry& entry) { return entry.name == name; });
    return found == std::end(kTests) ? nullptr : found->test;
}

} // namespace ls::jinja
