#include "ui/desk/card_values.h"

#include "core/json_value.h"
#include "core/report/shared_steps.h"
#include "core/spec/method_schema.h"
#include "core/stats/bootstrap.h"
#include "ui/client/engine_client.h"
#include "ui/shell/text.h"

#include <QCoreApplication>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <numeric>

namespace ls::cards {

namespace {

constexpr int kLiveTokens = 32; // fewer say nothing about a rate
constexpr int kBlock = 8;       // steps resampled together: neighbouring steps share clock and cache effects

QString tr(const char* text)
{
    return QCoreApplication::translate("cards", text);
}

/// Which use of its method a card is: 0 for the first one of that id that is on.
int occurrence(const MethodSet& methods, int index)
{
    int n = 0;
    for (int i = 0; i < index; ++i)
        n += methods[std::size_t(i)].method == methods[std::size_t(index)].method;
    return n;
}

bool contains(const MethodSet& methods, const std::string& method, int nth)
{
    return std::count_if(methods.begin(), methods.end(), [&](const MethodUse& u) { return u.method == method; }) > nth;
}

/// The stack with the card in it, and the card's place there.
std::pair<MethodSet, int> stackWith(const Desk& desk, int card)
{
    MethodSet methods;
    int index = -1;
    for (int i = 0; i < int(desk.size()); ++i) {
        if (i == card)
            index = int(methods.size());
        if (desk[std::size_t(i)].enabled || i == card)
            methods.push_back(desk[std::size_t(i)].use);
    }
    return {methods, index};
}

Cost cost(const Result<Estimate>& estimate, double scale, const QString& origin)
{
    if (!estimate)
        return {};
    const Estimate& e = estimate.value();
    return {e.value * scale, e.low * scale, e.high * scale, e.n, origin, {}};
}

/// Newest measurement whose left-out method is this card's; nullptr if none has rows.
ExperimentData* newestFor(const Workbench& workbench, int card, bool running)
{
    if (!workbench.session() || card >= int(workbench.desk().size()))
        return nullptr;
    const auto [methods, index] = stackWith(workbench.desk(), card);
    ExperimentData* newest = nullptr;
    for (ExperimentData* experiment : workbench.session()->experiments()) {
        if (experiment->kind != "measure_cost" || (experiment->state == "running") != running)
            continue;
        const auto set = methodSetFromJson(valueOr(experiment->params, "methods", nlohmann::json::array()));
        const int left = valueOr(experiment->params, "leave_out", -1);
        if (!set || left < 0 || left >= int(set.value().size()) || (experiment->rows.empty() && !running))
            continue;
        if (set.value()[std::size_t(left)].method == methods[std::size_t(index)].method &&
            occurrence(set.value(), left) == occurrence(methods, index))
            newest = experiment;
    }
    return newest;
}

/// Numbers of one kind of row by lane.
std::map<std::string, std::vector<double>> byLane(const ExperimentData& experiment, const std::string& what,
                                                  const char* value)
{
    std::map<std::string, std::vector<double>> lanes;
    for (const auto& row : experiment.rows)
        if (valueOr(row, "what", std::string()) == what && row.contains(value)) {
            const auto& v = row[value];
            lanes[valueOr(row, "lane", std::string())].push_back(v.is_boolean()  ? double(v.get<bool>())
                                                                 : v.is_number() ? v.get<double>()
                                                                                 : std::nan(""));
        }
    return lanes;
}

Cost liveRate(const RunData& run, const LaneData& a, const LaneData& b)
{
    SharedSteps shared = sharedSteps(run);
    if (shared.first < lastSwitch(run, b.name)) // nothing decoded yet with the methods that are on now
        shared.count = 0;
    const std::vector<double> stepsA = stepTimes(a, shared), stepsB = stepTimes(b, shared);
    const int n = int(std::min(stepsA.size(), stepsB.size()));
    if (n < kLiveTokens) {
        Cost waiting;
        waiting.note = tr("Needs %1 tokens since the last change; %2 so far.").arg(kLiveTokens).arg(n);
        return waiting;
    }
    const auto blockSum = [](const std::vector<double>& values, int block) {
        return std::accumulate(values.begin() + block * kBlock, values.begin() + (block + 1) * kBlock, 0.0);
    };
    const auto estimate = bootstrap(n / kBlock, [&](std::span<const int> blocks) {
        double sumA = 0, sumB = 0;
        for (const int block : blocks) {
            sumA += blockSum(stepsA, block);
            sumB += blockSum(stepsB, block);
        }
        return sumA / sumB - 1;
    });
    Cost live = cost(estimate, 100, QStringLiteral("live"));
    live.n = n;
    live.note =
        tr("Own decode steps of B against A, the same ones of both since the last change, blocks of %1 resampled.")
            .arg(kBlock);
    return live;
}

Cost liveKl(const LaneData& lane, int since)
{
    const auto taps = lane.taps.find("kl");
    std::vector<double> values;
    if (taps != lane.taps.end())
        for (const auto& [position, tap] : taps->second)
            if (position >= since)
                for (const float value : tap.value.floats())
                    values.push_back(double(value));
    if (int(values.size()) < kLiveTokens) {
        Cost waiting;
        waiting.note = tr("Needs %1 tokens since the last change and before the divergence; %2 so far. "
                          "Measure the card for its KL on a fixed text.")
                           .arg(kLiveTokens)
                           .arg(values.size());
        return waiting;
    }
    Cost kl = cost(bootstrapMean(values), 1, QStringLiteral("live"));
    kl.note = tr("Mean KL(A‖B) of the next-token distribution in nats, up to the first divergence.");
    return kl;
}

Cost accuracyOf(const Workbench& workbench)
{
    const std::string hash = specHash(enabledMethods(workbench.desk()));
    const ExperimentData* newest = nullptr;
    if (workbench.session())
        for (const ExperimentData* experiment : workbench.session()->experiments())
            if (experiment->kind == "accuracy" && experiment->state == "done") {
                const auto set = methodSetFromJson(valueOr(experiment->params, "methods", nlohmann::json::array()));
                if (set && !set.value().empty() && specHash(set.value()) == hash)
                    newest = experiment;
            }
    if (!newest)
        return {};
    std::map<int, std::pair<double, double>> items; // item -> right under A, under B
    for (const auto& row : newest->rows) {
        const double right = valueOr(row, "predicted", -1) == valueOr(row, "answer", -2) ? 1 : 0;
        auto& item = items.try_emplace(valueOr(row, "item", 0), std::nan(""), std::nan("")).first->second;
        (valueOr(row, "lane", std::string()) == "A" ? item.first : item.second) = right;
    }
    std::vector<double> a, b;
    for (const auto& [index, pair] : items)
        if (std::isfinite(pair.first) && std::isfinite(pair.second)) {
            a.push_back(pair.first);
            b.push_back(pair.second);
        }
    Cost accuracy = cost(bootstrapPairedDifference(a, b), 100, QStringLiteral("measured"));
    accuracy.note = tr("Task %1, same items for A and B.")
                        .arg(QString::fromStdString(valueOr(newest->params, "task", std::string())));
    return accuracy;
}

} // namespace

QString log(const RunData* run, const Desk& desk, int card)
{
    const LaneData* lane = run ? run->lane("B") : nullptr;
    if (!lane || card >= int(desk.size()))
        return {};
    const auto [methods, index] = stackWith(desk, card);
    const std::string& id = methods[std::size_t(index)].method;
    const int nth = occurrence(methods, index);
    bool on = contains(lane->methods, id, nth);
    QString text = on ? tr("on since the start of this run") : QString();
    for (const ToggleData& toggle : run->toggles) {
        if (toggle.lane != "B")
            continue;
        const bool now = contains(toggle.methods, id, nth);
        if (now != on)
            text = (now ? tr("on since token %1") : tr("off since token %1")).arg(toggle.position);
        if (now != on && toggle.policy == "recompute")
            text += tr(" · prefix recomputed in %1 ms").arg(text::number(double(toggle.costUs) / 1000, 0));
        else if (now != on)
            text += tr(" · history: %1").arg(text::of(toggle.policy));
        on = now;
    }
    return text;
}

ExperimentData* measuring(const Workbench& workbench, int card)
{
    return newestFor(workbench, card, true);
}

nlohmann::json measureParams(const Workbench& workbench, int card, const std::string& text, const nlohmann::json& items)
{
    const auto [methods, index] = stackWith(workbench.desk(), card);
    return {{"methods", toJson(methods)}, {"leave_out", index}, {"text", text}, {"items", items}, {"n", 5}};
}

Costs measured(const Workbench& workbench, int card)
{
    const ExperimentData* experiment = newestFor(workbench, card, false);
    if (!experiment)
        return {};
    const auto set = methodSetFromJson(valueOr(experiment->params, "methods", nlohmann::json::array()));
    const bool same = set && specHash(set.value()) == specHash(stackWith(workbench.desk(), card).first);
    const QString origin = same ? QStringLiteral("measured") : QStringLiteral("stale");
    Costs costs;
    auto rates = byLane(*experiment, "tok_s", "value");
    if (rates["with"].size() == rates["without"].size() && !rates["with"].empty())
        costs.tokps = cost(bootstrap(int(rates["with"].size()),
                                     [&](std::span<const int> units) { // ratio of mean times, as everywhere
                                         double with = 0, without = 0;
                                         for (const int i : units) {
                                             with += 1 / rates["with"][std::size_t(i)];
                                             without += 1 / rates["without"][std::size_t(i)];
                                         }
                                         return without / with - 1;
                                     }),
                           100, origin);
    auto kl = byLane(*experiment, "kl", "value");
    std::vector<double> all;
    for (const auto& [lane, values] : kl)
        all.insert(all.end(), values.begin(), values.end());
    costs.kl = cost(bootstrapMean(all), 1, origin);
    auto right = byLane(*experiment, "accuracy", "correct");
    costs.accuracy = cost(bootstrapPairedDifference(right["without"], right["with"]), 100, origin);
    auto memory = byLane(*experiment, "memory", "bytes");
    if (!memory["with"].empty() && !memory["without"].empty())
        costs.memory = {memory["with"].back() - memory["without"].back(), {}, {}, 1, origin, {}};
    const QString note = same ? tr("Leave-one-out: the whole stack against the stack without this card.")
                              : tr("The stack has changed since this was measured; measure again.");
    for (Cost* each : {&costs.tokps, &costs.kl, &costs.accuracy, &costs.memory})
        each->note = note;
    return costs;
}

Costs wholeStack(const Workbench& workbench)
{
    Costs costs;
    const RunData* run = workbench.run();
    const LaneData* a = run ? run->lane("A") : nullptr;
    const LaneData* b = run ? run->lane("B") : nullptr;
    costs.accuracy = accuracyOf(workbench);
    if (!a || !b)
        return costs;
    costs.tokps = liveRate(*run, *a, *b);
    costs.kl = liveKl(*b, lastSwitch(*run, "B"));
    const auto lengthA = std::int64_t(a->tokens.size()), lengthB = std::int64_t(b->tokens.size());
    if (run->memory && std::abs(lengthA - lengthB) > 1) {
        costs.memory.note = tr("The lanes have %1 and %2 tokens: their KV caches cannot be compared. Measure the card.")
                                .arg(lengthA)
                                .arg(lengthB);
    } else if (run->memory) {
        const Memory& memory = *run->memory;
        double of[2] = {0, 0};
        for (std::size_t i = 0; i < memory.lanes.size(); ++i)
            for (int lane = 0; lane < 2; ++lane)
                if (memory.lanes[i] == (lane == 0 ? "A" : "B"))
                    of[lane] = double((i < memory.laneKvBytes.size() ? memory.laneKvBytes[i] : 0) +
                                      (i < memory.laneWeightBytes.size() ? memory.laneWeightBytes[i] : 0));
        costs.memory = {of[1] - of[0],
                        {},
                        {},
                        1,
                        QStringLiteral("live"),
                        tr("KV cache in use and own weight copies of B minus those of A, at %1 and %2 tokens.")
                            .arg(lengthA)
                            .arg(lengthB)};
    }
    return costs;
}

} // namespace ls::cards
