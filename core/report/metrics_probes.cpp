#include "core/report/metric_parts.h"

#include "core/data/word_classes.h"
#include "core/stats/auroc.h"
#include "core/stats/bootstrap.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

namespace ls::metrics {

using nlohmann::json;

std::vector<Metric> safety(const ExperimentData& experiment)
{
    std::vector<Values> harmful, harmless; // per layer
    for (const json& row : experiment.rows) {
        if (row.at("part") != "test")
            continue;
        const json& label = row.at("label");
        auto& side = label == "harmful" || label == 1 || label == true ? harmful : harmless;
        const auto scores = numbers(row.at("score"));
        if (side.empty())
            side.resize(scores.size());
        for (std::size_t layer = 0; layer < std::min(scores.size(), side.size()); ++layer)
            side[layer].push_back(scores[layer]);
    }
    std::vector<Metric> out;
    for (std::size_t layer = 0; layer < std::min(harmful.size(), harmless.size()); ++layer)
        if (const auto area = auroc(harmful[layer], harmless[layer]))
            out.push_back(withInterval(
                metric(fmt::format("safety_auroc/{}", layer), "A", "", area.value().value, area.value().n), area));
    return out;
}

std::vector<Metric> corpus(const ExperimentData& experiment)
{
    static const std::map<WordGroup, std::string> names{
        {WordGroup::Punctuation, "punctuation"}, {WordGroup::Function, "function"}, {WordGroup::Content, "content"}};
    struct Sums {
        Values numerators, denominators;
    };
    struct Fragment {
        double n = 0;
        Values c, gain;
    };
    std::map<std::string, std::map<int, Fragment>> groups; // classes of a group are summed per fragment
    for (const json& row : experiment.rows) {
        const std::string given = row.at("class");
        std::string group = given == "punctuation" || given == "function" ? given : std::string();
        if (group.empty()) {
            const auto found = names.find(wordGroup(wordClassFromName(given)));
            if (found == names.end())
                continue;
            group = found->second;
        }
        Fragment& fragment = groups[group][row.at("fragment")];
        const auto c = numbers(row.at("sum_c")), gain = numbers(row.at("sum_gain"));
        fragment.n += row.at("n").get<double>();
        fragment.c.resize(c.size());
        fragment.gain.resize(gain.size());
        std::transform(c.begin(), c.end(), fragment.c.begin(), fragment.c.begin(), std::plus<>());
        std::transform(gain.begin(), gain.end(), fragment.gain.begin(), fragment.gain.begin(), std::plus<>());
    }
    std::vector<Metric> out;
    const auto add = [&](const std::string& name, std::size_t layer, const std::map<int, Fragment>& fragments,
                         Values Fragment::*values) {
        Sums sums;
        double total = 0, count = 0;
        for (const auto& [number, fragment] : fragments) {
            if (fragment.n <= 0 || layer >= (fragment.*values).size())
                continue;
            sums.numerators.push_back((fragment.*values)[layer]);
            sums.denominators.push_back(fragment.n);
            total += sums.numerators.back();
            count += fragment.n;
        }
        if (count > 0 && std::isfinite(total)) // NaN: layers before the first measured one
            out.push_back(withInterval(
                metric(fmt::format("{}/{}", name, layer), "A", "", total / count, int(sums.numerators.size())),
                bootstrapRatio(sums.numerators, sums.denominators)));
    };
    for (const auto& [group, fragments] : groups)
        for (std::size_t layer = 0; layer < fragments.begin()->second.c.size(); ++layer) {
            add("contextualisation/" + group, layer, fragments, &Fragment::c);
            add("contextualisation_gain/" + group, layer, fragments, &Fragment::gain);
        }
    return out;
}

} // namespace ls::metrics
