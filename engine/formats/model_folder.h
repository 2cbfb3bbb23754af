#pragma once

#include "engine/formats/stored_tensor.h"

#include "core/error.h"

#include <nlohmann/json.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

/// A model as the Hugging Face hub keeps it: config.json, model.safetensors or an index with shards. Memory-mapped and
/// read as hostile.
namespace ls {

class ModelFolder {
public:
    /// Errors: FileNotFound, FileFormat, TensorType, PickleRefused when the only weights are pickle files.
    static Result<std::unique_ptr<ModelFolder>> open(const std::string& folder);
    virtual ~ModelFolder() = default;

    virtual const std::string& path() const = 0;
    virtual std::int64_t fileBytes() const = 0; ///< of the weight files
    virtual const std::vector<StoredTensor>& tensors() const = 0;
    virtual const StoredTensor* tensor(const std::string& name) const = 0;
    virtual const nlohmann::json& config() const = 0; ///< config.json, an object
    /// xxh3 of config.json and, per weight file, of its size, header and sampled tensor bytes (16 hex digits).
    virtual std::string fingerprint() const = 0;

    /// Text of another file of the folder ("tokenizer.json"), none if it is not there. Error: FileFormat when it is
    /// larger than 256 MiB.
    Result<std::optional<std::string>> text(const std::string& name) const;
    /// Likewise parsed; an object. Error: FileFormat.
    Result<std::optional<nlohmann::json>> json(const std::string& name) const;
};

} // namespace ls
