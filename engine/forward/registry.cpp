#include "engine/forward/registry.h"

namespace ls {

MethodRegistry& MethodRegistry::instance()
{
    static MethodRegistry registry;
    return registry;
}

void MethodRegistry::add(std::string id, Create create)
{
    m_methods[std::move(id)] = std::move(create);
}

const MethodRegistry::Create* MethodRegistry::find(const std::string& id) const
{
    const auto found = m_methods.find(id);
    return found == m_methods.end() ? nullptr : &found->second;
}

std::vector<std::string> MethodRegistry::ids() const
{
    std::vector<std::string> out;
    for (const auto& [id, unused] : m_methods)
        out.push_back(id);
    return out;
}

} // namespace ls
