#include "engine/model/config_reader.h"

#include <fmt/format.h>

#include <cmath>

namespace ls {

const nlohmann::json* ConfigReader::find(const Key& key) const
{
    if (!isFolder() || key.folder.empty())
        return nullptr;
    const nlohmann::json* at = &m_file.folder()->config();
    for (std::size_t begin = 0; begin <= key.folder.size();) {
        const std::size_t end = std::min(key.folder.find('.', begin), key.folder.size());
        const auto found = at->is_object() ? at->find(key.folder.substr(begin, end - begin)) : at->end();
        if (found == at->end() || found->is_null())
            return nullptr;
        at = &*found;
        begin = end + 1;
    }
    return at;
}

bool ConfigReader::has(const Key& key) const
{
    return isFolder() ? find(key) != nullptr : !key.gguf.empty() && m_file.gguf()->has(ggufName(key));
}

Error ConfigReader::wrong(const Key& key, const std::string& what) const
{
    return {Errc::FileFormat,
            isFolder() ? fmt::format("config.json: {} {}.", key.folder, what)
                       : fmt::format("{} {}.", ggufName(key), what),
            "The file is damaged, or was not written for this architecture. Fetch the model again.", m_file.path()};
}

Result<int> ConfigReader::count(const Key& key, int least, int most, std::optional<int> fallback) const
{
    if (!has(key))
        return fallback ? Result<int>(*fallback) : Result<int>(wrong(key, "is missing"));
    std::int64_t value = 0;
    if (const nlohmann::json* json = find(key)) {
        if (!json->is_number_integer())
            return wrong(key, "is no whole number");
        // an unsigned number beyond int64 wraps below zero and is refused with the rest
        value = json->get<std::int64_t>();
    } else {
        LS_TRY(value, m_file.gguf()->integer(ggufName(key)));
    }
    if (value < least || value > most)
        return wrong(key, fmt::format("is {}, which no such model has", value));
    return int(value);
}

Result<double> ConfigReader::number(const Key& key, double least, double most, std::optional<double> fallback) const
{
    if (!has(key))
        return fallback ? Result<double>(*fallback) : Result<double>(wrong(key, "is missing"));
    double value = 0;
    if (const nlohmann::json* json = find(key)) {
        if (!json->is_number())
            return wrong(key, "is no number");
        value = json->get<double>();
    } else {
        LS_TRY(value, m_file.gguf()->number(ggufName(key)));
    }
    if (!std::isfinite(value) || value < least || value > most)
        return wrong(key, fmt::format("is {}, which no such model has", value));
    return value;
}

Result<bool> ConfigReader::flag(const Key& key, bool fallback) const
{
    if (!has(key))
        return fallback;
    if (const nlohmann::json* json = find(key)) {
        if (!json->is_boolean())
            return wrong(key, "is neither true nor false");
        return json->get<bool>();
    }
    return m_file.gguf()->boolean(ggufName(key));
}

Result<std::string> ConfigReader::text(const Key& key, std::optional<std::string> fallback) const
{
    if (!has(key))
        return fallback ? Result<std::string>(*fallback) : Result<std::string>(wrong(key, "is missing"));
    if (const nlohmann::json* json = find(key)) {
        if (!json->is_string())
            return wrong(key, "is no text");
        return json->get<std::string>();
    }
    return m_file.gguf()->text(ggufName(key));
}

Result<std::vector<std::string>> ConfigReader::texts(const Key& key) const
{
    if (!isFolder())
        return m_file.gguf()->texts(ggufName(key));
    const nlohmann::json* json = find(key);
    if (!json || !json->is_array())
        return wrong(key, "is no list");
    std::vector<std::string> out;
    for (const nlohmann::json& item : *json) {
        if (!item.is_string())
            return wrong(key, "holds something that is no text");
        out.push_back(item.get<std::string>());
    }
    return out;
}

Result<std::vector<double>> ConfigReader::numbers(const Key& key) const
{
    if (!isFolder())
        return m_file.gguf()->numbers(ggufName(key));
    const nlohmann::json* json = find(key);
    if (!json || !json->is_array())
        return wrong(key, "is no list");
    std::vector<double> out;
    for (const nlohmann::json& item : *json) {
        if (!item.is_number())
            return wrong(key, "holds something that is no number");
        out.push_back(item.get<double>());
    }
    return out;
}

Result<std::vector<bool>> ConfigReader::flags(const Key& key) const
{
    if (!isFolder())
        return m_file.gguf()->booleans(ggufName(key));
    const nlohmann::json* json = find(key);
    if (!json || !json->is_array())
        return wrong(key, "is no list");
    std::vector<bool> out;
    for (const nlohmann::json& item : *json) {
        if (!item.is_boolean() && !item.is_number_integer())
            return wrong(key, "holds something that is neither yes nor no");
        out.push_back(item.is_boolean() ? item.get<bool>() : item != 0);
    }
    return out;
}

} // namespace ls
