#include "engine/evaluate/capture.h"

#include "engine/generate/distribution.h"
#include "engine/generate/prompt.h"
#include "engine/generate/tap_store.h"

#include <fmt/format.h>

namespace ls {

namespace {

/// One site that cannot travel is refused before anything is computed.
Status checkSizes(const Model& model, const std::vector<HookPoint>& points, std::int64_t positions)
{
    const ModelConfig& config = model.config();
    for (const HookPoint point : points) {
        std::int64_t perPosition = std::max(config.width, config.mlpWidth);
        if (point.site == Site::Logits)
            perPosition = config.vocabSize;
        else if (point.site == Site::AttnScores || point.site == Site::AttnPattern)
            perPosition = config.headCount * positions;
        const std::int64_t bytes = 4 * positions * perPosition;
        if (bytes + 1024 > kMaxMessageBytes)
            return Error{Errc::NotSupported,
                         fmt::format("{} of {} positions has {} MB; one tensor may have {}.", hookName(point),
                                     positions, bytes >> 20, kMaxMessageBytes >> 20),
                         "Use a shorter text, or leave this site out.",
                         {}};
    }
    return success();
}

} // namespace

Result<nlohmann::json> runCapture(const std::shared_ptr<const Model>& model, const Capture& capture,
                                  const CaptureOutput& output)
{
    if (capture.generate < 0)
        return Error{
            Errc::InvalidParameter, "The number of tokens to generate is negative.", "0 captures the prompt only.", {}};
    LS_TRY(const Prompt prompt, preparePrompt(*model, capture.prompt, capture.generate));
    LS_TRY(const auto points, expandTaps(capture.taps, model->config()));
    const std::int64_t tapped = std::int64_t(prompt.ids.size()) + (capture.tapGenerated ? capture.generate : 0);
    LS_CHECK(checkSizes(*model, points, tapped));
    auto plan = compilePlan(model, capture.methods);
    if (auto* refused = std::get_if<PlanError>(&plan)) {
        refused->error.detail += fmt::format(" (method {})", refused->method);
        return refused->error;
    }

    const ModelConfig& config = model->config();
    Forward forward(std::get<PlanPtr>(plan));
    KvCache cache(config.blockCount, config.kvHeadCount, config.headWidth, model->cacheType());
    TapStore taps;
    taps.want(points);
    std::vector<std::int32_t> generated;
    const auto run = [&](std::span<const std::int32_t> ids, bool tap) {
        return forward.run(
            {ids, int(prompt.ids.size()), false, tap && !taps.empty() ? &taps : nullptr, output.interrupted}, cache);
    };
    LS_TRY(at::Tensor logits, run(prompt.ids, true));
    while (int(generated.size()) < capture.generate) {
        if (output.interrupted && output.interrupted())
            return Error{Errc::Cancelled, "Stopped.", {}, {}};
        generated.push_back(largestIds(floatsOf(logits), 1).front());
        const bool last = int(generated.size()) == capture.generate;
        if (last && !capture.tapGenerated)
            break;
        LS_TRY(logits, run({&generated.back(), 1}, capture.tapGenerated));
    }
    output.tensor("ids", TensorBlob::fromInts({std::int64_t(prompt.ids.size())}, prompt.ids));
    for (const auto& [point, value] : taps.take())
        output.tensor(hookName(point), toBlob(value));
    if (capture.generate > 0)
        output.tensor("generated", TensorBlob::fromInts({std::int64_t(generated.size())}, generated));
    return nlohmann::json{{"tokens", prompt.ids.size()}, {"generated", generated.size()}};
}

} // namespace ls
