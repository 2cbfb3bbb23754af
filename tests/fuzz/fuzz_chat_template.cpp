#include "engine/text/chat_template.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

/// A chat template, and behind the first NUL a JSON context for it (none: a small chat). Whatever they hold: an error
/// or a text of bounded size, and the same one when rendered again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using nlohmann::ordered_json;
    static const ordered_json chat = ordered_json::parse(R"({"messages": [{"role": "system", "content": "Be kind."},
        {"role": "user", "content": " Hi <b> é🙂\n"}, {"role": "assistant", "content": null, "tool_calls":
        [{"function": {"name": "f", "arguments": {"x": 1.5, "y": [true, "z"]}}}]}], "add_generation_prompt": true,
        "bos_token": "<s>", "eos_token": "</s>", "strftime_now": "01 Jan 2026", "n": 3, "list": [3, 1, "2"]})");
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const std::size_t end = input.find('\0');
    const auto parsed = ls::ChatTemplate::parse(input.substr(0, end));
    if (!parsed)
        return parsed.error().message.empty() ? std::abort(), 0 : 0;
    ordered_json context = end == input.npos ? chat : ordered_json::parse(input.substr(end + 1), nullptr, false);
    if (!context.is_object())
        context = chat;
    context["strftime_now"] = "01 Jan 2026"; // the clock would make two renderings differ
    const auto once = parsed.value()->render(context), again = parsed.value()->render(context);
    if (once.ok() != again.ok() || (once.ok() && once.value() != again.value()))
        std::abort();
    if (once.ok() && once.value().size() > (std::size_t(64) << 20))
        std::abort();
    return 0;
}
