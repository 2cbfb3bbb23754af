#include "engine/forward/forward.h"

#include "engine/forward/linear.h"
#include "engine/forward/plain_block.h"
#include "engine/forward/step.h"
#include "engine/forward/vocabulary.h"

#include <ATen/ops/cat.h>

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

/// Rows on their way through all blocks: a chunk of one sequence, or of several behind each other.
struct Forward::Pass {
    std::span<const ForwardInput> inputs;
    std::vector<std::size_t> which; // [step] index into inputs
    std::vector<Step> steps;
    std::vector<std::int32_t> ids, positions;     // [row]
    at::Tensor stream;                            // [row, d]
    std::vector<std::vector<at::Tensor>>& logits; // [input], of its chunks

    void add(std::size_t input, std::span<const std::int32_t> chunk, KvCache& cache)
    {
        const ForwardInput& from = inputs[input];
        which.push_back(input);
        steps.push_back({int(ids.size()), cache.length(), int(chunk.size()), from.promptLength, from.taps, &cache,
                         inputs[0].clock});
        for (const std::int32_t id : chunk) {
            positions.push_back(cache.length() + std::int32_t(ids.size()) - steps.back().row);
            ids.push_back(id);
        }
    }
    void enter(Stage stage) const { steps[0].enter(stage); }
    bool interrupted() const
    {
        if (ids.size() <= steps.size())
            return false; // a step of decoding is too short to ask
        enter(&StageTimes::other);
        return std::any_of(which.begin(), which.end(),
                           [&](std::size_t i) { return inputs[i].interrupted && inputs[i].interrupted(); });
    }
    bool allLogits(std::size_t step) const
    {
        return inputs[which[step]].allLogits || steps[step].wants(Site::Logits, -1) ||
               steps[step].wants(Site::FinalNorm, -1);
    }
};

void Forward::runBlock(Pass& pass, int layer)
{
    if (m_path == ForwardPath::Fused)
        return m_fused.run(pass.steps, pass.stream, layer, m_angles);
    std::vector<at::Tensor> parts;
    for (const Step& step : pass.steps) {
        parts.push_back(pass.stream.narrow(0, step.row, step.n));
        runPlainBlock(*m_plan, step, parts.back(), layer, m_angles);
    }
    pass.stream = parts.size() == 1 ? parts[0] : at::cat(parts);
}

Status Forward::runPass(Pass& pass, bool checkBlocks)
{
    const Model& model = m_plan->model();
    pass.enter(&StageTimes::embed);
    for (const Step& step : pass.steps)
        m_angles.grow(step.first + step.n);
    pass.stream = embed(model, pass.ids, pass.positions);
    const auto tap = [&](Site site, std::size_t i, const at::Tensor& value) { pass.steps[i].tap(site, -1, value); };
    for (std::size_t i = 0; i < pass.steps.size(); ++i)
        tap(Site::Embed, i, pass.stream.narrow(0, pass.steps[i].row, pass.steps[i].n));
    pass.enter(&StageTimes::other);
    for (int layer = 0; layer < int(m_plan->blocks().size()); ++layer) {
        if (pass.interrupted())
            return Error{Errc::Cancelled, "Stopped.", {}, {}};
        runBlock(pass, layer);
        if (checkBlocks && !finite(pass.stream))
            return Error{
                Errc::NanStream, fmt::format("Block {} produced values that are not finite.", layer),
                "Undo the last change, or halve the strength.",
                fmt::format("positions {} to {}", pass.steps[0].first, pass.steps[0].first + pass.steps[0].n - 1)};
    }
    pass.enter(&StageTimes::other);
    if (!finite(pass.stream))
        return Error{Errc::NanStream, {}, {}, {}};
    std::vector<at::Tensor> read; // rows whose logits somebody reads
    for (std::size_t i = 0; i < pass.steps.size(); ++i) {
        const Step& step = pass.steps[i];
        const int rows = pass.allLogits(i) ? step.n : 1;
        read.push_back(pass.stream.narrow(0, step.row + step.n - rows, rows));
    }
    pass.enter(&StageTimes::unembed);
    const at::Tensor last = read.size() == 1 ? read[0].contiguous() : at::cat(read);
    const at::Tensor normed = normalise(last, model.weights().finalNorm, model.config());
    const at::Tensor logits = logitsOf(model, normed, m_path);
    pass.enter(&StageTimes::other);
    std::int64_t row = 0;
    for (std::size_t i = 0; i < pass.steps.size(); ++i) {
        const std::int64_t rows = read[i].size(0);
        const at::Tensor own = logits.narrow(0, row, rows);
        tap(Site::FinalNorm, i, normed.narrow(0, row, rows));
        tap(Site::Logits, i, own);
        pass.logits[pass.which[i]].push_back(pass.inputs[pass.which[i]].allLogits ? own : own.narrow(0, rows - 1, 1));
        pass.steps[i].cache->advance(pass.steps[i].n);
        row += rows;
    }
    return success();
}

Status checkInput(const Model& model, std::span<const std::int32_t> ids, int length)
{
    if (ids.empty())
        return Error{Errc::PromptEmpty, "There is nothing to run.", "Write a prompt.", {}};
    // a tokenizer may know more tokens than the model (Gemma 3's image token)
    const int vocab = model.config().vocabSize;
    const auto unknown = std::find_if(ids.begin(), ids.end(), [&](std::int32_t id) { return id < 0 || id >= vocab; });
    if (unknown != ids.end())
        return Error{Errc::InvalidParameter,
                     fmt::format("The token id {} does not exist.", *unknown),
                     fmt::format("Ids of this model go from 0 to {}.", vocab - 1),
                     {}};
    if (length + std::int64_t(ids.size()) > model.info().contextLength)
        return Error{Errc::ContextTooLarge,
                     fmt::format("{} tokens do not fit into the context of {}.", std::size_t(length) + ids.size(),
                                 model.info().contextLength),
                     "Shorten the prompt, or open the model with a larger context.",
                     {}};
    return success();
}

Result<at::Tensor> Forward::run(const ForwardInput& input, KvCache& cache)
{
    KvCache* const caches[] = {&cache};
    LS_TRY(const std::vector<at::Tensor> logits, runBatch({&input, 1}, caches));
    return logits[0];
}

Result<std::vector<at::Tensor>> Forward::runBatch(std::span<const ForwardInput> inputs,
                                                  std::span<KvCache* const> caches)
{
    std::vector<int> before;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        LS_CHECK(checkInput(m_plan->model(), inputs[i].ids, caches[i]->length()));
        before.push_back(caches[i]->length());
        if (inputs[i].ids.size() > 1) // a prompt, or a piece of one
            caches[i]->reserve(std::max(before[i] + int(inputs[i].ids.size()), inputs[i].promptLength));
    }
    const auto undo = [&] {
        for (std::size_t i = 0; i < inputs.size(); ++i)
            caches[i]->truncate(before[i]);
    };
    const auto left = [&](std::size_t i) {
        return inputs[i].ids.subspan(std::size_t(caches[i]->length() - before[i]));
    };
    std::vector<std::vector<at::Tensor>> logits(inputs.size());
    for (;;) {
        Pass pass{inputs, {}, {}, {}, {}, {}, logits};
        for (std::size_t i = 0; i < inputs.size() && pass.ids.size() < kChunk; ++i) {
            const auto ids = left(i);
            // patterns have one key axis, so they cannot be taken in pieces
            const std::size_t room = wantsPatterns(inputs[i]) ? ids.size() : kChunk - pass.ids.size();
            if (!ids.empty())
                pass.add(i, ids.first(std::min(ids.size(), room)), *caches[i]);
        }
        if (pass.steps.empty())
            break;
        const Status status = runPass(pass, false);
        if (status.ok())
            continue;
        const Error error = status.error().code == Errc::NanStream ? firstNotFinite(pass) : status.error();
        undo();
        return error;
    }
    std::vector<at::Tensor> out;
    for (const auto& chunks : logits)
        out.push_back(inputs[out.size()].allLogits ? at::cat(chunks) : chunks.back());
    return out;
}

bool Forward::wantsPatterns(const ForwardInput& input) const
{
    for (int layer = 0; input.taps && layer < int(m_plan->blocks().size()); ++layer)
        if (input.taps->wants({Site::AttnPattern, layer}) || input.taps->wants({Site::AttnScores, layer}))
            return true;
    return false;
}

Error Forward::firstNotFinite(const Pass& failed)
{
    for (std::size_t i = 0; i < failed.steps.size(); ++i) {
        const Step& step = failed.steps[i];
        step.cache->truncate(step.first);
        ForwardInput quiet = failed.inputs[failed.which[i]];
        quiet.taps = nullptr;
        std::vector<std::vector<at::Tensor>> ignored(1);
        Pass alone{{&quiet, 1}, {}, {}, {}, {}, {}, ignored};
        alone.add(0, std::span(failed.ids).subspan(std::size_t(step.row), std::size_t(step.n)), *step.cache);
        if (const Status status = runPass(alone, true); !status.ok()) {
            Error error = status.error();
            if (failed.inputs.size() > 1)
                error.detail += fmt::format(", sequence {} of the batch", failed.which[i]);
            return error;
        }
    }
    return {Errc::NanStream,
            "The residual stream is no longer finite.",
            "Undo the last change, or halve the strength.",
            {}};
}

} // namespace ls
