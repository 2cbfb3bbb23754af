#include "ui/desk/desk.h"

#include "core/spec/method_schema.h"

#include <algorithm>
#include <optional>

namespace ls {

nlohmann::json deskToJson(const Desk& desk)
{
    nlohmann::json cards = nlohmann::json::array();
    for (const DeskCard& card : desk)
        cards.push_back({{"key", card.key.toStdString()},
                         {"method", card.use.method},
                         {"params", card.use.params},
                         {"enabled", card.enabled},
                         {"folded", card.folded},
                         {"policy", card.policy.toStdString()}});
    return cards;
}

namespace {

/// A card as it was stored; a session file may hold anything. Nothing when no card can be made of it.
std::optional<DeskCard> cardFromJson(const nlohmann::json& item)
{
    const auto text = [&item](const char* key, const std::string& otherwise) {
        const auto found = item.find(key);
        return found != item.end() && found->is_string() ? found->get<std::string>() : otherwise;
    };
    const auto flag = [&item](const char* key) {
        const auto found = item.find(key);
        return found != item.end() && found->is_boolean() && found->get<bool>();
    };
    if (!item.is_object())
        return std::nullopt;
    DeskCard card;
    card.use.method = text("method", {});
    if (!findMethodSchema(card.use.method))
        return std::nullopt; // of a newer version: nothing here could show or run it
    if (const auto params = item.find("params"); params != item.end() && params->is_object())
        card.use.params = *params;
    else
        card.use.params = nlohmann::json::object();
    card.key = QString::fromStdString(text("key", card.use.method));
    card.enabled = flag("enabled");
    card.folded = flag("folded");
    card.policy = QString::fromStdString(text("policy", "auto"));
    return card;
}

} // namespace

Desk deskFromJson(const nlohmann::json& json)
{
    Desk desk;
    if (!json.is_array())
        return desk;
    for (const auto& item : json)
        if (auto card = cardFromJson(item))
            desk.push_back(std::move(*card));
    return desk;
}

MethodSet enabledMethods(const Desk& desk)
{
    MethodSet methods;
    for (const DeskCard& card : desk)
        if (card.enabled)
            methods.push_back(card.use);
    return methods;
}

QString freeKey(const Desk& desk, const std::string& method)
{
    const QString id = QString::fromStdString(method);
    QString key = id;
    const auto taken = [&](const DeskCard& card) { return card.key == key; };
    for (int n = 2; std::any_of(desk.begin(), desk.end(), taken); ++n)
        key = QStringLiteral("%1#%2").arg(id).arg(n);
    return key;
}

Desk deskOf(const MethodSet& methods)
{
    Desk desk;
    for (const MethodUse& use : methods) {
        if (!findMethodSchema(use.method))
            continue;
        DeskCard card;
        card.key = freeKey(desk, use.method);
        card.use = use;
        card.enabled = true;
        desk.push_back(std::move(card));
    }
    return desk;
}

} // namespace ls
