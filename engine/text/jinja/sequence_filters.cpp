#include "engine/text/jinja/filters.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <unordered_set>

/// Filters over the items of a list or map.
namespace ls::jinja {

namespace {

Value first(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters("do_first", arguments, {});
    const Values items = machine.itemsOf(subject);
    return items.empty() ? Value::undefined("No first item, sequence was empty.") : items.front();
}

Value last(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters("do_last", arguments, {});
    const Sequence* sequence = subject.sequence();
    if (sequence && sequence->kind == Sequence::Kind::Generator)
        throw Failure{"'generator' object is not reversible"};
    if (!sequence && !subject.text() && !subject.dict() && !subject.undefined())
        throw Failure{fmt::format("'{}' object is not reversible", typeName(subject))};
    if (subject.undefined())
        throw Failure{"'Undefined' object is not reversible"};
    const Values items = machine.itemsOf(subject);
    return items.empty() ? Value::undefined("No last item, sequence was empty.") : items.back();
}

Value list(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters("do_list", arguments, {});
    return machine.list(machine.itemsOf(subject));
}

Value pairOf(const Value& key, const Value& value)
{
    return makeTuple({key, value});
}

Value items(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters("do_items", arguments, {});
    if (subject.undefined())
        return machine.generator({});
    if (!subject.dict())
        throw Failure{"Can only get item pairs from a mapping."};
    Values pairs;
    machine.budget().make(subject.dict()->entries().size() * sizeof(Value) * 4);
    for (const auto& [key, value] : subject.dict()->entries())
        pairs.push_back(pairOf(key, value));
    return machine.generator(std::move(pairs));
}

Value dictSort(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters parameters("do_dictsort", arguments, {"case_sensitive", "by", "reverse"});
    const std::string by = parameters.text(1, "key");
    if (by != "key" && by != "value")
        throw Failure{"You can only sort by either \"key\" or \"value\""};
    if (const Undefined* undefined = subject.undefined())
        throw Failure{undefined->message};
    if (!subject.dict())
        throw Failure{fmt::format("'{}' object has no attribute 'items'", typeName(subject))};
    Values pairs;
    machine.budget().make(subject.dict()->entries().size() * sizeof(Value) * 4);
    for (const auto& [key, value] : subject.dict()->entries())
        pairs.push_back(pairOf(key, value));
    const std::size_t position = by == "value";
    return machine.list(sortedBy(
        machine, std::move(pairs),
        [&](const Value& pair) { return caseKey(machine, pair.sequence()->items[position], parameters.flag(0)); },
        parameters.flag(2)));
}

Value sort(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters parameters("do_sort", arguments, {"reverse", "case_sensitive", "attribute"});
    std::vector<AttributeGetter> getters; // "a,b.c": by several attributes
    const Value attribute = parameters.get(2, {});
    if (const Text* names = attribute.text()) {
        machine.budget().make(names->bytes.size() * 8);
        for (std::size_t begin = 0; begin <= names->bytes.size();) {
            const std::size_t end = std::min(names->bytes.find(',', begin), names->bytes.size());
            getters.emplace_back(machine, Value::text(names->bytes.substr(begin, end - begin)));
            begin = end + 1;
        }
    } else {
        getters.emplace_back(machine, attribute);
    }
    return machine.list(sortedBy(
        machine, machine.itemsOf(subject),
        [&](const Value& item) {
            Values keys;
            for (const AttributeGetter& getter : getters)
                keys.push_back(caseKey(machine, getter(item), parameters.flag(1)));
            return makeList(std::move(keys));
        },
        parameters.flag(0)));
}

Value unique(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters parameters("do_unique", arguments, {"case_sensitive", "attribute"});
    const AttributeGetter getter(machine, parameters.get(1, {}));
    std::unordered_set<std::string> seen;
    Values kept;
    for (const Value& item : machine.itemsOf(subject)) {
        std::string key = keyOf(machine.budget(), caseKey(machine, getter(item), parameters.flag(0)));
        machine.budget().make(key.size());
        if (seen.insert(std::move(key)).second)
            kept.push_back(item);
    }
    return machine.generator(std::move(kept));
}

template <bool Largest>
Value extreme(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters parameters(Largest ? "do_max" : "do_min", arguments, {"case_sensitive", "attribute"});
    const AttributeGetter getter(machine, parameters.get(1, {}));
    const Values items = machine.itemsOf(subject);
    if (items.empty())
        return Value::undefined("No aggregated item, sequence was empty.");
    const auto keyOfItem = [&](const Value& item) { return caseKey(machine, getter(item), parameters.flag(0)); };
    const Value* best = &items[0];
    Value bestKey = keyOfItem(*best);
    for (std::size_t i = 1; i < items.size(); ++i) {
        Value key = keyOfItem(items[i]);
        const bool better = Largest ? less(machine.budget(), bestKey, key, ">") : less(machine.budget(), key, bestKey);
        if (better) {
            best = &items[i];
            bestKey = std::move(key);
        }
    }
    return *best;
}

Value sum(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters parameters("do_sum", arguments, {"attribute", "start"});
    const AttributeGetter getter(machine, parameters.get(0, {}));
    Value total = parameters.get(1, Value(std::int64_t(0)));
    if (total.text())
        throw Failure{"sum() can't sum strings [use ''.join(seq) instead]"};
    for (const Value& item : machine.itemsOf(subject))
        total = arithmetic(machine, Expression::Operator::Add, total, getter(item));
    return total;
}

Value reverse(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters("do_reverse", arguments, {});
    if (subject.text())
        return sliced(machine, subject, {}, {}, Value(std::int64_t(-1)));
    if (!subject.sequence() && !subject.dict() && !subject.undefined())
        throw Failure{"argument must be iterable"};
    Values items = machine.itemsOf(subject);
    std::reverse(items.begin(), items.end());
    return machine.generator(std::move(items));
}

/// Rows of `count` items.
Value batch(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters parameters("do_batch", arguments, {"linecount", "fill_with"}, 1);
    const std::int64_t count = parameters.integer(0, 1);
    const Values items = machine.itemsOf(subject);
    Values rows, row;
    for (const Value& item : items) {
        if (std::int64_t(row.size()) == count)
            rows.push_back(machine.list(std::exchange(row, {})));
        row.push_back(item);
    }
    const Value fill = parameters.get(1, {});
    if (!row.empty()) {
        if (!fill.isNone() && std::int64_t(row.size()) < count) {
            if (count > std::int64_t(kMaxOutput / sizeof(Value)))
                throw Failure{"The template makes too much text."};
            machine.budget().make(std::size_t(count) * sizeof(Value));
            row.resize(std::size_t(count), fill);
        }
        rows.push_back(machine.list(std::move(row)));
    }
    return machine.generator(std::move(rows));
}

/// `count` columns that differ by at most one item.
Value slice(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters parameters("do_slice", arguments, {"slices", "fill_with"}, 1);
    const std::int64_t count = parameters.integer(0, 1);
    if (count == 0)
        throw Failure{"integer division or modulo by zero"};
    if (count > 100000)
        throw Failure{"The template makes too much text."};
    const Values items = machine.itemsOf(subject);
    const Value fill = parameters.get(1, {});
    Values columns;
    std::size_t begin = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        const bool extra = i < std::int64_t(items.size()) % count;
        const std::size_t size = items.size() / std::size_t(count) + extra;
        Values column(items.begin() + std::ptrdiff_t(begin), items.begin() + std::ptrdiff_t(begin + size));
        begin += size;
        if (!fill.isNone() && !extra)
            column.push_back(fill);
        columns.push_back(machine.list(std::move(column)));
    }
    return machine.generator(std::move(columns));
}

constexpr FilterEntry kFilters[] = {
    {"first", first},     {"last", last},     {"list", list},          {"items", items},       {"dictsort", dictSort},
    {"sort", sort},       {"unique", unique}, {"min", extreme<false>}, {"max", extreme<true>}, {"sum", sum},
    {"reverse", reverse}, {"batch", batch},   {"slice", slice}};

} // namespace

Value caseKey(Machine& machine, Value value, bool caseSensitive)
{
    if (caseSensitive || !value.text())
        return value;
    Arguments none;
    return findFilter("lower")(machine, value, none);
}

Values sortedBy(Machine& machine, Values items, const std::function<Value(const Value&)>& key, bool reverse)
{
    std::vector<std::pair<Value, std::size_t>> keys;
    machine.budget().make(items.size() * sizeof(keys[0]) * 2);
    for (std::size_t i = 0; i < items.size(); ++i)
        keys.emplace_back(key(items[i]), i);
    if (reverse) // equal items keep their order in this direction, too
        std::reverse(keys.begin(), keys.end());
    // Values that cannot be ordered (NaN) must not confuse std::sort: a merge sort only asks, it never walks off.
    std::stable_sort(keys.begin(), keys.end(),
                     [&](const auto& a, const auto& b) { return less(machine.budget(), a.first, b.first); });
    if (reverse)
        std::reverse(keys.begin(), keys.end());
    Values out;
    for (const auto& [k, index] : keys)
        out.push_back(items[index]);
    return out;
}

FilterList sequenceFilters()
{
    return {std::begin(kFilters), std::end(kFilters)};
}

} // namespace ls::jinja
