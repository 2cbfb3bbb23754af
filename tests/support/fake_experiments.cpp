#include "tests/support/fake_experiments.h"

#include "core/protocol/fields.h"

#include "core/certificate/certificate.h"
#include "tests/support/fake_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace ls::fake {

namespace {

using nlohmann::json;
using Say = std::function<bool(EngineMessage)>;

/// Hands out numbered rows; `stopped` once the client cancelled.
class Rows {
public:
    Rows(std::uint32_t id, const Say& say, double total)
        : m_id(id)
        , m_say(say)
        , m_total(total)
    {
    }
    bool add(json row)
    {
        return m_say(ExperimentRow{m_id, m_count++, std::move(row)}) &&
               m_say(Progress{m_id, "items", double(m_count), m_total});
    }

private:
    std::uint32_t m_id;
    const Say& m_say;
    double m_total;
    int m_count = 0;
};

Error cancelled()
{
    return {Errc::Cancelled, "Cancelled.", {}, {}};
}

std::vector<std::string> lanesOf(const json& params)
{
    return params.value("lanes", std::vector<std::string>{"A", "B"});
}

std::uint64_t keyOf(const json& params, const std::string& lane)
{
    const auto methods = methodSetFromJson(params.value("methods", json::array()));
    return lane == "A" || !methods ? 0 : methodKey(methods.value());
}

/// A small certificate; params["broken"] puts an error into block 1.
Result<json> certify(const RunExperiment& request, const Say& say)
{
    Certificate out;
    out.model = "fake";
    out.fingerprint = modelInfo({}).fingerprint;
    out.dtype = "float32";
    out.device = "cpu";
    out.engine = "fake-engine";
    out.madeAt = "2026-01-31T12:00:00Z";
    out.blockCount = 4;
    CertificateSource source{"float64", "Made up.", {"prose"}, {}};
    for (int block = 0; block < out.blockCount; ++block) {
        if (!say(Progress{request.requestId, "comparing: prose", double(block), 4}))
            return cancelled();
        for (const char* site : {"resid_pre", "attn_out", "mlp_out", "resid_post"})
            source.sites.push_back({fmt::format("blocks.{}.{}", block, site), 1e-6 * (block + 1), 2e-6, 1, "prose", 3});
    }
    if (request.params.value("broken", false))
        source.sites[5].error = 0.5;
    out.sources.push_back(source);
    out.checks.push_back({"cached_decode", "Token by token with the cache equals one pass", 2e-6, 1e-5, true, {}});
    judge(out);
    return certificateToJson(out);
}

Result<json> perplexity(const RunExperiment& request, const Say& say)
{
    auto ids = encode(request.params.value("text", std::string()));
    const int limit = request.params.value("max_tokens", 0);
    if (limit > 0 && ids.size() > std::size_t(limit))
        ids.resize(std::size_t(limit));
    const int asked = request.params.value("context", 0);
    const std::size_t context = asked > 0 ? std::size_t(asked) : kContext;
    const int stride = request.params.value("stride", 0);
    if (ids.size() < 2)
        return Error{Errc::DataTooFew, "The text is shorter than two tokens.", "Give a longer text.", {}};
    Rows rows(request.requestId, say, 0);
    std::map<std::string, double> sum;
    std::map<std::string, int> count;
    int window = 0;
    std::size_t scoredTo = 1;
    for (std::size_t first = 0; first + 1 < ids.size(); first += stride > 0 ? std::size_t(stride) : context, ++window) {
        const std::size_t end = std::min(ids.size(), first + context);
        for (const std::string& lane : lanesOf(request.params)) {
            const std::uint64_t key = keyOf(request.params, lane);
            std::vector<double> nll;
            for (std::size_t i = std::max(first + 1, scoredTo); i < end; ++i)
                nll.push_back(2.0 + unit(mix(std::uint64_t(ids[i]), i)) + (key ? 0.1 * unit(mix(key, i)) : 0.0));
            double total = 0;
            for (const double value : nll)
                total += value;
            sum[lane] += total;
            count[lane] += int(nll.size());
            if (!rows.add({{"lane", lane},
                           {"window", window},
                           {"first", first},
                           {"scored", nll.size()},
                           {"nll_sum", total},
                           {"token_nll", nll}}))
                return cancelled();
        }
        scoredTo = end;
        if (end == ids.size())
            break;
    }
    json result = json::object();
    for (const auto& [lane, total] : sum)
        result[lane] = {{"ppl", std::exp(total / count[lane])}, {"nll", total / count[lane]}, {"tokens", count[lane]}};
    return result;
}

Result<json> accuracy(const RunExperiment& request, const Say& say)
{
    const json items = request.params.value("items", json::array());
    Rows rows(request.requestId, say, double(items.size()));
    for (std::size_t i = 0; i < items.size(); ++i) {
        for (const std::string& lane : lanesOf(request.params)) {
            const int answer = items[i].at("answer").get<int>();
            std::vector<double> scores;
            for (std::size_t c = 0; c < items[i].at("choices").size(); ++c)
                scores.push_back(-1.0 - 3.0 * unit(mix(mix(i, c), keyOf(request.params, lane))) +
                                 (int(c) == answer ? 0.8 : 0.0));
            const auto predicted = std::max_element(scores.begin(), scores.end()) - scores.begin();
            if (!rows.add(
                    {{"lane", lane}, {"item", i}, {"scores", scores}, {"predicted", predicted}, {"answer", answer}}))
                return cancelled();
        }
    }
    return json{{"items", items.size()}, {"lanes", lanesOf(request.params)}};
}

/// "pp512+tg128@d64": the tokens that are timed.
int tokensOf(const std::string& test)
{
    int tokens = 0;
    for (const std::size_t at : {test.find("pp"), test.find("tg")})
        if (at != std::string::npos)
            tokens += std::stoi(test.substr(at + 2));
    return tokens;
}

/// Lanes, or the names of the variants.
Result<json> bench(const RunExperiment& request, const Say& say)
{
    Rows rows(request.requestId, say, 0);
    std::vector<std::string> lanes;
    for (const json& variant : request.params.value("variants", json::array()))
        lanes.push_back(variant.at("name").get<std::string>());
    if (lanes.empty())
        lanes = lanesOf(request.params);
    for (int repetition = 0; repetition < request.params.value("n", 5); ++repetition)
        for (const std::string& test : request.params.value("tests", std::vector<std::string>{"pp512", "tg128"}))
            for (const std::string& lane : lanes) {
                const int tokens = tokensOf(test);
                const double rate = (test.starts_with("pp") ? 900.0 : 60.0) * (keyOf(request.params, lane) ? 1.2 : 1.0);
                const double wobble = 1.0 + 0.02 * (unit(mix(std::uint64_t(repetition), lane[0])) - 0.5);
                const double seconds = tokens / rate * wobble;
                const StageTimes stages = stagesOf(std::int64_t(1e9 * seconds), keyOf(request.params, lane));
                if (!rows.add({{"lane", lane},
                               {"test", test},
                               {"repetition", repetition},
                               {"seconds", seconds},
                               {"tokens", tokens},
                               {"stages_ns", fields::toJson(stages)}}))
                    return cancelled();
            }
    return json{{"device", "cpu"}, {"dtype", "float32"}, {"threads", 2}};
}

Result<json> fillIn(const RunExperiment& request, const Say& say)
{
    const auto ids = request.params.value("ids", std::vector<std::int32_t>{});
    const json prompt = request.params.value("prompt", json::object());
    auto prefix = prompt.value("ids", std::vector<std::int32_t>{});
    if (prefix.empty())
        prefix = encode(prompt.value("text", std::string()));
    Rows rows(request.requestId, say, double(ids.size()));
    double sum = 0;
    for (const std::int32_t id : ids) {
        const Distribution a = next(prefix, 0), b = next(prefix, keyOf(request.params, "B"));
        sum += klDivergence(a, b);
        if (!rows.add({{"position", prefix.size()},
                       {"kl", klDivergence(a, b)},
                       {"entropy_a", a.entropy()},
                       {"logprob_a", a.logprob(id)},
                       {"logprob_b", b.logprob(id)}}))
            return cancelled();
        prefix.push_back(id);
    }
    return json{{"tokens", ids.size()}, {"mean_kl", ids.empty() ? 0.0 : sum / double(ids.size())}};
}

Result<json> measureCost(const RunExperiment& request, const Say& say)
{
    Rows rows(request.requestId, say, 0);
    const json items = request.params.value("items", json::array());
    bool going = true;
    for (const char* lane : {"with", "without"}) {
        const double factor = lane[4] ? 1.0 : 1.15;
        for (int i = 0; going && i < request.params.value("n", 5); ++i)
            going = rows.add({{"what", "tok_s"}, {"lane", lane}, {"value", factor * (60.0 + unit(mix(i)))}});
        for (std::size_t i = 0; going && i < items.size(); ++i)
            going = rows.add({{"what", "accuracy"},
                              {"lane", lane},
                              {"item", i},
                              {"correct", unit(mix(i, std::uint64_t(lane[4]))) < 0.55}});
        going = going && rows.add({{"what", "memory"}, {"lane", lane}, {"bytes", lane[4] ? 500000 : 520000}});
    }
    const auto ids = encode(request.params.value("text", std::string()));
    for (std::size_t i = 1; going && i < ids.size(); ++i)
        going = rows.add({{"what", "kl"}, {"position", i}, {"value", 0.05 * unit(mix(i, 7))}});
    if (!going)
        return cancelled();
    return json::object();
}

std::vector<float> perLayer(std::uint64_t salt, double centre, double spread)
{
    std::vector<float> row;
    for (int l = 0; l <= kBlocks; ++l)
        row.push_back(float(centre + spread * (unit(mix(salt, std::uint64_t(l))) - 0.5)));
    return row;
}

Result<json> calibrate(const RunExperiment& request, const Say& say)
{
    const std::size_t paragraphs = request.params.value("paragraphs", json::array()).size();
    for (std::size_t i = 0; i < paragraphs; ++i)
        if (!say(Progress{request.requestId, "calibrating", double(i + 1), double(paragraphs)}))
            return cancelled();
    return json{{"fingerprint", modelInfo({}).fingerprint},
                {"tokens", paragraphs * 128},
                {"fragments", paragraphs},
                {"window", 16},
                {"dimensions", 128},
                {"cached", false},
                {"seconds", 0.0}};
}

Result<json> contextualisationCorpus(const RunExperiment& request, const Say& say)
{
    const std::size_t paragraphs = request.params.value("paragraphs", json::array()).size();
    Rows rows(request.requestId, say, double(paragraphs));
    for (std::size_t i = 0; i < paragraphs; ++i)
        for (const char* group : {"punctuation", "function", "content"}) {
            const int n = 10 + int(mix(i, std::uint64_t(group[0])) % 20);
            if (!rows.add({{"fragment", i},
                           {"class", group},
                           {"n", n},
                           {"sum_c", perLayer(mix(i, std::uint64_t(group[0])), 0.5 * n, 0.2 * n)},
                           {"sum_gain", perLayer(mix(i, std::uint64_t(group[1])), 0.05 * n, 0.1 * n)}}))
                return cancelled();
        }
    return json{{"fragments", paragraphs}, {"tokens", paragraphs * 128}};
}

Result<json> fitSafety(const RunExperiment& request, const Say& say)
{
    Rows rows(request.requestId, say, 0);
    const auto test = request.params.value("test", std::vector<int>{});
    int index = 0;
    for (const char* label : {"harmful", "harmless"})
        for (std::size_t i = 0; i < request.params.value(label, json::array()).size(); ++i, ++index) {
            const bool held = std::find(test.begin(), test.end(), index) != test.end();
            if (!rows.add({{"index", index},
                           {"label", label},
                           {"part", held ? "test" : "train"},
                           {"score", perLayer(mix(std::uint64_t(index)), label[4] == 'f' ? 0.6 : -0.6, 3.0)}}))
                return cancelled();
        }
    std::vector<float> unitVectors((kBlocks + 1) * kWidth, 1.0f / std::sqrt(float(kWidth)));
    say(Tensor{request.requestId, "safety.unit", TensorBlob::fromFloats({kBlocks + 1, kWidth}, unitVectors)});
    say(Tensor{request.requestId, "safety.midpoint", TensorBlob::fromFloats({kBlocks + 1}, perLayer(5, 0.0, 0.2))});
    say(Tensor{request.requestId, "safety.sd", TensorBlob::fromFloats({kBlocks + 1}, perLayer(6, 1.0, 0.2))});
    return json{{"auroc_source", "rows"}, {"fingerprint", modelInfo({}).fingerprint}, {"cached", false}};
}

Result<json> buildSteering(const RunExperiment& request, const Say& say)
{
    const int layer = request.params.value("layer", kBlocks / 2);
    if (request.params.value("positive", json::array()).size() < 2)
        return Error{Errc::TooFewPairs, "Two pairs are needed, there are fewer.", "Add contrast pairs.", {}};
    std::vector<float> direction;
    for (int i = 0; i < kWidth; ++i)
        direction.push_back(float(unit(mix(std::uint64_t(i), 11)) - 0.5));
    say(Tensor{request.requestId, fmt::format("direction.{}", layer), TensorBlob::fromFloats({kWidth}, direction)});
    return json{{"layer", layer}, {"norm", 1.6}, {"cosine_halves", 0.8}, {"held_out_accuracy", 0.9}};
}

} // namespace

Result<json> runExperiment(const RunExperiment& request, const Say& say)
{
    static const std::map<std::string, Result<json> (*)(const RunExperiment&, const Say&)> kinds{
        {"perplexity", perplexity},
        {"accuracy", accuracy},
        {"bench", bench},
        {"certify", certify},
        {"fill_in", fillIn},
        {"measure_cost", measureCost},
        {"calibrate_contextualisation", calibrate},
        {"contextualisation_corpus", contextualisationCorpus},
        {"fit_safety", fitSafety},
        {"build_steering", buildSteering}};
    const auto kind = kinds.find(request.kind);
    if (kind == kinds.end())
        return Error{Errc::NotSupported,
                     fmt::format("There is no experiment \"{}\".", request.kind),
                     "docs/experiments.md lists them.",
                     {}};
    try {
        return kind->second(request, say);
    } catch (const json::exception& error) {
        return Error{Errc::InvalidParameter, "The experiment's parameters are not as described.",
                     "docs/experiments.md describes them.", error.what()};
    }
}

} // namespace ls::fake
