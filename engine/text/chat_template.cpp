#include "engine/text/chat_template.h"

#include "engine/text/jinja/machine.h"
#include "engine/text/jinja/parser.h"

#include <fmt/format.h>

#include <limits>

namespace ls {

namespace {

using nlohmann::ordered_json;

Error failed(const jinja::Failure& failure)
{
    std::string where = failure.line > 0 ? fmt::format("Line {} of the chat template.", failure.line) : std::string();
    return {Errc::TemplateFailed, failure.message, "Change the messages, or write the prompt as plain text.",
            std::move(where)};
}

jinja::Value valueOf(jinja::Budget& budget, const ordered_json& json)
{
    const jinja::Level level(budget);
    budget.step();
    switch (json.type()) {
    case ordered_json::value_t::boolean:
        return jinja::Value(json.get<bool>());
    case ordered_json::value_t::number_unsigned:
        if (json.get<std::uint64_t>() > std::uint64_t(std::numeric_limits<std::int64_t>::max()))
            throw jinja::Failure{fmt::format("The number {} is too large.", json.get<std::uint64_t>())};
        return jinja::Value(json.get<std::int64_t>());
    case ordered_json::value_t::number_integer:
        return jinja::Value(json.get<std::int64_t>());
    case ordered_json::value_t::number_float:
        return jinja::Value(json.get<double>());
    case ordered_json::value_t::string:
        budget.make(json.get_ref<const std::string&>().size());
        return jinja::Value::text(json.get<std::string>());
    case ordered_json::value_t::array: {
        jinja::Values items;
        budget.make(json.size() * sizeof(jinja::Value));
        for (const ordered_json& item : json)
            items.push_back(valueOf(budget, item));
        return jinja::makeList(std::move(items));
    }
    case ordered_json::value_t::object: {
        jinja::Dict dict;
        for (const auto& [key, item] : json.items())
            dict.set(budget, jinja::Value::text(key), valueOf(budget, item));
        return jinja::makeDict(std::move(dict));
    }
    default:
        return {};
    }
}

class JinjaTemplate final : public ChatTemplate {
public:
    explicit JinjaTemplate(jinja::Body body)
        : m_body(std::move(body))
    {
    }

    Result<std::string> render(const ordered_json& context) const override
    {
        const auto fixed = context.find("strftime_now");
        const bool isFixed = fixed != context.end() && fixed->is_string();
        const auto lookUp = [&](jinja::Budget& budget, std::string_view name) -> std::optional<jinja::Value> {
            if (isFixed && name == "strftime_now")
                return std::nullopt; // the function of that name answers with it
            const auto found = context.find(std::string(name));
            return found == context.end() ? std::nullopt : std::optional(valueOf(budget, *found));
        };
        try {
            return jinja::Machine(m_body, lookUp, isFixed ? fixed->get<std::string>() : std::string()).render();
        } catch (const jinja::Failure& failure) {
            return failed(failure);
        }
    }

private:
    const jinja::Body m_body;
};

} // namespace

Result<std::unique_ptr<ChatTemplate>> ChatTemplate::parse(std::string_view source)
{
    try {
        return std::unique_ptr<ChatTemplate>(std::make_unique<JinjaTemplate>(jinja::parse(source)));
    } catch (const jinja::Failure& failure) {
        return failed(failure);
    }
}

} // namespace ls
