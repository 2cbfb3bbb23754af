#include "app/cli/context.h"

#include "core/bounded_json.h"
#include "core/utf8.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <limits>
#include <sstream>

#include <unistd.h>

namespace ls::cli {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

std::atomic<bool> interrupted = false;
bool verbose = false;

void EngineFlags::addTo(CLI::App& command)
{
    command.add_option("--device", device, "Device: cpu, cuda:0, ...")->capture_default_str();
    command
        .add_option("--dtype", dtype,
                    "Type of the weights while running: float32, bfloat16 or, for GGUF files, quantised (as stored)")
        ->check(CLI::IsMember({"float32", "bfloat16", "quantised"}))
        ->capture_default_str();
    command.add_option("--context-length", contextLength, "Tokens the cache can hold (0: as trained)")
        ->check(CLI::NonNegativeNumber);
    command.add_option("--threads", threads, "Threads (0: all cores)")->check(CLI::NonNegativeNumber);
}

namespace {

/// Decimal numbers with a comma between them; anything else is a mistake that would become another prompt.
std::vector<std::int32_t> idsOf(const std::string& list)
{
    std::vector<std::int32_t> out;
    std::istringstream parts(list + ",");
    for (std::string part; std::getline(parts, part, ',');) {
        std::int32_t id = 0;
        const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), id);
        if (part.empty() || error != std::errc() || end != part.data() + part.size())
            throw CLI::ValidationError("--ids", fmt::format("\"{}\" is no token id", part));
        out.push_back(id);
    }
    return out;
}

} // namespace

void PromptFlags::addTo(CLI::App& command, bool withChat)
{
    auto* group = command.add_option_group("prompt", "Exactly one of these");
    group->add_option("--prompt", text, "Prompt as text");
    group->add_option("--prompt-file", file, "File whose text is the prompt");
    group->add_option_function<std::string>(
        "--ids", [this](const std::string& list) { ids = idsOf(list); }, "Prompt as token ids: 1,2,3");
    if (withChat)
        group->add_option("--chat", chat, "JSON file with chat messages: [{\"role\", \"content\"}, ...]");
    group->require_option(1);
}

void addSampler(CLI::App& command, SamplerSpec& sampler)
{
    const auto within = [](double low, bool open, double high) {
        return [=](const std::string& text) {
            double value = 0;
            const bool number = CLI::detail::lexical_cast(text, value) && std::isfinite(value);
            if (number && (open ? value > low : value >= low) && value <= high)
                return std::string();
            return fmt::format("{} is no number {} {}{}", text, open ? "above" : "from", low,
                               std::isfinite(high) ? fmt::format(" to {}", high)
                               : open              ? ""
                                                   : " on");
        };
    };
    command.add_option("--seed", sampler.seed, "Seed of the sampler")
        ->check([](const std::string& text) {
            std::uint64_t value = 0;
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
            const bool whole = error == std::errc() && end == text.data() + text.size();
            return whole ? std::string() : text + " is no whole number from 0 to 2^64 - 1";
        })
        ->capture_default_str();
    command.add_option("--temperature", sampler.temperature, "0: always the most probable token")
        ->check(within(0, false, std::numeric_limits<double>::infinity()))
        ->capture_default_str();
    command.add_option("--top-p", sampler.topP, "Probability mass that is drawn from")
        ->check(within(0, true, 1))
        ->capture_default_str();
}

Status checkUtf8(const std::string& text, const std::string& what)
{
    const auto at = utf8::firstInvalid(text);
    if (!at)
        return success();
    return Error{Errc::InvalidParameter,
                 fmt::format("{} is not UTF-8 at byte {}.", what, *at),
                 "Convert it first, for example with iconv.",
                 {}};
}

Result<PromptSpec> PromptFlags::read() const
{
    PromptSpec prompt;
    prompt.ids = ids;
    prompt.text = text;
    if (!file.empty()) {
        LS_TRY(prompt.text, readText(file));
        if (prompt.text.empty())
            return Error{Errc::PromptEmpty, fmt::format("{} is empty.", file), "Write a prompt into it.", {}};
    }
    LS_CHECK(checkUtf8(prompt.text, file.empty() ? "The prompt" : file));
    if (!chat.empty()) {
        LS_TRY(const std::string source, readText(chat));
        auto messages = ordered_json::parse(nestsTooDeep(source) ? std::string() : source, nullptr, false);
        if (messages.is_object() && messages.contains("messages"))
            messages = ordered_json(messages["messages"]);
        if (!messages.is_array() || messages.empty())
            return Error{Errc::InvalidParameter,
                         fmt::format("{} holds no chat messages.", chat),
                         "Write [{\"role\": \"user\", \"content\": \"...\"}].",
                         {}};
        prompt.messages = std::move(messages);
    }
    return prompt;
}

void ProgressLine::show(const EngineMessage& message)
{
    const auto* progress = std::get_if<Progress>(&message);
    if (!progress)
        return;
    static const bool terminal = ::isatty(STDERR_FILENO) == 1;
    if (!terminal)
        return show(progress->stage);
    m_open = true;
    if (progress->total > 0)
        fmt::print(stderr, "\r\033[K{} {:.0f} %", progress->stage, 100 * progress->done / progress->total);
    else
        fmt::print(stderr, "\r\033[K{} {:.0f}", progress->stage, progress->done);
    std::fflush(stderr);
}

void ProgressLine::show(const std::string& stage)
{
    if (stage == m_stage)
        return;
    clear();
    m_stage = stage;
    fmt::print(stderr, "{}\n", stage);
}

void ProgressLine::clear()
{
    if (m_open)
        fmt::print(stderr, "\r\033[K");
    m_open = false;
}

Result<EnginePtr> startEngine()
{
    EngineOptions options;
    options.client = "layerscope-cli " LAYERSCOPE_VERSION;
    options.echoLog = verbose;
    return EngineProcess::start(std::move(options));
}

Result<OpenEngine> openModel(const std::string& path, const EngineFlags& flags)
{
    LS_TRY(EnginePtr process, startEngine());
    ProgressLine progress;
    const OpenModel request{process->nextRequestId(), path,         flags.device, flags.dtype,
                            flags.contextLength,      flags.threads};
    LS_TRY(ModelReady ready,
           ask<ModelReady>(
               *process, request, [&](const EngineMessage& message) { progress.show(message); }, &interrupted));
    return OpenEngine{std::move(process), std::move(ready.info)};
}

Result<std::string> readText(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    if (fs::is_directory(path) || !file || !(text << file.rdbuf(), file.good() || file.eof()))
        return Error{Errc::FileNotFound, fmt::format("{} cannot be read.", path), "Check the path.", {}};
    return text.str();
}

Status checkWritable(const std::string& path)
{
    if (path.empty())
        return Error{Errc::FileNotFound, "There is no file name to write to.", "Give one.", {}};
    const fs::path parent = fs::absolute(path).parent_path();
    std::string reason;
    if (fs::is_directory(path))
        reason = "is a folder";
    else if (!fs::is_directory(parent))
        reason = "is in a folder that does not exist";
    else if (::access(fs::exists(path) ? path.c_str() : parent.c_str(), W_OK) != 0)
        reason = "may not be written";
    if (reason.empty())
        return success();
    return Error{Errc::FileNotFound, fmt::format("{} {}.", path, reason), "Choose another place.", {}};
}

Result<json> readJson(const std::string& path)
{
    LS_TRY(const std::string text, readText(path));
    auto parsed = parseJson(text);
    if (!parsed)
        return Error{Errc::FileFormat, fmt::format("{} is not JSON.", path), "Check the file.", {}};
    return std::move(*parsed);
}

Result<MethodSet> readMethods(const std::string& path)
{
    if (path.empty())
        return MethodSet{};
    LS_TRY(MethodSet methods, readMethodSet(path));
    for (MethodUse& use : methods) {
        const auto vector = use.params.find("vector");
        if (vector == use.params.end() || !vector->is_string())
            continue;
        const fs::path beside = fs::absolute(path).parent_path() / vector->get<std::string>();
        // absolute either way: a session that holds this set can be run again from another folder
        *vector = fs::exists(beside) ? beside.string() : fs::absolute(vector->get<std::string>()).string();
    }
    return methods;
}

Status readJsonLines(std::istream& in, std::size_t batch,
                     const std::function<Status(const std::vector<ordered_json>&)>& each)
{
    std::vector<ordered_json> waiting;
    int number = 0;
    for (std::string line; std::getline(in, line);) {
        ++number;
        if (line.find_first_not_of(" \t\r") == std::string::npos)
            continue;
        ordered_json parsed = ordered_json::parse(nestsTooDeep(line) ? std::string() : line, nullptr, false);
        if (!parsed.is_object()) {
            if (!waiting.empty())
                LS_CHECK(each(waiting));
            return Error{Errc::FileFormat, fmt::format("Line {} of the input is no JSON object.", number),
                         "Every line is one object.", line.substr(0, 200)};
        }
        waiting.push_back(std::move(parsed));
        if (waiting.size() == batch) {
            LS_CHECK(each(waiting));
            waiting.clear();
        }
    }
    return waiting.empty() ? success() : each(waiting);
}

std::string jsonLine(const json& value)
{
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

void printError(const Error& error)
{
    std::cout.flush();
    fmt::print(stderr, "layerscope-cli: {}\n", error.message);
    if (!error.hint.empty())
        fmt::print(stderr, "  {}\n", error.hint);
    if (error.detail.empty() || !(verbose || error.code == Errc::EngineDied))
        return;
    std::istringstream lines(error.detail);
    for (std::string line; std::getline(lines, line);)
        fmt::print(stderr, "  | {}\n", line);
}

} // namespace ls::cli
