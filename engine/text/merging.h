#pragma once

#include <cstdint>
#include <functional>
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
    // Rank and place in one number: the smallest comes first. What became of the place meanwhile is looked up again.
    std::vector<std::uint64_t> found;
    const auto mergeAt = [&](std::size_t left) {
        const Symbol& symbol = symbols[left];
        return symbol.next < 0 ? Merge() : mergeOf(symbol, symbols[std::size_t(symbol.next)]);
    };
    const auto keyOf = [](const Merge& merge, std::size_t left) { return std::uint64_t(merge.rank) << 32 | left; };
    for (std::size_t i = 0; i < symbols.size(); ++i)
        if (const Merge merge = mergeAt(i); merge.id >= 0)
            found.push_back(keyOf(merge, i));
    std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>> queue(std::greater<>(),
                                                                                         std::move(found));
    while (!queue.empty()) {
        const std::uint64_t key = queue.top();
        queue.pop();
        const std::size_t place = key & 0xFFFFFFFF;
        Symbol& left = symbols[place];
        if (!left.alive)
            continue;
        const Merge merge = mergeAt(place);
        if (merge.id < 0 || keyOf(merge, place) != key)
            continue; // one of the two was merged meanwhile
        Symbol& right = symbols[std::size_t(left.next)];
        left.id = merge.id;
        left.end = right.end;
        left.next = right.next;
        right.alive = false;
        if (left.next >= 0)
            symbols[std::size_t(left.next)].previous = std::int32_t(place);
        if (const Merge next = mergeAt(place); next.id >= 0)
            queue.push(keyOf(next, place));
        if (left.previous >= 0)
            if (const Merge next = mergeAt(std::size_t(left.previous)); next.id >= 0)
                queue.push(keyOf(next, std::size_t(left.previous)));
    }
}

} // namespace ls
