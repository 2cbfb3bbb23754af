#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Words of a text and what they are (llm-microscope.md section 4), from the shipped list of English function words:
/// no tagger. Words are classed first, then tokens from the words they lie in.
namespace ls {

enum class WordClass {
    FullStop,    ///< . ! ?
    Comma,       ///< ,
    OtherMark,   ///< every other mark or symbol
    Newline,     ///< line break; as a token also any other white space of its own
    Article,     ///< a, an, the
    Determiner,  ///< other determiners
    Preposition, ///< also particles like "up"
    Conjunction,
    Pronoun,
    Auxiliary,
    Particle,
    Number,    ///< digits, with points or commas between them
    Content,   ///< every other word
    WordPiece, ///< token that is not the last one of its word
    Mixed,     ///< token of marks and letters
    Special,   ///< special token of the model
};

/// "full stop", "word piece": the name in messages, tables and reports.
std::string_view wordClassName(WordClass wordClass);
/// Inverse; Content for an unknown name.
WordClass wordClassFromName(std::string_view name);

enum class WordGroup { Punctuation, Function, Content, None };
/// Punctuation: full stop, comma, other mark. Function: article .. particle. Content: content words. None: the rest.
WordGroup wordGroup(WordClass wordClass);

struct WordSpan {
    std::size_t begin = 0, end = 0; ///< bytes; end is one past
    WordClass wordClass = WordClass::Content;
    bool operator==(const WordSpan&) const = default;
};

/// Words, single marks and line breaks in order, without overlap; only white space lies between them. An apostrophe
/// after a letter and before one begins a new word ("don" "'t"), a hyphen is a mark between words.
std::vector<WordSpan> wordClasses(std::string_view text);

/// Classes of tokens that cover the bytes begin[i]..begin[i+1] of the text (`bounds` has one entry more than there are
/// tokens). White space does not count. A word's class goes to the token that holds its last byte.
std::vector<WordClass> tokenClasses(std::string_view text, std::span<const WordSpan> words,
                                    std::span<const std::size_t> bounds);
/// The same for the texts of consecutive tokens. special[i], where given, marks special tokens; a word does not reach
/// across one.
std::vector<WordClass> tokenClasses(std::span<const std::string> tokenTexts, const std::vector<bool>& special = {});
/// Groups of consecutive tokens whose special ones are known by their text only.
std::vector<WordGroup> tokenGroups(std::span<const std::string> tokenTexts);
/// True for texts that models use for special tokens: "<|im_end|>", "<s>", "</s>", "<bos>", "[INST]".
bool looksSpecial(std::string_view tokenText);

} // namespace ls
