#include "engine/text/jinja/machine.h"
#include "engine/text/jinja/unicode.h"

#include <fmt/format.h>

#include <ctime>

/// Functions every template can call.
namespace ls::jinja {

namespace {

constexpr std::int64_t kMaxRange = 100000;

Value range(Machine& machine, Arguments& arguments)
{
    if (arguments.positional.empty())
        throw Failure{"range expected at least 1 argument, got 0"};
    Parameters parameters("range", arguments, {"start", "stop", "step"}, 1);
    const bool one = !parameters.has(1);
    const std::int64_t first = one ? 0 : parameters.integer(0, 0), last = parameters.integer(one ? 0 : 1, 0),
                       step = parameters.integer(2, 1);
    if (step == 0)
        throw Failure{"range() arg 3 must not be zero"};
    const double count = (double(last) - double(first)) / double(step);
    if (count > double(kMaxRange))
        throw Failure{fmt::format("Range too big. The sandbox blocks ranges larger than MAX_RANGE ({}).", kMaxRange)};
    auto sequence = std::make_shared<Sequence>();
    sequence->kind = Sequence::Kind::Range;
    sequence->written =
        step == 1 ? fmt::format("range({}, {})", first, last) : fmt::format("range({}, {}, {})", first, last, step);
    machine.budget().make(std::size_t(std::max(count, 0.0)) * sizeof(Value));
    for (std::int64_t i = first; step > 0 ? i < last : i > last;) {
        sequence->items.emplace_back(i);
        if (__builtin_add_overflow(i, step, &i))
            break;
    }
    return Value(std::shared_ptr<const Sequence>(std::move(sequence)));
}

/// dict(map or pairs, key=value, ...)
Dict dictFrom(Machine& machine, Arguments& arguments, const char* name)
{
    Dict dict;
    if (arguments.positional.size() > 1)
        throw Failure{fmt::format("{} expected at most 1 argument, got {}", name, arguments.positional.size())};
    if (!arguments.positional.empty()) {
        const Value& source = arguments.positional[0];
        if (source.dict())
            dict = *source.dict();
        else
            for (const Value& pair : machine.itemsOf(source)) {
                const Values parts = machine.itemsOf(pair);
                if (parts.size() != 2)
                    throw Failure{fmt::format("dictionary update sequence element #{} has length {}; 2 is required",
                                              dict.entries().size(), parts.size())};
                dict.set(machine.budget(), parts[0], parts[1]);
            }
        machine.budget().make(dict.entries().size() * 2 * sizeof(Dict::Entry));
    }
    for (auto& [key, value] : arguments.named)
        dict.set(machine.budget(), Value::text(key), std::move(value));
    return dict;
}

Value makeDictFrom(Machine& machine, Arguments& arguments)
{
    return makeDict(dictFrom(machine, arguments, "dict"));
}

Value makeNamespaceFrom(Machine& machine, Arguments& arguments)
{
    return machine.makeNamespace(dictFrom(machine, arguments, "dict"));
}

Value raiseException(Machine& machine, Arguments& arguments)
{
    Parameters parameters("raise_exception", arguments, {"message"}, 1);
    throw Failure{machine.textOf(parameters[0])};
}

Value strftimeNow(Machine& machine, Arguments& arguments)
{
    Parameters parameters("strftime_now", arguments, {"format"}, 1);
    const std::string format = parameters.text(0, {});
    if (!machine.fixedTime().empty())
        return machine.text(machine.fixedTime());
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    localtime_r(&now, &parts);
    char buffer[512];
    // 0 for an empty result, and for one longer than any date: widths like %999Y
    return machine.text(std::string(buffer, std::strftime(buffer, sizeof buffer, format.c_str(), &parts)));
}

/// joiner(", "): nothing at the first call, then the separator.
Value joiner(Machine& machine, Arguments& arguments)
{
    Parameters parameters("joiner", arguments, {"sep"});
    const Value separator = parameters.get(0, Value::text(", "));
    const auto used = std::make_shared<bool>(false);
    return machine.function(
        "joiner", Function::Kind::Function,
        [separator, used](Machine&, Arguments&) { return std::exchange(*used, true) ? separator : Value::text({}); },
        depthOf(separator) + 1);
}

struct Entry {
    std::string_view name;
    Function::Kind kind;
    Value (*call)(Machine&, Arguments&);
};
constexpr Entry kFunctions[] = {{"range", Function::Kind::Function, range},
                                {"dict", Function::Kind::Class, makeDictFrom},
                                {"namespace", Function::Kind::Class, makeNamespaceFrom},
                                {"joiner", Function::Kind::Class, joiner},
                                {"raise_exception", Function::Kind::Function, raiseException},
                                {"strftime_now", Function::Kind::Function, strftimeNow}};

} // namespace

std::optional<Value> findGlobal(Machine& machine, std::string_view name)
{
    for (const Entry& entry : kFunctions)
        if (entry.name == name)
            return machine.function(std::string(name), entry.kind, entry.call);
    return std::nullopt;
}

} // namespace ls::jinja
