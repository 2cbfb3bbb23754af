#pragma once

#include "engine/certify/row_error.h"
#include "engine/experiment/experiment.h"
#include "engine/forward/forward.h"

#include <string>
#include <vector>

/// The parts of a certificate, each in a file of its own.
namespace ls::certify {

struct CertifyPrompt {
    std::string name;
    std::vector<std::int32_t> ids;
    bool detailed = true; ///< every site, else the stream and what is added to it
};

/// Short texts of several kinds, or ids drawn from a fixed seed where the model knows no text; and for a model whose
/// layers look through a window one that is longer than it, up to 1,024 keys.
std::vector<CertifyPrompt> prompts(const Model& model);

/// What a comparison with float64 found.
struct ExactFindings {
    SiteErrors sites;
    double residualSums = 0; ///< resid_pre + attn_out + mlp_out against resid_post, of the largest entry of the row
    double patternSums = 0;  ///< |sum - 1|
    int top1 = 0, rows = 0;  ///< positions whose most likely token agrees, of all whose answer is beyond rounding
    at::Tensor logits;       ///< float64, of the prompt's positions when it is detailed, else of the last
};
/// Runs the prompt through both implementations, block by block so that no more than one block is kept.
Status compareWithExact(const ExperimentContext& context, const PlanPtr& plan, const CertifyPrompt& prompt,
                        ExactFindings& findings);

/// Claims about caches and pieces, on one prompt; `exact`: its float64 logits.
Result<std::vector<CertificateCheck>> cacheChecks(const ExperimentContext& context, const PlanPtr& plan,
                                                  const CertifyPrompt& prompt, const at::Tensor& exact);
/// The tokenizer gives back what it was given.
CertificateCheck tokenizerCheck(const Model& model);

/// Stored values of another implementation: a folder with golden.safetensors (docs/certificate.md has the form).
Status compareWithReference(const ExperimentContext& context, const std::string& folder, Certificate& certificate);

/// Logits of all positions, `piece` ids at a time through one cache.
Result<at::Tensor> logitsInPieces(const ExperimentContext& context, const PlanPtr& plan,
                                  const std::vector<std::int32_t>& ids, std::size_t piece);

/// Bars that depend on the run dtype.
struct CheckBars {
    double same;  ///< between two ways through the first implementation, of the largest entry of the row
    double exact; ///< against another implementation
};
CheckBars checkBars(const Model& model);

} // namespace ls::certify
