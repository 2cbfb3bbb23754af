#include "core/spec/layer_set.h"

#include "core/json_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>

namespace ls {

namespace {

Error badLayers(std::string message, int blockCount)
{
    return {Errc::InvalidParameter,
            std::move(message),
            fmt::format("Give blocks from 0 to {}, like [2, 5] or \"2,5,9-12\".", blockCount - 1),
            {}};
}

/// A number at the start of `text`, which is then shortened; -1 if there is none.
int takeNumber(std::string_view& text)
{
    int value = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || value < 0)
        return -1;
    text.remove_prefix(std::size_t(end - text.data()));
    return value;
}

Result<std::vector<int>> parseText(const std::string& source, int blockCount)
{
    std::string compact;
    std::copy_if(source.begin(), source.end(), std::back_inserter(compact), [](char c) { return c != ' '; });
    std::string_view text = compact;
    std::vector<int> layers;
    while (!text.empty()) {
        const int first = takeNumber(text);
        int last = first;
        if (text.starts_with('-')) {
            text.remove_prefix(1);
            last = takeNumber(text);
        }
        if (first < 0 || last < first || last >= blockCount || (!text.empty() && text.front() != ','))
            return badLayers(fmt::format("\"{}\" is no list of blocks of this model.", source), blockCount);
        for (int layer = first; layer <= last; ++layer)
            layers.push_back(layer);
        if (!text.empty())
            text.remove_prefix(1);
    }
    return layers;
}

} // namespace

Result<std::vector<int>> layerSetFromJson(const nlohmann::json& json, int blockCount)
{
    std::vector<int> layers;
    if (json.is_string() && json.get_ref<const std::string&>() == "all") {
        layers.resize(std::size_t(blockCount));
        std::iota(layers.begin(), layers.end(), 0);
    } else if (json.is_string()) {
        LS_TRY(layers, parseText(json.get<std::string>(), blockCount));
    } else if (json.is_array()) {
        for (const auto& item : json) {
            if (!item.is_number_integer() || item.get<std::int64_t>() < 0 || item.get<std::int64_t>() >= blockCount)
                return badLayers(fmt::format("{} is no block of this model.", dumped(item)), blockCount);
            layers.push_back(item.get<int>());
        }
    } else {
        return badLayers("A set of blocks is a list, \"all\" or a text.", blockCount);
    }
    std::sort(layers.begin(), layers.end());
    layers.erase(std::unique(layers.begin(), layers.end()), layers.end());
    return layers;
}

std::string layerSetText(const std::vector<int>& layers)
{
    std::string out;
    for (std::size_t i = 0; i < layers.size();) {
        std::size_t end = i + 1;
        while (end < layers.size() && layers[end] == layers[end - 1] + 1)
            ++end;
        out += fmt::format("{}{}", out.empty() ? "" : ",", layers[i]);
        if (end - i > 1)
            out += fmt::format("{}{}", end - i == 2 ? "," : "-", layers[end - 1]);
        i = end;
    }
    return out;
}

} // namespace ls
