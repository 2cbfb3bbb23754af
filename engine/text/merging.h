#pragma once

#include <cstdint>
#include <queue>
#include <vector>

namespace ls {

/// Part of a piece on its way to a token. Neighbours are linked, so that a merge costs the same anywhere.
struct Symbol {
    std::int32_t id = -1;
    std::int32_t previous = -1, next = -1; ///< -1 = none
    std::uint32_t begin = 0, end = 0;      ///< bytes of the piece
    bool alive = true;                     ///< not merged into the one before
};

inline void link(std::vector<Symbol>& symbols)
{
    for (std::size_t i = 0; i < symbols.size(); ++i) {
        symbols[i].previous = std::int32_t(i) - 1;
        symbols[i].next = i + 1 < symbols.size() ? std::int32_t(i) + 1 : -1;
    }
}

struct Merge {
    std::int32_t rank = 0;
    std::int32_t id = -1; ///< -1 = the two do not merge
};

/// Merges neighbours, smallest rank first, of equal ranks the leftmost. mergeOf(left, right) -> Merge.
/// O(n log n): a long run without a break cannot hang the program.
template <typename MergeOf>
void mergeAll(std::vector<Symbol>& symbols, MergeOf&& mergeOf)
{
    struct Candidate {
        Merge merge;
        std::int32_t left;
        bool operator<(const Candidate& other) const
        {
            return merge.rank != other.merge.rank ? merge.rank > other.merge.rank : left > other.left;
        }
    };
    std::vector<Candidate> found;
    const auto candidate = [&](std::int32_t left) -> Candidate {
        const Symbol& symbol = symbols[std::size_t(left)];
        return {symbol.next < 0 ? Merge() : mergeOf(symbol, symbols[std::size_t(symbol.next)]), left};
    };
    for (std::int32_t i = 0; i < std::int32_t(symbols.size()); ++i)
        if (const Candidate next = candidate(i); next.merge.id >= 0)
            found.push_back(next);
    std::priority_queue<Candidate> queue(std::less<Candidate>(), std::move(found));
    while (!queue.empty()) {
        const Candidate best = queue.top();
        queue.pop();
        Symbol& left = symbols[std::size_t(best.left)];
        if (!left.alive || candidate(best.left).merge.id != best.merge.id)
            continue; // one of the two was merged meanwhile
        Symbol& right = symbols[std::size_t(left.next)];
        left.id = best.merge.id;
        left.end = right.end;
        left.next = right.next;
        right.alive = false;
        if (left.next >= 0)
            symbols[std::size_t(left.next)].previous = best.left;
        for (const std::int32_t at : {left.previous, best.left})
            if (at >= 0)
                if (const Candidate next = candidate(at); next.merge.id >= 0)
                    queue.push(next);
    }
}

} // namespace ls
