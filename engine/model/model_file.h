#pragma once

#include "engine/formats/gguf.h"
#include "engine/formats/model_folder.h"

#include <memory>
#include <string>

namespace ls {

/// A model on disk: a GGUF file (all parts of it) or a folder. Exactly one of gguf() and folder() is not null.
class ModelFile {
public:
    /// path: a .gguf file, a folder, or config.json or a .safetensors file inside one.
    /// Errors: FileNotFound, FileFormat, TensorType, PickleRefused.
    static Result<std::unique_ptr<ModelFile>> open(const std::string& path);

    const GgufFile* gguf() const { return m_gguf.get(); }
    const ModelFolder* folder() const { return m_folder.get(); }

    const std::string& path() const { return m_gguf ? m_gguf->path() : m_folder->path(); }
    std::int64_t fileBytes() const { return m_gguf ? m_gguf->fileBytes() : m_folder->fileBytes(); }
    std::string fingerprint() const { return m_gguf ? m_gguf->fingerprint() : m_folder->fingerprint(); }
    const std::vector<StoredTensor>& tensors() const { return m_gguf ? m_gguf->tensors() : m_folder->tensors(); }
    const StoredTensor* tensor(const std::string& name) const
    {
        return m_gguf ? m_gguf->tensor(name) : m_folder->tensor(name);
    }
    /// GGUF keys or config.json, for display.
    nlohmann::json metadata() const { return m_gguf ? m_gguf->metadata() : m_folder->config(); }
    /// general.architecture or model_type. Error: FileFormat.
    Result<std::string> architecture() const;

private:
    std::unique_ptr<GgufFile> m_gguf;
    std::unique_ptr<ModelFolder> m_folder;
};

} // namespace ls
