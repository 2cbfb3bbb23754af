#include "core/utf8.h"
#include "engine/model/family.h"
#include "engine/model/model.h"
#include "engine/model/model_file.h"
#include "engine/model/tensor_list.h"
#include "engine/model/text_parts.h"
#include "engine/text/chat_template.h"
#include "engine/text/tokenizer.h"

#include <fmt/format.h>

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <sstream>

namespace ls {

Model::Model() = default;
Model::~Model() = default;

namespace {

namespace fs = std::filesystem;

std::int64_t freeMemoryBytes()
{
    return std::int64_t(sysconf(_SC_AVPHYS_PAGES)) * sysconf(_SC_PAGESIZE);
}

/// The type most bytes are stored in.
std::string mostStoredType(const ModelFile& file)
{
    std::map<std::string, std::size_t> bytes;
    for (const StoredTensor& tensor : file.tensors())
        bytes[tensor.type == "MXFP4_SPLIT" ? "MXFP4" : tensor.type] += tensor.bytes.size();
    const auto most =
        std::max_element(bytes.begin(), bytes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    return most == bytes.end() ? std::string() : most->first;
}

/// "SmolLM2-135M-Instruct" of ".../SmolLM2-135M-Instruct.Q4_1.gguf" or of a folder ".../SmolLM2-135M-Instruct/".
std::string modelName(const ModelFile& file, const std::string& storedType)
{
    std::error_code ignored; // a path that cannot be made absolute still has a last part
    const fs::path path = fs::absolute(file.path(), ignored).lexically_normal();
    if (file.folder())
        return path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
    std::string name = path.stem().string();
    for (const char separator : {'.', '-'})
        if (const std::string suffix = separator + storedType; name.ends_with(suffix))
            name.resize(name.size() - suffix.size());
    return name;
}

/// The licence as the file says; of a folder what stands between the first two "---" of its README.
std::string licenseOf(const ModelFile& file)
{
    if (file.gguf()) {
        const auto license = file.gguf()->text("general.license");
        return license ? utf8::repaired(license.value()) : std::string();
    }
    const auto readme = file.folder()->text("README.md");
    if (!readme || !readme.value() || !readme.value()->starts_with("---\n"))
        return {};
    constexpr std::string_view kKey = "license:";
    std::istringstream lines(readme.value()->substr(4, 1 << 16));
    for (std::string line; std::getline(lines, line) && line != "---";)
        if (line.starts_with(kKey)) {
            const auto begin = line.find_first_not_of(' ', kKey.size());
            return begin == std::string::npos ? std::string() : utf8::repaired(line.substr(begin, 100));
        }
    return {};
}

ModelInfo makeInfo(const ModelFile& file, const ModelConfig& c, const LoadOptions& options)
{
    ModelInfo info;
    info.path = file.path();
    info.family = c.family;
    info.storedType = mostStoredType(file);
    info.name = modelName(file, info.storedType);
    info.dtype = options.dtype;
    info.device = options.device;
    info.license = licenseOf(file);
    info.fingerprint = file.fingerprint();
    info.blockCount = c.blockCount;
    info.width = c.width;
    info.headCount = c.headCount;
    info.kvHeadCount = c.kvHeadCount;
    info.headWidth = c.headWidth;
    info.mlpWidth = c.mlpWidth;
    info.vocabSize = c.vocabSize;
    info.trainedContext = c.trainedContext;
    info.contextLength = options.contextLength > 0 ? options.contextLength : c.defaultContext;
    info.fileBytes = file.fileBytes();
    info.kvBytesPerToken = 2ll * c.blockCount * c.kvHeadCount * c.headWidth * (options.dtype == "float32" ? 4 : 2);
    return info;
}

Status checkOptions(const LoadOptions& options)
{
    if (options.dtype != "float32" && options.dtype != "bfloat16" && options.dtype != "quantised")
        return Error{Errc::InvalidParameter,
                     fmt::format("The run dtype {} is unknown.", options.dtype),
                     "Choose float32, bfloat16 or, for a GGUF file, quantised.",
                     {}};
    return success();
}

Status checkMemory(const ModelInfo& info)
{
    const std::int64_t free = freeMemoryBytes();
    // For another device they are unpacked beside themselves until it has them.
    const std::int64_t needed = info.device == "cpu" ? info.weightBytes : 2 * info.weightBytes;
    if (needed <= free)
        return success();
    return Error{
        Errc::ModelTooLarge,
        fmt::format("{} needs {:.1f} GB, {:.1f} GB are free.", info.name, double(needed) / 1e9, double(free) / 1e9),
        info.dtype == "float32" ? "Load it in bfloat16, or close other programs." : "Close other programs.",
        {}};
}

Status readTensors(const std::vector<TensorSpec>& specs, const LoadOptions& options, const ModelInfo& info)
{
    LS_TRY(WeightMemory memory, WeightMemory::reserve(specs));
    const std::string converted = conversions(specs),
                      stage = converted.empty() ? "reading tensors" : "reading tensors, " + converted;
    double done = 0;
    for (const TensorSpec& spec : specs) {
        if (options.cancelled && options.cancelled->load())
            return Error{Errc::Cancelled, "Loading was stopped.", {}, {}};
        LS_CHECK(readTensor(spec, memory));
        done += double(spec.source->bytes.size());
        if (options.progress)
            options.progress(stage.c_str(), done, double(info.fileBytes));
    }
    return success();
}

} // namespace

Result<std::shared_ptr<const Model>> Model::open(const std::string& path, const LoadOptions& options)
{
    LS_CHECK(checkOptions(options));
    LS_TRY(const auto file, ModelFile::open(path));
    if (options.dtype == "quantised" && !file->gguf())
        return Error{Errc::NotSupported, "Only the tensors of a GGUF file run as they are quantised.",
                     "Open this folder as float32 or bfloat16.", file->path()};
    LS_TRY(const Family* family, familyOf(*file));

    auto model = std::make_shared<Model>();
    LS_TRY(model->m_config, readConfig(*family, *file, options.contextLength));
    LS_TRY(TextParts text, readTextParts(*file, model->m_config));
    model->m_tokenizer = std::move(text.tokenizer);
    model->m_textStatus = text.status;
    model->m_template = std::move(text.chatTemplate);
    ModelInfo& info = model->m_info;
    info = makeInfo(*file, model->m_config, options);
    info.tokenizerFingerprint = model->m_tokenizer->fingerprint();
    info.templateFingerprint = text.templateFingerprint;
    info.hasChatTemplate = model->m_template != nullptr;

#ifdef __GLIBC__
    malloc_trim(0); // what reading the vocabulary took on the way; a model is no place to keep it
#endif
    // everything is checked before anything is allocated
    LS_TRY(auto specs, listTensors(*family, *file, model->m_config, model->m_weights));
    chooseStorage(specs, options.dtype);
    for (const TensorSpec& spec : specs)
        info.parameterCount += spec.source->count();
    info.weightBytes = keptBytes(specs);
    if (options.accepts)
        LS_CHECK(options.accepts(model->m_config));
    if (options.checked)
        options.checked();
    LS_CHECK(checkMemory(info));
    LS_CHECK(readTensors(specs, options, info));
    model->m_cacheType = options.dtype == "float32"    ? at::kFloat
                         : options.dtype == "bfloat16" ? at::kBFloat16
                                                       : at::kHalf;
    if (model->m_config.tiedEmbedding)
        model->m_weights.unembedding = model->m_weights.embedding;
    return std::shared_ptr<const Model>(std::move(model));
}

} // namespace ls
