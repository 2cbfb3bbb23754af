#include "ui/desk/desk.h"

#include "core/spec/method_schema.h"

#include <algorithm>

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

Desk deskFromJson(const nlohmann::json& json)
{
    Desk desk;
    if (!json.is_array())
        return desk;
    for (const auto& item : json) {
        if (!item.is_object() || !item.contains("method") || !item["method"].is_string())
            continue;
        DeskCard card;
        card.use.method = item["method"].get<std::string>();
        if (!findMethodSchema(card.use.method))
            continue; // of a newer version: nothing here could show or run it
        card.key = QString::fromStdString(item.value("key", card.use.method));
        card.use.params = item.value("params", nlohmann::json::object());
        card.enabled = item.value("enabled", false);
        card.folded = item.value("folded", false);
        card.policy = QString::fromStdString(item.value("policy", std::string("auto")));
        desk.push_back(std::move(card));
    }
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
