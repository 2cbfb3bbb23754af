#include "ui/models/text_diff.h"

#include <algorithm>
#include <cstdint>
#include <string>

namespace ls {

namespace {

constexpr std::size_t kMostCells = 2'000'000; // of the table below: a few milliseconds

struct Unit {
    std::string text;
    int first = 0, end = 0; ///< token positions
};

bool beginsWord(const std::string& piece)
{
    return piece.empty() || piece[0] == ' ' || piece[0] == '\n' || piece[0] == '\t';
}

std::vector<Unit> unitsOf(const LaneData& lane, bool words)
{
    std::vector<Unit> units;
    for (int i = lane.promptTokens(); i < int(lane.tokens.size()); ++i) {
        const std::string& piece = lane.tokens[std::size_t(i)].text;
        if (!words || units.empty() || beginsWord(piece))
            units.push_back({piece, i, i + 1});
        else {
            units.back().text += piece;
            units.back().end = i + 1;
        }
    }
    return units;
}

using Match = std::pair<int, int>; // indices into the two lists of units

/// Longest common subsequence of what is left between common beginning and end.
std::vector<Match> align(const std::vector<Unit>& a, const std::vector<Unit>& b, bool& byPosition)
{
    std::vector<Match> out;
    const int n = int(a.size()), m = int(b.size());
    const auto same = [&](int i, int j) { return a[std::size_t(i)].text == b[std::size_t(j)].text; };
    int head = 0, tail = 0;
    while (head < std::min(n, m) && same(head, head))
        out.emplace_back(head, head), ++head;
    while (!byPosition && tail < std::min(n, m) - head && same(n - 1 - tail, m - 1 - tail))
        ++tail;
    const std::size_t rows = std::size_t(n - head - tail), columns = std::size_t(m - head - tail);
    byPosition = byPosition || rows * columns > kMostCells;
    if (byPosition) {
        for (int i = head; i < std::min(n, m) - tail; ++i)
            if (same(i, i))
                out.emplace_back(i, i);
    } else {
        std::vector<std::uint16_t> length((rows + 1) * (columns + 1), 0); // of the common sequence from (i, j) on
        const auto at = [&](std::size_t i, std::size_t j) -> std::uint16_t& { return length[i * (columns + 1) + j]; };
        for (std::size_t i = rows; i-- > 0;)
            for (std::size_t j = columns; j-- > 0;)
                at(i, j) = same(head + int(i), head + int(j)) ? std::uint16_t(at(i + 1, j + 1) + 1)
                                                              : std::max(at(i + 1, j), at(i, j + 1));
        for (std::size_t i = 0, j = 0; i < rows && j < columns;) {
            if (same(head + int(i), head + int(j)))
                out.emplace_back(head + int(i++), head + int(j++));
            else if (at(i + 1, j) >= at(i, j + 1))
                ++i;
            else
                ++j;
        }
    }
    for (int i = tail; i > 0; --i)
        out.emplace_back(n - i, m - i);
    return out;
}

} // namespace

TextDiff diffTexts(const LaneData& a, const LaneData& b, Align how)
{
    TextDiff diff;
    const auto unitsA = unitsOf(a, how == Align::Words), unitsB = unitsOf(b, how == Align::Words);
    diff.byPosition = how == Align::Position;
    const std::vector<Match> matches = align(unitsA, unitsB, diff.byPosition);
    const int sizeA = int(a.tokens.size()), sizeB = int(b.tokens.size());
    diff.changedA.assign(std::size_t(sizeA), true);
    diff.changedB.assign(std::size_t(sizeB), true);
    diff.counterpartA.assign(std::size_t(sizeA), -1);
    diff.counterpartB.assign(std::size_t(sizeB), -1);
    const auto pair = [&](int i, int j) {
        diff.changedA[std::size_t(i)] = diff.changedB[std::size_t(j)] = false;
        diff.counterpartA[std::size_t(i)] = j;
        diff.counterpartB[std::size_t(j)] = i;
    };
    for (int i = 0; i < a.promptTokens(); ++i) {
        diff.changedA[std::size_t(i)] = false;
        diff.counterpartA[std::size_t(i)] = i < b.promptTokens() ? i : -1;
    }
    for (int i = 0; i < b.promptTokens(); ++i) {
        diff.changedB[std::size_t(i)] = false;
        diff.counterpartB[std::size_t(i)] = i < a.promptTokens() ? i : -1;
    }
    int endA = 0, endB = 0; // units so far
    const auto place = [&](int nextA, int nextB) {
        if (nextA > endA || nextB > endB)
            diff.places.push_back({endA < int(unitsA.size()) ? unitsA[std::size_t(endA)].first : sizeA,
                                   endB < int(unitsB.size()) ? unitsB[std::size_t(endB)].first : sizeB});
    };
    for (const auto& [i, j] : matches) {
        place(i, j);
        endA = i + 1;
        endB = j + 1;
        const Unit &left = unitsA[std::size_t(i)], &right = unitsB[std::size_t(j)];
        for (int k = left.first; k < left.end; ++k) // the same word may be cut into other tokens
            pair(k, std::min(right.first + (k - left.first), right.end - 1));
        for (int k = right.first; k < right.end; ++k) {
            diff.changedB[std::size_t(k)] = false;
            if (diff.counterpartB[std::size_t(k)] < 0)
                diff.counterpartB[std::size_t(k)] = left.end - 1;
        }
    }
    place(int(unitsA.size()), int(unitsB.size()));
    return diff;
}

} // namespace ls
