#include "engine/formats/gguf.h"
#include "engine/model/family.h"
#include "engine/model/model.h"
#include "engine/text/chat_template.h"
#include "engine/text/tokenizer.h"

#include <ATen/ops/empty.h>
#include <c10/util/BFloat16.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <xxhash.h>

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>
#include <thread>

namespace ls {

Model::Model() = default;
Model::~Model() = default;

namespace {

std::int64_t freeMemoryBytes()
{
    return std::int64_t(sysconf(_SC_AVPHYS_PAGES)) * sysconf(_SC_PAGESIZE);
}

/// Pages of the file that have been read are given back at once: memory stays at one copy of the weights.
void releasePages(std::span<const std::uint8_t> bytes)
{
    const auto page = std::uintptr_t(sysconf(_SC_PAGESIZE));
    const auto begin = (std::uintptr_t(bytes.data()) + page - 1) / page * page;
    const auto end = (std::uintptr_t(bytes.data()) + bytes.size()) / page * page;
    if (begin < end)
        madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

struct Rows {
    std::int64_t count = 0, width = 0;
    std::size_t bytes = 0; ///< of one row in the file
};

/// Where row r of the file belongs: see TensorSpec::interleavedHeadWidth.
std::int64_t destinationRow(std::int64_t row, int headWidth)
{
    if (headWidth == 0)
        return row;
    const std::int64_t head = row / headWidth, within = row % headWidth;
    return head * headWidth + (within % 2) * (headWidth / 2) + within / 2;
}

Status readRows(const GgufTensor& source, const TensorSpec& spec, const Rows& rows, std::int64_t begin,
                std::int64_t end)
{
    at::Tensor& target = *spec.destination;
    std::vector<float> row(std::size_t(rows.width));
    for (std::int64_t r = begin; r < end; ++r) {
        const auto bytes = source.bytes.subspan(std::size_t(r) * rows.bytes, rows.bytes);
        const std::int64_t to = destinationRow(r, spec.interleavedHeadWidth) * rows.width;
        if (target.scalar_type() == at::kFloat) {
            LS_CHECK(dequantise(source.type, bytes, {target.data_ptr<float>() + to, std::size_t(rows.width)}));
            continue;
        }
        LS_CHECK(dequantise(source.type, bytes, row));
        std::copy(row.begin(), row.end(), target.data_ptr<c10::BFloat16>() + to);
    }
    return success();
}

Status readTensor(const GgufTensor& source, const TensorSpec& spec, at::ScalarType dtype)
{
    const QuantType* type = quantType(source.type);
    Rows rows{spec.shape.size() == 1 ? 1 : spec.shape[0], spec.shape.back(), 0};
    if (!type || rows.width % type->blockValues != 0)
        return Error{Errc::TensorType,
                     fmt::format("Tensor {} is {}, which this build cannot read.", spec.name, source.type),
                     "Choose another quantisation of this model.",
                     {}};
    rows.bytes = std::size_t(rows.width / type->blockValues) * std::size_t(type->blockBytes);
    try {
        *spec.destination = at::empty(spec.shape, spec.keepFloat32 ? at::kFloat : dtype);
    } catch (const std::exception& error) { // the allocator's only way to say no
        return Error{Errc::ModelTooLarge, fmt::format("There is no memory left for tensor {}.", spec.name),
                     "Load the model in bfloat16, or close other programs.", error.what()};
    }
    const std::int64_t parts = std::clamp<std::int64_t>(std::thread::hardware_concurrency(), 1, rows.count);
    std::vector<std::thread> threads;
    std::mutex mutex;
    Status status = success();
    for (std::int64_t part = 0; part < parts; ++part) {
        threads.emplace_back([&, part] {
            Status own = readRows(source, spec, rows, rows.count * part / parts, rows.count * (part + 1) / parts);
            const std::scoped_lock lock(mutex);
            if (!own.ok())
                status = own;
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    releasePages(source.bytes);
    return status;
}

Result<const GgufTensor*> findTensor(const GgufFile& file, const TensorSpec& spec)
{
    const GgufTensor* tensor = file.tensor(spec.name);
    if (!tensor)
        return Error{Errc::TensorMissing, fmt::format("The tensor {} is missing.", spec.name),
                     "Fetch the file again; if it was converted, convert it again.", file.path()};
    if (tensor->shape != spec.shape)
        return Error{Errc::TensorShape,
                     fmt::format("The tensor {} is [{}], the configuration asks for [{}].", spec.name,
                                 fmt::join(tensor->shape, ", "), fmt::join(spec.shape, ", ")),
                     "Configuration and weights do not belong together. Fetch the file again.", file.path()};
    return tensor;
}

/// The type most bytes are stored in.
std::string mostStoredType(const GgufFile& file)
{
    std::map<std::string, std::size_t> bytes;
    for (const GgufTensor& tensor : file.tensors())
        bytes[tensor.type] += tensor.bytes.size();
    const auto most =
        std::max_element(bytes.begin(), bytes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    return most == bytes.end() ? std::string() : most->first;
}

/// "SmolLM2-135M-Instruct" of ".../SmolLM2-135M-Instruct.Q4_1.gguf".
std::string modelName(const std::string& path, const std::string& storedType)
{
    std::string name = std::filesystem::path(path).stem().string();
    for (const char separator : {'.', '-'})
        if (const std::string suffix = separator + storedType; name.ends_with(suffix))
            name.resize(name.size() - suffix.size());
    return name;
}

ModelInfo makeInfo(const GgufFile& file, const ModelConfig& c, const LoadOptions& options)
{
    ModelInfo info;
    info.path = file.path();
    info.family = c.family;
    info.storedType = mostStoredType(file);
    info.name = modelName(file.path(), info.storedType);
    info.dtype = options.dtype;
    info.device = "cpu";
    if (auto license = file.text("general.license"); license.ok())
        info.license = license.value();
    info.fingerprint = file.fingerprint();
    info.blockCount = c.blockCount;
    info.width = c.width;
    info.headCount = c.headCount;
    info.kvHeadCount = c.kvHeadCount;
    info.headWidth = c.headWidth;
    info.mlpWidth = c.mlpWidth;
    info.vocabSize = c.vocabSize;
    info.trainedContext = c.trainedContext;
    info.contextLength = options.contextLength > 0 ? options.contextLength : c.trainedContext;
    info.fileBytes = file.fileBytes();
    info.kvBytesPerToken = 2ll * c.blockCount * c.kvHeadCount * c.headWidth * (options.dtype == "float32" ? 4 : 2);
    return info;
}

Status readSpecialTokens(const GgufFile& file, const Tokenizer& tokenizer, ModelConfig& config)
{
    config.bosId = tokenizer.bosId();
    config.eosId = tokenizer.eosId();
    config.addBos = tokenizer.addsBos();
    for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"}) {
        if (!file.has(key))
            continue;
        LS_TRY(const std::int64_t id, file.integer(key));
        config.stopIds.push_back(int(id));
    }
    if (const auto end = tokenizer.find("<|endoftext|>"); end >= 0)
        config.stopIds.push_back(end);
    return success();
}

} // namespace

Result<std::shared_ptr<const Model>> Model::open(const std::string& path, const LoadOptions& options)
{
    const auto extension = std::filesystem::path(path).extension().string();
    if (extension == ".bin" || extension == ".pt" || extension == ".pth")
        return Error{Errc::PickleRefused,
                     fmt::format("{} is a pickle file, which can run code when opened.", path),
                     "Convert it to safetensors or GGUF.",
                     {}};
    if (options.dtype != "float32" && options.dtype != "bfloat16")
        return Error{Errc::InvalidParameter,
                     fmt::format("The run dtype {} is unknown.", options.dtype),
                     "Choose float32 or bfloat16.",
                     {}};
    if (options.device != "cpu")
        return Error{Errc::DeviceUnavailable,
                     fmt::format("The device {} cannot be used by this build.", options.device),
                     "Run on the CPU.",
                     {}};
    LS_TRY(const auto file, GgufFile::open(path));
    LS_TRY(const std::string architecture, file->text("general.architecture"));
    const auto family = std::find_if(families().begin(), families().end(),
                                     [&](const Family& f) { return f.architecture == architecture; });
    if (family == families().end())
        return Error{Errc::FamilyUnknown, fmt::format("The architecture \"{}\" is not supported.", architecture),
                     "Supported: llama.", path};

    auto model = std::make_shared<Model>();
    LS_TRY(model->m_config, family->config(*file));
    LS_TRY(model->m_tokenizer, Tokenizer::fromGguf(*file));
    model->m_config.vocabSize = model->m_tokenizer->vocabSize();
    LS_CHECK(readSpecialTokens(*file, *model->m_tokenizer, model->m_config));
    ModelInfo& info = model->m_info;
    info = makeInfo(*file, model->m_config, options);
    info.tokenizerFingerprint = model->m_tokenizer->fingerprint();
    if (file->has("tokenizer.chat_template")) {
        LS_TRY(const std::string source, file->text("tokenizer.chat_template"));
        info.templateFingerprint = fmt::format("{:016x}", XXH3_64bits(source.data(), source.size()));
        // A template we cannot read takes nothing from the model: plain text still works.
        if (auto parsed = ChatTemplate::parse(source); parsed.ok())
            model->m_template = std::move(parsed).value();
        info.hasChatTemplate = model->m_template != nullptr;
    }

    const at::ScalarType dtype = options.dtype == "float32" ? at::kFloat : at::kBFloat16;
    model->m_weights.blocks.resize(std::size_t(model->m_config.blockCount));
    const std::vector<TensorSpec> specs = family->tensors(*file, model->m_config, model->m_weights);
    std::vector<const GgufTensor*> sources;
    for (const TensorSpec& spec : specs) { // everything is checked before anything is allocated
        LS_TRY(sources.emplace_back(), findTensor(*file, spec));
        const std::int64_t count = sources.back()->count();
        info.parameterCount += count;
        info.weightBytes += count * (spec.keepFloat32 || dtype == at::kFloat ? 4 : 2);
    }
    if (info.weightBytes > freeMemoryBytes())
        return Error{Errc::ModelTooLarge,
                     fmt::format("{} needs {:.1f} GB, {:.1f} GB are free.", info.name, double(info.weightBytes) / 1e9,
                                 double(freeMemoryBytes()) / 1e9),
                     options.dtype == "float32" ? "Load it in bfloat16, or close other programs."
                                                : "Close other programs.",
                     {}};
    double done = 0;
    for (std::size_t i = 0; i < specs.size(); ++i) {
        if (options.cancelled && options.cancelled->load())
            return Error{Errc::Cancelled, "Loading was stopped.", {}, {}};
        LS_CHECK(readTensor(*sources[i], specs[i], dtype));
        done += double(sources[i]->bytes.size());
        if (options.progress)
            options.progress("reading tensors", done, double(info.fileBytes));
    }
    model->m_config.tiedEmbedding = !model->m_weights.unembedding.defined();
    if (model->m_config.tiedEmbedding)
        model->m_weights.unembedding = model->m_weights.embedding;
    return std::shared_ptr<const Model>(std::move(model));
}

} // namespace ls
