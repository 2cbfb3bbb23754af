#include "engine/text/jinja/methods.h"
#include "engine/text/jinja/unicode.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

/// Methods of texts.
namespace ls::jinja {

namespace {

std::string_view bytesOf(const Value& self)
{
    return self.text()->bytes;
}

Value strip(Machine& machine, const Value& self, std::string_view name, Arguments& arguments)
{
    Parameters parameters(std::string(name), arguments, {"chars"});
    std::string_view text = bytesOf(self);
    const bool left = name != "rstrip", right = name != "lstrip";
    if (!parameters.has(0) || parameters[0].isNone()) {
        text = left ? stripLeft(text) : text;
        text = right ? stripRight(text) : text;
    } else {
        if (!parameters[0].text())
            throw Failure{fmt::format("{} arg must be None or str", name)};
        const std::string& characters = parameters[0].text()->bytes;
        machine.budget().make(characters.size() * 4);
        text = left ? stripLeft(text, characters) : text;
        text = right ? stripRight(text, characters) : text;
    }
    return machine.text(std::string(text), self.text()->safe);
}

Value changeCase(Machine& machine, const Value& self, std::string_view name, Arguments& arguments)
{
    Parameters("str." + std::string(name), arguments, {});
    const std::string_view text = bytesOf(self);
    machine.budget().make(text.size() * 3);
    std::string out = name == "upper"        ? upper(text)
                      : name == "capitalize" ? capitalize(text)
                      : name == "title"      ? titleWords(text)
                                             : lower(text);
    return machine.text(std::move(out), self.text()->safe);
}

Value isKind(Machine& machine, const Value& self, std::string_view name, Arguments& arguments)
{
    Parameters("str." + std::string(name), arguments, {});
    const std::string_view text = bytesOf(self);
    machine.budget().scan(text.size());
    if (name == "islower" || name == "isupper")
        return Value(name == "islower" ? isLower(text) : isUpper(text));
    if (name == "isascii")
        return Value(text.size() == self.text()->length);
    return Value(isAll(text, name == "isspace"   ? isSpace
                             : name == "isalpha" ? isAlpha
                             : name == "isalnum" ? isAlphaNumeric
                                                 : isDigit));
}

/// startswith and endswith: a text or a tuple of texts, and where to look.
Value hasEnd(Machine& machine, const Value& self, std::string_view name, Arguments& arguments)
{
    Parameters parameters(std::string(name), arguments, {"prefix", "start", "end"}, 1);
    const Value part = parameters.has(1) ? sliced(machine, self, parameters[1], parameters.get(2, {}), {}) : self;
    const std::string_view text = bytesOf(part);
    const Sequence* tuple = parameters[0].sequence();
    const bool several = tuple && tuple->kind == Sequence::Kind::Tuple;
    if (!several && !parameters[0].text())
        throw Failure{fmt::format("{} first arg must be str or a tuple of str, not {}", name, typeName(parameters[0]))};
    for (const Value& choice : several ? tuple->items : Values{parameters[0]}) {
        if (!choice.text())
            throw Failure{fmt::format("tuple for {} must only contain str, not {}", name, typeName(choice))};
        const std::string& end = choice.text()->bytes;
        machine.budget().scan(end.size());
        if (name == "startswith" ? text.starts_with(end) : text.ends_with(end))
            return Value(true);
    }
    return Value(false);
}

Value replace(Machine& machine, const Value& self, std::string_view, Arguments& arguments)
{
    if (arguments.positional.size() < 2)
        throw Failure{fmt::format("replace expected at least 2 arguments, got {}", arguments.positional.size())};
    Parameters parameters("replace", arguments, {"old", "new", "count"}, 2);
    const Text &old = needText(parameters[0], "replace() argument 1"),
               &with = needText(parameters[1], "replace() argument 2");
    std::string out = replaced(machine, bytesOf(self), old.bytes, with.bytes, parameters.integer(2, -1));
    return Value::text(std::move(out), self.text()->safe);
}

/// find, rfind, index, rindex, count; positions are characters.
Value find(Machine& machine, const Value& self, std::string_view name, Arguments& arguments)
{
    Parameters parameters(std::string(name), arguments, {"sub", "start", "end"}, 1);
    const std::string& part = needText(parameters[0], "argument 1").bytes;
    const Value range = parameters.has(1) ? sliced(machine, self, parameters[1], parameters.get(2, {}), {}) : self;
    const std::string_view text = bytesOf(range);
    machine.budget().make(text.size() + part.size());
    if (name == "count")
        return makeInteger(part.empty() ? range.text()->length + 1 : positionsOf(text, part).size());
    std::size_t found = text.npos;
    if (name.starts_with('r')) {
        const std::string reversedText(text.rbegin(), text.rend()), reversedPart(part.rbegin(), part.rend());
        found = Finder(reversedPart).find(reversedText, 0);
        if (found != text.npos)
            found = text.size() - found - part.size();
    } else {
        found = Finder(part).find(text, 0);
    }
    if (found == text.npos) {
        if (name.ends_with("index"))
            throw Failure{"substring not found"};
        return Value(std::int64_t(-1));
    }
    std::int64_t start = parameters.integer(1, 0);
    const auto length = std::int64_t(self.text()->length);
    start = start < 0 ? std::max<std::int64_t>(start + length, 0) : std::min(start, length);
    return Value(start + std::int64_t(countCharacters(text.substr(0, found))));
}

Value join(Machine& machine, const Value& self, std::string_view, Arguments& arguments)
{
    Parameters parameters("join", arguments, {"iterable"}, 1);
    const Value& source = parameters[0];
    if (!source.sequence() && !source.dict() && !source.text() && !source.undefined())
        throw Failure{"can only join an iterable"};
    std::string out;
    std::size_t index = 0;
    for (const Value& item : machine.itemsOf(source)) {
        if (!item.text())
            throw Failure{fmt::format("sequence item {}: expected str instance, {} found", index, typeName(item))};
        machine.budget().make(item.text()->bytes.size() + bytesOf(self).size());
        if (index++ > 0)
            out += bytesOf(self);
        out += item.text()->bytes;
        if (out.size() > kMaxOutput)
            throw Failure{"The template makes too much text."};
    }
    return machine.text(std::move(out), self.text()->safe);
}

Value removeEnd(Machine& machine, const Value& self, std::string_view name, Arguments& arguments)
{
    Parameters parameters(std::string(name), arguments, {"affix"}, 1);
    std::string_view text = bytesOf(self);
    const std::string& end = needText(parameters[0], "argument").bytes;
    if (name == "removeprefix" && text.starts_with(end))
        text.remove_prefix(end.size());
    else if (name == "removesuffix" && text.ends_with(end))
        text.remove_suffix(end.size());
    return machine.text(std::string(text), self.text()->safe);
}

/// ljust, rjust, center, zfill
Value pad(Machine& machine, const Value& self, std::string_view name, Arguments& arguments)
{
    Parameters parameters(std::string(name), arguments, {"width", "fillchar"}, 1);
    const std::string fill = name == "zfill" ? "0" : parameters.text(1, " ");
    if (countCharacters(fill) != 1)
        throw Failure{"The fill character must be exactly one character long"};
    const std::int64_t missing = parameters.integer(0, 0) - std::int64_t(self.text()->length);
    if (missing <= 0)
        return self;
    if (missing > std::int64_t(kMaxOutput / 4))
        throw Failure{"The template makes too much text."};
    machine.budget().make(std::size_t(missing) * fill.size());
    const std::int64_t width = parameters.integer(0, 0);
    const std::int64_t left = name == "ljust" ? 0 : name == "center" ? missing / 2 + (missing & width & 1) : missing;
    std::string before, after;
    for (std::int64_t i = 0; i < missing; ++i)
        (i < left ? before : after) += fill;
    std::string_view text = bytesOf(self);
    const bool sign = name == "zfill" && (text.starts_with('-') || text.starts_with('+'));
    std::string out(text.substr(0, sign));
    out += before;
    out += text.substr(sign);
    return machine.text(out + after, self.text()->safe);
}

Value format(Machine& machine, const Value& self, std::string_view, Arguments& arguments)
{
    return machine.text(formatBraces(machine, bytesOf(self), arguments), self.text()->safe);
}

struct Entry {
    std::string_view name;
    Method method;
};
constexpr Entry kMethods[] = {{"strip", strip},
                              {"lstrip", strip},
                              {"rstrip", strip},
                              {"upper", changeCase},
                              {"lower", changeCase},
                              {"casefold", changeCase},
                              {"title", changeCase},
                              {"capitalize", changeCase},
                              {"islower", isKind},
                              {"isupper", isKind},
                              {"isascii", isKind},
                              {"isspace", isKind},
                              {"isalpha", isKind},
                              {"isalnum", isKind},
                              {"isdigit", isKind},
                              {"split", splitMethod},
                              {"rsplit", splitMethod},
                              {"splitlines", splitLinesMethod},
                              {"partition", partitionMethod},
                              {"rpartition", partitionMethod},
                              {"startswith", hasEnd},
                              {"endswith", hasEnd},
                              {"replace", replace},
                              {"find", find},
                              {"rfind", find},
                              {"index", find},
                              {"rindex", find},
                              {"count", find},
                              {"join", join},
                              {"removeprefix", removeEnd},
                              {"removesuffix", removeEnd},
                              {"ljust", pad},
                              {"rjust", pad},
                              {"center", pad},
                              {"zfill", pad},
                              {"format", format},
                              {"swapcase", unsupportedMethod},
                              {"encode", unsupportedMethod},
                              {"expandtabs", unsupportedMethod},
                              {"translate", unsupportedMethod},
                              {"maketrans", unsupportedMethod},
                              {"format_map", unsupportedMethod},
                              {"istitle", unsupportedMethod},
                              {"isdecimal", unsupportedMethod},
                              {"isnumeric", unsupportedMethod},
                              {"isidentifier", unsupportedMethod},
                              {"isprintable", unsupportedMethod}};

} // namespace

const Text& needText(const Value& value, const char* what)
{
    if (!value.text())
        throw Failure{fmt::format("{} must be str, not {}", what, typeName(value))};
    return *value.text();
}

std::optional<Value> textMethod(Machine& machine, const Value& self, std::string_view name)
{
    const auto found =
        std::find_if(std::begin(kMethods), std::end(kMethods), [&](const Entry& entry) { return entry.name == name; });
    if (found == std::end(kMethods))
        return std::nullopt;
    return bound(machine, self, name, found->method);
}

std::string replaced(Machine& machine, std::string_view text, std::string_view old, std::string_view with,
                     std::int64_t count)
{
    machine.budget().make(text.size());
    std::string out;
    const auto append = [&](std::string_view part) {
        if (out.size() + part.size() > kMaxOutput)
            throw Failure{"The template makes too much text."};
        machine.budget().make(part.size());
        out += part;
    };
    if (old.empty()) { // before every character and at the end
        for (std::size_t at = 0; at <= text.size();) {
            if (count-- != 0) {
                append(with);
            } else {
                append(text.substr(at));
                break;
            }
            if (at == text.size())
                break;
            const std::size_t begin = at;
            nextCharacter(text, at);
            append(text.substr(begin, at - begin));
        }
        return out;
    }
    const Finder finder(old);
    std::size_t begin = 0;
    for (std::size_t at = count == 0 ? text.npos : finder.find(text, 0); at != text.npos;
         at = finder.find(text, begin)) {
        append(text.substr(begin, at - begin));
        append(with);
        begin = at + old.size();
        if (--count == 0)
            break;
    }
    append(text.substr(begin));
    return out;
}

} // namespace ls::jinja
