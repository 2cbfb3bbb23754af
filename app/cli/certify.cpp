#include "app/cli/context.h"

#include "core/certificate/certificate.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace ls::cli {

namespace {

using nlohmann::json;

struct Options {
    std::string model, reference;
    EngineFlags engine;
    bool asJson = false, all = false;
};

void printSites(const CertificateSource& source, const Certificate& certificate, bool all)
{
    fmt::print("\nagainst {} ({} prompts): {}\n", source.name, source.prompts.size(), source.about);
    for (const SiteError& site : source.sites)
        if (all || site.error >= certificate.usual)
            fmt::print("  {:<28} {:.2e}  whole pass {:.2e}  cosine {:.9f}  {} position {}{}\n", site.site, site.error,
                       site.accumulated, site.cosine, site.prompt, site.position,
                       site.error >= certificate.failure ? "  FAILS"
                       : site.error >= certificate.usual ? "  unusual"
                                                         : "");
    fmt::print("  {} sites, largest error {:.2e} of the largest entry of its row\n", source.sites.size(),
               worstError(source));
}

void print(const Certificate& certificate, bool all)
{
    fmt::print("{} ({}, {} on {}, stored as {}, fingerprint {})\n", certificate.model, certificate.family,
               certificate.dtype, certificate.device, certificate.storedType, certificate.fingerprint);
    for (const CertificateSource& source : certificate.sources)
        printSites(source, certificate, all);
    fmt::print("\nchecks\n");
    for (const CertificateCheck& check : certificate.checks)
        fmt::print("  {}  {:<58} {:.2e} < {:.0e}{}{}\n",
                   !check.made    ? "--  "
                   : check.passed ? "ok  "
                                  : "FAIL",
                   check.title, check.value, check.bar, check.detail.empty() ? "" : "  ", check.detail);
    fmt::print("\nverdict: {}  (unusual from {:.0e}, failure from {:.0e})\n", certificate.verdict, certificate.usual,
               certificate.failure);
    if (!certificate.firstOver.empty())
        fmt::print("first over the bar: {}\n", certificate.firstOver);
}

Result<int> run(const Options& options)
{
    json params = json::object();
    if (!options.reference.empty()) // absolute: the engine may run in another folder
        params["reference"] = std::filesystem::absolute(options.reference).string();
    LS_TRY(OpenEngine open, openModel(options.model, options.engine));
    const RunExperiment request{open.process->nextRequestId(), "certify", std::move(params)};
    ProgressLine progress;
    LS_TRY(const ExperimentDone done,
           ask<ExperimentDone>(
               *open.process, request, [&](const EngineMessage& message) { progress.show(message); }, &interrupted));
    progress.clear();
    LS_TRY(Certificate certificate, certificateFromJson(done.result));
    const std::string path = certificatePath(certificate.fingerprint, certificate.dtype);
    if (const auto kept = loadCertificate(path))
        keepReference(certificate, kept.value());
    const Status stored = storeCertificate(path, certificate);
    if (options.asJson)
        fmt::print("{}\n", jsonLine(certificateToJson(certificate)));
    else
        print(certificate, options.all);
    LS_CHECK(stored); // after the result, which is worth more than the file
    if (!options.asJson)
        fmt::print("kept in {}\n", path);
    return certificate.verdict == "fail" ? 1 : 0;
}

} // namespace

void addCertify(CLI::App& app, Action& action)
{
    auto options = std::make_shared<Options>();
    auto* command = app.add_subcommand("certify", "Check that a model is computed right, and keep the certificate");
    command->add_option("model", options->model, "Model file or folder")->required();
    command->add_option("--reference", options->reference, "Folder with reference values (golden.safetensors)");
    options->engine.addTo(*command);
    command->add_flag("--all", options->all, "List every site, not only those over the bar");
    command->add_flag("--json", options->asJson, "The certificate as one JSON object");
    command->callback([options, &action] { action = [options] { return run(*options); }; });
}

} // namespace ls::cli
