#pragma once

#include "engine/model/model_file.h"

#include <optional>
#include <string>
#include <vector>

namespace ls {

/// The name of one setting in both formats; empty where a format does not have it.
struct Key {
    std::string folder; ///< "num_attention_heads" of config.json; "rope_parameters.factor" looks into an object
    std::string gguf;   ///< "attention.head_count", the architecture in front is added
};

/// Reads settings of a model file that may lie: types and ranges are checked, errors name the setting as the file does.
class ConfigReader {
public:
    ConfigReader(const ModelFile& file, std::string architecture)
        : m_file(file)
        , m_architecture(std::move(architecture))
    {
    }
    const ModelFile& file() const { return m_file; }
    bool isFolder() const { return m_file.folder() != nullptr; }

    /// Present and not null.
    bool has(const Key& key) const;
    /// A whole number from least to most. Without a fallback a missing setting is an error.
    Result<int> count(const Key& key, int least, int most, std::optional<int> fallback = {}) const;
    /// A finite number from least to most.
    Result<double> number(const Key& key, double least, double most, std::optional<double> fallback = {}) const;
    Result<bool> flag(const Key& key, bool fallback) const;
    Result<std::string> text(const Key& key, std::optional<std::string> fallback = {}) const;
    Result<std::vector<std::string>> texts(const Key& key) const;
    Result<std::vector<double>> numbers(const Key& key) const;
    Result<std::vector<bool>> flags(const Key& key) const; ///< true and false, or numbers other than 0 and 0

    /// FileFormat about this setting.
    Error wrong(const Key& key, const std::string& what) const;

private:
    const nlohmann::json* find(const Key& key) const;
    std::string ggufName(const Key& key) const { return m_architecture + "." + key.gguf; }

    const ModelFile& m_file;
    std::string m_architecture;
};

} // namespace ls
