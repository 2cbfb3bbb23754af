#include "engine/text/jinja/methods.h"
#include "engine/text/jinja/unicode.h"

#include <algorithm>

/// Methods that cut a text into pieces.
namespace ls::jinja {

std::vector<std::size_t> positionsOf(std::string_view text, std::string_view part)
{
    std::vector<std::size_t> found;
    const Finder finder(part);
    for (std::size_t at = finder.find(text, 0); at != text.npos; at = finder.find(text, at + part.size()))
        found.push_back(at);
    return found;
}

namespace {

/// Runs of white space between the words; limit < 0: no limit.
std::vector<std::string_view> splitWords(std::string_view text, std::int64_t limit)
{
    std::vector<std::string_view> parts;
    for (text = stripLeft(text); !text.empty(); text = stripLeft(text)) {
        if (limit >= 0 && std::int64_t(parts.size()) == limit) {
            parts.push_back(text); // as it is, spaces at its end too
            break;
        }
        std::size_t end = 0;
        for (std::size_t at = 0; at < text.size() && !isSpace(nextCharacter(text, at));)
            end = at;
        parts.push_back(text.substr(0, end));
        text.remove_prefix(end);
    }
    return parts;
}

std::vector<std::string_view> splitWordsRight(std::string_view text, std::int64_t limit)
{
    std::vector<std::string_view> words = splitWords(text, -1);
    if (limit >= 0 && std::int64_t(words.size()) > limit) {
        const std::size_t rest = words.size() - std::size_t(limit); // these stay together, with the spaces before them
        const std::string_view last = words[rest - 1];
        words.erase(words.begin(), words.begin() + std::ptrdiff_t(rest - 1));
        words[0] = text.substr(0, std::size_t(last.data() + last.size() - text.data()));
    }
    return words;
}

std::vector<std::string_view> splitAt(std::string_view text, std::string_view separator, std::int64_t limit,
                                      bool fromRight)
{
    std::vector<std::size_t> cuts = positionsOf(text, separator);
    if (fromRight) { // overlapping separators are found from the right
        cuts.clear();
        const std::string reversedText(text.rbegin(), text.rend()), reversedPart(separator.rbegin(), separator.rend());
        for (const std::size_t at : positionsOf(reversedText, reversedPart))
            cuts.push_back(text.size() - at - separator.size());
        if (limit >= 0 && std::int64_t(cuts.size()) > limit)
            cuts.resize(std::size_t(limit));
        std::reverse(cuts.begin(), cuts.end());
    } else if (limit >= 0 && std::int64_t(cuts.size()) > limit) {
        cuts.resize(std::size_t(limit));
    }
    std::vector<std::string_view> parts;
    std::size_t begin = 0;
    for (const std::size_t cut : cuts) {
        parts.push_back(text.substr(begin, cut - begin));
        begin = cut + separator.size();
    }
    parts.push_back(text.substr(begin));
    return parts;
}

Value listOf(Machine& machine, const std::vector<std::string_view>& parts)
{
    std::size_t bytes = 0;
    for (const std::string_view part : parts)
        bytes += part.size() + sizeof(Value) + sizeof(Text);
    machine.budget().make(bytes);
    Values items;
    for (const std::string_view part : parts)
        items.push_back(Value::text(std::string(part)));
    return makeList(std::move(items));
}

} // namespace

Value splitMethod(Machine& machine, const Value& self, std::string_view name, Arguments& arguments)
{
    Parameters parameters(std::string(name), arguments, {"sep", "maxsplit"});
    const std::string_view text = self.text()->bytes;
    const std::int64_t limit = parameters.integer(1, -1);
    const bool fromRight = name == "rsplit";
    machine.budget().make(text.size());
    if (!parameters.has(0) || parameters[0].isNone())
        return listOf(machine, fromRight ? splitWordsRight(text, limit) : splitWords(text, limit));
    const std::string& separator = needText(parameters[0], "sep").bytes;
    if (separator.empty())
        throw Failure{"empty separator"};
    return listOf(machine, splitAt(text, separator, limit, fromRight));
}

Value splitLinesMethod(Machine& machine, const Value& self, std::string_view, Arguments& arguments)
{
    Parameters parameters("splitlines", arguments, {"keepends"});
    machine.budget().make(self.text()->bytes.size());
    return listOf(machine, splitLines(self.text()->bytes, parameters.flag(0)));
}

Value partitionMethod(Machine& machine, const Value& self, std::string_view name, Arguments& arguments)
{
    Parameters parameters(std::string(name), arguments, {"sep"}, 1);
    const std::string_view text = self.text()->bytes;
    const std::string& separator = needText(parameters[0], "sep").bytes;
    if (separator.empty())
        throw Failure{"empty separator"};
    const bool right = name == "rpartition";
    machine.budget().make(text.size() * 2);
    const auto parts = splitAt(text, separator, 1, right);
    if (parts.size() == 2)
        return makeTuple(
            {Value::text(std::string(parts[0])), Value::text(separator), Value::text(std::string(parts[1]))});
    const Value whole = Value::text(std::string(text)), none = Value::text({});
    return makeTuple(right ? Values{none, none, whole} : Values{whole, none, none});
}

} // namespace ls::jinja
