#include "engine/text/jinja/machine.h"
#include "engine/text/jinja/unicode.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

/// Python's operators.
namespace ls::jinja {

using Operator = Expression::Operator;

namespace {

constexpr const char* kTooLarge = "The number is too large.";

const char* signOf(Operator op)
{
    switch (op) {
    case Operator::Add:
        return "+";
    case Operator::Sub:
        return "-";
    case Operator::Mul:
        return "*";
    case Operator::Div:
        return "/";
    case Operator::FloorDiv:
        return "//";
    case Operator::Mod:
        return "%";
    default:
        return "** or pow()";
    }
}

[[noreturn]] void unsupported(Operator op, const Value& left, const Value& right)
{
    throw Failure{
        fmt::format("unsupported operand type(s) for {}: '{}' and '{}'", signOf(op), typeName(left), typeName(right))};
}

std::int64_t integerPower(std::int64_t base, std::int64_t exponent)
{
    std::int64_t result = 1;
    while (exponent > 0) {
        if ((exponent & 1) && __builtin_mul_overflow(result, base, &result))
            throw Failure{kTooLarge};
        exponent >>= 1;
        if (exponent > 0 && __builtin_mul_overflow(base, base, &base))
            throw Failure{kTooLarge};
    }
    return result;
}

Value integers(Operator op, std::int64_t a, std::int64_t b)
{
    std::int64_t result = 0;
    bool overflow = false;
    switch (op) {
    case Operator::Add:
        overflow = __builtin_add_overflow(a, b, &result);
        break;
    case Operator::Sub:
        overflow = __builtin_sub_overflow(a, b, &result);
        break;
    case Operator::Mul:
        overflow = __builtin_mul_overflow(a, b, &result);
        break;
    case Operator::Div:
        if (b == 0)
            throw Failure{"division by zero"};
        return Value(double(a) / double(b));
    case Operator::FloorDiv:
    case Operator::Mod: {
        if (b == 0)
            throw Failure{op == Operator::Mod ? "integer modulo by zero" : "integer division or modulo by zero"};
        if (b == -1) { // the only quotient that can overflow
            overflow = op == Operator::FloorDiv && __builtin_sub_overflow(std::int64_t(0), a, &result);
            break;
        }
        const std::int64_t remainder = a % b, down = remainder != 0 && (remainder < 0) != (b < 0);
        result = op == Operator::Mod ? remainder + (down ? b : 0) : a / b - down;
        break;
    }
    default:
        if (b < 0) {
            if (a == 0)
                throw Failure{"0.0 cannot be raised to a negative power"};
            return Value(std::pow(double(a), double(b)));
        }
        return Value(integerPower(a, b));
    }
    if (overflow)
        throw Failure{kTooLarge};
    return Value(result);
}

Value reals(Operator op, double a, double b)
{
    switch (op) {
    case Operator::Add:
        return Value(a + b);
    case Operator::Sub:
        return Value(a - b);
    case Operator::Mul:
        return Value(a * b);
    case Operator::Div:
        if (b == 0)
            throw Failure{"float division by zero"};
        return Value(a / b);
    case Operator::FloorDiv:
    case Operator::Mod: {
        if (b == 0)
            throw Failure{op == Operator::Mod ? "float modulo" : "float floor division by zero"};
        double remainder = std::fmod(a, b), quotient = (a - remainder) / b;
        if (remainder == 0) {
            remainder = std::copysign(0.0, b);
        } else if ((b < 0) != (remainder < 0)) {
            remainder += b;
            quotient -= 1;
        }
        if (op == Operator::Mod)
            return Value(remainder);
        const double floor = std::floor(quotient); // quotient is whole but for rounding
        return Value(quotient == 0 ? std::copysign(0.0, a / b) : quotient - floor > 0.5 ? floor + 1 : floor);
    }
    default:
        if (a == 0 && b < 0)
            throw Failure{"0.0 cannot be raised to a negative power"};
        if (a < 0 && std::isfinite(a) && std::isfinite(b) && std::floor(b) != b)
            throw Failure{"Complex numbers are not supported."};
        const double power = std::pow(a, b);
        if (std::isinf(power) && std::isfinite(a) && std::isfinite(b))
            throw Failure{"(34, 'Numerical result out of range')"};
        return Value(power);
    }
}

Value repeated(Machine& machine, const Value& value, std::int64_t count)
{
    const auto times = std::size_t(std::max<std::int64_t>(count, 0));
    const Text* text = value.text();
    const std::size_t unit = text ? text->bytes.size() : value.sequence()->items.size() * sizeof(Value);
    if (unit > 0 && times > kMaxOutput / unit)
        throw Failure{"The template makes too much text."};
    machine.budget().make(unit * times);
    if (text) {
        std::string out;
        out.reserve(unit * times);
        for (std::size_t i = 0; i < times && unit > 0; ++i)
            out += text->bytes;
        return Value::text(std::move(out), text->safe);
    }
    Values items;
    for (std::size_t i = 0; i < times && unit > 0; ++i)
        items.insert(items.end(), value.sequence()->items.begin(), value.sequence()->items.end());
    return makeSequence(value.sequence()->kind, std::move(items));
}

bool isRow(const Value& value)
{
    const Sequence* sequence = value.sequence();
    return sequence && (sequence->kind == Sequence::Kind::List || sequence->kind == Sequence::Kind::Tuple);
}

Value multiplied(Machine& machine, const Value& left, const Value& right)
{
    const bool leftRepeats = left.text() || isRow(left), rightRepeats = right.text() || isRow(right);
    if (leftRepeats && integerOf(right))
        return repeated(machine, left, *integerOf(right));
    if (rightRepeats && integerOf(left))
        return repeated(machine, right, *integerOf(left));
    if (leftRepeats || rightRepeats)
        throw Failure{
            fmt::format("can't multiply sequence by non-int of type '{}'", typeName(leftRepeats ? right : left))};
    unsupported(Operator::Mul, left, right);
}

} // namespace

Value add(Machine& machine, const Value& left, const Value& right)
{
    const Text *a = left.text(), *b = right.text();
    if (a && b) {
        const bool safe = a->safe || b->safe; // what is not marked safe is escaped
        machine.budget().make((a->bytes.size() + b->bytes.size()) * (safe ? 6 : 1));
        const auto part = [&](const Text& text) { return safe && !text.safe ? escaped(text.bytes) : text.bytes; };
        return Value::text(part(*a) + part(*b), safe);
    }
    if (isRow(left) && isRow(right) && left.sequence()->kind == right.sequence()->kind) {
        Values items;
        machine.budget().make((left.sequence()->items.size() + right.sequence()->items.size()) * sizeof(Value));
        items.insert(items.end(), left.sequence()->items.begin(), left.sequence()->items.end());
        items.insert(items.end(), right.sequence()->items.begin(), right.sequence()->items.end());
        return makeSequence(left.sequence()->kind, std::move(items));
    }
    if (a || isRow(left))
        throw Failure{
            fmt::format("can only concatenate {0} (not \"{1}\") to {0}", a ? "str" : typeName(left), typeName(right))};
    unsupported(Operator::Add, left, right);
}

Value arithmetic(Machine& machine, Operator op, const Value& left, const Value& right)
{
    machine.budget().step();
    if (isNumber(left) && isNumber(right)) {
        const auto a = integerOf(left), b = integerOf(right);
        return a && b ? integers(op, *a, *b) : reals(op, realOf(left), realOf(right));
    }
    if (op == Operator::Mod && left.text())
        return machine.text(formatPercent(machine, left.text()->bytes, right), left.text()->safe);
    for (const Value* side : {&left, &right})
        if (const Undefined* undefined = side->undefined())
            throw Failure{undefined->message};
    if (op == Operator::Add)
        return add(machine, left, right);
    if (op == Operator::Mul)
        return multiplied(machine, left, right);
    unsupported(op, left, right);
}

bool contains(Machine& machine, const Value& container, const Value& item)
{
    if (const Text* text = container.text()) {
        const Text* part = item.text();
        if (!part)
            throw Failure{fmt::format("'in <string>' requires string as left operand, not {}", typeName(item))};
        machine.budget().scan(text->bytes.size() + part->bytes.size());
        return Finder(part->bytes).find(text->bytes, 0) != std::string::npos;
    }
    if (const Dict* dict = container.dict())
        return dict->find(machine.budget(), item) != nullptr;
    if (const Sequence* sequence = container.sequence()) {
        if (sequence->spent)
            return false;
        return std::any_of(sequence->items.begin(), sequence->items.end(),
                           [&](const Value& value) { return value.same(item) || machine.equal(value, item); });
    }
    if (container.undefined())
        return false;
    throw Failure{fmt::format("argument of type '{}' is not iterable", typeName(container))};
}

Value sliced(Machine& machine, const Value& object, const Value& from, const Value& to, const Value& step)
{
    if (const Undefined* undefined = object.undefined())
        throw Failure{undefined->message};
    const Sequence* sequence = object.sequence();
    const bool view =
        sequence && (sequence->kind == Sequence::Kind::Generator || sequence->kind >= Sequence::Kind::DictKeys);
    if (object.dict())
        throw Failure{"unhashable type: 'slice'"};
    if (!object.text() && (!sequence || view))
        throw Failure{fmt::format("'{}' object is not subscriptable", typeName(object))};
    const auto integer = [](const Value& value) -> std::optional<std::int64_t> {
        if (value.isNone())
            return std::nullopt;
        if (const auto number = integerOf(value))
            return *number;
        throw Failure{"slice indices must be integers or None or have an __index__ method"};
    };
    const std::int64_t stride = integer(step).value_or(1), length = std::int64_t(lengthOf(object));
    if (stride == 0)
        throw Failure{"slice step cannot be zero"};
    const std::int64_t lowest = stride > 0 ? 0 : -1, highest = stride > 0 ? length : length - 1;
    const auto clamped = [&](const Value& value, std::int64_t fallback) {
        const auto given = integer(value);
        return given ? std::clamp(*given < 0 ? *given + length : *given, lowest, highest) : fallback;
    };
    const std::int64_t begin = clamped(from, stride > 0 ? 0 : length - 1), end = clamped(to, stride > 0 ? length : -1);
    machine.budget().scan(std::size_t(length));
    if (const Text* text = object.text(); text && stride == 1) {
        const std::string_view bytes = text->bytes;
        if (begin >= end)
            return Value::text({}, text->safe);
        const bool ascii = text->length == bytes.size();
        const std::size_t first = ascii ? std::size_t(begin) : offsetOf(bytes, std::size_t(begin));
        const std::size_t count =
            ascii ? std::size_t(end - begin) : offsetOf(bytes.substr(first), std::size_t(end - begin));
        return machine.text(std::string(bytes.substr(first, count)), text->safe);
    }
    const Values items = machine.itemsOf(object);
    Values out;
    for (std::int64_t i = begin; stride > 0 ? i < end : i > end;) {
        out.push_back(items[std::size_t(i)]);
        if (__builtin_add_overflow(i, stride, &i))
            break;
    }
    if (const Text* text = object.text()) {
        std::string joined;
        for (const Value& character : out)
            joined += character.text()->bytes;
        return machine.text(std::move(joined), text->safe);
    }
    machine.budget().make(out.size() * sizeof(Value));
    return makeSequence(sequence->kind == Sequence::Kind::Tuple ? Sequence::Kind::Tuple : Sequence::Kind::List,
                        std::move(out));
}

std::string escaped(std::string_view text)
{
    std::string out;
    for (const char c : text) {
        if (c == '&')
            out += "&amp;";
        else if (c == '<')
            out += "&lt;";
        else if (c == '>')
            out += "&gt;";
        else if (c == '\'')
            out += "&#39;";
        else if (c == '"')
            out += "&#34;";
        else
            out += c;
    }
    return out;
}

} // namespace ls::jinja
