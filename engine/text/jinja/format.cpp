#include "engine/text/jinja/literals.h"
#include "engine/text/jinja/methods.h"
#include "engine/text/jinja/unicode.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

/// Formatting of texts: "%s" % x and "{}".format(x).
namespace ls::jinja {

namespace {

/// One conversion of "%-8.3f".
struct Conversion {
    bool left = false, plus = false, space = false, zero = false, alternative = false;
    std::int64_t width = 0, precision = -1;
    char type = 's';
    std::optional<std::string> key;
};

constexpr std::int64_t kMaxWidth = 10000;

class PercentFormatter {
public:
    PercentFormatter(Machine& machine, std::string_view format, const Value& values)
        : m_machine(machine)
        , m_format(format)
        , m_values(values)
    {
        const Sequence* sequence = values.sequence();
        m_tuple = sequence && sequence->kind == Sequence::Kind::Tuple ? &sequence->items : nullptr;
    }
    std::string run();

private:
    char next()
    {
        if (m_at >= m_format.size())
            throw Failure{"incomplete format"};
        return m_format[m_at++];
    }
    Conversion parse();
    std::int64_t number(char& c);
    Value argument();
    std::string converted(const Conversion& conversion, const Value& value);
    std::string integerText(const Conversion& conversion, const Value& value);
    std::string realText(const Conversion& conversion, const Value& value);

    Machine& m_machine;
    std::string_view m_format;
    const Value& m_values;
    const Values* m_tuple = nullptr;
    std::size_t m_at = 0, m_used = 0;
};

std::int64_t PercentFormatter::number(char& c)
{
    const auto small = [](std::int64_t width) {
        if (width > kMaxWidth || width < -kMaxWidth)
            throw Failure{"The width of the format is too large."};
        return width;
    };
    if (c == '*') {
        const Value given = argument();
        if (!integerOf(given))
            throw Failure{"* wants int"};
        c = next();
        return small(*integerOf(given));
    }
    std::int64_t value = 0;
    for (; c >= '0' && c <= '9'; c = next())
        value = small(value * 10 + (c - '0'));
    return value;
}

Conversion PercentFormatter::parse()
{
    Conversion out;
    char c = next();
    if (c == '(') {
        const std::size_t end = m_format.find(')', m_at);
        if (end == m_format.npos)
            throw Failure{"incomplete format key"};
        out.key = m_format.substr(m_at, end - m_at);
        m_at = end + 1;
        c = next();
    }
    for (bool flag = true; flag;) {
        switch (c) {
        case '-':
            out.left = true;
            break;
        case '+':
            out.plus = true;
            break;
        case ' ':
            out.space = true;
            break;
        case '0':
            out.zero = true;
            break;
        case '#':
            out.alternative = true;
            break;
        default:
            flag = false;
            continue;
        }
        c = next();
    }
    out.width = number(c);
    if (out.width < 0) {
        out.left = true;
        out.width = -out.width;
    }
    if (c == '.') {
        c = next();
        out.precision = std::max<std::int64_t>(number(c), 0);
    }
    while (c == 'h' || c == 'l' || c == 'L')
        c = next();
    out.type = c;
    return out;
}

Value PercentFormatter::argument()
{
    if (m_tuple ? m_used >= m_tuple->size() : m_used > 0)
        throw Failure{"not enough arguments for format string"};
    return m_tuple ? (*m_tuple)[m_used++] : (++m_used, m_values);
}

std::string signedText(const Conversion& conversion, bool negative, std::string digits)
{
    std::string sign = negative ? "-" : conversion.plus ? "+" : conversion.space ? " " : "";
    if (conversion.zero && !conversion.left) {
        const auto missing = conversion.width - std::int64_t(sign.size() + digits.size());
        digits.insert(0, std::size_t(std::max<std::int64_t>(missing, 0)), '0');
    }
    return sign + digits;
}

std::string PercentFormatter::integerText(const Conversion& conversion, const Value& value)
{
    std::optional<std::int64_t> integer = integerOf(value);
    if (const double* real = value.as<double>();
        real && conversion.type != 'x' && conversion.type != 'X' && conversion.type != 'o') {
        if (!(std::abs(*real) < 9e18))
            throw Failure{"The number is too large."};
        integer = std::int64_t(*real);
    }
    if (!integer)
        throw Failure{fmt::format(
            "%{} format: {} is required, not {}", conversion.type,
            conversion.type == 'd' || conversion.type == 'i' || conversion.type == 'u' ? "a real number" : "an integer",
            typeName(value))};
    const std::uint64_t size = *integer < 0 ? 0 - std::uint64_t(*integer) : std::uint64_t(*integer);
    std::string digits = conversion.type == 'x'   ? fmt::format("{:x}", size)
                         : conversion.type == 'X' ? fmt::format("{:X}", size)
                         : conversion.type == 'o' ? fmt::format("{:o}", size)
                                                  : fmt::format("{}", size);
    if (std::int64_t(digits.size()) < conversion.precision)
        digits.insert(0, std::size_t(conversion.precision) - digits.size(), '0');
    if (conversion.alternative && (conversion.type == 'x' || conversion.type == 'X' || conversion.type == 'o'))
        digits.insert(0, conversion.type == 'o' ? "0o" : conversion.type == 'x' ? "0x" : "0X");
    return signedText(conversion, *integer < 0, std::move(digits));
}

std::string PercentFormatter::realText(const Conversion& conversion, const Value& value)
{
    if (!isNumber(value))
        throw Failure{fmt::format("must be real number, not {}", typeName(value))};
    const double real = realOf(value);
    const int precision = conversion.precision < 0 ? 6 : int(conversion.precision);
    const double size = std::abs(real);
    std::string digits = conversion.type == 'f' || conversion.type == 'F' ? fmt::format("{:.{}f}", size, precision)
                         : conversion.type == 'e'                         ? fmt::format("{:.{}e}", size, precision)
                         : conversion.type == 'E'                         ? fmt::format("{:.{}E}", size, precision)
                         : conversion.type == 'g'                         ? fmt::format("{:.{}g}", size, precision)
                                                                          : fmt::format("{:.{}G}", size, precision);
    return signedText(conversion, std::signbit(real) && !std::isnan(real), std::move(digits));
}

std::string PercentFormatter::converted(const Conversion& conversion, const Value& value)
{
    switch (conversion.type) {
    case 's':
    case 'r':
    case 'a': {
        std::string text = conversion.type == 's' ? m_machine.textOf(value) : reprOf(m_machine.budget(), value);
        return conversion.precision < 0 ? text : text.substr(0, offsetOf(text, std::size_t(conversion.precision)));
    }
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'X':
    case 'o':
        return integerText(conversion, value);
    case 'f':
    case 'F':
    case 'e':
    case 'E':
    case 'g':
    case 'G':
        return realText(conversion, value);
    default:
        throw Failure{fmt::format("unsupported format character '{}' (0x{:x}) at index {}", conversion.type,
                                  int(static_cast<unsigned char>(conversion.type)), m_at - 1)};
    }
}

std::string PercentFormatter::run()
{
    std::string out;
    while (m_at < m_format.size()) {
        if (m_format[m_at] != '%') {
            out += m_format[m_at++];
            continue;
        }
        ++m_at;
        const Conversion conversion = parse();
        if (conversion.type == '%') {
            out += '%';
            continue;
        }
        Value value;
        if (conversion.key) {
            if (!m_values.dict())
                throw Failure{"format requires a mapping"};
            const Value* found = m_values.dict()->find(*conversion.key);
            if (!found)
                throw Failure{quoted(*conversion.key)};
            value = *found;
            m_used = 1;
        } else {
            value = argument();
        }
        const std::string text = converted(conversion, value);
        const auto missing = std::max<std::int64_t>(conversion.width - std::int64_t(countCharacters(text)), 0);
        m_machine.budget().make(text.size() + std::size_t(missing));
        const std::string fill(std::size_t(missing), ' ');
        out += conversion.left ? text + fill : fill + text;
        if (out.size() > kMaxOutput)
            throw Failure{"The template makes too much text."};
    }
    const std::size_t given =
        m_tuple ? m_tuple->size()
        : m_values.dict() || (m_values.sequence() && m_values.sequence()->kind == Sequence::Kind::List) ? 0
                                                                                                        : 1;
    if (m_used < given)
        throw Failure{"not all arguments converted during string formatting"};
    return out;
}

} // namespace

std::string formatPercent(Machine& machine, std::string_view format, const Value& values)
{
    machine.budget().make(format.size());
    return PercentFormatter(machine, format, values).run();
}

std::string formatBraces(Machine& machine, std::string_view format, const Arguments& arguments)
{
    machine.budget().make(format.size());
    std::string out;
    std::size_t automatic = 0;
    for (std::size_t at = 0; at < format.size();) {
        const char c = format[at++];
        if (c != '{' && c != '}') {
            out += c;
            continue;
        }
        if (at < format.size() && format[at] == c) {
            out += c;
            ++at;
            continue;
        }
        const std::size_t end = c == '{' ? format.find('}', at) : format.npos;
        if (end == format.npos)
            throw Failure{c == '{' ? "expected '}' before end of string" : "Single '}' encountered in format string"};
        std::string_view field = format.substr(at, end - at);
        at = end + 1;
        const std::size_t conversion = field.find_first_of("!:.[{");
        const bool repr = conversion != field.npos && field.substr(conversion) == "!r";
        if (conversion != field.npos && !repr && field.substr(conversion) != "!s")
            throw Failure{"Format specifications are not supported in str.format."};
        field = field.substr(0, conversion);
        const Value* value = nullptr;
        const auto index =
            field.empty() ? std::optional<std::int64_t>(std::int64_t(automatic++)) : parseInteger(field, 10);
        if (index && *index >= 0) {
            if (std::size_t(*index) >= arguments.positional.size())
                throw Failure{fmt::format("Replacement index {} out of range for positional args tuple", *index)};
            value = &arguments.positional[std::size_t(*index)];
        } else {
            for (const auto& [name, given] : arguments.named)
                value = name == field ? &given : value;
            if (!value)
                throw Failure{quoted(field)};
        }
        repr ? writeRepr(machine.budget(), *value, out) : writeText(machine.budget(), *value, out);
    }
    return out;
}

} // namespace ls::jinja
