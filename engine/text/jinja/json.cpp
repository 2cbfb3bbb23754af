#include "engine/text/jinja/machine.h"
#include "engine/text/jinja/unicode.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

/// json.dumps as the tojson filter of transformers calls it.
namespace ls::jinja {

namespace {

class JsonWriter {
public:
    JsonWriter(Machine& machine, const Value& indent, bool asciiOnly, bool sortKeys, const Value& separators)
        : m_machine(machine)
        , m_ascii(asciiOnly)
        , m_sort(sortKeys)
    {
        if (const Text* text = indent.text()) {
            m_indent = text->bytes;
        } else if (const auto width = integerOf(indent)) {
            if (*width > 1000)
                throw Failure{"The indent is too wide."};
            m_indent = std::string(std::size_t(std::max<std::int64_t>(*width, 0)), ' ');
        } else if (!indent.isNone()) {
            throw Failure{fmt::format("can't multiply sequence by non-int of type '{}'", typeName(indent))};
        }
        if (m_indent)
            m_comma = ",";
        if (!separators.isNone()) {
            const Values pair = machine.itemsOf(separators);
            if (pair.size() != 2 || !pair[0].text() || !pair[1].text())
                throw Failure{"separators must be two texts"};
            m_comma = pair[0].text()->bytes;
            m_colon = pair[1].text()->bytes;
        }
    }
    void write(const Value& value);
    std::string take() { return std::move(m_out); }

private:
    void append(std::string_view text)
    {
        m_machine.budget().make(text.size());
        if (m_out.size() + text.size() > kMaxOutput)
            throw Failure{"The template makes too much text."};
        m_out += text;
    }
    void newline()
    {
        if (!m_indent)
            return;
        append("\n");
        for (int i = 0; i < m_level; ++i)
            append(*m_indent);
    }
    void writeText(std::string_view text);
    void writeReal(double value)
    {
        append(std::isnan(value)   ? "NaN"
               : std::isinf(value) ? (value > 0 ? "Infinity" : "-Infinity")
                                   : realText(value));
    }
    void writeList(const Values& items);
    void writeDict(const Dict& dict);
    std::string keyText(const Value& key);

    Machine& m_machine;
    const bool m_ascii, m_sort;
    std::optional<std::string> m_indent;
    std::string m_comma = ", ", m_colon = ": ";
    int m_level = 0;
    std::string m_out;
};

void JsonWriter::write(const Value& value)
{
    const Level level(m_machine.budget());
    m_machine.budget().step();
    const Sequence* sequence = value.sequence();
    if (value.isNone())
        append("null");
    else if (const bool* boolean = value.as<bool>())
        append(*boolean ? "true" : "false");
    else if (const auto* integer = value.as<std::int64_t>())
        append(fmt::format("{}", *integer));
    else if (const double* real = value.as<double>())
        writeReal(*real);
    else if (const Text* text = value.text())
        writeText(text->bytes);
    else if (sequence && (sequence->kind == Sequence::Kind::List || sequence->kind == Sequence::Kind::Tuple))
        writeList(sequence->items);
    else if (const Dict* dict = value.dict())
        writeDict(*dict);
    else
        throw Failure{fmt::format("Object of type {} is not JSON serializable", typeName(value))};
}

void JsonWriter::writeText(std::string_view text)
{
    m_machine.budget().make(text.size());
    std::string out = "\"";
    for (std::size_t at = 0; at < text.size();) {
        const char32_t c = nextCharacter(text, at);
        constexpr std::string_view kNamed = "\"\\\n\r\t\f\b", kShort = "\"\\nrtfb";
        const auto code = std::uint32_t(c);
        if (c < 0x80 && kNamed.find(char(c)) != kNamed.npos) {
            out += '\\';
            out += kShort[kNamed.find(char(c))];
        } else if (c < 0x20 || (m_ascii && c > 0x7E && c < 0x10000)) {
            out += fmt::format("\\u{:04x}", code);
        } else if (m_ascii && c >= 0x10000) {
            out += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + ((code - 0x10000) >> 10), 0xDC00 + (code & 0x3FF));
        } else {
            appendCharacter(out, c);
        }
    }
    out += '"';
    append(out);
}

void JsonWriter::writeList(const Values& items)
{
    if (items.empty())
        return append("[]");
    append("[");
    ++m_level;
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (i > 0)
            append(m_comma);
        newline();
        write(items[i]);
    }
    --m_level;
    newline();
    append("]");
}

std::string JsonWriter::keyText(const Value& key)
{
    if (const Text* text = key.text())
        return text->bytes;
    if (key.isNone())
        return "null";
    if (const bool* boolean = key.as<bool>())
        return *boolean ? "true" : "false";
    if (const auto* integer = key.as<std::int64_t>())
        return fmt::format("{}", *integer);
    if (const double* real = key.as<double>())
        return std::isfinite(*real) ? realText(*real)
               : std::isnan(*real)  ? "NaN"
               : *real > 0          ? "Infinity"
                                    : "-Infinity";
    throw Failure{fmt::format("keys must be str, int, float, bool or None, not {}", typeName(key))};
}

void JsonWriter::writeDict(const Dict& dict)
{
    if (dict.entries().empty())
        return append("{}");
    m_machine.budget().make(dict.entries().size() * sizeof(Dict::Entry));
    std::vector<const Dict::Entry*> entries;
    for (const Dict::Entry& entry : dict.entries())
        entries.push_back(&entry);
    if (m_sort)
        std::stable_sort(entries.begin(), entries.end(), [&](const Dict::Entry* a, const Dict::Entry* b) {
            return less(m_machine.budget(), a->first, b->first);
        });
    append("{");
    ++m_level;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (i > 0)
            append(m_comma);
        newline();
        writeText(keyText(entries[i]->first));
        append(m_colon);
        write(entries[i]->second);
    }
    --m_level;
    newline();
    append("}");
}

} // namespace

std::string toJson(Machine& machine, const Value& value, const Value& indent, bool asciiOnly, bool sortKeys,
                   const Value& separators)
{
    JsonWriter writer(machine, indent, asciiOnly, sortKeys, separators);
    writer.write(value);
    return writer.take();
}

} // namespace ls::jinja
