#pragma once

#include "core/error.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ls {

class JsonFields;

/// What a step of a decoder keeps between tokens.
struct DecodeMemory {
    std::string pending;
    std::size_t count = 0;
    bool started = false;
};

/// One step from tokens to text. Steps are constant; what they remember of a stream is outside.
class DecodeStep {
public:
    virtual ~DecodeStep() = default;
    /// Replaces the tokens by what became certain; last = nothing follows.
    virtual void run(std::vector<std::string>& tokens, DecodeMemory& memory, bool last) const = 0;
    /// The bytes a single token stands for, wherever it stands.
    virtual std::string bytesOf(std::string token) const { return token; }
    /// Behind this step there is one text, not tokens.
    virtual bool fuses() const { return false; }
    /// The step gives the same for a text in parts (whole characters) as for the text at once.
    virtual bool worksOnParts() const { return false; }
};

/// From the texts of tokens to text, as decode() of the reference, all at once or token by token.
class Decoder {
public:
    /// Null: tokens with spaces between. Known: ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace, Sequence.
    /// Errors: FileFormat, TokenizerUnknown.
    static Result<Decoder> fromJson(const nlohmann::json& json);
    static Decoder byteLevel();
    /// Llama 2's: "▁" is a space, <0x..> bytes, and one space less at the start.
    static Decoder sentencePiece(bool spaceInFront);

    std::vector<DecodeMemory> start() const { return std::vector<DecodeMemory>(m_steps.size()); }
    /// Text that became certain; it is whole UTF-8.
    std::string run(std::vector<std::string> tokens, std::vector<DecodeMemory>& memory, bool last) const;
    std::string bytesOf(std::string token) const;

private:
    Status add(const nlohmann::json& json);
    Status addReplace(const JsonFields& fields);
    void add(std::unique_ptr<DecodeStep> step);

    std::vector<std::unique_ptr<DecodeStep>> m_steps;
    bool m_fused = false;
    double m_growth = 1;
};

} // namespace ls
