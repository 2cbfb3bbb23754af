#pragma once

#include "core/spec/method_use.h"

#include <QString>

#include <vector>

/// The methods desk as a value: what undo keeps, the session stores and the engine is sent.
namespace ls {

/// A card of the desk. Only enabled ones are sent.
struct DeskCard {
    QString key; ///< stable name: "layer_skip", "layer_skip#2"
    MethodUse use;
    bool enabled = false;
    bool folded = false;
    QString policy = QStringLiteral("auto");
    bool operator==(const DeskCard&) const = default;
};
using Desk = std::vector<DeskCard>;

MethodSet enabledMethods(const Desk& desk);
QString freeKey(const Desk& desk, const std::string& method); ///< for another card of this method
Desk deskOf(const MethodSet& methods);                        ///< a card for each, switched on
nlohmann::json deskToJson(const Desk& desk);
Desk deskFromJson(const nlohmann::json& json); ///< without cards of methods that this version does not know

} // namespace ls
