#include "engine/model/hook_site.h"

#include "engine/model/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

namespace ls {

namespace {

struct SiteName {
    Site site;
    std::string_view name;  // within a block, or whole for model-wide sites
    std::string_view alias; // TransformerLens
    bool inBlock;
};

constexpr std::array kSites{
    SiteName{Site::Embed, "embed", "hook_embed", false},
    SiteName{Site::ResidPre, "resid_pre", "hook_resid_pre", true},
    SiteName{Site::AttnNorm, "attn.norm", "ln1.hook_normalized", true},
    SiteName{Site::AttnQ, "attn.q", "attn.hook_q", true},
    SiteName{Site::AttnK, "attn.k", "attn.hook_k", true},
    SiteName{Site::AttnV, "attn.v", "attn.hook_v", true},
    SiteName{Site::AttnScores, "attn.scores", "attn.hook_attn_scores", true},
    SiteName{Site::AttnPattern, "attn.pattern", "attn.hook_pattern", true},
    SiteName{Site::AttnZ, "attn.z", "attn.hook_z", true},
    SiteName{Site::AttnOut, "attn_out", "hook_attn_out", true},
    SiteName{Site::ResidMid, "resid_mid", "hook_resid_mid", true},
    SiteName{Site::MlpNorm, "mlp.norm", "ln2.hook_normalized", true},
    SiteName{Site::MlpPre, "mlp.pre", "mlp.hook_pre", true},
    SiteName{Site::MlpAct, "mlp.act", "mlp.hook_post", true},
    SiteName{Site::MlpOut, "mlp_out", "hook_mlp_out", true},
    SiteName{Site::ResidPost, "resid_post", "hook_resid_post", true},
    SiteName{Site::FinalNorm, "final_norm", "ln_final.hook_normalized", false},
    SiteName{Site::Logits, "logits", "hook_logits", false},
};

/// Edit distance, for the hint: a misspelt name is usually one or two letters off.
int distance(std::string_view a, std::string_view b)
{
    std::vector<int> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j)
        row[j] = int(j);
    for (std::size_t i = 1; i <= a.size(); ++i) {
        int diagonal = std::exchange(row[0], int(i));
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const int changed = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, changed}));
        }
    }
    return row.back();
}

Error unknownName(std::string_view name, std::string_view part, bool inBlock)
{
    const SiteName* nearest = nullptr;
    for (const SiteName& site : kSites)
        if (site.inBlock == inBlock && (!nearest || distance(part, site.name) < distance(part, nearest->name)))
            nearest = &site;
    return {Errc::HookUnavailable,
            fmt::format("There is no hook site \"{}\".", name),
            fmt::format("Did you mean \"{}{}\"?", inBlock ? "blocks.<i>." : "", nearest->name),
            {}};
}

const SiteName* findSite(std::string_view part, bool inBlock)
{
    const auto found = std::find_if(kSites.begin(), kSites.end(), [&](const SiteName& site) {
        return site.inBlock == inBlock && (site.name == part || site.alias == part);
    });
    return found == kSites.end() ? nullptr : &*found;
}

std::string_view siteName(Site wanted)
{
    const auto found =
        std::find_if(kSites.begin(), kSites.end(), [&](const SiteName& site) { return site.site == wanted; });
    return found->name;
}

/// '*' matches any run of characters. Linear in the lengths: after a mismatch only the last star is tried again.
bool globMatches(std::string_view pattern, std::string_view text)
{
    std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.size() && pattern[p] == text[t]) {
            ++p;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

} // namespace

std::string hookName(HookPoint point)
{
    for (const SiteName& site : kSites)
        if (site.site == point.site)
            return site.inBlock ? fmt::format("blocks.{}.{}", point.layer, site.name) : std::string(site.name);
    return {};
}

Result<HookPoint> parseHookName(std::string_view name)
{
    constexpr std::string_view kBlocks = "blocks.", kOutput = "layers_output."; // the latter is nnterp's
    const bool inBlock = name.starts_with(kBlocks);
    if (!inBlock && !name.starts_with(kOutput)) {
        if (const SiteName* site = findSite(name, false))
            return HookPoint{site->site, -1};
        return unknownName(name, name, false);
    }
    const std::string_view rest = name.substr(inBlock ? kBlocks.size() : kOutput.size());
    int layer = -1;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), layer);
    if (error != std::errc{} || layer < 0)
        return unknownName(name, rest, true);
    const std::string_view part(end, std::size_t(rest.data() + rest.size() - end));
    if (!inBlock && part.empty())
        return HookPoint{Site::ResidPost, layer};
    if (const SiteName* site = part.empty() ? nullptr : findSite(part.substr(1), true))
        return HookPoint{site->site, layer};
    return unknownName(name, part.empty() ? part : part.substr(1), true);
}

Status checkSite(const ModelConfig& config, Site site)
{
    const auto absent = [&](const char* reason) {
        return Error{Errc::HookUnavailable,
                     fmt::format("Models of the family {} have no {}: {}.", config.family, siteName(site), reason),
                     "Choose another site.",
                     {}};
    };
    if (site == Site::ResidMid && config.parallelResidual)
        return absent("both branches read the stream that enters the block");
    if ((site == Site::MlpPre || site == Site::MlpAct) && config.expertCount > 0)
        return absent("every token runs through other experts");
    return success();
}

Result<std::vector<HookPoint>> expandTaps(const std::vector<std::string>& patterns, const ModelConfig& config)
{
    const int blockCount = config.blockCount;
    std::vector<HookPoint> all;
    for (const SiteName& site : kSites)
        if (!site.inBlock && site.site == Site::Embed)
            all.push_back({site.site, -1});
    for (int layer = 0; layer < blockCount; ++layer)
        for (const SiteName& site : kSites)
            if (site.inBlock)
                all.push_back({site.site, layer});
    all.push_back({Site::FinalNorm, -1});
    all.push_back({Site::Logits, -1});

    std::set<HookPoint> chosen;
    for (const std::string& pattern : patterns) {
        if (pattern.find('*') == std::string::npos) {
            LS_TRY(const HookPoint point, parseHookName(pattern));
            if (point.layer >= blockCount)
                return Error{Errc::HookUnavailable,
                             fmt::format("\"{}\" names block {}.", pattern, point.layer),
                             fmt::format("The model has blocks 0 to {}.", blockCount - 1),
                             {}};
            LS_CHECK(checkSite(config, point.site));
            chosen.insert(point);
            continue;
        }
        bool any = false;
        for (const HookPoint point : all) {
            if (!globMatches(pattern, hookName(point)))
                continue;
            any = true;
            if (!checkSite(config, point.site))
                continue;
            chosen.insert(point);
        }
        if (!any)
            return unknownName(pattern, pattern.substr(pattern.rfind('*') + 1), pattern.starts_with("blocks."));
    }
    std::vector<HookPoint> out;
    std::copy_if(all.begin(), all.end(), std::back_inserter(out), [&](HookPoint p) { return chosen.contains(p); });
    return out;
}

} // namespace ls
