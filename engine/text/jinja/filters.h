#pragma once

#include "engine/text/jinja/machine.h"

namespace ls::jinja {

struct FilterEntry {
    std::string_view name;
    Filter filter;
};
struct FilterList {
    const FilterEntry* begin;
    const FilterEntry* end;
};
FilterList textFilters();
FilterList sequenceFilters(); ///< about one list
FilterList selectFilters();   ///< with another filter, a test or an attribute for every item
FilterList valueFilters();

/// What the parameter `attribute` of filters does: "a.b", "0" or an index, looked up in an item.
class AttributeGetter {
public:
    AttributeGetter(Machine& machine, const Value& attribute); ///< None: the item itself
    Value operator()(const Value& item, const Value* fallback = nullptr) const;

private:
    Machine& m_machine;
    Values m_parts;
};
/// Texts in lower case, unless the case matters.
Value caseKey(Machine& machine, Value value, bool caseSensitive);
/// sorted(), stable in both directions. key(item) is compared.
Values sortedBy(Machine& machine, Values items, const std::function<Value(const Value&)>& key, bool reverse);

} // namespace ls::jinja
