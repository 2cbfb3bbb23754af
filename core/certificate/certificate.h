#pragma once

#include "core/error.h"
#include "core/model_info.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

/// What was found when the engine checked that it computes a model right. Made by the engine's experiment "certify",
/// kept by the client beside its other caches, one per model file and run dtype.
namespace ls {

/// How far one site was off, at its worst over all prompts and positions: max |difference| of a row over the largest
/// |entry| of the same row of the other side. Rows are positions. Patterns: max |difference|.
struct SiteError {
    std::string site; ///< canonical, "blocks.3.attn_out"
    /// Against float64: of the block alone, both sides given the same stream at its start; this is what is judged.
    /// Against stored values: of the whole pass.
    double error = 0;
    /// Of the whole pass: rounding of all blocks before adds to it, by as much as the model amplifies it.
    double accumulated = 0;
    double cosine = 1; ///< smallest of all rows
    std::string prompt;
    int position = 0; ///< where `error` is
    bool operator==(const SiteError&) const = default;
    static constexpr auto fields()
    {
        using S = SiteError;
        return std::tuple{
            std::pair{"site", &S::site},     std::pair{"error", &S::error},   std::pair{"accumulated", &S::accumulated},
            std::pair{"cosine", &S::cosine}, std::pair{"prompt", &S::prompt}, std::pair{"position", &S::position}};
    }
};

/// One thing the model was compared with.
struct CertificateSource {
    std::string name;  ///< "float64" (the engine's second implementation) or "reference" (stored values)
    std::string about; ///< one sentence
    std::vector<std::string> prompts;
    std::vector<SiteError> sites; ///< in the order of the pass
    bool operator==(const CertificateSource&) const = default;
    static constexpr auto fields()
    {
        using S = CertificateSource;
        return std::tuple{std::pair{"name", &S::name}, std::pair{"about", &S::about}, std::pair{"prompts", &S::prompts},
                          std::pair{"sites", &S::sites}};
    }
};

/// A claim that holds or not: cached decode equals uncached, the tokenizer gives back what it was given.
struct CertificateCheck {
    std::string name;   ///< "cached_decode"
    std::string title;  ///< "Cached decode equals one pass"
    double value = 0;   ///< what was measured
    double bar = 0;     ///< it must be below
    bool passed = true; ///< counts, because not every claim is a number
    std::string detail; ///< where it failed, or why it could not be made
    bool made = true;   ///< false: the claim could not be checked
    bool operator==(const CertificateCheck&) const = default;
    static constexpr auto fields()
    {
        using C = CertificateCheck;
        return std::tuple{std::pair{"name", &C::name},     std::pair{"title", &C::title},
                          std::pair{"value", &C::value},   std::pair{"bar", &C::bar},
                          std::pair{"passed", &C::passed}, std::pair{"made", &C::made},
                          std::pair{"detail", &C::detail}};
    }
};

struct Certificate {
    static constexpr int kFormat = 2;
    int format = kFormat;
    std::string model, family, fingerprint, tokenizerFingerprint, storedType, dtype, device;
    std::string engine; ///< "layerscope-engine 0.1.0"
    std::string build;  ///< compiler, libtorch, CPU features
    std::string madeAt; ///< UTC, "2026-01-31T12:00:00Z"
    int threads = 0, blockCount = 0;
    double usual = 0, failure = 0; ///< bars of site errors: below `usual` is expected, from `failure` on it is wrong
    std::vector<CertificateSource> sources;
    std::vector<CertificateCheck> checks;
    std::string verdict;   ///< "pass", "unusual" or "fail"
    std::string firstOver; ///< first site of the pass from `usual` on, or the first failed check; empty if none
    bool operator==(const Certificate&) const = default;
    static constexpr auto fields()
    {
        using C = Certificate;
        return std::tuple{std::pair{"format", &C::format},
                          std::pair{"model", &C::model},
                          std::pair{"family", &C::family},
                          std::pair{"fingerprint", &C::fingerprint},
                          std::pair{"tokenizer_fingerprint", &C::tokenizerFingerprint},
                          std::pair{"stored_type", &C::storedType},
                          std::pair{"dtype", &C::dtype},
                          std::pair{"device", &C::device},
                          std::pair{"engine", &C::engine},
                          std::pair{"build", &C::build},
                          std::pair{"made_at", &C::madeAt},
                          std::pair{"threads", &C::threads},
                          std::pair{"block_count", &C::blockCount},
                          std::pair{"usual", &C::usual},
                          std::pair{"failure", &C::failure},
                          std::pair{"sources", &C::sources},
                          std::pair{"checks", &C::checks},
                          std::pair{"verdict", &C::verdict},
                          std::pair{"first_over", &C::firstOver}};
    }
};

/// Bars of the run dtype, then verdict and firstOver from sources and checks. A value that is no number is an error
/// without limit. Nothing compared at all is a failure.
void judge(Certificate& certificate);

/// A comparison with stored values is not lost because the model was checked without them later: the newer certificate
/// takes it over from the kept one, if both are of the same file, dtype and engine.
void keepReference(Certificate& newer, const Certificate& kept);

/// The largest error of a source; 0 without sites.
double worstError(const CertificateSource& source);
/// "pass: largest error 1.2e-05 (blocks.3.attn.q) against float64, 6 of 6 checks, float32, 2026-01-31".
std::string summaryLine(const Certificate& certificate);

nlohmann::json certificateToJson(const Certificate& certificate);
/// Errors: FileFormat, also for another format number.
Result<Certificate> certificateFromJson(const nlohmann::json& json);

/// ${XDG_CACHE_HOME:-~/.cache}/layerscope/certificates/<fingerprint>-<dtype>.json
std::string certificatePath(const std::string& fingerprint, const std::string& dtype);
/// Written beside and renamed. Errors: FileNotWritable.
Status storeCertificate(const std::string& path, const Certificate& certificate);
/// Errors: FileNotFound, FileFormat.
Result<Certificate> loadCertificate(const std::string& path);

} // namespace ls
