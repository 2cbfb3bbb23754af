#pragma once

#include "engine/formats/stored_tensor.h"

#include "core/error.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

/// GGUF v2/v3, memory-mapped and read as hostile: every count and offset is checked against the file before use.
namespace ls {

using GgufTensor = StoredTensor;

class GgufFile {
public:
    /// Any part of a split model ("NAME-00001-of-00003.gguf") opens all of it; its parts must lie side by side.
    /// Errors: FileNotFound, FileFormat (hint and byte offset in detail), TensorType.
    static Result<std::unique_ptr<GgufFile>> open(const std::string& path);
    virtual ~GgufFile() = default;

    virtual const std::string& path() const = 0;
    virtual std::int64_t fileBytes() const = 0;
    virtual const std::vector<GgufTensor>& tensors() const = 0;
    virtual const GgufTensor* tensor(const std::string& name) const = 0;
    /// Metadata. Typed readers return FileFormat when the key is missing or has another type.
    virtual bool has(const std::string& key) const = 0;
    virtual Result<std::int64_t> integer(const std::string& key) const = 0;
    virtual Result<double> number(const std::string& key) const = 0;
    virtual Result<std::string> text(const std::string& key) const = 0;
    virtual Result<bool> boolean(const std::string& key) const = 0;
    virtual Result<std::vector<std::string>> texts(const std::string& key) const = 0;
    virtual Result<std::vector<std::int64_t>> integers(const std::string& key) const = 0;
    virtual Result<std::vector<double>> numbers(const std::string& key) const = 0;
    virtual Result<std::vector<bool>> booleans(const std::string& key) const = 0;
    /// All metadata for display; arrays longer than 16 are shortened to {"count", "first"}.
    virtual nlohmann::json metadata() const = 0;
    /// xxh3 of size, header and sampled tensor bytes (16 hex digits).
    virtual std::string fingerprint() const = 0;
};

/// One entry of a GGUF type table.
struct QuantType {
    const char* name;
    int blockValues; ///< values per block
    int blockBytes;
};
const QuantType* quantType(const std::string& name); ///< null if this build cannot read it
/// Dequantises whole blocks to float32; out.size() = count. Exact to float32 rounding (golden/quants).
Status dequantise(const std::string& type, std::span<const std::uint8_t> bytes, std::span<float> out);

/// A steering vector file: one tensor `vector` [d] (safetensors), or `direction.<l>` (safetensors or control-vector
/// GGUF).
struct VectorFile {
    std::vector<float> shared;                 ///< `vector`, applies to each listed layer; empty if by layer
    std::map<int, std::vector<float>> byLayer; ///< direction.<l>
    std::int64_t width() const;
};
/// Errors: FileNotFound, FileFormat, VectorWidth (inside the file: different widths; zero or non-finite entries).
Result<VectorFile> readVectorFile(const std::string& path);

} // namespace ls
