#include "engine/formats/model_folder.h"

#include "core/bounded_json.h"
#include "engine/formats/fingerprint.h"
#include "engine/formats/mapped_file.h"
#include "engine/formats/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <unordered_map>

namespace ls {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json; // ModelFolder::json hides the usual name

constexpr std::string_view kIndex = "model.safetensors.index.json", kSingle = "model.safetensors";

bool hasFile(const fs::path& folder, std::string_view name)
{
    std::error_code ignored; // what cannot be looked at counts as missing; opening it says why
    return fs::exists(folder / name, ignored);
}

Error damaged(const std::string& path, std::string what)
{
    return {Errc::FileFormat, std::move(what), "Fetch the model folder again.", path};
}

/// Names of the weight files; the index comes from outside, so a name must not lead out of the folder.
Result<std::vector<std::string>> weightFiles(const ModelFolder& folder)
{
    const fs::path path = folder.path();
    if (!hasFile(path, kIndex)) {
        if (hasFile(path, kSingle))
            return std::vector<std::string>{std::string(kSingle)};
        for (const char* pickle : {"pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt", "model.pth"})
            if (hasFile(path, pickle))
                return Error{Errc::PickleRefused,
                             "The weights of this folder are pickle files, which can run code when opened.",
                             "Convert them to safetensors or GGUF.", (path / pickle).string()};
        return Error{Errc::FileNotFound, fmt::format("{} has no model.safetensors.", folder.path()),
                     "Choose a folder with config.json and model.safetensors, or a .gguf file.", folder.path()};
    }
    LS_TRY(const auto index, folder.json(std::string(kIndex)));
    const auto map = index->find("weight_map");
    if (map == index->end() || !map->is_object())
        return damaged(folder.path(), "The index of the weight files has no weight_map.");
    std::set<std::string> names;
    for (const auto& [tensor, file] : map->items()) {
        const std::string name = file.is_string() ? file.get<std::string>() : std::string();
        if (name.empty() || name != fs::path(name).filename() || !name.ends_with(".safetensors"))
            return damaged(folder.path(), fmt::format("The index puts tensor {} into a file that is no safetensors "
                                                      "file of this folder.",
                                                      tensor));
        names.insert(name);
    }
    if (names.empty())
        return damaged(folder.path(), "The index of the weight files is empty.");
    return std::vector<std::string>(names.begin(), names.end());
}

class Folder final : public ModelFolder {
public:
    explicit Folder(std::string path)
        : m_path(std::move(path))
    {
    }
    Status read();

    const std::string& path() const override { return m_path; }
    std::int64_t fileBytes() const override { return m_fileBytes; }
    const std::vector<StoredTensor>& tensors() const override { return m_tensors; }
    const StoredTensor* tensor(const std::string& name) const override
    {
        const auto found = m_byName.find(name);
        return found == m_byName.end() ? nullptr : &m_tensors[found->second];
    }
    const Json& config() const override { return m_config; }
    std::string fingerprint() const override;

private:
    Status addShard(const std::string& name);
    void joinSplitBlocks();

    std::string m_path;
    Json m_config;
    std::vector<std::unique_ptr<SafetensorsFile>> m_files; // the mappings behind the tensors' bytes
    std::vector<std::int64_t> m_sizes;
    std::vector<StoredTensor> m_tensors;
    std::unordered_map<std::string, std::size_t> m_byName;
    std::int64_t m_fileBytes = 0;
};

Status Folder::read()
{
    LS_TRY(auto config, json("config.json"));
    if (!config)
        return Error{Errc::FileNotFound, fmt::format("{} has no config.json.", m_path),
                     "Choose a model folder as the hub has it, or a .gguf file.", m_path};
    m_config = std::move(*config);
    LS_TRY(const auto files, weightFiles(*this));
    for (const std::string& name : files)
        LS_CHECK(addShard(name));
    joinSplitBlocks();
    for (std::size_t i = 0; i < m_tensors.size(); ++i)
        if (!m_byName.emplace(m_tensors[i].name, i).second)
            return damaged(m_path, fmt::format("Tensor {} stands in two files.", m_tensors[i].name));
    return success();
}

Status Folder::addShard(const std::string& name)
{
    const std::string path = (fs::path(m_path) / name).string();
    LS_TRY(auto file, SafetensorsFile::open(path));
    for (const SafeTensor& tensor : file->tensors())
        m_tensors.push_back({tensor.name, tensor.shape, tensor.dtype, tensor.bytes, {}});
    std::error_code error;
    m_sizes.push_back(std::int64_t(fs::file_size(path, error)));
    m_fileBytes += m_sizes.back();
    m_files.push_back(std::move(file));
    return success();
}

/// X_blocks [.., groups, 16] and X_scales [.., groups] of bytes are one tensor X [.., groups * 32] of MXFP4 values.
void Folder::joinSplitBlocks()
{
    std::map<std::string, const StoredTensor*> scales;
    for (const StoredTensor& tensor : m_tensors)
        if (tensor.name.ends_with("_scales") && tensor.type == "U8")
            scales[tensor.name] = &tensor;
    if (scales.empty())
        return;
    constexpr std::string_view kBlocks = "_blocks";
    std::set<std::string> joined;
    std::vector<StoredTensor> out;
    for (const StoredTensor& tensor : m_tensors) {
        if (!tensor.name.ends_with(kBlocks) || tensor.type != "U8" || tensor.shape.size() < 2 ||
            tensor.shape.back() != 16)
            continue;
        const std::string stem = tensor.name.substr(0, tensor.name.size() - kBlocks.size());
        const auto found = scales.find(stem + "_scales");
        std::vector<std::int64_t> groups(tensor.shape.begin(), tensor.shape.end() - 1);
        if (found == scales.end() || found->second->shape != groups)
            continue; // left as bytes: whoever needs them says that they cannot be read
        joined.insert(tensor.name);
        joined.insert(found->first);
        groups.back() *= 32;
        out.push_back({stem, groups, "MXFP4_SPLIT", tensor.bytes, found->second->bytes});
    }
    std::erase_if(m_tensors, [&](const StoredTensor& tensor) { return joined.contains(tensor.name); });
    m_tensors.insert(m_tensors.end(), out.begin(), out.end());
}

std::string Folder::fingerprint() const
{
    std::uint64_t weightBytes = 0;
    for (const StoredTensor& tensor : m_tensors)
        weightBytes += tensor.bytes.size() + tensor.scales.size();
    Fingerprint out(weightBytes);
    const std::string config = m_config.dump(-1, ' ', false, Json::error_handler_t::replace);
    out.add(config.data(), config.size());
    out.add(m_sizes.data(), m_sizes.size() * sizeof(m_sizes[0]));
    for (const StoredTensor& tensor : m_tensors) {
        out.add(tensor.name.data(), tensor.name.size());
        out.addWeights(tensor.bytes);
        out.addWeights(tensor.scales);
    }
    return out.text();
}

} // namespace

Result<std::optional<std::string>> ModelFolder::text(const std::string& name) const
{
    constexpr std::size_t kLargest = 256u << 20;
    if (!hasFile(path(), name))
        return std::optional<std::string>();
    const std::string file = (fs::path(path()) / name).string();
    LS_TRY(const MappedFile mapped, MappedFile::open(file));
    if (mapped.bytes().size() > kLargest)
        return Error{Errc::FileFormat, fmt::format("{} is larger than any such file.", name),
                     "Fetch the model folder again.", file};
    return std::optional(std::string(reinterpret_cast<const char*>(mapped.bytes().data()), mapped.bytes().size()));
}

Result<std::optional<Json>> ModelFolder::json(const std::string& name) const
{
    LS_TRY(const auto source, text(name));
    if (!source)
        return std::optional<Json>();
    auto parsed = parseJson(*source);
    if (!parsed || !parsed->is_object())
        return Error{Errc::FileFormat, fmt::format("{} is no JSON object.", name), "Fetch the model folder again.",
                     (fs::path(path()) / name).string()};
    return parsed;
}

Result<std::unique_ptr<ModelFolder>> ModelFolder::open(const std::string& folder)
{
    auto opened = std::make_unique<Folder>(folder);
    LS_CHECK(opened->read());
    return std::unique_ptr<ModelFolder>(std::move(opened));
}

} // namespace ls
