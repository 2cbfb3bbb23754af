#include "engine/certify/certify.h"

#include "core/certificate/certificate.h"
#include "engine/certify/certify_parts.h"
#include "engine/evaluate/scoring.h"
#include "engine/server/process_info.h"

#include <ATen/Parallel.h>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>

namespace ls {

namespace {

using namespace certify;

Certificate headOf(const Model& model)
{
    const ModelInfo& info = model.info();
    Certificate out;
    out.model = info.name;
    out.family = info.family;
    out.fingerprint = info.fingerprint;
    out.tokenizerFingerprint = info.tokenizerFingerprint;
    out.storedType = info.storedType;
    out.dtype = info.dtype;
    out.device = info.device;
    out.engine = "layerscope-engine " LAYERSCOPE_VERSION;
    out.build = buildText();
    out.madeAt = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::now()));
    out.threads = at::get_num_threads();
    out.blockCount = info.blockCount;
    return out;
}

std::vector<CertificateCheck> checksOf(const Model& model, const ExactFindings& found)
{
    const auto below = [](double value, double bar) { return value < bar; };
    std::vector<CertificateCheck> out;
    out.push_back({"residual_sums", "Stream in plus both branches is stream out", found.residualSums, 2e-6,
                   below(found.residualSums, 2e-6)});
    if (!model.config().attentionSinks)
        out.push_back(
            {"pattern_sums", "Attention patterns sum to 1", found.patternSums, 1e-5, below(found.patternSums, 1e-5)});
    const double logits = found.sites.accumulated({Site::Logits, -1}), bar = checkBars(model).exact;
    out.push_back({"logits", "Logits of the whole pass equal float64", logits, bar, below(logits, bar)});
    const double off = found.rows - found.top1;
    out.push_back({"top1", "The most likely token is the same as in float64", off, 1, off == 0,
                   fmt::format("{} of {} positions", found.top1, found.rows)});
    return out;
}

} // namespace

Result<nlohmann::json> runCertify(const ExperimentContext& context)
{
    const Model& model = *context.model;
    Certificate certificate = headOf(model);
    std::string reference;
    if (context.params.contains("reference")) {
        LS_TRY(reference, textParam(context.params, "reference"));
    }
    if (!reference.empty() && certificate.dtype != "float32")
        return Error{Errc::InvalidParameter,
                     "Reference values are float32; this model runs as " + certificate.dtype + ".",
                     "Open it as float32.",
                     {}};
    if (model.config().expertCount > 0 && certificate.dtype != "float32")
        return Error{Errc::NotSupported,
                     "A mixture of experts cannot be judged as " + certificate.dtype +
                         ": rounding may choose another expert.",
                     "Open it as float32.",
                     {}};
    LS_TRY(const PlanPtr plan, planOf(context.model, {}));
    ExactFindings found;
    CertificateSource exact{
        "float64", "The engine's second implementation: plain float64, nothing cached or fused.", {}, {}};
    std::vector<CertificateCheck> caches;
    for (const CertifyPrompt& prompt : prompts(model)) {
        if (!context.checkpoint())
            return ExperimentContext::cancelled();
        LS_CHECK(compareWithExact(context, plan, prompt, found));
        exact.prompts.push_back(prompt.name);
        if (caches.empty()) {
            LS_TRY(caches, cacheChecks(context, plan, prompt, found.logits));
        }
    }
    exact.sites = found.sites.inOrder();
    certificate.sources.push_back(std::move(exact));
    certificate.checks = checksOf(model, found);
    certificate.checks.insert(certificate.checks.end(), caches.begin(), caches.end());
    certificate.checks.push_back(tokenizerCheck(model));
    if (!reference.empty())
        LS_CHECK(compareWithReference(context, reference, certificate));
    judge(certificate);
    return certificateToJson(certificate);
}

} // namespace ls
