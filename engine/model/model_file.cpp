#include "engine/model/model_file.h"

#include <fmt/format.h>

#include <filesystem>

namespace ls {

namespace fs = std::filesystem;

Result<std::unique_ptr<ModelFile>> ModelFile::open(const std::string& path)
{
    const fs::path asked(path);
    const std::string extension = asked.extension().string();
    if (extension == ".bin" || extension == ".pt" || extension == ".pth" || extension == ".pkl" || extension == ".ckpt")
        return Error{Errc::PickleRefused,
                     fmt::format("{} is a pickle file, which can run code when opened.", path),
                     "Convert it to safetensors or GGUF.",
                     {}};
    auto file = std::make_unique<ModelFile>();
    std::error_code ignored; // a path that cannot be looked at is opened as a file, which says why
    const bool inFolder = asked.filename() == "config.json" || extension == ".safetensors";
    if (inFolder || fs::is_directory(asked, ignored)) {
        fs::path folder = inFolder ? asked.parent_path() : asked;
        LS_TRY(file->m_folder, ModelFolder::open(folder.empty() ? std::string(".") : folder.string()));
    } else {
        LS_TRY(file->m_gguf, GgufFile::open(path));
    }
    return file;
}

Result<std::string> ModelFile::architecture() const
{
    if (m_gguf)
        return m_gguf->text("general.architecture");
    const auto type = m_folder->config().find("model_type");
    if (type == m_folder->config().end() || !type->is_string())
        return Error{Errc::FileFormat, "config.json does not say which architecture the model has (model_type).",
                     "Fetch config.json of the model again.", path()};
    return type->get<std::string>();
}

} // namespace ls
