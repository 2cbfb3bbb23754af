#include "app/cli/context.h"

#include "core/certificate/certificate.h"

#include <fmt/format.h>

namespace ls::cli {

namespace {

using nlohmann::json;

struct Options {
    std::string model;
    bool asJson = false;
};

std::string shortText(const json& value)
{
    constexpr std::size_t kLongest = 140;
    if (value.is_array() && value.size() > 8)
        return fmt::format("({} entries)", value.size());
    std::string text = value.is_string() ? value.get<std::string>() : jsonLine(value);
    for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos;)
        text.replace(at, 1, "\\n");
    return text.size() > kLongest ? fmt::format("{}... ({} bytes)", text.substr(0, kLongest), text.size()) : text;
}

void printTensors(const json& tensors)
{
    fmt::print("\ntensors ({})\n", tensors.size());
    for (const json& tensor : tensors)
        fmt::print("  {:<44} {:<8} {:>14} B  {}\n", tensor.value("name", ""), tensor.value("type", ""),
                   tensor.value("bytes", std::int64_t(0)), jsonLine(tensor.value("shape", json::array())));
}

/// Sections in the order a reader wants them; whatever else the engine tells comes before the long lists.
void print(const json& info)
{
    for (const auto& [key, value] : info.items())
        if (!value.is_structured())
            fmt::print("{:<24} {}\n", key, shortText(value));
    for (const auto& [section, value] : info.items()) {
        if (section == "tensors" || section == "sites" || !value.is_structured())
            continue;
        fmt::print("\n{}\n", section);
        if (value.is_array())
            for (const json& entry : value)
                fmt::print("  {}\n", shortText(entry));
        else
            for (const auto& [key, entry] : value.items())
                fmt::print("  {:<44} {}\n", key, shortText(entry));
    }
    if (const auto sites = info.find("sites"); sites != info.end() && sites->is_array()) {
        fmt::print("\nhook sites ({})\n", sites->size());
        for (const json& site : *sites)
            fmt::print("  {}\n", shortText(site));
    }
    if (const auto tensors = info.find("tensors"); tensors != info.end() && tensors->is_array())
        printTensors(*tensors);
}

/// "certificate": per run dtype one line, or what is missing.
void addCertificates(json& info)
{
    const std::string fingerprint = info.value("fingerprint", std::string());
    json lines = json::object();
    for (const char* dtype : {"float32", "bfloat16", "quantised"}) {
        const auto certificate = loadCertificate(certificatePath(fingerprint, dtype));
        if (certificate)
            lines[dtype] = summaryLine(certificate.value());
        else if (certificate.error().code != Errc::FileNotFound)
            lines[dtype] = certificate.error().message;
    }
    info["certificate"] = lines.empty() ? json("none; layerscope-cli certify MODEL makes one") : std::move(lines);
}

Result<int> run(const Options& options)
{
    LS_TRY(EnginePtr engine, startEngine());
    LS_TRY(const Inspected inspected,
           ask<Inspected>(*engine, InspectModel{engine->nextRequestId(), options.model}, {}, &interrupted));
    json info = inspected.info;
    addCertificates(info);
    if (options.asJson)
        fmt::print("{}\n", jsonLine(info));
    else
        print(info);
    return 0;
}

} // namespace

void addInspect(CLI::App& app, Action& action)
{
    auto options = std::make_shared<Options>();
    auto* command = app.add_subcommand("inspect", "What a model file holds; nothing is loaded");
    command->add_option("model", options->model, "Model file")->required();
    command->add_flag("--json", options->asJson, "One JSON object");
    command->callback([options, &action] { action = [options] { return run(*options); }; });
}

} // namespace ls::cli
