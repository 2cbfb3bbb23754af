#include "engine/formats/gguf.h"
#include "engine/formats/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <string_view>

namespace ls {

namespace {

constexpr std::string_view kDirection = "direction.";

/// The layer in "direction.12"; -1 for any other name.
int layerOf(std::string_view name)
{
    constexpr int kMostLayers = 10'000;
    if (!name.starts_with(kDirection))
        return -1;
    name.remove_prefix(kDirection.size());
    int layer = -1;
    const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), layer);
    const bool whole = failure == std::errc() && end == name.data() + name.size();
    return whole && layer >= 0 && layer < kMostLayers ? layer : -1;
}

Error unusable(const std::string& path, std::string_view what)
{
    return {Errc::VectorWidth,
            fmt::format("{} cannot be used as a steering vector: {}.", path, what),
            "Build the vector again for this model.",
            {}};
}

/// Every vector has the same width, finite values, and is not zero.
Status checkVectors(const std::string& path, const VectorFile& file)
{
    const auto check = [&](const std::vector<float>& vector, const std::string& name) -> Status {
        if (std::int64_t(vector.size()) != file.width())
            return unusable(path, fmt::format("{} has width {}, others {}", name, vector.size(), file.width()));
        if (!std::all_of(vector.begin(), vector.end(), [](float value) { return std::isfinite(value); }))
            return unusable(path, fmt::format("{} holds a value that is not finite", name));
        if (std::all_of(vector.begin(), vector.end(), [](float value) { return value == 0.0f; }))
            return unusable(path, fmt::format("{} is zero", name));
        return success();
    };
    if (!file.shared.empty())
        LS_CHECK(check(file.shared, "vector"));
    for (const auto& [layer, vector] : file.byLayer)
        LS_CHECK(check(vector, fmt::format("direction.{}", layer)));
    return success();
}

/// One row, and be it with extents of 1 around it.
bool isRow(const std::vector<std::int64_t>& shape, std::int64_t count)
{
    return count > 0 && !shape.empty() && *std::max_element(shape.begin(), shape.end()) == count;
}

Error noVector(const std::string& path)
{
    return {Errc::FileFormat,
            fmt::format("{} holds no steering vector.", path),
            "A steering vector file has a tensor called vector, or direction.1, direction.2 and so on.",
            {}};
}

Result<VectorFile> fromSafetensors(const std::string& path)
{
    LS_TRY(const auto file, SafetensorsFile::open(path));
    VectorFile out;
    for (const SafeTensor& tensor : file->tensors()) {
        const int layer = layerOf(tensor.name);
        if (layer < 0 && tensor.name != "vector")
            continue;
        LS_TRY(auto values, tensor.floats());
        if (!isRow(tensor.shape, tensor.count()))
            return unusable(path, fmt::format("{} is not one row of numbers", tensor.name));
        (layer < 0 ? out.shared : out.byLayer[layer]) = std::move(values);
    }
    return out;
}

/// Control-vector files, or one tensor `vector` for every listed layer: direction.l is added to the stream that leaves
/// block l, counted from 0; writers start at 1. Their metadata (model hint, layer count as int32 or uint32) is not
/// needed: the tensors say it all.
Result<VectorFile> fromGguf(const std::string& path)
{
    LS_TRY(const auto file, GgufFile::open(path));
    VectorFile out;
    for (const GgufTensor& tensor : file->tensors()) {
        const int layer = layerOf(tensor.name);
        if (layer < 0 && tensor.name != "vector")
            continue;
        if (!isRow(tensor.shape, tensor.count()))
            return unusable(path, fmt::format("{} is not one row of numbers", tensor.name));
        if (tensor.bytes.empty()) // of a type whose size is not known: its extents have not been compared with the file
            return unusable(path, fmt::format("{} has the type {}", tensor.name, tensor.type));
        std::vector<float> values(std::size_t(tensor.count()));
        LS_CHECK(dequantise(tensor.type, tensor.bytes, values));
        (layer < 0 ? out.shared : out.byLayer[layer]) = std::move(values);
    }
    return out;
}

} // namespace

std::int64_t VectorFile::width() const
{
    if (!shared.empty())
        return std::int64_t(shared.size());
    return byLayer.empty() ? 0 : std::int64_t(byLayer.begin()->second.size());
}

Result<VectorFile> readVectorFile(const std::string& path)
{
    char magic[4] = {};
    std::ifstream(path, std::ios::binary).read(magic, sizeof magic); // a missing file is reported by the readers below
    const bool gguf = std::string_view(magic, sizeof magic) == "GGUF";
    LS_TRY(auto file, gguf ? fromGguf(path) : fromSafetensors(path));
    if (file.width() == 0)
        return noVector(path);
    LS_CHECK(checkVectors(path, file));
    return file;
}

} // namespace ls
