#pragma once

#include "core/error.h"

#include <nlohmann/json.hpp>

#include <memory>
#include <string>
#include <string_view>

/// The Jinja subset that chat templates use, sandboxed: no files, no attributes of host objects, bounded steps and
/// output.
namespace ls {

class ChatTemplate {
public:
    /// Error: TemplateFailed; message: what the reference implementation (Jinja2) says, detail: the line.
    static Result<std::unique_ptr<ChatTemplate>> parse(std::string_view source);
    virtual ~ChatTemplate() = default;
    /// context: {"messages": [...], "add_generation_prompt": true, "bos_token": "...", "eos_token": "...", ...}.
    /// The order of keys is kept, because `tojson` writes maps into the prompt. Null and missing differ.
    /// `strftime_now(format)` uses context["strftime_now"] (a fixed text) if present, else the clock.
    /// Error: TemplateFailed; message of raise_exception() verbatim in Error::message.
    virtual Result<std::string> render(const nlohmann::ordered_json& context) const = 0;
};

} // namespace ls
