#pragma once

#include "core/error.h"
#include "core/model_info.h"

#include <ATen/core/Tensor.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

/// An open model: configuration, weights in the run dtype, tokenizer, chat template. Immutable after loading, shared
/// by all lanes.
namespace ls {

class Tokenizer;
class ChatTemplate;

/// What the forward pass needs to know; filled by the family's description from either file format.
struct ModelConfig {
    std::string family; ///< "llama"
    int blockCount = 0, width = 0, headCount = 0, kvHeadCount = 0, headWidth = 0, mlpWidth = 0, vocabSize = 0;
    int trainedContext = 0;
    double normEpsilon = 1e-5;
    double rotaryBase = 10000.0;
    int rotaryWidth = 0; ///< dimensions of a head that are rotated
    int bosId = -1, eosId = -1;
    std::vector<int> stopIds; ///< generation ends on any of these
    bool addBos = false;
    bool tiedEmbedding = false;
};

/// Weights of one block, row-major [out, in] in the run dtype; norms float32.
struct BlockWeights {
    at::Tensor attnNorm;   // [d]
    at::Tensor wq, wk, wv; // [heads*d_head, d], [kv*d_head, d] x2; rows in Hugging Face order (not permuted)
    at::Tensor wo;         // [d, heads*d_head]
    at::Tensor mlpNorm;    // [d]
    at::Tensor wGate, wUp; // [d_ff, d]
    at::Tensor wDown;      // [d, d_ff]
};

struct Weights {
    at::Tensor embedding; // [vocab, d]
    std::vector<BlockWeights> blocks;
    at::Tensor finalNorm;   // [d]
    at::Tensor unembedding; // [vocab, d]; shares storage with embedding when tied
};

struct LoadOptions {
    std::string dtype = "float32"; ///< float32 | bfloat16
    std::string device = "cpu";
    int contextLength = 0;
    std::function<void(const char* stage, double done, double total)> progress;
    const std::atomic<bool>* cancelled = nullptr;
};

class Model {
public:
    /// A .gguf file (folders and safetensors come with the models issue). Errors: FileNotFound, FileFormat,
    /// FamilyUnknown, TensorMissing, TensorShape, TensorType, TokenizerMissing, ModelTooLarge, Cancelled.
    static Result<std::shared_ptr<const Model>> open(const std::string& path, const LoadOptions& options);

    const ModelInfo& info() const { return m_info; }
    const ModelConfig& config() const { return m_config; }
    const Weights& weights() const { return m_weights; }
    const Tokenizer& tokenizer() const { return *m_tokenizer; }
    const ChatTemplate* chatTemplate() const { return m_template.get(); } ///< null without one
    at::ScalarType dtype() const { return m_weights.blocks.at(0).wq.scalar_type(); }

    Model();
    ~Model();

private:
    ModelInfo m_info;
    ModelConfig m_config;
    Weights m_weights;
    std::unique_ptr<Tokenizer> m_tokenizer;
    std::unique_ptr<ChatTemplate> m_template;
};

} // namespace ls
