#pragma once

#include "core/session/run_data.h"

#include <vector>

/// Where the replies of two lanes differ, token by token. Works on texts, so that the lanes may have other tokenizers.
namespace ls {

enum class Align {
    Words,   ///< longest common sequence of words; a word begins at a blank or a line break
    Tokens,  ///< longest common sequence of tokens
    Position ///< token n against token n
};

struct TextDiff {
    std::vector<bool> changedA, changedB;        ///< by position; prompt tokens are never changed
    std::vector<int> counterpartA, counterpartB; ///< position in the other lane, -1 = none
    struct Place {
        int a = 0, b = 0; ///< first position of the difference; one behind the end if nothing is there
        bool operator==(const Place&) const = default;
    };
    std::vector<Place> places; ///< one per run of differing units, in order
    bool byPosition = false;   ///< the texts were too long to align otherwise
};

TextDiff diffTexts(const LaneData& a, const LaneData& b, Align align);

} // namespace ls
