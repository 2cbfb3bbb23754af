#include "engine/evaluate/model_card.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace ls {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kMostBytes = 64 << 10;
constexpr std::size_t kLongest = 200; // bytes of one fact

std::string trimmed(std::string text)
{
    const auto blank = [](unsigned char c) { return std::isspace(c) || c == '"' || c == '\''; };
    text.erase(std::find_if_not(text.rbegin(), text.rend(), blank).base(), text.end());
    text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), blank));
    return text.substr(0, kLongest);
}

std::string beginning(const fs::path& path)
{
    std::ifstream file(path, std::ios::binary);
    std::string text(kMostBytes, '\0');
    file.read(text.data(), std::streamsize(text.size()));
    text.resize(std::size_t(file.gcount()));
    return text;
}

bool isFile(const fs::path& path)
{
    std::error_code ignored;
    return fs::is_regular_file(path, ignored);
}

void put(json& card, const char* key, const std::string& value)
{
    if (!value.empty())
        card[key] = value;
}

/// "license: apache-2.0" between the lines "---" at the top of a README.
std::string licenceOfReadme(const std::string& readme)
{
    std::istringstream lines(readme);
    std::string line;
    if (!std::getline(lines, line) || trimmed(line) != "---")
        return {};
    while (std::getline(lines, line) && trimmed(line) != "---") {
        for (const char* key : {"license:", "license_name:"})
            if (line.starts_with(key) && trimmed(line.substr(std::char_traits<char>::length(key))) != "other")
                return trimmed(line.substr(std::char_traits<char>::length(key)));
    }
    return {};
}

void addLicence(json& card, const fs::path& folder)
{
    if (const std::string licence = licenceOfReadme(beginning(folder / "README.md")); !licence.empty()) {
        card["licence"] = licence;
        card["licence_from"] = "README.md";
        return;
    }
    for (const char* name : {"LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE"}) {
        if (!isFile(folder / name))
            continue;
        std::istringstream lines(beginning(folder / name));
        for (std::string line; std::getline(lines, line);)
            if (!trimmed(line).empty()) {
                card["licence"] = trimmed(line);
                card["licence_from"] = name;
                return;
            }
    }
}

void describe(const GgufFile& gguf, json& card)
{
    const auto text = [&](const char* key) {
        auto found = gguf.text(key);
        return found ? trimmed(std::move(found).value()) : std::string();
    };
    put(card, "name", text("general.name"));
    put(card, "description", text("general.description"));
    put(card, "quantised_by", text("general.quantized_by"));
    put(card, "licence", text("general.license"));
    if (card.contains("licence"))
        card["licence_from"] = "general.license";
    const std::string tokenizer = text("tokenizer.ggml.model");
    put(card, "tokenizer", tokenizer == "none" ? std::string() : tokenizer);
    card["chat_template"] = gguf.has("tokenizer.chat_template");
}

void describe(const ModelFolder& folder, json& card)
{
    const fs::path path = folder.path();
    const fs::path name = fs::path(path / "").parent_path().filename(); // also of "dir/"
    put(card, "name", trimmed(name.string()));
    addLicence(card, path);
    if (isFile(path / "tokenizer.json"))
        card["tokenizer"] = "tokenizer.json";
    const auto settings = folder.json("tokenizer_config.json");
    const bool inSettings = settings.ok() && settings.value() && settings.value()->contains("chat_template");
    card["chat_template"] = inSettings || isFile(path / "chat_template.jinja");
}

} // namespace

json modelCard(const ModelFile& file)
{
    json card = json::object();
    if (file.gguf())
        describe(*file.gguf(), card);
    else
        describe(*file.folder(), card);
    return card;
}

} // namespace ls
