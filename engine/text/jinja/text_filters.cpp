#include "engine/text/jinja/filters.h"
#include "engine/text/jinja/methods.h"
#include "engine/text/jinja/unicode.h"

#include <fmt/format.h>

#include <iterator>

/// Filters that make text of anything.
namespace ls::jinja {

namespace {

/// A text as it is, anything else written: keeps the mark of a safe text.
Value softText(Machine& machine, const Value& value)
{
    return value.text() ? value : machine.text(machine.textOf(value));
}

/// The text method of the same name.
Value method(Machine& machine, const Value& subject, std::string_view name, Arguments& arguments)
{
    const auto found = textMethod(machine, softText(machine, subject), name);
    return machine.call(*found, arguments);
}

Value trim(Machine& machine, const Value& subject, Arguments& arguments)
{
    return method(machine, subject, "strip", arguments);
}

template <int Name>
Value changeCase(Machine& machine, const Value& subject, Arguments& arguments)
{
    constexpr const char* kNames[] = {"upper", "lower", "capitalize"};
    return method(machine, subject, kNames[Name], arguments);
}

/// Unlike str.title: words begin after white space, - ( { [ <.
Value title(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters("do_title", arguments, {});
    const std::string text = machine.textOf(subject);
    machine.budget().make(text.size() * 3);
    std::string out, word;
    const auto flush = [&] {
        std::size_t first = 0;
        if (!word.empty())
            nextCharacter(word, first);
        out += upper(std::string_view(word).substr(0, first)) + lower(std::string_view(word).substr(first));
        word.clear();
    };
    for (std::size_t at = 0; at < text.size();) {
        const char32_t c = nextCharacter(text, at);
        const bool between = isSpace(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
        if (between)
            flush();
        appendCharacter(between ? out : word, c);
    }
    flush();
    return machine.text(std::move(out));
}

Value replace(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters parameters("do_replace", arguments, {"old", "new", "count"}, 2);
    const std::int64_t count = parameters.has(2) && !parameters[2].isNone() ? parameters.integer(2, -1) : -1;
    return Value::text(replaced(machine, machine.textOf(subject), machine.textOf(parameters[0]),
                                machine.textOf(parameters[1]), count));
}

Value indent(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters parameters("do_indent", arguments, {"width", "first", "blank"});
    const Value four(std::int64_t(4));
    const Value width = parameters.get(0, four);
    std::string space;
    if (width.text())
        space = width.text()->bytes;
    else if (const auto count = integerOf(width); count && *count <= 10000)
        space.assign(std::size_t(std::max<std::int64_t>(*count, 0)), ' ');
    else
        throw Failure{count ? std::string("The indent is too wide.")
                            : fmt::format("can't multiply sequence by non-int of type '{}'", typeName(width))};
    const Value text = add(machine, subject, Value::text("\n")); // so that the last line is one, too
    const auto lines = splitLines(text.text()->bytes, false);
    std::string out;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const bool wanted = i == 0 ? parameters.flag(1) : parameters.flag(2) || !lines[i].empty();
        machine.budget().make(lines[i].size() + space.size() + 1);
        out += (i > 0 ? "\n" : "") + (wanted ? space : std::string());
        out += lines[i];
        if (out.size() > kMaxOutput)
            throw Failure{"The template makes too much text."};
    }
    return machine.text(std::move(out), text.text()->safe);
}

Value join(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters parameters("do_join", arguments, {"d", "attribute"});
    const std::string separator = machine.textOf(parameters.get(0, Value::text({})));
    const AttributeGetter getter(machine, parameters.get(1, {}));
    std::string out;
    bool first = true;
    for (const Value& item : machine.itemsOf(subject)) {
        if (!first) {
            machine.budget().make(separator.size());
            out += separator;
        }
        first = false;
        writeText(machine.budget(), getter(item), out);
        if (out.size() > kMaxOutput)
            throw Failure{"The template makes too much text."};
    }
    return machine.text(std::move(out));
}

Value escape(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters("escape", arguments, {});
    if (subject.text() && subject.text()->safe)
        return subject;
    const std::string text = machine.textOf(subject);
    machine.budget().make(text.size() * 6);
    return machine.text(escaped(text), true);
}

Value forceEscape(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters("do_forceescape", arguments, {});
    const std::string text = machine.textOf(subject);
    machine.budget().make(text.size() * 6);
    return machine.text(escaped(text), true);
}

Value safe(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters("do_mark_safe", arguments, {});
    return machine.text(machine.textOf(subject), true);
}

Value format(Machine& machine, const Value& subject, Arguments& arguments)
{
    if (!arguments.positional.empty() && !arguments.named.empty())
        throw Failure{"can't handle positional and keyword arguments at the same time"};
    Dict named;
    for (auto& [name, value] : arguments.named)
        named.set(machine.budget(), Value::text(name), std::move(value));
    const Value values =
        named.entries().empty() ? makeTuple(std::move(arguments.positional)) : makeDict(std::move(named));
    return machine.text(formatPercent(machine, machine.textOf(subject), values));
}

Value center(Machine& machine, const Value& subject, Arguments& arguments)
{
    if (arguments.positional.empty() && arguments.named.empty())
        arguments.positional.emplace_back(std::int64_t(80));
    return method(machine, subject, "center", arguments);
}

Value truncate(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters parameters("do_truncate", arguments, {"length", "killwords", "end", "leeway"});
    const std::int64_t length = parameters.integer(0, 255), leeway = parameters.integer(3, 5);
    const std::string end = parameters.text(2, "...");
    const auto endLength = std::int64_t(countCharacters(end));
    if (length < endLength)
        throw Failure{fmt::format("expected length >= {}, got {}", endLength, length)};
    if (leeway < 0)
        throw Failure{fmt::format("expected leeway >= 0, got {}", leeway)};
    if (std::int64_t(lengthOf(subject)) - leeway <= length)
        return subject;
    const Value cut = sliced(machine, subject, {}, Value(length - endLength), {});
    std::string text = machine.textOf(cut);
    if (!parameters.flag(1))
        text = text.substr(0, text.rfind(' '));
    return machine.text(text + end);
}

Value wordCount(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters("do_wordcount", arguments, {});
    const std::string text = machine.textOf(subject);
    std::int64_t count = 0;
    bool inside = false;
    for (std::size_t at = 0; at < text.size();) {
        const char32_t c = nextCharacter(text, at);
        const bool part = isAlphaNumeric(c) || c == '_';
        count += part && !inside;
        inside = part;
    }
    return Value(count);
}

/// Percent-encodes what is neither a letter, a digit nor one of _.-~/
Value urlEncode(Machine& machine, const Value& subject, Arguments& arguments)
{
    Parameters("do_urlencode", arguments, {});
    if (!subject.text() && (subject.dict() || subject.sequence()))
        throw Failure{"urlencode of maps and lists is not supported."};
    const std::string text = machine.textOf(subject);
    machine.budget().make(text.size() * 3);
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
                           c == '.' || c == '-' || c == '~' || c == '/';
        out += plain ? std::string(1, c) : fmt::format("%{:02X}", int(static_cast<unsigned char>(c)));
    }
    return machine.text(std::move(out));
}

constexpr FilterEntry kFilters[] = {
    {"trim", trim},          {"upper", changeCase<0>}, {"lower", changeCase<1>},     {"capitalize", changeCase<2>},
    {"title", title},        {"replace", replace},     {"indent", indent},           {"join", join},
    {"e", escape},           {"escape", escape},       {"forceescape", forceEscape}, {"safe", safe},
    {"format", format},      {"center", center},       {"truncate", truncate},       {"wordcount", wordCount},
    {"urlencode", urlEncode}};

} // namespace

FilterList textFilters()
{
    return {std::begin(kFilters), std::end(kFilters)};
}

} // namespace ls::jinja
