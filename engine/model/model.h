#pragma once

#include "core/error.h"
#include "core/model_info.h"
#include "engine/model/config.h"
#include "engine/model/weights.h"

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

struct LoadOptions {
    std::string dtype = "float32"; ///< float32 | bfloat16 | quantised (GGUF: blocks as they are)
    std::string device = "cpu";    ///< for the info: weights are read into the memory of the host whatever it is
    int contextLength = 0;
    std::function<void(const char* stage, double done, double total)> progress;
    const std::atomic<bool>* cancelled = nullptr;
    /// Asked before memory is taken and before checked(): an error ends the opening.
    std::function<Status(const ModelConfig&)> accepts;
    /// Called once the file is known to be right, before memory is taken: the time to let another model go.
    std::function<void()> checked;
};

class Model {
public:
    /// A .gguf file (any part of a split one) or a Hugging Face folder. A model without a usable tokenizer opens too:
    /// ids work, needsText() says why text does not. Errors: FileNotFound, FileFormat, PickleRefused, FamilyUnknown,
    /// NotSupported, TensorMissing, TensorShape, TensorType, ContextTooLarge, ModelTooLarge, Cancelled.
    static Result<std::shared_ptr<const Model>> open(const std::string& path, const LoadOptions& options);

    const ModelInfo& info() const { return m_info; }
    const ModelConfig& config() const { return m_config; }
    const Weights& weights() const { return m_weights; }
    /// Without a vocabulary it knows no text: encode() gives nothing, bytes() is empty.
    const Tokenizer& tokenizer() const { return *m_tokenizer; }
    /// TokenizerMissing or TokenizerUnknown when text cannot become ids; asked before encode().
    const Status& needsText() const { return m_textStatus; }
    const ChatTemplate* chatTemplate() const { return m_template.get(); } ///< null without one
    /// Of keys and values.
    at::ScalarType cacheType() const { return m_cacheType; }

    Model();
    ~Model();

private:
    ModelInfo m_info;
    ModelConfig m_config;
    Weights m_weights;
    at::ScalarType m_cacheType = at::kFloat;
    std::unique_ptr<Tokenizer> m_tokenizer;
    Status m_textStatus = success();
    std::unique_ptr<ChatTemplate> m_template;
};

} // namespace ls
