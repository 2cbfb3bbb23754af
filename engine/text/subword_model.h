#pragma once

#include "engine/text/vocabulary.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ls {

/// Turns one piece of text into ids. Pieces do not influence each other.
class SubwordModel {
public:
    virtual ~SubwordModel() = default;
    /// Appends the ids; a piece is valid UTF-8 and not empty.
    /// Error: FileFormat when the vocabulary has no token for the text and none for unknown text (unigram only).
    virtual Status encode(std::string_view piece, std::vector<std::int32_t>& ids) const = 0;
};

/// Byte pair encoding with ranked merges.
struct BpeSettings {
    std::int32_t unknown = -1; ///< -1: text without a token is left out
    bool fuseUnknown = false;
    bool byteFallback = false;
    bool ignoreMerges = false; ///< a piece that is a token is that token
    std::string prefix;        ///< of every character but the first of a piece
    std::string suffix;        ///< of the last character of a piece
};
/// Merges by rank. Error: FileFormat (a merge whose parts or result are not in the vocabulary).
Result<std::unique_ptr<SubwordModel>> makeBpe(VocabularyPtr vocabulary, BpeSettings settings,
                                              const std::vector<std::pair<std::string, std::string>>& merges);

/// SentencePiece's BPE: of all neighbours that form a token, those of the highest score are joined first. `joinable`
/// says which tokens text can become (no control, byte or unknown tokens). Scores are not NaN.
std::unique_ptr<SubwordModel> makeSentencePiece(VocabularyPtr vocabulary, const std::vector<float>& scores,
                                                std::vector<bool> joinable, std::int32_t unknown);

/// Unigram: the division of the piece with the highest sum of scores (log-probabilities). `unknown` may be -1.
std::unique_ptr<SubwordModel> makeUnigram(VocabularyPtr vocabulary, std::vector<double> scores, std::int32_t unknown,
                                          bool byteFallback);

} // namespace ls
