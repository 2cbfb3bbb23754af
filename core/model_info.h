#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

/// What the client knows of an open model. Sent once in ModelReady, stored with the session.
namespace ls {

struct ModelInfo {
    std::string path;        ///< as opened
    std::string name;        ///< "SmolLM2-135M-Instruct"
    std::string family;      ///< "llama"
    std::string storedType;  ///< "Q4_1" (most bytes), "BF16"
    std::string dtype;       ///< run dtype: "float32", "bfloat16" or "quantised"
    std::string device;      ///< "cpu", "cuda:0"
    std::string license;     ///< as the file says, may be empty
    std::string fingerprint; ///< xxh3 of header and weights; "~" behind it: of samples (above 2 GiB); key of caches
    std::string tokenizerFingerprint;
    std::string templateFingerprint; ///< of the chat template, empty without one
    int blockCount = 0;
    int width = 0; ///< d_model
    int headCount = 0;
    int kvHeadCount = 0;
    int headWidth = 0;
    int mlpWidth = 0;
    int vocabSize = 0;
    int contextLength = 0; ///< as run; KV cache is allocated up to it on demand
    int trainedContext = 0;
    std::int64_t parameterCount = 0;
    std::int64_t weightBytes = 0; ///< tensor bytes in the run dtype
    std::int64_t fileBytes = 0;
    std::int64_t kvBytesPerToken = 0; ///< 2 * blocks * KV heads * head width * bytes
    bool hasChatTemplate = false;
    bool operator==(const ModelInfo&) const = default;

    static constexpr auto fields()
    {
        using M = ModelInfo;
        return std::tuple{std::pair{"path", &M::path},
                          std::pair{"name", &M::name},
                          std::pair{"family", &M::family},
                          std::pair{"stored_type", &M::storedType},
                          std::pair{"dtype", &M::dtype},
                          std::pair{"device", &M::device},
                          std::pair{"license", &M::license},
                          std::pair{"fingerprint", &M::fingerprint},
                          std::pair{"tokenizer_fingerprint", &M::tokenizerFingerprint},
                          std::pair{"template_fingerprint", &M::templateFingerprint},
                          std::pair{"block_count", &M::blockCount},
                          std::pair{"width", &M::width},
                          std::pair{"head_count", &M::headCount},
                          std::pair{"kv_head_count", &M::kvHeadCount},
                          std::pair{"head_width", &M::headWidth},
                          std::pair{"mlp_width", &M::mlpWidth},
                          std::pair{"vocab_size", &M::vocabSize},
                          std::pair{"context_length", &M::contextLength},
                          std::pair{"trained_context", &M::trainedContext},
                          std::pair{"parameter_count", &M::parameterCount},
                          std::pair{"weight_bytes", &M::weightBytes},
                          std::pair{"file_bytes", &M::fileBytes},
                          std::pair{"kv_bytes_per_token", &M::kvBytesPerToken},
                          std::pair{"has_chat_template", &M::hasChatTemplate}};
    }
};

} // namespace ls
