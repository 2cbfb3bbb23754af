#include "engine/text/jinja/filters.h"

#include "engine/text/jinja/literals.h"
#include "engine/text/jinja/unicode.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>

namespace ls::jinja {

namespace {

/// A float as an integer. Failure: as Python says it.
std::int64_t truncated(double real)
{
    if (std::isnan(real))
        throw Failure{"cannot convert float NaN to integer"};
    if (std::isinf(real))
        throw Failure{"cannot convert float infinity to integer"};
    if (std::abs(real) >= 9.2e18)
        throw Failure{"The number is too large."};
    return std::int64_t(real);
}

Value toInteger(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters parameters("do_int", arguments, {"default", "base"});
    const Value fallback = parameters.get(0, Value(std::int64_t(0)));
    if (const Undefined* undefined = subject.undefined())
        throw Failure{undefined->message};
    if (const auto integer = integerOf(subject))
        return Value(*integer);
    if (const double* real = subject.as<double>())
        return std::isnan(*real) ? fallback : Value(truncated(*real));
    const Text* text = subject.text();
    if (!text)
        return fallback;
    machine.budget().scan(text->bytes.size());
    if (const auto integer = parseInteger(text->bytes, int(parameters.integer(1, 10))))
        return Value(*integer);
    const auto real = parseReal(text->bytes);
    return real && std::isfinite(*real) ? Value(truncated(*real)) : fallback;
}

Value toReal(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters parameters("do_float", arguments, {"default"});
    if (const Undefined* undefined = subject.undefined())
        throw Failure{undefined->message};
    if (isNumber(subject))
        return Value(realOf(subject));
    if (const Text* text = subject.text()) {
        machine.budget().make(text->bytes.size());
        if (const auto real = parseReal(text->bytes))
            return Value(*real);
    }
    return parameters.get(0, Value(0.0));
}

Value absolute(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters("abs", arguments, {});
    if (const double* real = subject.as<double>())
        return Value(std::abs(*real));
    const auto integer = integerOf(subject);
    if (!integer)
        throw Failure{fmt::format("bad operand type for abs(): '{}'", typeName(subject))};
    return *integer < 0 ? arithmetic(machine, Expression::Operator::Sub, Value(std::int64_t(0)), subject)
                        : Value(*integer);
}

/// round(): to the nearest decimal, exact ties to even; the digits printed are those of the decimal.
double roundedHalfEven(double value, std::int64_t digits)
{
    if (!std::isfinite(value) || digits > 300)
        return value;
    if (digits < 0) {
        const double scale = std::pow(10.0, double(-digits));
        return std::isinf(scale) ? 0.0 : std::nearbyint(value / scale) * scale;
    }
    const std::string text = fmt::format("{:.{}f}", value, int(digits));
    double rounded = 0;
    std::from_chars(text.data(), text.data() + text.size(), rounded);
    return rounded;
}

Value round(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters parameters("do_round", arguments, {"precision", "method"});
    const std::int64_t precision = parameters.integer(0, 0);
    const std::string method = parameters.text(1, "common");
    if (method != "common" && method != "ceil" && method != "floor")
        throw Failure{"method must be common, ceil or floor"};
    if (const Undefined* undefined = subject.undefined())
        throw Failure{method == "common" ? "type Undefined doesn't define __round__ method" : undefined->message};
    if (!isNumber(subject))
        throw Failure{fmt::format("type {} doesn't define __round__ method", typeName(subject))};
    const auto integer = integerOf(subject);
    if (method == "common") {
        if (!integer)
            return Value(roundedHalfEven(*subject.as<double>(), precision));
        if (precision >= 0)
            return Value(*integer);
        return Value(truncated(roundedHalfEven(double(*integer), precision)));
    }
    const double scale = std::pow(10.0, double(precision));
    const double scaled = realOf(subject) * scale;
    const Value whole(truncated(method == "ceil" ? std::ceil(scaled) : std::floor(scaled)));
    return arithmetic(machine, Expression::Operator::Div, whole, Value(scale));
}

Value orDefault(Machine&, const Value& subject, Arguments& arguments)
{
    Parameters parameters("do_default", arguments, {"default_value", "boolean"});
    const bool missing = subject.undefined() || (parameters.flag(1) && !isTrue(subject));
    return missing ? parameters.get(0, Value::text({})) : subject;
}

Value toText(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters("soft_str", arguments, {});
    return subject.text() ? subject : machine.text(machine.textOf(subject));
}

Value length(Machine&, const Value& subject, Arguments& arguments)
{
    Parameters("len", arguments, {});
    return makeInteger(lengthOf(subject));
}

Value json(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters parameters("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"});
    return machine.text(
        toJson(machine, subject, parameters.get(1, {}), parameters.flag(0), parameters.flag(3), parameters.get(2, {})));
}

Value attribute(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters parameters("do_attr", arguments, {"name"}, 1);
    const std::string name = parameters.text(0, {});
    if (auto method = findMethod(machine, subject, name))
        return *method;
    if (const Namespace* space = subject.space())
        if (const Value* found = space->attributes.find(name))
            return *found;
    return Value::undefined(fmt::format("{} has no attribute {}", quoted(objectName(subject)), quoted(name)));
}

Value repr(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters("do_pprint", arguments, {"verbose"});
    return machine.text(reprOf(machine.budget(), subject));
}

constexpr FilterEntry kFilters[] = {{"int", toInteger},     {"float", toReal}, {"abs", absolute},   {"round", round},
                                    {"default", orDefault}, {"d", orDefault},  {"string", toText},  {"length", length},
                                    {"count", length},      {"tojson", json},  {"attr", attribute}, {"pprint", repr}};

} // namespace

FilterList valueFilters()
{
    return {std::begin(kFilters), std::end(kFilters)};
}

Filter findFilter(std::string_view name)
{
    for (const FilterList list : {valueFilters(), textFilters(), sequenceFilters(), selectFilters()})
        for (const FilterEntry* entry = list.begin; entry != list.end; ++entry)
            if (entry->name == name)
                return entry->filter;
    return nullptr;
}

} // namespace ls::jinja
