#include "engine/evaluate/scoring.h"
#include "engine/generate/prompt.h"
#include "engine/generate/tap_store.h"

#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>

#include <fmt/format.h>

/// A steering vector from contrast pairs: the difference of the means of a site over positive and negative texts.
namespace ls {

namespace {

constexpr std::size_t kFewestPairs = 4; // two in each half

/// The site's value of every text, [texts, d].
Result<at::Tensor> valuesOf(const ExperimentContext& context, const std::vector<std::string>& texts, HookPoint point,
                            bool mean, bool chat, double done, double total)
{
    LS_TRY(const PlanPtr plan, planOf(context.model, {}));
    Forward forward(plan);
    std::vector<at::Tensor> rows;
    for (const std::string& text : texts) {
        if (!context.checkpoint())
            return ExperimentContext::cancelled();
        PromptSpec spec;
        if (chat)
            spec.messages = {{{"role", "user"}, {"content", text}}};
        else
            spec.text = text;
        LS_TRY(const Prompt prompt, preparePrompt(*context.model, spec, 0));
        TapStore taps;
        taps.want({point});
        ForwardInput input{prompt.ids, int(prompt.ids.size()), false, &taps, context.interrupted};
        KvCache cache = emptyCache(*context.model);
        LS_TRY(const at::Tensor ignored, forward.run(input, cache));
        const at::Tensor value = taps.take().at(point); // [positions, d]
        rows.push_back(mean ? value.mean(0) : value.select(0, value.size(0) - 1));
        context.progress("texts", done + double(rows.size()), total);
    }
    return at::stack(rows).to(at::kDouble);
}

/// Every second pair, from `first` on.
at::Tensor half(const at::Tensor& rows, std::int64_t first)
{
    return rows.slice(0, first, rows.size(0), 2);
}

at::Tensor direction(const at::Tensor& positive, const at::Tensor& negative)
{
    return positive.mean(0).sub(negative.mean(0));
}

double norm(const at::Tensor& vector)
{
    return at::linalg_vector_norm(vector).item<double>();
}

/// Share of texts on the right side of the midpoint, for the half that the direction was not made from.
double heldOut(const at::Tensor& positive, const at::Tensor& negative, std::int64_t fitHalf)
{
    const at::Tensor p = half(positive, fitHalf), n = half(negative, fitHalf);
    const at::Tensor way = direction(p, n);
    const double middle = p.mean(0).add(n.mean(0)).mul(0.5).dot(way).item<double>();
    const at::Tensor rightSide = half(positive, 1 - fitHalf).matmul(way).gt(middle);
    const at::Tensor leftSide = half(negative, 1 - fitHalf).matmul(way).le(middle);
    return double((rightSide.sum().item<std::int64_t>() + leftSide.sum().item<std::int64_t>())) /
           double(rightSide.numel() + leftSide.numel());
}

} // namespace

Result<nlohmann::json> runBuildSteering(const ExperimentContext& context)
{
    const nlohmann::json& params = context.params;
    LS_TRY(const auto positive, textsParam(params, "positive"));
    LS_TRY(const auto negative, textsParam(params, "negative"));
    LS_TRY(const std::int64_t layer, integerParam(params, "layer", -1, 0, context.model->config().blockCount - 1));
    LS_TRY(const std::string site, textParam(params, "site", "resid_post"));
    LS_TRY(const std::string pooling, textParam(params, "pooling", "last"));
    const bool chat = params.value("template", nlohmann::json(false)) == true;
    if (positive.size() != negative.size())
        return Error{Errc::InvalidParameter,
                     fmt::format("{} positive and {} negative texts are no pairs.", positive.size(), negative.size()),
                     "Give each positive text its negative one.",
                     {}};
    if (positive.size() < kFewestPairs)
        return Error{Errc::TooFewPairs,
                     fmt::format("{} pairs are too few; {} are needed.", positive.size(), kFewestPairs),
                     "Add pairs: 20 or more give a stable direction.",
                     {}};
    if (layer < 0)
        return Error{Errc::InvalidParameter, "The layer is missing.", "Name the block to read.", {}};
    if (pooling != "last" && pooling != "mean")
        return Error{
            Errc::InvalidParameter, fmt::format("There is no pooling \"{}\".", pooling), "Choose last or mean.", {}};
    LS_TRY(const HookPoint point, parseHookName(fmt::format("blocks.{}.{}", layer, site)));
    if (point.site != Site::ResidPre && point.site != Site::ResidMid && point.site != Site::ResidPost)
        return Error{Errc::HookUnavailable,
                     fmt::format("A steering vector cannot be made from {}.", site),
                     "Choose resid_pre, resid_mid or resid_post.",
                     {}};
    const double total = double(positive.size() * 2);
    const bool mean = pooling == "mean";
    LS_TRY(const at::Tensor p, valuesOf(context, positive, point, mean, chat, 0, total));
    LS_TRY(const at::Tensor n, valuesOf(context, negative, point, mean, chat, total / 2, total));
    const at::Tensor way = direction(p, n);
    const double length = norm(way);
    if (!(length > 0))
        return Error{Errc::DataTooFew,
                     "Positive and negative texts look the same to the model at this layer.",
                     "Choose texts that differ, or a later layer.",
                     {}};
    const at::Tensor even = direction(half(p, 0), half(n, 0)), odd = direction(half(p, 1), half(n, 1));
    const double norms = norm(even) * norm(odd);
    context.tensor(fmt::format("direction.{}", layer), toBlob(way));
    return nlohmann::json{{"layer", layer},
                          {"norm", length},
                          {"cosine_halves", norms > 0 ? even.dot(odd).item<double>() / norms : 0.0},
                          {"held_out_accuracy", (heldOut(p, n, 0) + heldOut(p, n, 1)) / 2}};
}

} // namespace ls
