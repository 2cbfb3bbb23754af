#include "engine/text/jinja/filters.h"
#include "engine/text/jinja/literals.h"
#include "engine/text/jinja/unicode.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

/// map, select, reject, groupby: another filter, a test or an attribute for every item.
namespace ls::jinja {

AttributeGetter::AttributeGetter(Machine& machine, const Value& attribute)
    : m_machine(machine)
{
    const Text* text = attribute.text();
    if (!text) {
        if (!attribute.isNone())
            m_parts.push_back(attribute);
        return;
    }
    machine.budget().make(text->bytes.size() * 8);
    for (std::size_t begin = 0; begin <= text->bytes.size();) {
        const std::size_t end = std::min(text->bytes.find('.', begin), text->bytes.size());
        const std::string part = text->bytes.substr(begin, end - begin);
        const bool digits =
            !part.empty() && std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
        const auto index = digits ? parseInteger(part, 10) : std::nullopt;
        m_parts.push_back(index ? Value(*index) : Value::text(part));
        begin = end + 1;
    }
}

Value AttributeGetter::operator()(const Value& item, const Value* fallback) const
{
    Value value = item;
    for (const Value& part : m_parts) {
        value = m_machine.item(value, part);
        if (fallback && value.undefined())
            value = *fallback;
    }
    return value;
}

namespace {

std::string nameOf(const Value& value, const char* kind)
{
    if (value.text())
        return value.text()->bytes;
    if (const Undefined* undefined = value.undefined())
        throw Failure{fmt::format("No {} named Undefined. ({}; did you forget to quote the callable name?)", kind,
                                  undefined->message)};
    throw Failure{fmt::format("No {} named {}.", kind, typeName(value))};
}

Value map(Machine& machine, const Value& subject, Arguments& arguments)
{
    if (!isTrue(subject))
        return machine.generator({});
    Values out;
    const auto named = std::find_if(arguments.named.begin(), arguments.named.end(),
                                    [](const auto& entry) { return entry.first == "attribute"; });
    if (arguments.positional.empty() && named != arguments.named.end()) {
        const AttributeGetter getter(machine, named->second);
        std::optional<Value> fallback;
        for (const auto& [name, value] : arguments.named) {
            if (name == "default")
                fallback = value.isNone() ? std::nullopt : std::optional(value);
            else if (name != "attribute")
                throw Failure{fmt::format("Unexpected keyword argument {}", quoted(name))};
        }
        for (const Value& item : machine.itemsOf(subject))
            out.push_back(getter(item, fallback ? &*fallback : nullptr));
        return machine.generator(std::move(out));
    }
    if (arguments.positional.empty())
        throw Failure{"map requires a filter argument"};
    const std::string name = nameOf(arguments.positional[0], "filter");
    Arguments rest{Values(arguments.positional.begin() + 1, arguments.positional.end()), arguments.named};
    for (const Value& item : machine.itemsOf(subject))
        out.push_back(machine.filter(name, item, rest));
    return machine.generator(std::move(out));
}

template <bool ByAttribute, bool Wanted>
Value select(Machine& machine, const Value& subject, Arguments& arguments)
{
    if (!isTrue(subject))
        return machine.generator({});
    auto& positional = arguments.positional;
    if (ByAttribute && positional.empty())
        throw Failure{"Missing parameter for attribute name"};
    const AttributeGetter getter(machine, ByAttribute ? positional[0] : Value());
    const std::size_t offset = ByAttribute ? 1 : 0;
    std::string test;
    Arguments rest;
    if (positional.size() > offset) {
        test = nameOf(positional[offset], "test");
        rest = {Values(positional.begin() + std::ptrdiff_t(offset) + 1, positional.end()), arguments.named};
    }
    Values kept;
    for (Value& item : machine.itemsOf(subject)) {
        const Value value = getter(item);
        const bool holds = positional.size() > offset ? machine.test(test, value, rest) : isTrue(value);
        if (holds == Wanted)
            kept.push_back(std::move(item));
    }
    return machine.generator(std::move(kept));
}

/// Rows (grouper, list), sorted by the attribute.
Value groupBy(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters parameters("do_groupby", arguments, {"attribute", "default", "case_sensitive"}, 1);
    const AttributeGetter getter(machine, parameters[0]);
    const std::optional<Value> fallback = parameters.has(1) ? std::optional(parameters[1]) : std::nullopt;
    const auto get = [&](const Value& item) { return getter(item, fallback ? &*fallback : nullptr); };
    const auto key = [&](const Value& item) { return caseKey(machine, get(item), parameters.flag(2)); };
    Values groups, group;
    Value groupKey;
    const auto flush = [&] {
        if (!group.empty()) {
            const Value shown = get(group[0]);
            groups.push_back(makeTuple({shown, machine.list(std::exchange(group, {}))}));
        }
    };
    for (const Value& item : sortedBy(machine, machine.itemsOf(subject), key, false)) {
        Value next = key(item);
        if (!group.empty() && !machine.equal(next, groupKey))
            flush();
        groupKey = std::move(next);
        group.push_back(item);
    }
    flush();
    return machine.list(std::move(groups));
}

constexpr FilterEntry kFilters[] = {{"map", map},
                                    {"select", select<false, true>},
                                    {"reject", select<false, false>},
                                    {"selectattr", select<true, true>},
                                    {"rejectattr", select<true, false>},
                                    {"groupby", groupBy}};

} // namespace

FilterList selectFilters()
{
    return {std::begin(kFilters), std::end(kFilters)};
}

} // namespace ls::jinja
