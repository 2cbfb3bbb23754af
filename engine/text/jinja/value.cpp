#include "engine/text/jinja/value.h"

#include "engine/text/jinja/unicode.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace ls::jinja {

Value Value::text(std::string bytes, bool safe)
{
    const std::size_t length = countCharacters(bytes);
    return Value(std::shared_ptr<const Text>(std::make_shared<Text>(Text{std::move(bytes), length, safe})));
}

Value Value::undefined(std::string message)
{
    return Value(std::shared_ptr<const Undefined>(std::make_shared<Undefined>(Undefined{std::move(message)})));
}

const void* Value::identity() const
{
    return std::visit(
        [](const auto& data) -> const void* {
            if constexpr (requires { data.get(); })
                return data.get();
            else
                return nullptr;
        },
        m_data);
}

const Value* Dict::find(std::string_view key) const
{
    const auto found = m_texts.find(key);
    return found == m_texts.end() ? nullptr : &m_entries[found->second].second;
}

const Value* Dict::find(Budget& budget, const Value& key) const
{
    if (const Text* text = key.text()) {
        budget.scan(text->bytes.size());
        return find(text->bytes);
    }
    const auto found = m_others.find(keyOf(budget, key));
    return found == m_others.end() ? nullptr : &m_entries[found->second].second;
}

void Dict::set(Budget& budget, Value key, Value value)
{
    m_depth = std::max({m_depth, depthOf(key) + 1, depthOf(value) + 1});
    if (m_depth > kMaxValueDepth)
        throw Failure{"A value is nested too deeply."};
    std::pair<std::size_t, bool> place; // index, already there
    if (const Text* text = key.text()) {
        budget.scan(text->bytes.size());
        const auto [entry, added] = m_texts.try_emplace(text->bytes, m_entries.size());
        place = {entry->second, !added};
    } else {
        const auto [entry, added] = m_others.try_emplace(keyOf(budget, key), m_entries.size());
        place = {entry->second, !added};
    }
    if (place.second) {
        m_entries[place.first].second = std::move(value);
    } else {
        budget.make(128);
        m_entries.emplace_back(std::move(key), std::move(value));
    }
}

int depthOf(const Value& value)
{
    if (const Sequence* sequence = value.sequence())
        return sequence->depth;
    if (const Dict* dict = value.dict())
        return dict->depth();
    if (const Function* function = value.function())
        return function->depth;
    if (const Loop* loop = value.loop())
        return loop->depth;
    return 0;
}

int depthAround(const Values& items)
{
    int depth = 0;
    for (const Value& item : items)
        depth = std::max(depth, depthOf(item));
    if (depth >= kMaxValueDepth)
        throw Failure{"A value is nested too deeply."};
    return depth + 1;
}

Value makeSequence(Sequence::Kind kind, Values items)
{
    auto sequence = std::make_shared<Sequence>();
    sequence->kind = kind;
    sequence->depth = depthAround(items);
    sequence->items = std::move(items);
    return Value(std::shared_ptr<const Sequence>(std::move(sequence)));
}

Value makeDict(Dict dict)
{
    return Value(std::shared_ptr<const Dict>(std::make_shared<Dict>(std::move(dict))));
}

Value makeInteger(std::size_t value)
{
    return Value(std::int64_t(value));
}

std::string typeName(const Value& value)
{
    if (value.isNone())
        return "NoneType";
    if (value.as<bool>())
        return "bool";
    if (value.as<std::int64_t>())
        return "int";
    if (value.as<double>())
        return "float";
    if (const Text* text = value.text())
        return text->safe ? "Markup" : "str";
    if (const Sequence* sequence = value.sequence()) {
        constexpr const char* kNames[] = {"list",      "tuple",       "generator", "range",
                                          "dict_keys", "dict_values", "dict_items"};
        return kNames[int(sequence->kind)];
    }
    if (value.dict())
        return "dict";
    if (value.space())
        return "Namespace";
    if (value.loop())
        return "LoopContext";
    if (value.undefined())
        return "Undefined";
    constexpr const char* kKinds[] = {"builtin_function_or_method", "function", "type", "Macro"};
    return kKinds[int(value.function()->kind)];
}

std::string objectName(const Value& value)
{
    if (value.isNone())
        return "None";
    const std::string name = typeName(value);
    if (name == "Namespace")
        return "jinja2.utils.Namespace object";
    if (name == "Macro" || name == "LoopContext")
        return "jinja2.runtime." + name + " object";
    return (name == "Markup" ? "markupsafe.Markup" : name) + " object";
}

bool isTrue(const Value& value)
{
    if (value.isNone() || value.undefined())
        return false;
    if (const bool* boolean = value.as<bool>())
        return *boolean;
    if (const auto* integer = value.as<std::int64_t>())
        return *integer != 0;
    if (const double* real = value.as<double>())
        return *real != 0;
    if (const Text* text = value.text())
        return !text->bytes.empty();
    if (const Sequence* sequence = value.sequence())
        return sequence->kind == Sequence::Kind::Generator || !sequence->items.empty();
    if (const Dict* dict = value.dict())
        return !dict->entries().empty();
    return true;
}

bool isNumber(const Value& value)
{
    return value.as<bool>() || value.as<std::int64_t>() || value.as<double>();
}

std::optional<std::int64_t> integerOf(const Value& value)
{
    if (const bool* boolean = value.as<bool>())
        return *boolean ? 1 : 0;
    if (const auto* integer = value.as<std::int64_t>())
        return *integer;
    return std::nullopt;
}

double realOf(const Value& value)
{
    const double* real = value.as<double>();
    return real ? *real : double(*integerOf(value));
}

namespace {

/// -1, 0, 1; 2 when one is NaN. Exact for an integer beside a float.
int compareNumbers(const Value& left, const Value& right)
{
    const auto a = integerOf(left), b = integerOf(right);
    if (a && b)
        return *a < *b ? -1 : *a > *b;
    const long double x = a ? (long double)(*a) : (long double)(*left.as<double>());
    const long double y = b ? (long double)(*b) : (long double)(*right.as<double>());
    return x < y ? -1 : x > y ? 1 : x == y ? 0 : 2;
}

bool sameSequenceType(const Sequence& a, const Sequence& b)
{
    return a.kind == b.kind && a.kind != Sequence::Kind::Generator && a.kind != Sequence::Kind::DictValues;
}

bool equalDicts(Budget& budget, const Dict& left, const Dict& right)
{
    if (left.entries().size() != right.entries().size())
        return false;
    for (const auto& [key, value] : left.entries()) {
        const Value* other = right.find(budget, key);
        if (!other || !equal(budget, value, *other))
            return false;
    }
    return true;
}

} // namespace

bool equal(Budget& budget, const Value& left, const Value& right)
{
    const Level level(budget);
    budget.step();
    if (isNumber(left) && isNumber(right))
        return compareNumbers(left, right) == 0;
    if (left.undefined() && right.undefined())
        return true;
    const Text *a = left.text(), *b = right.text();
    if (a && b) {
        budget.scan(std::min(a->bytes.size(), b->bytes.size()));
        return a->bytes == b->bytes;
    }
    const Sequence *x = left.sequence(), *y = right.sequence();
    if (x && y && x != y && sameSequenceType(*x, *y))
        return std::equal(x->items.begin(), x->items.end(), y->items.begin(), y->items.end(),
                          [&](const Value& i, const Value& j) { return equal(budget, i, j); });
    if (left.dict() && right.dict())
        return left.dict() == right.dict() || equalDicts(budget, *left.dict(), *right.dict());
    return left.same(right);
}

bool less(Budget& budget, const Value& left, const Value& right, const char* sign)
{
    const Level level(budget);
    budget.step();
    if (isNumber(left) && isNumber(right))
        return compareNumbers(left, right) == -1;
    const Text *a = left.text(), *b = right.text();
    if (a && b) { // UTF-8 sorts as its code points do
        budget.scan(std::min(a->bytes.size(), b->bytes.size()));
        return a->bytes < b->bytes;
    }
    for (const Value* side : {&left, &right})
        if (const Undefined* undefined = side->undefined())
            throw Failure{undefined->message};
    const Sequence *x = left.sequence(), *y = right.sequence();
    const bool ordered =
        x && y && x->kind == y->kind && (x->kind == Sequence::Kind::List || x->kind == Sequence::Kind::Tuple);
    if (!ordered) {
        const bool swapped = sign[0] == '>'; // a > b is asked as b < a
        throw Failure{fmt::format("'{}' not supported between instances of '{}' and '{}'", sign,
                                  typeName(swapped ? right : left), typeName(swapped ? left : right))};
    }
    for (std::size_t i = 0; i < x->items.size() && i < y->items.size(); ++i)
        if (!equal(budget, x->items[i], y->items[i]))
            return less(budget, x->items[i], y->items[i], sign);
    return x->items.size() < y->items.size();
}

std::string keyOf(Budget& budget, const Value& value)
{
    const Level level(budget);
    budget.step();
    if (value.isNone())
        return "n";
    if (const auto integer = integerOf(value))
        return fmt::format("i{}", *integer);
    if (const double* real = value.as<double>()) {
        if (std::floor(*real) == *real && std::abs(*real) < 9e18)
            return fmt::format("i{}", std::int64_t(*real));
        return "f" + realText(*real);
    }
    if (const Text* text = value.text()) {
        budget.make(text->bytes.size());
        return fmt::format("s{}:", text->bytes.size()) + text->bytes;
    }
    if (value.undefined())
        return "u";
    if (const Sequence* sequence = value.sequence(); sequence && sequence->kind == Sequence::Kind::Tuple) {
        std::string key = "(";
        for (const Value& item : sequence->items)
            key += keyOf(budget, item) + ",";
        budget.make(key.size());
        return key + ")";
    }
    if (value.dict() || (value.sequence() && value.sequence()->kind != Sequence::Kind::Generator))
        throw Failure{fmt::format("unhashable type: '{}'", typeName(value))};
    return fmt::format("p{}", value.identity());
}

std::string realText(double value)
{
    if (std::isnan(value))
        return "nan";
    if (std::isinf(value))
        return value > 0 ? "inf" : "-inf";
    if (value == 0)
        return std::signbit(value) ? "-0.0" : "0.0";
    char buffer[64];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
    std::string_view shortest(buffer, std::size_t(end - buffer));
    const std::size_t e = shortest.find('e');
    const int exponent = std::stoi(std::string(shortest.substr(e + 1)));
    if (exponent < -4 || exponent >= 16)
        return std::string(shortest);
    const auto fixedEnd = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed).ptr;
    std::string fixed(buffer, std::size_t(fixedEnd - buffer));
    return fixed.find('.') == fixed.npos ? fixed + ".0" : fixed;
}

Values itemsOf(Budget& budget, const Value& value)
{
    if (const Sequence* sequence = value.sequence()) {
        if (sequence->spent)
            return {};
        sequence->spent = sequence->kind == Sequence::Kind::Generator;
        budget.make(sequence->items.size() * sizeof(Value));
        return sequence->items;
    }
    Values items;
    if (const Dict* dict = value.dict()) {
        budget.make(dict->entries().size() * sizeof(Value));
        for (const auto& [key, entry] : dict->entries())
            items.push_back(key);
        return items;
    }
    if (const Text* text = value.text()) {
        budget.make(text->length * (sizeof(Value) + sizeof(Text)));
        for (std::size_t at = 0; at < text->bytes.size();) {
            const std::size_t begin = at;
            nextCharacter(text->bytes, at);
            items.push_back(Value::text(text->bytes.substr(begin, at - begin)));
        }
        return items;
    }
    if (value.undefined())
        return {};
    throw Failure{fmt::format("'{}' object is not iterable", typeName(value))};
}

std::size_t lengthOf(const Value& value)
{
    if (const Text* text = value.text())
        return text->length;
    if (const Dict* dict = value.dict())
        return dict->entries().size();
    if (const Sequence* sequence = value.sequence(); sequence && sequence->kind != Sequence::Kind::Generator)
        return sequence->items.size();
    if (value.undefined())
        return 0;
    if (const Loop* loop = value.loop())
        return loop->items->items.size();
    throw Failure{fmt::format("object of type '{}' has no len()", typeName(value))};
}

} // namespace ls::jinja
