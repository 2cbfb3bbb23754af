#include "core/report/metric_parts.h"

#include "core/json_value.h"
#include "core/stats/auroc.h"
#include "core/stats/bootstrap.h"
#include "core/stats/hypothesis.h"

#include <algorithm>
#include <map>

namespace ls::metrics {

using nlohmann::json;

namespace {

/// One lane's answers by item; score = first choice minus second where there are two.
struct LaneAnswers {
    std::map<int, bool> correct;
    std::map<int, double> score;
    std::map<int, bool> positive; ///< the first choice is the right one
    bool binary = true;
};

Values scoresOf(const LaneAnswers& lane, bool positive)
{
    Values values;
    for (const auto& [item, score] : lane.score)
        if (lane.positive.at(item) == positive)
            values.push_back(score);
    return values;
}

void compareLanes(const std::string& task, const LaneAnswers& a, const LaneAnswers& b, std::vector<Metric>& out)
{
    Values right[2];
    int onlyA = 0, onlyB = 0;
    for (const auto& [item, correct] : a.correct) {
        const auto other = b.correct.find(item);
        if (other == b.correct.end())
            continue;
        right[0].push_back(correct);
        right[1].push_back(other->second);
        onlyA += correct && !other->second;
        onlyB += !correct && other->second;
    }
    const int n = int(right[0].size());
    if (n == 0)
        return;
    out.push_back(withInterval(metric("accuracy/" + task, "B-A", "points", 100.0 * (onlyB - onlyA) / n, n),
                               bootstrapPairedDifference(right[0], right[1]), 100));
    out.push_back(metric("mcnemar_p/" + task, "B-A", "", mcnemarExact(onlyA, onlyB), n));
    if (!a.binary || !b.binary || int(a.score.size()) != n || int(b.score.size()) != n)
        return;
    if (const auto difference =
            aurocDifference(scoresOf(a, true), scoresOf(a, false), scoresOf(b, true), scoresOf(b, false))) {
        const Estimate& estimate = difference.value().difference;
        out.push_back(withInterval(metric("auroc/" + task, "B-A", "", estimate.value, n), estimate));
    }
}

} // namespace

std::vector<Metric> accuracy(const ExperimentData& experiment)
{
    const std::string task = valueOr(experiment.params, "task", std::string("task"));
    std::map<std::string, LaneAnswers> lanes;
    for (const json& row : experiment.rows) {
        LaneAnswers& lane = lanes[row.at("lane")];
        const int item = row.at("item"), answer = row.at("answer");
        lane.correct[item] = row.at("predicted") == row.at("answer");
        const json& scores = row.at("scores");
        lane.binary = lane.binary && scores.size() == 2;
        if (lane.binary) {
            lane.score[item] = scores[0].get<double>() - scores[1].get<double>();
            lane.positive[item] = answer == 0;
        }
    }
    std::vector<Metric> out;
    for (const auto& [name, lane] : lanes) {
        const int n = int(lane.correct.size());
        const auto right = std::count_if(lane.correct.begin(), lane.correct.end(), [](auto& c) { return c.second; });
        out.push_back(withInterval(metric("accuracy/" + task, name, "%", 100.0 * double(right) / n, n),
                                   wilson(int(right), n), 100));
        if (!lane.binary)
            continue;
        if (const auto area = auroc(scoresOf(lane, true), scoresOf(lane, false)))
            out.push_back(withInterval(metric("auroc/" + task, name, "", area.value().value, n), area));
    }
    if (lanes.contains("A") && lanes.contains("B"))
        compareLanes(task, lanes["A"], lanes["B"], out);
    return out;
}

} // namespace ls::metrics
