#include "engine/text/jinja/unicode.h"
#include "engine/text/jinja/value.h"

#include <fmt/format.h>

/// str() and repr() of values.
namespace ls::jinja {

namespace {

void append(Budget& budget, std::string& out, std::string_view text)
{
    budget.make(text.size());
    if (out.size() + text.size() > kMaxOutput)
        throw Failure{"The template makes too much text."};
    out += text;
}

void writeItems(Budget& budget, const Values& items, std::string& out)
{
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (i > 0)
            append(budget, out, ", ");
        writeRepr(budget, items[i], out);
    }
}

void writeDict(Budget& budget, const Dict& dict, std::string& out)
{
    append(budget, out, "{");
    bool first = true;
    for (const auto& [key, value] : dict.entries()) {
        if (!first)
            append(budget, out, ", ");
        first = false;
        writeRepr(budget, key, out);
        append(budget, out, ": ");
        writeRepr(budget, value, out);
    }
    append(budget, out, "}");
}

void writeSequence(Budget& budget, const Sequence& sequence, std::string& out)
{
    using Kind = Sequence::Kind;
    switch (sequence.kind) {
    case Kind::Generator:
        return append(budget, out, "<generator object>"); // an address follows in Python
    case Kind::Range:
        return append(budget, out, sequence.written);
    case Kind::List:
    case Kind::Tuple:
        break;
    case Kind::DictKeys:
        append(budget, out, "dict_keys(");
        break;
    case Kind::DictValues:
        append(budget, out, "dict_values(");
        break;
    case Kind::DictItems:
        append(budget, out, "dict_items(");
    }
    const bool tuple = sequence.kind == Kind::Tuple, view = !tuple && sequence.kind != Kind::List;
    append(budget, out, tuple ? "(" : "[");
    writeItems(budget, sequence.items, out);
    append(budget, out, tuple ? (sequence.items.size() == 1 ? ",)" : ")") : "]");
    if (view)
        append(budget, out, ")");
}

std::string functionText(const Function& function)
{
    switch (function.kind) {
    case Function::Kind::Macro:
        return function.name.empty() ? "<Macro anonymous>" : fmt::format("<Macro {}>", quoted(function.name));
    case Function::Kind::Class:
        return fmt::format("<class '{}'>", function.name);
    case Function::Kind::Builtin:
        return fmt::format("<built-in method {}>", function.name);
    case Function::Kind::Function:
        break;
    }
    return fmt::format("<function {}>", function.name);
}

} // namespace

void writeRepr(Budget& budget, const Value& value, std::string& out)
{
    const Level level(budget);
    budget.step();
    if (const Text* text = value.text()) {
        budget.scan(text->bytes.size());
        if (text->safe)
            append(budget, out, "Markup(");
        append(budget, out, quoted(text->bytes));
        if (text->safe)
            append(budget, out, ")");
    } else if (value.isNone()) {
        append(budget, out, "None");
    } else if (const bool* boolean = value.as<bool>()) {
        append(budget, out, *boolean ? "True" : "False");
    } else if (const auto* integer = value.as<std::int64_t>()) {
        append(budget, out, fmt::format("{}", *integer));
    } else if (const double* real = value.as<double>()) {
        append(budget, out, realText(*real));
    } else if (const Sequence* sequence = value.sequence()) {
        writeSequence(budget, *sequence, out);
    } else if (const Dict* dict = value.dict()) {
        writeDict(budget, *dict, out);
    } else if (const Namespace* space = value.space()) {
        append(budget, out, "<Namespace ");
        writeDict(budget, space->attributes, out);
        append(budget, out, ">");
    } else if (const Loop* loop = value.loop()) {
        append(budget, out, fmt::format("<LoopContext {}/{}>", loop->index + 1, loop->items->items.size()));
    } else if (value.undefined()) {
        append(budget, out, "Undefined");
    } else {
        append(budget, out, functionText(*value.function()));
    }
}

void writeText(Budget& budget, const Value& value, std::string& out)
{
    if (const Text* text = value.text())
        append(budget, out, text->bytes);
    else if (!value.undefined())
        writeRepr(budget, value, out);
}

std::string textOf(Budget& budget, const Value& value)
{
    std::string out;
    writeText(budget, value, out);
    return out;
}

std::string reprOf(Budget& budget, const Value& value)
{
    std::string out;
    writeRepr(budget, value, out);
    return out;
}

} // namespace ls::jinja
