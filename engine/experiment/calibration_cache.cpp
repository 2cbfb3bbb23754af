#include "engine/experiment/calibration_cache.h"

#include "core/data/vector_writer.h"
#include "engine/formats/safetensors.h"

#include <ATen/ops/tensor.h>
#include <fmt/format.h>
#include <xxhash.h>

#include <cstdlib>
#include <filesystem>

namespace ls {

namespace fs = std::filesystem;

std::string calibrationKey(const ModelInfo& info)
{
    return info.fingerprint + "-" + info.tokenizerFingerprint;
}

std::string calibrationPath(const ModelInfo& info, std::string_view suffix)
{
    fs::path folder;
    if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache)
        folder = cache;
    else if (const char* home = std::getenv("HOME"); home && *home)
        folder = fs::path(home) / ".cache";
    else
        folder = fs::path("/var/tmp");
    return (folder / "layerscope" / "calibration" / fmt::format("{}{}.safetensors", calibrationKey(info), suffix))
        .string();
}

const at::Tensor* StoredCalibration::tensor(const std::string& name, at::IntArrayRef shape) const
{
    const auto found = tensors.find(name);
    return found == tensors.end() || found->second.sizes() != shape ? nullptr : &found->second;
}

Status storeCalibration(const std::string& path, const StoredCalibration& calibration)
{
    std::error_code failure;
    fs::create_directories(fs::path(path).parent_path(), failure);
    if (failure)
        return Error{Errc::FileNotWritable, "The folder for calibrations cannot be made.",
                     "Set XDG_CACHE_HOME to a folder that can be written.",
                     fmt::format("{}: {}", path, failure.message())};
    std::vector<std::pair<std::string, TensorBlob>> blobs;
    for (const auto& [name, value] : calibration.tensors)
        blobs.emplace_back(name, toBlob(value));
    return writeSafetensors(path, blobs, calibration.metadata);
}

Result<StoredCalibration> loadCalibration(const std::string& path)
{
    LS_TRY(const auto file, SafetensorsFile::open(path));
    StoredCalibration out;
    out.metadata = file->metadata();
    for (const SafeTensor& tensor : file->tensors()) {
        LS_TRY(const std::vector<float> values, tensor.floats());
        out.tensors[tensor.name] = at::tensor(values, at::kFloat).reshape(tensor.shape);
    }
    return out;
}

std::string contentHash(std::string_view bytes)
{
    return fmt::format("{:016x}", XXH3_64bits(bytes.data(), bytes.size()));
}

} // namespace ls
