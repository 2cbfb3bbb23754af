#include "engine/text/metaspace.h"

#include "engine/text/splitter.h"

namespace ls {

namespace {

/// Writes spaces as the character, adds one in front.
class WriteSpaces final : public Pretokenizer {
public:
    explicit WriteSpaces(Metaspace metaspace)
        : m_metaspace(std::move(metaspace))
    {
    }
    Status apply(Pieces& pieces) const override
    {
        const std::string& mark = m_metaspace.replacement;
        for (Piece& piece : pieces.list) {
            const bool wanted = m_metaspace.front == Metaspace::Front::Always ||
                                (m_metaspace.front == Metaspace::Front::First && piece.first);
            const bool there = piece.text.starts_with(' ') || piece.text.starts_with(mark);
            std::string& text = pieces.newText(piece.text.size() + 4 * mark.size());
            if (wanted && !there)
                text += mark;
            for (const char c : piece.text) {
                if (c == ' ')
                    text += mark;
                else
                    text += c;
            }
            piece.text = text;
        }
        return success();
    }

private:
    Metaspace m_metaspace;
};

class WriteAndCut final : public Pretokenizer {
public:
    WriteAndCut(const Metaspace& metaspace, Pattern mark)
        : m_write(metaspace)
        , m_cut(spansOf(std::move(mark), false), SplitBehavior::MergedWithNext)
    {
    }
    Status apply(Pieces& pieces) const override
    {
        LS_CHECK(m_write.apply(pieces));
        return m_cut.apply(pieces);
    }

private:
    WriteSpaces m_write;
    Splitter m_cut;
};

} // namespace

Result<Metaspace> Metaspace::fromJson(const JsonFields& fields)
{
    Metaspace metaspace;
    LS_TRY(metaspace.replacement, fields.character("replacement", "\u2581"));
    LS_TRY(metaspace.cuts, fields.flag("split", true));
    LS_TRY(const bool prefix, fields.flag("add_prefix_space", true)); // files of before 2024
    LS_TRY(const std::string front, fields.text("prepend_scheme", prefix ? "always" : "never"));
    if (front == "always")
        metaspace.front = Front::Always;
    else if (front == "first")
        metaspace.front = Front::First;
    else if (front == "never")
        metaspace.front = Front::Never;
    else
        return fields.wrong("prepend_scheme", "always, first or never");
    return metaspace;
}

Result<std::unique_ptr<Pretokenizer>> metaspacePretokenizer(const Metaspace& metaspace)
{
    if (!metaspace.cuts)
        return std::unique_ptr<Pretokenizer>(std::make_unique<WriteSpaces>(metaspace));
    LS_TRY(Pattern mark, Pattern::text(metaspace.replacement));
    return std::unique_ptr<Pretokenizer>(std::make_unique<WriteAndCut>(metaspace, std::move(mark)));
}

} // namespace ls
