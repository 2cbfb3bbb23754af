#include "engine/generate/probe.h"

namespace ls {

ProbeRegistry& ProbeRegistry::instance()
{
    static ProbeRegistry registry;
    return registry;
}

const ProbeRegistry::Create* ProbeRegistry::find(const std::string& id) const
{
    const auto found = m_probes.find(id);
    return found == m_probes.end() ? nullptr : &found->second;
}

std::vector<std::string> ProbeRegistry::ids() const
{
    std::vector<std::string> names;
    for (const auto& [id, create] : m_probes)
        names.push_back(id);
    return names;
}

} // namespace ls
