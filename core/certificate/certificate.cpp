#include "core/certificate/certificate.h"

#include "core/protocol/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace ls {

namespace {

struct Bars {
    double usual, failure;
};

/// float32: measured noise is 1e-5 (SmolLM2) to 3e-5 (Gemma), so 1e-4 is no rounding. bfloat16 rounds every operand to
/// 4e-3 of itself; branches in which large terms cancel reach 0.12 of their largest entry (docs/certificate.md). Blocks
/// of quantised models see inputs of 15 bits and float16 keys and values, 5e-3 measured; bfloat16 matrices stay what
/// they are.
Bars barsOf(const Certificate& certificate)
{
    if (certificate.dtype == "float32")
        return {5e-5, 1e-4};
    const bool blocks = certificate.storedType != "BF16" && certificate.storedType != "MXFP4";
    return certificate.dtype == "quantised" && blocks ? Bars{0.02, 0.05} : Bars{0.15, 0.3};
}

} // namespace

void judge(Certificate& certificate)
{
    const Bars bars = barsOf(certificate);
    certificate.usual = bars.usual;
    certificate.failure = bars.failure;
    certificate.firstOver.clear();
    bool failed = false, unusual = false, compared = false;
    for (CertificateSource& source : certificate.sources)
        for (SiteError& site : source.sites) {
            compared = true;
            for (double* error : {&site.error, &site.accumulated})
                if (!std::isfinite(*error)) // JSON knows no infinity
                    *error = std::numeric_limits<double>::max();
            if (!std::isfinite(site.cosine))
                site.cosine = 0;
            failed |= site.error >= bars.failure;
            unusual |= site.error >= bars.usual;
            if (site.error >= bars.usual && certificate.firstOver.empty())
                certificate.firstOver = site.site;
        }
    for (CertificateCheck& check : certificate.checks) {
        if (!std::isfinite(check.value))
            check.value = std::numeric_limits<double>::max();
        failed |= !check.passed;
        if (!check.passed && certificate.firstOver.empty())
            certificate.firstOver = check.name;
    }
    certificate.verdict = failed || !compared ? "fail" : unusual ? "unusual" : "pass";
}

void keepReference(Certificate& newer, const Certificate& kept)
{
    const auto isReference = [](const CertificateSource& source) { return source.name == "reference"; };
    const auto old = std::find_if(kept.sources.begin(), kept.sources.end(), isReference);
    const bool same = newer.fingerprint == kept.fingerprint && newer.dtype == kept.dtype &&
                      newer.engine == kept.engine && newer.build == kept.build;
    if (!same || old == kept.sources.end() || std::any_of(newer.sources.begin(), newer.sources.end(), isReference))
        return;
    newer.sources.insert(newer.sources.begin(), *old);
    for (const CertificateCheck& check : kept.checks)
        if (check.name.starts_with("reference/"))
            newer.checks.push_back(check);
    judge(newer);
}

double worstError(const CertificateSource& source)
{
    double worst = 0;
    for (const SiteError& site : source.sites)
        worst = std::max(worst, site.error);
    return worst;
}

std::string summaryLine(const Certificate& certificate)
{
    std::string out = certificate.verdict;
    const char* separator = ": ";
    for (const CertificateSource& source : certificate.sources) {
        const auto worst = std::max_element(source.sites.begin(), source.sites.end(),
                                            [](const auto& a, const auto& b) { return a.error < b.error; });
        if (worst == source.sites.end())
            continue;
        out += fmt::format("{}largest error {:.1e} ({}) against {}", separator, worst->error, worst->site, source.name);
        separator = ", ";
    }
    const auto count = [&](auto which) {
        return std::count_if(certificate.checks.begin(), certificate.checks.end(), which);
    };
    const auto made = count([](const CertificateCheck& check) { return check.made; });
    const auto passed = count([](const CertificateCheck& check) { return check.made && check.passed; });
    out += fmt::format("{}{} of {} checks", separator, passed, made);
    if (const auto skipped = std::ptrdiff_t(certificate.checks.size()) - made; skipped > 0)
        out += fmt::format(" ({} could not be made)", skipped);
    return out + fmt::format(", {}, {}", certificate.dtype, certificate.madeAt.substr(0, 10));
}

nlohmann::json certificateToJson(const Certificate& certificate)
{
    return fields::toJson(certificate);
}

Result<Certificate> certificateFromJson(const nlohmann::json& json)
{
    Certificate out;
    out.format = 0;
    try {
        fields::fromJson(json, out, "certificate");
    } catch (const fields::DecodeError& error) {
        return Error{Errc::FileFormat, "The certificate cannot be read.", "Run the check again.", error.what};
    }
    if (out.format != Certificate::kFormat)
        return Error{Errc::FileFormat, "The certificate was made by another version of Layerscope.",
                     "Run the check again.", fmt::format("format {}", out.format)};
    return out;
}

} // namespace ls
