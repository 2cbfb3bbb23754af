#include "engine/text/pretokenizer.h"

#include "engine/text/byte_level.h"
#include "engine/text/json_fields.h"
#include "engine/text/metaspace.h"
#include "engine/text/splitter.h"
#include "engine/text/unicode.h"

#include <fmt/format.h>

namespace ls {

namespace {

using Owned = std::unique_ptr<Pretokenizer>;
using OwnedResult = Result<Owned>;

std::size_t bytesOf(const Pieces& pieces)
{
    std::size_t bytes = 0;
    for (const Piece& piece : pieces.list)
        bytes += piece.text.size();
    return bytes;
}

class InTurn final : public Pretokenizer {
public:
    explicit InTurn(std::vector<Owned> steps)
        : m_steps(std::move(steps))
    {
    }
    Status apply(Pieces& pieces) const override
    {
        const std::size_t limit = kGrowth * bytesOf(pieces) + kGrowthFree;
        for (const Owned& step : m_steps) {
            LS_CHECK(step->apply(pieces));
            if (bytesOf(pieces) > limit)
                return growsTooMuch();
        }
        return success();
    }

private:
    std::vector<Owned> m_steps;
};

/// Writes every piece in the byte alphabet.
class ToAlphabet final : public Pretokenizer {
public:
    Status apply(Pieces& pieces) const override
    {
        std::string& text = pieces.newText(2 * bytesOf(pieces)); // never grows: views into it stay
        for (Piece& piece : pieces.list) {
            const std::size_t begin = text.size();
            appendAlphabet(piece.text, text);
            piece.text = std::string_view(text).substr(begin);
        }
        return success();
    }
};

class SpaceInFront final : public Pretokenizer {
public:
    Status apply(Pieces& pieces) const override
    {
        for (Piece& piece : pieces.list)
            if (!piece.text.starts_with(' '))
                piece.text = pieces.newText(piece.text.size() + 1).append(" ").append(piece.text);
        return success();
    }
};

template <typename... Args>
OwnedResult splitter(Args&&... args)
{
    return Owned(std::make_unique<Splitter>(std::forward<Args>(args)...));
}

OwnedResult byteLevelFrom(const JsonFields& fields)
{
    LS_TRY(const bool prefix, fields.flag("add_prefix_space", true));
    LS_TRY(const bool cuts, fields.flag("use_regex", true));
    std::vector<Owned> steps;
    if (prefix)
        steps.push_back(std::make_unique<SpaceInFront>());
    if (cuts) {
        LS_TRY(Pattern pattern, Pattern::regex(kGpt2Pattern));
        steps.push_back(std::make_unique<Splitter>(spansOf(std::move(pattern), false), SplitBehavior::Isolated));
    }
    steps.push_back(std::make_unique<ToAlphabet>());
    return Owned(std::make_unique<InTurn>(std::move(steps)));
}

OwnedResult splitFrom(const JsonFields& fields)
{
    LS_TRY(Pattern pattern, Pattern::fromJson(fields.at("pattern")));
    LS_TRY(const std::string name, fields.text("behavior"));
    LS_TRY(const SplitBehavior behavior, splitBehavior(name));
    LS_TRY(const bool invert, fields.flag("invert", false));
    return splitter(spansOf(std::move(pattern), invert), behavior);
}

OwnedResult inTurnFrom(const JsonFields& fields)
{
    LS_TRY(const nlohmann::json* list, fields.list("pretokenizers"));
    std::vector<Owned> steps;
    for (const nlohmann::json& item : *list) {
        LS_TRY(Owned step, Pretokenizer::fromJson(item));
        if (step)
            steps.push_back(std::move(step));
    }
    return Owned(std::make_unique<InTurn>(std::move(steps)));
}

/// Runs of word characters and runs of other signs; spaces vanish.
Status wordSpans(std::string_view text, std::vector<Span>& spans)
{
    enum Kind { Space, Word, Sign };
    Kind running = Space;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t begin = at;
        const char32_t c = nextCharacter(text, at);
        const Kind kind = isWordCharacter(c) ? Word : isWhitespace(c) ? Space : Sign;
        if (kind == running && !spans.empty())
            spans.back().end = at;
        else
            spans.push_back({begin, at, kind == Space});
        running = kind;
    }
    return success();
}

OwnedResult bertLike()
{
    std::vector<Owned> steps;
    steps.push_back(std::make_unique<Splitter>(spansOf(isWhitespace), SplitBehavior::Removed));
    steps.push_back(std::make_unique<Splitter>(spansOf(isPunctuation), SplitBehavior::Isolated));
    return Owned(std::make_unique<InTurn>(std::move(steps)));
}

} // namespace

Result<std::unique_ptr<Pretokenizer>> Pretokenizer::byteLevel(const std::vector<std::string>& patterns)
{
    std::vector<Owned> steps;
    for (const std::string& text : patterns) {
        LS_TRY(Pattern pattern, Pattern::regex(text));
        steps.push_back(std::make_unique<Splitter>(spansOf(std::move(pattern), false), SplitBehavior::Isolated));
    }
    steps.push_back(std::make_unique<ToAlphabet>());
    return Owned(std::make_unique<InTurn>(std::move(steps)));
}

Result<std::unique_ptr<Pretokenizer>> Pretokenizer::fromJson(const nlohmann::json& json)
{
    if (json.is_null())
        return Owned();
    const JsonFields fields(json, "pre_tokenizer");
    LS_TRY(const std::string type, fields.text("type"));
    if (type == "Sequence")
        return inTurnFrom(fields);
    if (type == "ByteLevel")
        return byteLevelFrom(fields);
    if (type == "Split")
        return splitFrom(fields);
    if (type == "Metaspace") {
        LS_TRY(const Metaspace metaspace, Metaspace::fromJson(fields));
        return metaspacePretokenizer(metaspace);
    }
    if (type == "Digits") {
        LS_TRY(const bool single, fields.flag("individual_digits", false));
        return splitter(spansOf(isNumeric), single ? SplitBehavior::Isolated : SplitBehavior::Contiguous);
    }
    if (type == "Punctuation") {
        LS_TRY(const std::string name, fields.text("behavior", "Isolated"));
        LS_TRY(const SplitBehavior behavior, splitBehavior(name));
        return splitter(spansOf(isPunctuation), behavior);
    }
    if (type == "WhitespaceSplit")
        return splitter(spansOf(isWhitespace), SplitBehavior::Removed);
    if (type == "Whitespace")
        return splitter(wordSpans, SplitBehavior::Removed);
    if (type == "BertPreTokenizer")
        return bertLike();
    if (type == "CharDelimiterSplit" || type == "Delimiter") {
        LS_TRY(const std::string delimiter, fields.character("delimiter", ""));
        LS_TRY(Pattern pattern, Pattern::text(delimiter));
        return splitter(spansOf(std::move(pattern), false), SplitBehavior::Removed);
    }
    return Error{Errc::TokenizerUnknown,
                 fmt::format("The pre-tokenizer \"{}\" is not known.", type),
                 "Guessing would give wrong ids, so the model is not opened.",
                 {}};
}

} // namespace ls
