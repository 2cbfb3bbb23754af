#pragma once

#include "engine/text/pretokenizer.h"

#include <functional>

namespace ls {

/// What becomes of the matches of a split.
enum class SplitBehavior { Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous };
/// Error: FileFormat.
Result<SplitBehavior> splitBehavior(const std::string& name);

struct Span {
    std::size_t begin = 0, end = 0;
    bool match = false;
};

/// Spans of a text in order, without gaps.
using FindSpans = std::function<Status(std::string_view text, std::vector<Span>& spans)>;
FindSpans spansOf(Pattern pattern, bool invert);
/// Every character of the kind is a match of its own.
FindSpans spansOf(bool (*isKind)(char32_t));

/// Applies a behaviour to the spans of every piece.
class Splitter final : public Pretokenizer {
public:
    Splitter(FindSpans find, SplitBehavior behavior)
        : m_find(std::move(find))
        , m_behavior(behavior)
    {
    }
    Status apply(Pieces& pieces) const override;

private:
    FindSpans m_find;
    SplitBehavior m_behavior;
};

} // namespace ls
