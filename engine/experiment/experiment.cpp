#include "engine/experiment/experiment.h"

#include <fmt/format.h>

#include <algorithm>

namespace ls {

namespace {

Error wrongParam(const std::string& name, const std::string& what)
{
    return {Errc::InvalidParameter,
            fmt::format("The parameter \"{}\" {}.", name, what),
            "docs/experiments.md lists the parameters of every experiment.",
            {}};
}

} // namespace

ExperimentRegistry& ExperimentRegistry::instance()
{
    static ExperimentRegistry registry;
    return registry;
}

const ExperimentRegistry::Run* ExperimentRegistry::find(const std::string& kind) const
{
    const auto found = m_kinds.find(kind);
    return found == m_kinds.end() ? nullptr : &found->second;
}

std::vector<std::string> ExperimentRegistry::kinds() const
{
    std::vector<std::string> names;
    for (const auto& [kind, run] : m_kinds)
        names.push_back(kind);
    return names;
}

Result<std::string> textParam(const nlohmann::json& params, const std::string& name)
{
    const auto found = params.find(name);
    if (found == params.end() || !found->is_string() || found->get_ref<const std::string&>().empty())
        return wrongParam(name, "is missing or is no text");
    return found->get<std::string>();
}

Result<std::string> textParam(const nlohmann::json& params, const std::string& name, const std::string& fallback)
{
    return params.contains(name) ? textParam(params, name) : Result<std::string>(fallback);
}

Result<std::int64_t> integerParam(const nlohmann::json& params, const std::string& name, std::int64_t fallback,
                                  std::int64_t minimum, std::int64_t maximum)
{
    const auto found = params.find(name);
    if (found == params.end())
        return fallback;
    if (!found->is_number_integer())
        return wrongParam(name, "is no whole number");
    const auto value = found->get<std::int64_t>();
    if (value < minimum || value > maximum)
        return wrongParam(name, fmt::format("is {}, allowed are {} to {}", value, minimum, maximum));
    return value;
}

Result<std::vector<std::string>> textsParam(const nlohmann::json& params, const std::string& name)
{
    const auto found = params.find(name);
    if (found == params.end() || !found->is_array() ||
        !std::all_of(found->begin(), found->end(), [](const auto& item) { return item.is_string(); }))
        return wrongParam(name, "is missing or is no list of texts");
    return found->get<std::vector<std::string>>();
}

} // namespace ls
