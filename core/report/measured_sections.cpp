#include "core/json_value.h"
#include "core/report/report_parts.h"
#include "core/stats/hypothesis.h"
#include "core/stats/summary.h"

#include <cmath>

/// Sections about experiments: speed, perplexity, accuracy, cost, steering vectors.
namespace ls::report {

void addRunSpeed(const Context& context, Section& section); // run_sections.cpp

namespace {

/// Names after "prefix/" in order of first appearance.
std::vector<std::string> tails(const Measured& measured, const std::string& prefix)
{
    std::vector<std::string> out;
    for (const Metric& m : measured.metrics)
        if (m.name.starts_with(prefix + "/") &&
            std::find(out.begin(), out.end(), m.name.substr(prefix.size() + 1)) == out.end())
            out.push_back(m.name.substr(prefix.size() + 1));
    return out;
}

void addDot(std::vector<svg::Dot>& dots, const std::string& label, const Metric* metric)
{
    if (metric)
        dots.push_back({label, metric->value, metric->low, metric->high, laneColor(metric->lane.substr(0, 1))});
}

bool isLayered(const Metric& m)
{
    return m.name.starts_with("safety_auroc/") || m.name.starts_with("contextualisation");
}

double numberOr(const nlohmann::json& object, const char* key)
{
    return object.is_object() && object.contains(key) && object[key].is_number() ? object[key].get<double>() : kNone;
}

/// How often guessing is right: mean of 1 / choices; and how the two lanes differ item by item.
struct Flips {
    double chance = 0;
    int items = 0, onlyA = 0, onlyB = 0;
};

Flips flipsOf(const ExperimentData& experiment)
{
    Flips flips;
    std::map<int, std::pair<std::optional<bool>, std::optional<bool>>> items;
    for (const auto& row : experiment.rows) {
        if (!row.is_object() || !row.contains("item") || !row["item"].is_number() || !row.contains("scores") ||
            !row["scores"].is_array() || row["scores"].empty())
            continue;
        auto& item = items[row["item"].get<int>()];
        if (!item.first && !item.second) {
            flips.chance += 1.0 / double(row["scores"].size());
            ++flips.items;
        }
        const bool right = row.contains("answer") && row.contains("predicted") && row["predicted"] == row["answer"];
        (row.contains("lane") && row["lane"] == "A" ? item.first : item.second) = right;
    }
    for (const auto& [number, item] : items) {
        flips.onlyA += item.first && item.second && *item.first && !*item.second;
        flips.onlyB += item.first && item.second && !*item.first && *item.second;
    }
    flips.chance = flips.items > 0 ? 100 * flips.chance / flips.items : kNone;
    return flips;
}

} // namespace

Section speed(const Context& context)
{
    Section section{"speed", "Speed", {}};
    if (const Measured* bench = context.newest("bench")) {
        Table table{"speed",
                    "Benchmark, A and B interleaved",
                    {"test", "A (tok/s) [95 %]", "B (tok/s) [95 %]", "B / A [95 %]", "n", "verdict"},
                    {}};
        std::vector<svg::Dot> dots;
        for (const std::string& test : tails(*bench, "rate")) {
            const Metric *a = bench->find("rate/" + test, "A"), *b = bench->find("rate/" + test, "B");
            const Metric* ratio = bench->find("speed_ratio/" + test, "B-A");
            table.rows.push_back({test, withInterval(a), withInterval(b), withInterval(ratio),
                                  double(a   ? a->n
                                         : b ? b->n
                                             : 0),
                                  ratio && ratio->n < 5 ? "n < 5: no verdict" : verdict(ratio, 1)});
            addDot(dots, test, ratio);
        }
        section.blocks.emplace_back(std::move(table));
        std::string device;
        for (const char* key : {"device", "dtype", "threads"})
            if (const auto& result = bench->experiment->result; result.is_object() && result.contains(key))
                device += std::string(", ") + key + " " +
                          (result[key].is_string() ? result[key].get<std::string>() : dumped(result[key]));
        section.blocks.emplace_back(
            Figure{"Speed of B against A", svg::dots({dots, "B / A", 1.0, false}),
                   "Dot: ratio of the mean times; whisker: 95 %, bootstrap over repetitions; dashed: equal. " +
                       measuredUnder(context, *bench->experiment) + device + "."});
    }
    addRunSpeed(context, section);
    return section;
}

Section perplexity(const Context& context)
{
    Section section{"perplexity", "Perplexity", {}};
    const Measured* measured = context.newest("perplexity");
    if (!measured)
        return section;
    Table table{
        "perplexity", "On the same text", {"", "A [95 %]", "B [95 %]", "B − A [95 %]", "windows", "verdict"}, {}};
    const Metric *a = measured->find("perplexity", "A"), *b = measured->find("perplexity", "B");
    table.rows.push_back({"perplexity", withInterval(a), withInterval(b), "", double(a ? a->n : b ? b->n : 0), ""});
    const Metric *nllA = measured->find("nll", "A"), *nllB = measured->find("nll", "B"),
                 *difference = measured->find("nll", "B-A");
    table.rows.push_back({"nats per token", withInterval(nllA), withInterval(nllB), withInterval(difference),
                          double(nllA   ? nllA->n
                                 : nllB ? nllB->n
                                        : 0),
                          verdict(difference)});
    section.blocks.emplace_back(std::move(table));
    section.blocks.emplace_back(Paragraph{"Intervals: bootstrap over windows of the text. " +
                                          measuredUnder(context, *measured->experiment) + "."});
    return section;
}

Section accuracy(const Context& context)
{
    Section section{"accuracy", "Accuracy", {}};
    Table table{"accuracy",
                "By task, the same items for A and B",
                {"task", "items", "chance (%)", "A (%) [95 %]", "B (%) [95 %]", "B − A (points) [95 %]", "only A right",
                 "only B right", "McNemar p", "p, Holm", "verdict"},
                {}};
    Table areas{
        "auroc", "AUROC of the two-choice tasks", {"task", "A [95 %]", "B [95 %]", "B − A [95 %]", "verdict"}, {}};
    std::vector<svg::Dot> dots, differences;
    std::vector<double> pValues;
    std::optional<double> chance;
    bool oneChance = true;
    std::string under;
    for (const Measured* measured : context.newestBy("accuracy", "task")) {
        const std::string task = valueOr(measured->experiment->params, "task", std::string("task"));
        const std::string name = "accuracy/" + task;
        const Metric *a = measured->find(name, "A"), *b = measured->find(name, "B"),
                     *difference = measured->find(name, "B-A"), *p = measured->find("mcnemar_p/" + task, "B-A");
        const Flips flips = flipsOf(*measured->experiment);
        if (p)
            pValues.push_back(p->value);
        table.rows.push_back({task, double(flips.items), flips.chance, withInterval(a), withInterval(b),
                              withInterval(difference), double(flips.onlyA), double(flips.onlyB), p ? p->value : kNone,
                              kNone, verdict(difference)});
        addDot(dots, task + "  A", a);
        addDot(dots, task + "  B", b);
        addDot(differences, task, difference);
        oneChance = oneChance && (!chance || std::abs(*chance - flips.chance) < 1e-9);
        chance = flips.chance;
        const std::string area = "auroc/" + task;
        if (measured->find(area, "A") || measured->find(area, "B"))
            areas.rows.push_back({task, withInterval(measured->find(area, "A")),
                                  withInterval(measured->find(area, "B")), withInterval(measured->find(area, "B-A")),
                                  verdict(measured->find(area, "B-A"))});
        under += (under.empty() ? "" : " ") + task + ": " + measuredUnder(context, *measured->experiment) + ".";
    }
    if (table.rows.empty())
        return section;
    const auto adjusted = holm(pValues);
    std::size_t next = 0;
    for (auto& row : table.rows)
        if (row[8].number && !std::isnan(*row[8].number))
            row[9] = Cell(adjusted[next++]);
    section.blocks.emplace_back(std::move(table));
    if (!areas.rows.empty())
        section.blocks.emplace_back(std::move(areas));
    section.blocks.emplace_back(Figure{"Accuracy with 95 % intervals",
                                       svg::dots({dots, "% right", oneChance ? chance : std::nullopt, false}),
                                       "Wilson intervals. Dashed: chance level, where all tasks have the same."});
    if (!differences.empty())
        section.blocks.emplace_back(Figure{"B minus A", svg::dots({differences, "points", 0.0, false}),
                                           "Paired bootstrap over items; an interval that holds 0 claims nothing "
                                           "(n.s.). McNemar's test is exact."});
    section.blocks.emplace_back(Paragraph{under});
    return section;
}

Section cost(const Context& context)
{
    Section section{"cost", "Cost of the methods", {}};
    Table table{"cost",
                "With the card against without it",
                {"card", "stack", "Δ tok/s (%) [95 %]", "Δ memory", "Δ KL (nats/token) [95 %]",
                 "Δ accuracy (points) [95 %]", "state"},
                {}};
    for (const Measured& each : context.measured) {
        if (each.experiment->kind != "measure_cost")
            continue;
        const auto set = methodSetFromJson(valueOr(each.experiment->params, "methods", nlohmann::json::array()));
        const int left = valueOr(each.experiment->params, "leave_out", -1);
        const MethodSet methods = set ? set.value() : MethodSet{};
        const bool card = left >= 0 && left < int(methods.size());
        const Metric* memory = each.find("cost/memory", "with-without");
        table.rows.push_back({card ? methodText({methods[std::size_t(left)]}) : "whole stack", methodText(methods),
                              withInterval(each.find("cost/rate", "with-without")),
                              memory ? bytes(memory->value) : Cell("–", kNone), withInterval(each.find("cost/kl", "")),
                              withInterval(each.find("cost/accuracy", "with-without")), each.experiment->state});
    }
    if (!table.rows.empty())
        section.blocks.emplace_back(std::move(table));
    return section;
}

Section steering(const Context& context)
{
    Section section{"steering", "Steering vectors", {}};
    Table table{"steering",
                "Built from contrast pairs",
                {"name", "block", "pairs", "norm", "cosine of halves", "held-out accuracy", "pooling", "chat template",
                 "state"},
                {}};
    for (const ExperimentData& e : context.input.experiments) {
        if (e.kind != "build_steering" || !e.params.is_object())
            continue;
        const auto positive = e.params.find("positive");
        table.rows.push_back({valueOr(e.params, "name", fmt::format("vector {}", e.id)), numberOr(e.params, "layer"),
                              double(positive != e.params.end() ? positive->size() : 0), numberOr(e.result, "norm"),
                              numberOr(e.result, "cosine_halves"), numberOr(e.result, "held_out_accuracy"),
                              valueOr(e.params, "pooling", std::string("last")),
                              valueOr(e.params, "template", false) ? "on" : "off",
                              e.failure ? e.failure->message : e.state});
    }
    if (!table.rows.empty())
        section.blocks.emplace_back(std::move(table));
    return section;
}

Section experiments(const Context& context)
{
    Section section{"experiments", "Experiments log", {}};
    Table table{"experiments", "All", {"id", "kind", "state", "started (UTC)", "rows", "reason"}, {}};
    for (const ExperimentData& e : context.input.experiments)
        table.rows.push_back({double(e.id), e.kind, e.state, e.startedAt, double(e.rows.size()),
                              e.failure ? e.failure->message : std::string()});
    if (!table.rows.empty())
        section.blocks.emplace_back(std::move(table));
    return section;
}

Section notes(const Context& context)
{
    Section section{"notes", "Notes", {}};
    for (const std::string& note : context.input.notes)
        section.blocks.emplace_back(Paragraph{note});
    return section;
}

Section numbers(const Context& context)
{
    Section section{"numbers", "Appendix: all numbers", {}};
    const std::vector<std::string> columns{"name", "lane", "value", "low", "high", "unit", "n", "from"};
    Table table{"metrics", "Those without a block, with 95 % intervals", columns, {}};
    Table layered{"metrics-by-block", "Those of every block", columns, {}, true};
    const auto add = [&](const Metric& m, const std::string& source) {
        (isLayered(m) ? layered : table)
            .rows.push_back(
                {m.name, m.lane, m.value, m.low.value_or(kNone), m.high.value_or(kNone), m.unit, double(m.n), source});
    };
    for (const Metric& m : context.runMetrics)
        add(m, fmt::format("run {}", context.run->id));
    for (const Measured& each : context.measured)
        for (const Metric& m : each.metrics)
            add(m, fmt::format("experiment {} ({})", each.experiment->id, each.experiment->kind));
    for (Table* each : {&table, &layered})
        if (!each->rows.empty())
            section.blocks.emplace_back(std::move(*each));
    return section;
}

} // namespace ls::report
