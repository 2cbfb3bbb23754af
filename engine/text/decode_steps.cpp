#include "engine/text/decode_steps.h"

#include "engine/text/byte_level.h"
#include "engine/text/unicode.h"

#include <utility>

namespace ls {

namespace {

constexpr const char* kReplacement = "\uFFFD";

int hexDigit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

/// The byte of "<0x0A>", -1 for any other token.
int byteOf(std::string_view token)
{
    if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>')
        return -1;
    const int high = hexDigit(token[3]), low = hexDigit(token[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

std::string joined(const std::vector<std::string>& tokens)
{
    std::string text;
    for (const std::string& token : tokens)
        text += token;
    return text;
}

class ByteLevelStep final : public DecodeStep {
public:
    void run(std::vector<std::string>& tokens, DecodeMemory& memory, bool last) const override
    {
        for (const std::string& token : tokens)
            memory.pending += alphabetToBytes(token);
        const std::size_t whole = last ? memory.pending.size() : completePrefix(memory.pending);
        tokens = {repairUtf8(std::string_view(memory.pending).substr(0, whole))};
        memory.pending.erase(0, whole);
    }
    std::string bytesOf(std::string token) const override
    {
        return isValidUtf8(token) ? alphabetToBytes(token) : token; // a step before may have made a single byte of it
    }
    bool fuses() const override { return true; }
};

/// A run of byte tokens is text if all of it is UTF-8, else one U+FFFD a byte: nothing is certain before its end.
class ByteFallbackStep final : public DecodeStep {
public:
    void run(std::vector<std::string>& tokens, DecodeMemory& memory, bool last) const override
    {
        std::vector<std::string> out;
        const auto endRun = [&] {
            if (memory.pending.empty())
                return;
            if (isValidUtf8(memory.pending))
                out.push_back(memory.pending);
            else
                out.insert(out.end(), memory.pending.size(), kReplacement);
            memory.pending.clear();
        };
        for (std::string& token : tokens) {
            if (const int byte = byteOf(token); byte >= 0) {
                memory.pending += char(byte);
                continue;
            }
            endRun();
            out.push_back(std::move(token));
        }
        if (last)
            endRun();
        tokens = std::move(out);
    }
    std::string bytesOf(std::string token) const override
    {
        const int byte = byteOf(token);
        return byte < 0 ? token : std::string(1, char(byte));
    }
};

class FuseStep final : public DecodeStep {
public:
    void run(std::vector<std::string>& tokens, DecodeMemory&, bool) const override { tokens = {joined(tokens)}; }
    bool fuses() const override { return true; }
    bool worksOnParts() const override { return true; }
};

std::string replaced(std::string_view text, std::string_view what, std::string_view by)
{
    std::string out;
    std::size_t done = 0;
    for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, done)) {
        out.append(text.substr(done, at - done)).append(by);
        done = at + what.size();
    }
    return out.append(text.substr(done));
}

class ReplaceStep final : public DecodeStep {
public:
    ReplaceStep(std::string what, std::string by)
        : m_what(std::move(what))
        , m_by(std::move(by))
    {
    }
    void run(std::vector<std::string>& tokens, DecodeMemory&, bool) const override
    {
        for (std::string& token : tokens)
            token = bytesOf(std::move(token));
    }
    std::string bytesOf(std::string token) const override { return replaced(token, m_what, m_by); }
    bool worksOnParts() const override { return characterLength(m_what, 0) == m_what.size(); }

private:
    std::string m_what, m_by;
};

/// The mark is a space, and nothing in the first token.
class MetaspaceStep final : public DecodeStep {
public:
    explicit MetaspaceStep(Metaspace metaspace)
        : m_metaspace(std::move(metaspace))
    {
    }
    void run(std::vector<std::string>& tokens, DecodeMemory& memory, bool) const override
    {
        for (std::string& token : tokens) {
            const bool first = !std::exchange(memory.started, true) && m_metaspace.front != Metaspace::Front::Never;
            token = replaced(token, m_metaspace.replacement, first ? "" : " ");
        }
    }
    std::string bytesOf(std::string token) const override { return replaced(token, m_metaspace.replacement, " "); }

private:
    Metaspace m_metaspace;
};

class StripStep final : public DecodeStep {
public:
    StripStep(std::string content, std::size_t start, std::size_t stop, bool fused)
        : m_content(std::move(content))
        , m_start(start)
        , m_stop(stop)
        , m_fused(fused)
    {
    }
    void run(std::vector<std::string>& tokens, DecodeMemory& memory, bool last) const override
    {
        if (m_fused) {
            runOnStream(tokens, memory, last);
            return;
        }
        for (std::string& token : tokens) {
            std::size_t count = 0;
            token.erase(0, leading(token, count));
            token.erase(token.size() - trailing(token, m_stop));
        }
    }
    bool worksOnParts() const override { return true; }

private:
    std::size_t leading(std::string_view text, std::size_t& count) const // bytes; count: characters taken so far
    {
        std::size_t bytes = 0;
        for (; count < m_start && text.substr(bytes).starts_with(m_content); ++count)
            bytes += m_content.size();
        return bytes;
    }
    std::size_t trailing(std::string_view text, std::size_t most) const // bytes
    {
        std::size_t bytes = 0;
        for (std::size_t i = 0; i < most && text.substr(0, text.size() - bytes).ends_with(m_content); ++i)
            bytes += m_content.size();
        return bytes;
    }
    void runOnStream(std::vector<std::string>& tokens, DecodeMemory& memory, bool last) const
    {
        std::string text = std::exchange(memory.pending, {}) + joined(tokens);
        if (!memory.started) {
            text.erase(0, leading(text, memory.count));
            memory.started = !text.empty();
        }
        const std::size_t kept = trailing(text, m_stop);
        if (!last)
            memory.pending = text.substr(text.size() - kept);
        text.erase(text.size() - kept);
        tokens = {std::move(text)};
    }

    std::string m_content;
    std::size_t m_start, m_stop;
    bool m_fused;
};

class JoinStep final : public DecodeStep {
public:
    void run(std::vector<std::string>& tokens, DecodeMemory& memory, bool) const override
    {
        for (std::string& token : tokens)
            if (std::exchange(memory.started, true))
                token = std::string(" ").append(token);
    }
};

class WholeStep final : public DecodeStep {
public:
    explicit WholeStep(std::unique_ptr<DecodeStep> step)
        : m_step(std::move(step))
    {
    }
    void run(std::vector<std::string>& tokens, DecodeMemory& memory, bool last) const override
    {
        memory.pending += joined(tokens);
        tokens.clear();
        if (!last)
            return;
        tokens = {std::exchange(memory.pending, {})};
        DecodeMemory own;
        m_step->run(tokens, own, true);
    }
    std::string bytesOf(std::string token) const override { return m_step->bytesOf(std::move(token)); }
    bool fuses() const override { return true; }

private:
    std::unique_ptr<DecodeStep> m_step;
};

} // namespace

std::unique_ptr<DecodeStep> decodeByteLevel()
{
    return std::make_unique<ByteLevelStep>();
}

std::unique_ptr<DecodeStep> decodeByteFallback()
{
    return std::make_unique<ByteFallbackStep>();
}

std::unique_ptr<DecodeStep> decodeFuse()
{
    return std::make_unique<FuseStep>();
}

std::unique_ptr<DecodeStep> decodeReplace(std::string what, std::string by)
{
    return std::make_unique<ReplaceStep>(std::move(what), std::move(by));
}

std::unique_ptr<DecodeStep> decodeMetaspace(const Metaspace& metaspace)
{
    return std::make_unique<MetaspaceStep>(metaspace);
}

std::unique_ptr<DecodeStep> decodeStrip(std::string content, std::size_t start, std::size_t stop, bool fused)
{
    return std::make_unique<StripStep>(std::move(content), start, stop, fused);
}

std::unique_ptr<DecodeStep> decodeJoin()
{
    return std::make_unique<JoinStep>();
}

std::unique_ptr<DecodeStep> decodeWhole(std::unique_ptr<DecodeStep> step)
{
    return std::make_unique<WholeStep>(std::move(step));
}

} // namespace ls
