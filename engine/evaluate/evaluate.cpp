#include "engine/evaluate/scoring.h"
#include "engine/generate/distribution.h"
#include "engine/generate/prompt.h"
#include "engine/text/tokenizer.h"

#include "core/protocol/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

/// Evaluations on known texts: perplexity, accuracy, and a reply forced through both lanes.
namespace ls {

namespace {

constexpr int kAny = std::numeric_limits<int>::max();

/// The lanes of one item, in an order drawn anew for each: neither lane always has the warm cache.
std::vector<EvaluatedLane> shuffled(std::vector<EvaluatedLane> lanes, std::mt19937_64& random)
{
    if (lanes.size() > 1 && (random() & 1))
        std::reverse(lanes.begin(), lanes.end());
    return lanes;
}

struct Window {
    std::size_t first = 0, end = 0; ///< ids of the text
    std::size_t scoreFrom = 0;      ///< the first id that no earlier window scored
};

std::vector<Window> windowsOf(std::size_t count, std::size_t length, std::size_t stride, bool bos)
{
    std::vector<Window> windows;
    std::size_t scored = 0;
    for (std::size_t first = 0; first < count; first += stride) {
        const std::size_t end = std::min(first + length, count);
        const std::size_t from = std::max(scored, first + (bos ? 0 : 1)); // the first id has nothing before it
        if (from < end)
            windows.push_back({first, end, from});
        scored = end;
        if (end == count)
            break;
    }
    return windows;
}

Result<std::vector<double>> windowNll(const ExperimentContext& context, const PlanPtr& plan,
                                      const std::vector<std::int32_t>& ids, const Window& window, bool bos)
{
    std::vector<std::int32_t> run;
    if (bos)
        run.push_back(context.model->config().bosId);
    run.insert(run.end(), ids.begin() + std::ptrdiff_t(window.first), ids.begin() + std::ptrdiff_t(window.end));
    const std::size_t length = run.size(), begin = window.scoreFrom - window.first + (bos ? 1 : 0);
    std::vector<double> nll;
    KnownText text(plan, run, int(length), context.interrupted);
    while (!text.done()) {
        const auto first = std::size_t(text.position());
        LS_TRY(const at::Tensor rows, text.next());
        for (std::int64_t i = 0; i < rows.size(0); ++i)
            if (const std::size_t target = first + std::size_t(i) + 1; target >= begin && target < length)
                nll.push_back(-double(floatsOf(rows.select(0, i))[std::size_t(run[target])]));
    }
    return nll;
}

} // namespace

Result<nlohmann::json> runPerplexity(const ExperimentContext& context)
{
    LS_CHECK(context.model->needsText());
    const Tokenizer& tokenizer = context.model->tokenizer();
    const int limit = context.model->info().contextLength;
    LS_TRY(const std::string text, textParam(context.params, "text"));
    LS_TRY(const auto lanes, lanesOf(context));
    LS_TRY(const std::int64_t asked, integerParam(context.params, "context", 0, 0, limit));
    LS_TRY(const std::int64_t stride, integerParam(context.params, "stride", 0, 0, limit));
    LS_TRY(const std::int64_t most, integerParam(context.params, "max_tokens", 0, 0, kAny));
    LS_TRY(std::vector<std::int32_t> ids, tokenizer.tokenize(text));
    const bool bos = tokenizer.addsBos();
    if (bos && !ids.empty() && ids.front() == tokenizer.bosId())
        ids.erase(ids.begin()); // every window gets its own
    if (most > 0 && ids.size() > std::size_t(most))
        ids.resize(std::size_t(most));
    // BOS takes a place of the context, not of the window
    const std::int64_t room = limit - (bos ? 1 : 0), length = asked > 0 ? asked : room;
    if (length > room)
        return Error{Errc::ContextTooLarge,
                     fmt::format("A window of {} ids and the token before it need {} positions, the context has {}.",
                                 length, length + 1, limit),
                     "Choose a smaller window, or open the model with a larger context.",
                     {}};
    if (length < 2)
        return Error{Errc::InvalidParameter, "A window needs two tokens at least.", "Choose a larger context.", {}};
    if (stride > length)
        return Error{Errc::InvalidParameter,
                     "The stride is larger than the context: ids would be left out.",
                     "Choose a stride up to the context.",
                     {}};
    const auto windows = windowsOf(ids.size(), std::size_t(length), std::size_t(stride > 0 ? stride : length), bos);
    if (windows.empty())
        return Error{Errc::DataTooFew, "The text is shorter than two tokens.", "Give a longer text.", {}};

    std::map<std::string, std::pair<double, std::size_t>> sums;
    std::mt19937_64 random(0);
    for (std::size_t w = 0; w < windows.size(); ++w) {
        for (const EvaluatedLane& lane : shuffled(lanes, random)) {
            if (!context.checkpoint())
                return ExperimentContext::cancelled();
            LS_TRY(const auto nll, windowNll(context, lane.plan, ids, windows[w], bos));
            double sum = 0;
            for (const double value : nll)
                sum += value;
            sums[lane.name].first += sum;
            sums[lane.name].second += nll.size();
            context.row({{"lane", lane.name},
                         {"window", w},
                         {"first", windows[w].first},
                         {"scored", nll.size()},
                         {"nll_sum", sum},
                         {"token_nll", nll}});
        }
        context.progress("windows", double(w + 1), double(windows.size()));
    }
    nlohmann::json result = nlohmann::json::object();
    for (const auto& [lane, sum] : sums) {
        const double mean = sum.first / double(sum.second);
        result[lane] = {{"ppl", std::exp(mean)}, {"nll", mean}, {"tokens", sum.second}};
    }
    return result;
}

Result<nlohmann::json> runAccuracy(const ExperimentContext& context)
{
    LS_TRY(const auto lanes, lanesOf(context));
    LS_TRY(const auto questions, questionsOf(context));
    if (questions.empty())
        return Error{Errc::DataTooFew, "There are no items.", "Choose a task that has some.", {}};
    std::mt19937_64 random(0);
    for (std::size_t i = 0; i < questions.size(); ++i) {
        for (const EvaluatedLane& lane : shuffled(lanes, random)) {
            if (!context.checkpoint())
                return ExperimentContext::cancelled();
            LS_TRY(const auto scores,
                   choiceScores(lane.plan, questions[i].prompt, questions[i].choices, context.interrupted));
            const auto best = std::max_element(scores.begin(), scores.end()) - scores.begin();
            context.row({{"lane", lane.name},
                         {"item", i},
                         {"scores", scores},
                         {"predicted", best},
                         {"answer", questions[i].answer}});
        }
        context.progress("items", double(i + 1), double(questions.size()));
    }
    nlohmann::json names = nlohmann::json::array();
    for (const EvaluatedLane& lane : lanes)
        names.push_back(lane.name);
    return nlohmann::json{{"items", questions.size()}, {"lanes", std::move(names)}};
}

Result<nlohmann::json> runFillIn(const ExperimentContext& context)
{
    PromptSpec spec;
    std::vector<std::int32_t> reply;
    try {
        fields::fromJson(context.params.value("prompt", nlohmann::json::object()), spec, "prompt");
        fields::fromJson(context.params.value("ids", nlohmann::json::array()), reply, "ids");
    } catch (const fields::DecodeError& error) {
        return Error{Errc::InvalidParameter, error.what, "docs/experiments.md lists the parameters.", {}};
    }
    if (reply.empty())
        return Error{Errc::DataTooFew, "There is no reply to fill in.", "Generate with lane B first.", {}};
    LS_TRY(const Prompt prompt, preparePrompt(*context.model, spec, int(reply.size())));
    PromptSpec whole;
    whole.ids = prompt.ids;
    whole.ids.insert(whole.ids.end(), reply.begin(), reply.end());
    LS_TRY(const Prompt all, preparePrompt(*context.model, whole, 0)); // checks the reply's ids
    LS_TRY(const MethodSet methods, methodsOf(context.params));
    LS_TRY(const PlanPtr dense, planOf(context.model, {}));
    LS_TRY(const PlanPtr changed, planOf(context.model, methods));
    const int length = int(prompt.ids.size());
    KnownText a(dense, all.ids, length, context.interrupted), b(changed, all.ids, length, context.interrupted);
    double sum = 0;
    while (!a.done()) {
        if (!context.checkpoint())
            return ExperimentContext::cancelled();
        const int first = a.position();
        LS_TRY(const at::Tensor rowsA, a.next());
        LS_TRY(const at::Tensor rowsB, b.next());
        for (std::int64_t i = 0; i < rowsA.size(0); ++i) {
            const int position = first + int(i) + 1; // the token this distribution is about
            if (position < length || position >= int(all.ids.size()))
                continue;
            const auto id = std::size_t(all.ids[std::size_t(position)]);
            const auto pa = floatsOf(rowsA.select(0, i)), pb = floatsOf(rowsB.select(0, i));
            const double kl = klDivergence(pa, pb);
            sum += kl;
            context.row({{"position", position},
                         {"kl", kl},
                         {"entropy_a", entropyOf(pa)},
                         {"logprob_a", pa[id]},
                         {"logprob_b", pb[id]}});
        }
        context.progress("tokens", double(a.position()), double(all.ids.size()));
    }
    return nlohmann::json{{"tokens", reply.size()}, {"mean_kl", sum / double(reply.size())}};
}

} // namespace ls
