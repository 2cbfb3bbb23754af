#pragma once

#include <array>
#include <span>
#include <string_view>

/// Files that travel inside the programs (cmake/LayerscopeEmbed.cmake).
namespace ls {

struct EmbeddedFile {
    std::string_view path; ///< relative to the folder it comes from, "layer_skip/method.json"
    std::string_view bytes;
};

namespace embedded {
std::span<const EmbeddedFile> method_schema_files();    ///< plugins/*/method.json
std::span<const EmbeddedFile> schema_migration_files(); ///< resources/schema/*.sql
std::span<const EmbeddedFile> data_files();             ///< resources/data/**
} // namespace embedded

} // namespace ls
