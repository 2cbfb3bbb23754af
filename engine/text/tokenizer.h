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
struct DecodeMemory;

class Tokenizer {
public:
    /// From the vocabulary inside a GGUF file (tokenizer.ggml.*): byte-level BPE ("gpt2") with the pre-tokenizers of
    /// gguf_pretokenizers.h, SentencePiece BPE ("llama"). Errors: TokenizerMissing, TokenizerUnknown, FileFormat.
    static Result<std::unique_ptr<Tokenizer>> fromGguf(const GgufFile& file);
    /// What stands beside a tokenizer.json and not in it.
    struct Names {
        std::string bos, eos; ///< texts of the tokens; empty: as the post-processor adds them
    };
    /// From the text of a tokenizer.json: BPE and unigram with the steps that normalizer.h, pretokenizer.h, decoder.h
    /// and post_processor.h list. Errors: TokenizerUnknown, FileFormat.
    static Result<std::unique_ptr<Tokenizer>> fromJson(std::string_view json, const Names& names);
    static Result<std::unique_ptr<Tokenizer>> fromJson(std::string_view json) { return fromJson(json, {}); }
    /// A GGUF file, a tokenizer.json, or a folder with a tokenizer.json (BOS and EOS from its tokenizer_config.json).
    /// Errors: FileNotFound, TokenizerMissing, TokenizerUnknown, FileFormat.
    static Result<std::unique_ptr<Tokenizer>> open(const std::string& path);
    virtual ~Tokenizer() = default;

    /// special = true: text like "<|im_start|>" becomes the special token and the post-processor adds BOS where the
    /// file says so. false: neither. Invalid UTF-8 is replaced by U+FFFD first.
    /// Error: FileFormat when the file's own patterns cannot cope with the text (see Regex).
    virtual Result<std::vector<std::int32_t>> tokenize(std::string_view text, bool special = true) const = 0;
    /// The same; throws std::runtime_error with the message in the rare case of an error.
    std::vector<std::int32_t> encode(std::string_view text, bool special = true) const;
    /// Keeps special tokens; ids without a token are left out. Bytes that are no UTF-8 become U+FFFD, as the reference
    /// does.
    virtual std::string decode(std::span<const std::int32_t> ids) const = 0;
    /// The bytes a token stands for wherever it stands (not always valid UTF-8); empty for an id out of range.
    virtual std::string bytes(std::int32_t id) const = 0;
    virtual bool isSpecial(std::int32_t id) const = 0;
    virtual int vocabSize() const = 0;      ///< highest id + 1
    virtual std::int32_t bosId() const = 0; ///< -1 without one
    virtual std::int32_t eosId() const = 0; ///< -1 without one
    virtual bool addsBos() const = 0;
    /// Id of a token by its exact text, -1 if there is none.
    virtual std::int32_t find(std::string_view text) const = 0;
    /// xxh3 over vocabulary, merges and settings.
    virtual std::string fingerprint() const = 0;

    /// Streaming decode, see StreamDecoder.
    virtual std::vector<DecodeMemory> startDecoding() const = 0;
    virtual std::string decodeNext(std::span<const std::int32_t> ids, std::vector<DecodeMemory>& memory,
                                   bool last) const = 0;
};

/// Streaming decode: hands out text as soon as it is certain, never half a character. All parts together are
/// decode() of all ids. Byte tokens of SentencePiece vocabularies come out when their run ends: before that they may
/// still turn out to be no text. A copy goes on from the same place.
class StreamDecoder {
public:
    explicit StreamDecoder(const Tokenizer& tokenizer);
    StreamDecoder(const StreamDecoder& other);
    StreamDecoder& operator=(const StreamDecoder&) = delete;
    ~StreamDecoder();
    std::string push(std::int32_t id); ///< the text that became certain, may be empty
    std::string flush();               ///< what is left, U+FFFD for broken bytes

private:
    const Tokenizer& m_tokenizer;
    std::vector<DecodeMemory> m_memory;
};

/// For every id the place in `text` (bytes) where its token ends. Tokens before the text, BOS and SentencePiece's first
/// space, end at 0. Exact where normalising leaves the text alone.
std::vector<std::size_t> tokenEnds(const Tokenizer& tokenizer, std::span<const std::int32_t> ids,
                                   std::string_view text);

} // namespace ls
