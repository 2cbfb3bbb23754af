#include "core/certificate/certificate.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <unistd.h>

namespace ls {

namespace fs = std::filesystem;

std::string certificatePath(const std::string& fingerprint, const std::string& dtype)
{
    fs::path folder("/var/tmp");
    if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache)
        folder = cache;
    else if (const char* home = std::getenv("HOME"); home && *home)
        folder = fs::path(home) / ".cache";
    return (folder / "layerscope" / "certificates" / fmt::format("{}-{}.json", fingerprint, dtype)).string();
}

Status storeCertificate(const std::string& path, const Certificate& certificate)
{
    const auto failed = [&](const std::string& why) {
        return Error{Errc::FileNotWritable, "The certificate cannot be kept.",
                     "Set XDG_CACHE_HOME to a folder that can be written.", fmt::format("{}: {}", path, why)};
    };
    std::error_code problem;
    fs::create_directories(fs::path(path).parent_path(), problem);
    if (problem)
        return failed(problem.message());
    const std::string temporary = fmt::format("{}.{}", path, getpid()); // two programs may check the same model
    {
        std::ofstream file(temporary, std::ios::binary);
        file << certificateToJson(certificate).dump(1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
        file.close();
        if (!file)
            problem = std::make_error_code(std::errc::io_error);
    }
    if (!problem)
        fs::rename(temporary, path, problem);
    if (!problem)
        return success();
    std::error_code ignored; // the first problem is the one to tell
    fs::remove(temporary, ignored);
    return failed(problem.message());
}

Result<Certificate> loadCertificate(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    if (!file)
        return Error{Errc::FileNotFound, "There is no certificate of this model.", "Run the check.", path};
    const auto json = nlohmann::json::parse(file, nullptr, false);
    if (json.is_discarded())
        return Error{Errc::FileFormat, "The certificate cannot be read.", "Run the check again.", path};
    return certificateFromJson(json);
}

} // namespace ls
