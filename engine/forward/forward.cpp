#include "engine/forward/forward.h"

#include "engine/forward/linear.h"
#include "engine/forward/plain_block.h"
#include "engine/forward/step.h"
#include "engine/forward/vocabulary.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string_view>

namespace ls {

namespace {

/// Positions of one pass. Longer prompts run in pieces, so that scores stay small and a cancel acts soon.
constexpr std::size_t kChunk = 512;

bool finite(const at::Tensor& x)
{
    const float* values = x.data_ptr<float>();
    bool good = true; // no early exit: the loop then runs on vectors
    for (std::int64_t i = 0; i < x.numel(); ++i)
        good &= std::abs(values[i]) <= std::numeric_limits<float>::max();
    return good;
}

} // namespace

ForwardPath defaultForwardPath()
{
    static const ForwardPath path = [] {
        const char* wanted = std::getenv("LAYERSCOPE_FORWARD");
        return wanted && std::string_view(wanted) == "plain" ? ForwardPath::Plain : ForwardPath::Fused;
    }();
    return path;
}

Forward::Forward(PlanPtr plan, ForwardPath path)
    : m_plan(std::move(plan))
    , m_path(path)
    , m_angles(m_plan->model().config().rotaries)
    , m_fused(m_plan)
{
}

void Forward::runBlock(Step& step, int layer, KvCache& cache)
{
    if (m_path == ForwardPath::Plain)
        runPlainBlock(*m_plan, step, layer, m_angles, cache);
    else
        m_fused.run(step, layer, m_angles, cache);
}

Status Forward::runChunk(const ForwardInput& input, std::span<const std::int32_t> ids, KvCache& cache, bool checkBlocks,
                         std::vector<at::Tensor>& logits)
{
    const Model& model = m_plan->model();
    Step step{{}, cache.length(), int(ids.size()), input.promptLength, input.taps};
    m_angles.grow(step.first + step.n);
    const at::Tensor index = at::from_blob(const_cast<std::int32_t*>(ids.data()), {step.n}, at::kInt);
    step.stream = embed(model, index, step.first);
    step.tap(Site::Embed, -1, step.stream);
    for (int layer = 0; layer < int(m_plan->blocks().size()); ++layer) {
        if (input.interrupted && step.n > 1 && input.interrupted())
            return Error{Errc::Cancelled, "Stopped.", {}, {}};
        runBlock(step, layer, cache);
        if (checkBlocks && !finite(step.stream))
            return Error{Errc::NanStream, fmt::format("Block {} produced values that are not finite.", layer),
                         "Undo the last change, or halve the strength.",
                         fmt::format("positions {} to {}", step.first, step.first + step.n - 1)};
    }
    const bool all = input.allLogits || step.wants(Site::Logits, -1) || step.wants(Site::FinalNorm, -1);
    const at::Tensor last = all ? step.stream : step.stream.narrow(0, step.n - 1, 1);
    if (!finite(step.stream))
        return Error{Errc::NanStream, {}, {}, {}};
    const at::Tensor normed = normalise(last.contiguous(), model.weights().finalNorm, model.config());
    step.tap(Site::FinalNorm, -1, normed);
    const at::Tensor chunkLogits = logitsOf(model, normed, m_path);
    step.tap(Site::Logits, -1, chunkLogits);
    logits.push_back(input.allLogits ? chunkLogits : chunkLogits.narrow(0, chunkLogits.size(0) - 1, 1));
    cache.advance(step.n);
    return success();
}

Result<at::Tensor> Forward::run(const ForwardInput& input, KvCache& cache)
{
    const int before = cache.length();
    const int limit = m_plan->model().info().contextLength;
    if (input.ids.empty())
        return Error{Errc::PromptEmpty, "There is nothing to run.", "Write a prompt.", {}};
    // a tokenizer may know more tokens than the model (Gemma 3's image token)
    const int vocab = m_plan->model().config().vocabSize;
    const auto unknown =
        std::find_if(input.ids.begin(), input.ids.end(), [&](std::int32_t id) { return id < 0 || id >= vocab; });
    if (unknown != input.ids.end())
        return Error{Errc::InvalidParameter,
                     fmt::format("The token id {} does not exist.", *unknown),
                     fmt::format("Ids of this model go from 0 to {}.", vocab - 1),
                     {}};
    if (before + std::int64_t(input.ids.size()) > limit)
        return Error{Errc::ContextTooLarge,
                     fmt::format("{} tokens do not fit into the context of {}.", before + input.ids.size(), limit),
                     "Shorten the prompt, or open the model with a larger context.",
                     {}};
    const bool whole =
        input.taps && std::any_of(m_plan->blocks().begin(), m_plan->blocks().end(), [&](const BlockPlan& b) {
            const int layer = int(&b - m_plan->blocks().data());
            return input.taps->wants({Site::AttnPattern, layer}) || input.taps->wants({Site::AttnScores, layer});
        }); // patterns have one key axis, so they cannot be taken in pieces
    const std::size_t chunk = whole ? input.ids.size() : kChunk;
    std::vector<at::Tensor> logits;
    for (std::size_t at = 0; at < input.ids.size(); at += chunk) {
        const auto ids = input.ids.subspan(at, std::min(chunk, input.ids.size() - at));
        const int start = cache.length();
        Status status = runChunk(input, ids, cache, false, logits);
        if (status.ok())
            continue;
        cache.truncate(start);
        if (status.error().code == Errc::NanStream) { // once more with a look at every block, to name the first
            ForwardInput quiet = input;
            quiet.taps = nullptr;
            status = runChunk(quiet, ids, cache, true, logits);
        }
        cache.truncate(before);
        if (status.ok())
            return Error{Errc::NanStream,
                         "The residual stream is no longer finite.",
                         "Undo the last change, or halve the strength.",
                         {}};
        return status.error();
    }
    return input.allLogits ? at::cat(logits) : logits.back();
}

} // namespace ls
