#pragma once

#include "core/error.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Where a value can be read or changed. Shapes as exported, [position, ...] float32.
namespace ls {

struct ModelConfig;

enum class Site : std::uint8_t {
    Embed,       ///< [pos, d] as it enters block 0, after the family's scaling
    ResidPre,    ///< [pos, d]
    AttnNorm,    ///< [pos, d] input of the attention branch after its norm
    AttnQ,       ///< [pos, head, d_head] after bias, q/k norm and rotary embedding
    AttnK,       ///< [pos, kv head, d_head]
    AttnV,       ///< [pos, kv head, d_head]
    AttnScores,  ///< [head, query, key] after scale, soft-cap and mask
    AttnPattern, ///< [head, query, key] after softmax
    AttnZ,       ///< [pos, head, d_head] before the output projection
    AttnOut,     ///< [pos, d] attention branch as added to the stream
    ResidMid,    ///< [pos, d] absent in parallel-residual families
    MlpNorm,     ///< [pos, d]
    MlpPre,      ///< [pos, d_ff]
    MlpAct,      ///< [pos, d_ff] input of the down projection
    MlpOut,      ///< [pos, d] MLP branch as added to the stream
    ResidPost,   ///< [pos, d]
    FinalNorm,   ///< [pos, d]
    Logits,      ///< [pos, vocab] after soft-cap and scaling
};

struct HookPoint {
    Site site = Site::ResidPost;
    int layer = -1; ///< -1 for Embed, FinalNorm, Logits
    bool operator==(const HookPoint&) const = default;
    auto operator<=>(const HookPoint&) const = default;
};

/// "blocks.7.resid_mid", "embed", "logits".
std::string hookName(HookPoint point);
/// Canonical names and the aliases of TransformerLens ("blocks.7.hook_resid_mid", "blocks.7.attn.hook_pattern",
/// "hook_embed") and nnterp ("layers_output.7"). Error: HookUnavailable with the nearest known name as hint.
Result<HookPoint> parseHookName(std::string_view name);
/// HookUnavailable with the reason where models of this kind have no such place.
Status checkSite(const ModelConfig& config, Site site);
/// "blocks.*.resid_post,logits" with globs, expanded for a model, in canonical order. A glob leaves out what the model
/// does not have; a name that asks for it is an error.
Result<std::vector<HookPoint>> expandTaps(const std::vector<std::string>& patterns, const ModelConfig& config);

} // namespace ls
