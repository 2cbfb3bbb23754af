#include "engine/evaluate/scoring.h"

#include "engine/certify/certify.h"
#include "engine/generate/distribution.h"
#include "engine/text/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>

namespace ls {

namespace {

Error wrong(std::string message)
{
    return {Errc::InvalidParameter, std::move(message), "docs/experiments.md lists the parameters.", {}};
}

} // namespace

KvCache emptyCache(const Model& model)
{
    const ModelConfig& config = model.config();
    return {config.blockCount, config.kvHeadCount, config.headWidth, model.cacheType()};
}

Result<MethodSet> methodsOf(const nlohmann::json& params)
{
    return params.contains("methods") ? methodSetFromJson(params["methods"]) : Result<MethodSet>(MethodSet{});
}

Result<PlanPtr> planOf(const std::shared_ptr<const Model>& model, const MethodSet& methods)
{
    auto plan = compilePlan(model, methods);
    if (auto* refused = std::get_if<PlanError>(&plan)) {
        refused->error.detail += fmt::format(" (method {})", refused->method);
        return refused->error;
    }
    return std::get<PlanPtr>(plan);
}

Result<std::vector<EvaluatedLane>> lanesOf(const ExperimentContext& context)
{
    std::vector<std::string> names{"A", "B"};
    if (context.params.contains("lanes")) {
        LS_TRY(names, textsParam(context.params, "lanes"));
    }
    LS_TRY(const MethodSet methods, methodsOf(context.params));
    std::vector<EvaluatedLane> lanes;
    for (const std::string& name : names) {
        if (name != "A" && name != "B")
            return wrong(fmt::format("There is no lane \"{}\" here; lanes are A and B.", name));
        LS_TRY(PlanPtr plan, planOf(context.model, name == "A" ? MethodSet{} : methods));
        lanes.push_back({name, std::move(plan)});
    }
    return lanes.empty() ? Result<std::vector<EvaluatedLane>>(wrong("There is no lane.")) : lanes;
}

KnownText::KnownText(PlanPtr plan, std::vector<std::int32_t> ids, int promptLength, std::function<bool()> interrupted)
    : m_forward(std::move(plan))
    , m_cache(emptyCache(m_forward.plan().model()))
    , m_ids(std::move(ids))
    , m_promptLength(promptLength)
    , m_interrupted(std::move(interrupted))
{
}

Result<at::Tensor> KnownText::next()
{
    const int vocab = std::max(m_forward.plan().model().config().vocabSize, 1);
    const int piece = std::clamp((8 << 20) / vocab, 16, 512); // logits of a piece stay within 32 MB
    const auto begin = std::size_t(m_cache.length()), count = std::min(m_ids.size() - begin, std::size_t(piece));
    ForwardInput input{std::span(m_ids).subspan(begin, count), m_promptLength, true};
    input.interrupted = m_interrupted;
    LS_TRY(const at::Tensor logits, m_forward.run(input, m_cache));
    return logProbabilities(logits);
}

Result<std::vector<double>> choiceScores(const PlanPtr& plan, const std::vector<std::int32_t>& prompt,
                                         const std::vector<std::vector<std::int32_t>>& choices,
                                         const std::function<bool()>& interrupted)
{
    Forward forward(plan);
    KvCache cache = emptyCache(plan->model());
    const int length = int(prompt.size());
    ForwardInput whole{prompt, length};
    whole.interrupted = interrupted;
    LS_TRY(const at::Tensor last, forward.run(whole, cache));
    const at::Tensor first = logProbabilities(last);

    // the choices as one batch, each after its own copy of the prompt's cache
    std::vector<KvCache> caches;
    std::vector<KvCache*> pointers;
    std::vector<ForwardInput> inputs;
    caches.reserve(choices.size());
    for (const auto& choice : choices)
        if (choice.size() > 1) {
            pointers.push_back(&caches.emplace_back(cache.clone()));
            inputs.push_back({std::span(choice).first(choice.size() - 1), length, true, nullptr, interrupted});
        }
    LS_TRY(const std::vector<at::Tensor> rest, forward.runBatch(inputs, pointers));
    std::vector<double> scores;
    auto next = rest.begin();
    for (const auto& choice : choices) {
        double score = choice.empty() ? 0 : double(floatsOf(first)[std::size_t(choice[0])]);
        if (choice.size() > 1) {
            const at::Tensor logprobs = logProbabilities(*next++);
            for (std::size_t i = 1; i < choice.size(); ++i)
                score += double(floatsOf(logprobs.select(0, std::int64_t(i) - 1))[std::size_t(choice[i])]);
        }
        scores.push_back(score);
    }
    return scores;
}

Result<std::vector<Question>> questionsOf(const ExperimentContext& context)
{
    const auto items = context.params.find("items");
    if (items == context.params.end() || !items->is_array())
        return wrong("\"items\" is missing or is no list.");
    LS_CHECK(context.model->needsText());
    const Tokenizer& tokenizer = context.model->tokenizer();
    std::vector<Question> questions;
    for (const auto& item : *items) {
        const auto where = fmt::format("item {}", questions.size());
        if (!item.is_object() || !item.contains("choices") || !item.contains("answer") ||
            !item["answer"].is_number_integer())
            return wrong(where + " needs \"prompt\", \"choices\" and \"answer\".");
        LS_TRY(const std::string prompt, textParam(item, "prompt"));
        LS_TRY(const auto choices, textsParam(item, "choices"));
        Question question{{}, {}, item["answer"].get<int>()};
        LS_TRY(question.prompt, tokenizer.tokenize(prompt));
        for (const std::string& choice : choices) {
            LS_TRY(question.choices.emplace_back(), tokenizer.tokenize(choice, false));
        }
        const bool empty = std::any_of(question.choices.begin(), question.choices.end(),
                                       [](const auto& choice) { return choice.empty(); });
        if (question.choices.size() < 2 || empty || question.answer < 0 ||
            question.answer >= int(question.choices.size()))
            return wrong(where + " needs two choices at least, none empty, and an answer among them.");
        questions.push_back(std::move(question));
    }
    return questions;
}

void registerEvaluations(ExperimentRegistry& registry)
{
    registry.add("perplexity", runPerplexity);
    registry.add("accuracy", runAccuracy);
    registry.add("fill_in", runFillIn);
    registry.add("bench", runBench);
    registry.add("measure_cost", runMeasureCost);
    registry.add("build_steering", runBuildSteering);
    registry.add("certify", runCertify);
}

} // namespace ls
