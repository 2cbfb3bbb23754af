#pragma once

#include "engine/forward/plan.h"

#include <functional>
#include <map>
#include <string>

namespace ls {

/// Methods by id. plugins/registry.cpp fills it with an explicit list; the engine looks methods up by id only, so the
/// include direction (plugins see engine, never back) holds.
class MethodRegistry {
public:
    using Create =
        std::function<Result<InterventionPtr>(const nlohmann::json& params, const std::shared_ptr<const Model>& model)>;
    static MethodRegistry& instance();
    void add(std::string id, Create create);
    const Create* find(const std::string& id) const;
    std::vector<std::string> ids() const;

private:
    std::map<std::string, Create> m_methods;
};

/// Defined in plugins/registry.cpp: registers every method that ships. Called once by the engine's main and by tests.
void registerMethods(MethodRegistry& registry);

} // namespace ls
