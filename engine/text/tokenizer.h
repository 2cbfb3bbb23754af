#pragma once

#include "core/error.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Text to ids and back.
namespace ls {

class GgufFile;

class Tokenizer {
public:
    /// From the vocabulary inside a GGUF file (tokenizer.ggml.*). Errors: TokenizerMissing, TokenizerUnknown,
    /// FileFormat.
    static Result<std::unique_ptr<Tokenizer>> fromGguf(const GgufFile& file);
    /// From the text of a tokenizer.json.
    static Result<std::unique_ptr<Tokenizer>> fromJson(std::string_view json);
    virtual ~Tokenizer() = default;

    /// special = true: text like "<|im_start|>" becomes the special token and the post-processor adds BOS where the
    /// file says so. false: neither. Invalid UTF-8 is replaced by U+FFFD first.
    virtual std::vector<std::int32_t> encode(std::string_view text, bool special = true) const = 0;
    /// Keeps special tokens. Bytes that are no UTF-8 become U+FFFD, as the reference does.
    virtual std::string decode(std::span<const std::int32_t> ids) const = 0;
    /// The bytes a token stands for (not always valid UTF-8); empty for an id out of range.
    virtual std::string bytes(std::int32_t id) const = 0;
    virtual bool isSpecial(std::int32_t id) const = 0;
    virtual int vocabSize() const = 0;
    virtual std::int32_t bosId() const = 0; ///< -1 without one
    virtual std::int32_t eosId() const = 0;
    virtual bool addsBos() const = 0;
    /// Id of a token by its exact text, -1 if there is none.
    virtual std::int32_t find(std::string_view text) const = 0;
    /// xxh3 over vocabulary, merges and settings.
    virtual std::string fingerprint() const = 0;
};

/// Streaming decode: hands out text as soon as it is whole UTF-8, never half a character.
class StreamDecoder {
public:
    explicit StreamDecoder(const Tokenizer& tokenizer)
        : m_tokenizer(tokenizer)
    {
    }
    std::string push(std::int32_t id); ///< the text that became whole, may be empty
    std::string flush();               ///< what is left, U+FFFD for broken bytes

private:
    const Tokenizer& m_tokenizer;
    std::string m_pending;
};

} // namespace ls
