#include "engine/text/splitter.h"

#include "engine/text/unicode.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace ls {

namespace {

/// Joins every span that `joins(previous match, this match)` says to the one before it in the order given.
template <typename Joins>
void join(std::vector<Span>& spans, Joins&& joins)
{
    std::size_t count = 0;
    bool previous = false;
    for (const Span span : spans) {
        if (count > 0 && joins(previous, span.match)) {
            Span& last = spans[count - 1];
            last.begin = std::min(last.begin, span.begin);
            last.end = std::max(last.end, span.end);
        } else {
            spans[count++] = span;
        }
        previous = span.match;
    }
    spans.resize(count);
}

void applyBehavior(std::vector<Span>& spans, SplitBehavior behavior)
{
    const auto firstMatch = [](bool previous, bool now) { return now && !previous; };
    switch (behavior) {
    case SplitBehavior::Isolated:
        return;
    case SplitBehavior::Removed:
        spans.erase(std::remove_if(spans.begin(), spans.end(), [](const Span& span) { return span.match; }),
                    spans.end());
        return;
    case SplitBehavior::Contiguous:
        return join(spans, [](bool previous, bool now) { return previous == now; });
    case SplitBehavior::MergedWithPrevious:
        return join(spans, firstMatch);
    case SplitBehavior::MergedWithNext:
        std::reverse(spans.begin(), spans.end());
        join(spans, firstMatch);
        std::reverse(spans.begin(), spans.end());
        return;
    }
}

} // namespace

Result<SplitBehavior> splitBehavior(const std::string& name)
{
    constexpr std::array<const char*, 5> kNames{"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext",
                                                "Contiguous"};
    const auto found = std::find(kNames.begin(), kNames.end(), name);
    if (found == kNames.end())
        return Error{Errc::FileFormat,
                     fmt::format("The tokenizer's split behaviour \"{}\" does not exist.", name),
                     "The file is damaged. Fetch it again.",
                     {}};
    return SplitBehavior(found - kNames.begin());
}

FindSpans spansOf(Pattern pattern, bool invert)
{
    return [pattern = std::make_shared<Pattern>(std::move(pattern)), invert](std::string_view text,
                                                                             std::vector<Span>& spans) -> Status {
        std::size_t done = 0;
        LS_CHECK(pattern->forEachMatch(text, [&](std::size_t begin, std::size_t end) {
            if (begin > done)
                spans.push_back({done, begin, invert});
            spans.push_back({begin, end, !invert});
            done = end;
        }));
        if (done < text.size())
            spans.push_back({done, text.size(), invert});
        return success();
    };
}

FindSpans spansOf(bool (*isKind)(char32_t))
{
    return [isKind](std::string_view text, std::vector<Span>& spans) -> Status {
        std::size_t done = 0;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t begin = at;
            if (!isKind(nextCharacter(text, at)))
                continue;
            if (begin > done)
                spans.push_back({done, begin, false});
            spans.push_back({begin, at, true});
            done = at;
        }
        if (done < text.size())
            spans.push_back({done, text.size(), false});
        return success();
    };
}

Status Splitter::apply(Pieces& pieces) const
{
    std::vector<Piece> out;
    out.reserve(pieces.list.size());
    std::vector<Span> spans;
    for (const Piece& piece : pieces.list) {
        spans.clear();
        LS_CHECK(m_find(piece.text, spans));
        applyBehavior(spans, m_behavior);
        for (const Span& span : spans)
            if (span.end > span.begin)
                out.push_back({piece.text.substr(span.begin, span.end - span.begin), piece.first && span.begin == 0});
    }
    pieces.list = std::move(out);
    return success();
}

} // namespace ls
