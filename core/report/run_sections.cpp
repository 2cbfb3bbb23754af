#include "core/report/report_parts.h"
#include "core/report/shared_steps.h"
#include "core/spec/method_schema.h"
#include "core/stats/bootstrap.h"
#include "core/stats/summary.h"

#include <algorithm>
#include <cmath>

/// Sections about the run in view.
namespace ls::report {

namespace {

constexpr int kRateWindow = 8; ///< steps behind one point of the rate, as in the dashboard

/// Seconds of the lane's own steps; the first generated token carries the prefill and is left out.
std::vector<std::pair<int, double>> stepsOf(const LaneData& lane)
{
    std::vector<std::pair<int, double>> out;
    for (int i = lane.promptTokens() + 1; i < int(lane.tokens.size()); ++i)
        out.emplace_back(i, double(lane.tokens[std::size_t(i)].stepUs) / 1e6);
    return out;
}

const Metric* find(const std::vector<Metric>& metrics, const std::string& name, const std::string& lane)
{
    for (const Metric& metric : metrics)
        if (metric.name == name && metric.lane == lane)
            return &metric;
    return nullptr;
}

std::string divergenceText(const RunData& run, const LaneData& lane)
{
    const LaneData* a = run.lane("A");
    if (!a || lane.name == "A")
        return {};
    if (!lane.divergence)
        return fmt::format("Lane {} gives the same tokens as lane A. ", lane.name);
    const auto at = std::size_t(*lane.divergence);
    const auto word = [at](const LaneData& l) {
        return at < l.tokens.size() ? "“" + l.tokens[at].text + "”" : std::string("nothing");
    };
    const int same = std::max(0, int(at) - a->promptTokens());
    return fmt::format("Lanes A and {} agree for {} generated token{}; at position {} lane A has {}, lane {} {}. ",
                       lane.name, same, same == 1 ? "" : "s", at, word(*a), lane.name, word(lane));
}

std::string measuredSentences(const Context& context)
{
    std::string out;
    if (const Measured* bench = context.newest("bench"))
        for (const Metric& m : bench->metrics)
            if (m.name.starts_with("speed_ratio/") && m.low && m.high)
                out += fmt::format("{}: B runs at {:.3f} [{:.3f}, {:.3f}] times the speed of A{}. ", m.name.substr(12),
                                   m.value, *m.low, *m.high, *m.low <= 1 && *m.high >= 1 ? " (n.s.)" : "");
    for (const Measured* each : context.newestBy("accuracy", "task"))
        for (const Metric& m : each->metrics)
            if (m.name.starts_with("accuracy/") && m.lane == "B-A" && m.low && m.high)
                out +=
                    fmt::format("Accuracy on {}: B minus A is {:+.1f} points [{:+.1f}, {:+.1f}]{}. ", m.name.substr(9),
                                m.value, *m.low, *m.high, *m.low <= 0 && *m.high >= 0 ? " (n.s.)" : "");
    return out;
}

std::string clipped(const std::string& words)
{
    constexpr std::size_t kLongest = 2000;
    if (words.size() <= kLongest)
        return words;
    std::size_t end = kLongest;
    while (end > 0 && (static_cast<unsigned char>(words[end]) & 0xc0) == 0x80)
        --end;
    return words.substr(0, end) + " … (the rest is in the session)";
}

/// Where the time of the lanes went; nothing for a run that was stored without it.
std::optional<Table> stageTable(const RunData& run)
{
    Table table{"run-stages",
                "Decode step by stage: mean of the steps since the lane's last switch; prefill: the whole prompt",
                {"lane", "what", "tokens"},
                {}};
    for (const NamedStage& stage : kStages)
        table.columns.push_back(fmt::format("{} (ms)", stage.key));
    table.columns.emplace_back("total (ms)");
    const auto add = [&](const LaneData& lane, const char* what, const StageSums& sums, double over) {
        if (sums.tokens <= 0)
            return;
        std::vector<Cell> row{lane.name, what, double(sums.tokens)};
        for (const NamedStage& stage : kStages)
            row.emplace_back(double(sums.ns.*stage.stage) * 1e-6 / over);
        row.emplace_back(double(sums.ns.sum()) * 1e-6 / over);
        table.rows.push_back(std::move(row));
    };
    for (const LaneData& lane : run.lanes) {
        add(lane, "a decode step", lane.stages.decode, double(std::max<std::int64_t>(1, lane.stages.decode.tokens)));
        add(lane, "prefill", lane.stages.prefill, 1);
    }
    return table.rows.empty() ? std::nullopt : std::optional(std::move(table));
}

} // namespace

Section summary(const Context& context)
{
    Section section{"summary", "Summary", {}};
    if (!context.run) {
        section.blocks.emplace_back(Paragraph{"This session holds no generated text."});
        return section;
    }
    const RunData& run = *context.run;
    Table table{
        "lanes",
        "Lanes",
        {"lane", "methods at the start", "tokens generated", "ended", "tok/s", "TTFT (ms)", "mean KL to A (nats)"},
        {}};
    std::string words;
    for (const LaneData& lane : run.lanes) {
        const Metric* kl = find(context.runMetrics, "kl_live", lane.name + "-A");
        table.rows.push_back({lane.name, methodText(lane.methods),
                              double(lane.tokens.size() - std::size_t(lane.promptTokens())),
                              lane.reason.empty() ? "running" : lane.reason, decodeRate(run, lane).value_or(kNone),
                              lane.ttftUs > 0 ? double(lane.ttftUs) / 1000 : kNone, kl ? kl->value : kNone});
        words += divergenceText(run, lane);
    }
    words += measuredSentences(context);
    if (run.failure)
        words += "The run failed: " + run.failure->message;
    if (!words.empty())
        section.blocks.emplace_back(Paragraph{words});
    section.blocks.emplace_back(std::move(table));
    return section;
}

Section configuration(const Context& context)
{
    Section section{"configuration", "Configuration: methods of each lane", {}};
    if (!context.run)
        return section;
    Table table{"methods", "Methods and parameters", {"lane", "when", "order", "method", "parameter", "value"}, {}};
    const auto add = [&](const std::string& lane, const std::string& when, const MethodSet& methods) {
        if (methods.empty())
            table.rows.push_back({lane, when, "", "none (dense)", "", ""});
        for (std::size_t i = 0; i < methods.size(); ++i)
            for (const auto& [id, value] : methods[i].params.items())
                table.rows.push_back({lane, when, double(i + 1), methods[i].method, id,
                                      value.is_string()
                                          ? value.get<std::string>()
                                          : value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)});
    };
    for (const LaneData& lane : context.run->lanes)
        add(lane.name, "at the start", lane.methods);
    for (const ToggleData& toggle : context.run->toggles)
        add(toggle.lane, fmt::format("from position {}", toggle.position), toggle.methods);
    section.blocks.emplace_back(std::move(table));
    return section;
}

Section text(const Context& context)
{
    Section section{"text", "Text and divergence", {}};
    if (!context.run)
        return section;
    std::string words;
    for (const LaneData& lane : context.run->lanes)
        words += divergenceText(*context.run, lane);
    if (!words.empty())
        section.blocks.emplace_back(Paragraph{words});
    for (const LaneData& lane : context.run->lanes) {
        TokenText block{"Lane " + lane.name, {}, {}, lane.divergence};
        for (const TokenData& token : lane.tokens) {
            block.tokens.push_back(token.text);
            block.prompt.push_back(token.origin == "prompt");
        }
        section.blocks.emplace_back(std::move(block));
    }
    return section;
}

Section toggles(const Context& context)
{
    Section section{"toggles", "Switches during the run", {}};
    Table table{"toggles", "Log", {"lane", "first token made under it", "KV cache", "cost (ms)", "methods"}, {}};
    if (context.run)
        for (const ToggleData& t : context.run->toggles)
            table.rows.push_back({t.lane, double(t.position),
                                  t.forkLane.empty() ? t.policy : t.policy + " to lane " + t.forkLane,
                                  double(t.costUs) / 1000, methodText(t.methods)});
    if (!table.rows.empty())
        section.blocks.emplace_back(std::move(table));
    return section;
}

void addRunSpeed(const Context& context, Section& section)
{
    if (!context.run)
        return;
    Table table{"run-speed",
                "This run, own time of each lane over the steps all lanes made",
                {"lane", "tok/s", "ms per token, median", "5 %", "95 %", "steps", "TTFT (ms)"},
                {}};
    svg::LinePlot plot{{}, "position (token)", "tok/s over the last 8 steps", {}};
    const SharedSteps shared = sharedSteps(*context.run);
    for (const LaneData& lane : context.run->lanes) {
        const auto steps = stepsOf(lane);
        std::vector<double> times = stepTimes(lane, shared);
        for (double& time : times)
            time /= 1000; // ms
        svg::Series series{"lane " + lane.name, laneColor(lane.name), {}, {}, {}, {}};
        double window = 0;
        for (std::size_t i = 0; i < steps.size(); ++i) {
            window += steps[i].second - (i >= kRateWindow ? steps[i - kRateWindow].second : 0);
            if (i + 1 >= kRateWindow && window > 0) {
                series.x.push_back(steps[i].first);
                series.y.push_back(kRateWindow / window);
            }
        }
        const Metric* rate = find(context.runMetrics, "decode_rate", lane.name);
        if (times.empty() && !rate)
            continue;
        table.rows.push_back({lane.name, rate ? rate->value : kNone, median(times), quantile(times, 0.05),
                              quantile(times, 0.95), double(times.size()),
                              lane.ttftUs > 0 ? double(lane.ttftUs) / 1000 : kNone});
        if (!series.x.empty())
            plot.series.push_back(std::move(series));
    }
    if (!table.rows.empty())
        section.blocks.emplace_back(std::move(table));
    if (auto stages = stageTable(*context.run))
        section.blocks.emplace_back(std::move(*stages));
    plot.fromZero = true;
    for (const ToggleData& toggle : context.run->toggles)
        plot.marks.push_back({double(toggle.position), "switch, lane " + toggle.lane});
    if (!plot.series.empty())
        section.blocks.emplace_back(
            Figure{"Rate while generating", svg::lines(plot),
                   "A lane's own steps only; the lanes take turns on one device. The table compares the steps that "
                   "all lanes made since the last switch."});
    if (const auto& memory = context.run->memory) {
        Table sizes{"memory", "Memory at the end of the run", {"", "size"}, {}};
        const auto each = [&](const char* what, const std::vector<std::int64_t>& list) {
            for (std::size_t i = 0; i < std::min(list.size(), memory->lanes.size()); ++i)
                sizes.rows.push_back({fmt::format("lane {}: {}", memory->lanes[i], what), bytes(double(list[i]))});
        };
        each("KV cache in use", memory->laneKvBytes);
        each("own copies of weights", memory->laneWeightBytes);
        sizes.rows.push_back({"weights, shared by all lanes", bytes(double(memory->weightBytes))});
        if (memory->rssBytes > 0)
            sizes.rows.push_back({"engine, resident", bytes(double(memory->rssBytes))});
        section.blocks.emplace_back(std::move(sizes));
    }
}

Section distance(const Context& context)
{
    Section section{"kl", "Distance of the lanes", {}};
    Table means{"kl-mean", "Mean KL(A‖B)", {"from", "lane", "KL (nats/token)", "low", "high", "n"}, {}};
    svg::LinePlot plot{{}, "position (token)", "KL(A‖lane) (nats)", {}};
    Table table{"kl", "KL per token, up to the first divergence", {"lane", "position", "KL (nats)"}, {}, true};
    if (context.run)
        for (const LaneData& lane : context.run->lanes) {
            const auto found = lane.taps.find("kl");
            if (found == lane.taps.end())
                continue;
            svg::Series series{"lane " + lane.name, laneColor(lane.name), {}, {}, {}, {}};
            for (const auto& [position, tap] : found->second) {
                const auto values = tap.value.floats();
                if (values.empty())
                    continue;
                series.x.push_back(position);
                series.y.push_back(values[0]);
                table.rows.push_back({lane.name, double(position), double(values[0])});
            }
            const auto estimate = bootstrapMean(series.y);
            if (!series.y.empty())
                means.rows.push_back({"this run, up to the first divergence", lane.name, mean(series.y),
                                      estimate ? estimate.value().low : kNone, estimate ? estimate.value().high : kNone,
                                      double(series.y.size())});
            if (lane.divergence)
                plot.marks.push_back({double(*lane.divergence), "first divergence, lane " + lane.name});
            plot.series.push_back(std::move(series));
        }
    plot.fromZero = true;
    const Measured* fill = context.newest("fill_in");
    if (fill)
        for (const Metric& m : fill->metrics)
            means.rows.push_back({"fill-in: B's whole text through both lanes", m.lane.substr(0, 1), m.value,
                                  m.low.value_or(kNone), m.high.value_or(kNone), double(m.n)});
    if (!means.rows.empty())
        section.blocks.emplace_back(std::move(means));
    if (!table.rows.empty()) {
        section.blocks.emplace_back(Figure{"KL per token", svg::lines(plot),
                                           "Next-token distributions, baseline to changed; only up to the first "
                                           "divergence."});
        section.blocks.emplace_back(std::move(table));
    }
    if (fill) {
        svg::LinePlot filled{{{"fill-in", laneColor("B"), {}, {}, {}, {}}}, "position (token)", "KL(A‖B) (nats)", {}};
        Table rows{"kl-fill-in",
                   "KL per token of B's text",
                   {"position", "KL (nats)", "log-probability A", "log-probability B"},
                   {},
                   true};
        for (const auto& row : fill->experiment->rows) {
            const auto number = [&row](const char* key) {
                return row.contains(key) && row[key].is_number() ? row[key].get<double>() : kNone;
            };
            filled.series[0].x.push_back(number("position"));
            filled.series[0].y.push_back(number("kl"));
            rows.rows.push_back({number("position"), number("kl"), number("logprob_a"), number("logprob_b")});
        }
        filled.fromZero = true;
        section.blocks.emplace_back(
            Figure{"KL per token of B's whole text (fill-in)", svg::lines(filled),
                   "B's text teacher-forced through A and, with its methods from the start, through B. " +
                       measuredUnder(context, *fill->experiment)});
        section.blocks.emplace_back(std::move(rows));
    }
    return section;
}

Section provenance(const Context& context)
{
    Section section{"provenance", "Provenance", {}};
    if (!context.run)
        return section;
    const RunData& run = *context.run;
    const ModelInfo& m = run.model;
    Table table{"provenance", "What was run, and on what", {"", "value"}, {}};
    const auto row = [&](const std::string& name, Cell value) { table.rows.push_back({name, std::move(value)}); };
    row("model", m.name);
    row("file", m.path);
    row("family", m.family);
    row("model fingerprint", m.fingerprint);
    row("tokenizer fingerprint", m.tokenizerFingerprint);
    row("chat template fingerprint", m.templateFingerprint.empty() ? "no template" : m.templateFingerprint);
    row("license", m.license.empty() ? "not stated in the file" : m.license);
    row("stored as", m.storedType);
    row("run as", m.dtype);
    row("device", m.device);
    row("blocks", double(m.blockCount));
    row("parameters", {fmt::format("{:.1f} million", double(m.parameterCount) / 1e6), double(m.parameterCount)});
    row("context", double(m.contextLength));
    row("temperature", run.spec.sampler.temperature);
    row("top-p", run.spec.sampler.topP);
    row("seed", std::to_string(run.spec.sampler.seed));
    row("at most tokens", double(run.spec.maxTokens));
    row("run started (UTC)", run.startedAt);
    row("prompt as run", clipped(run.renderedPrompt));
    row("program", "Layerscope " LAYERSCOPE_VERSION);
    if (context.input.environment.is_object())
        for (const auto& [key, value] : context.input.environment.items())
            row(key, value.is_string() ? value.get<std::string>()
                                       : value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    section.blocks.emplace_back(std::move(table));
    return section;
}

Section tokens(const Context& context)
{
    Section section{"tokens", "Appendix: all tokens", {}};
    Table table{"tokens",
                "Tokens",
                {"lane", "position", "id", "text", "origin", "log-probability (nats)", "entropy (nats)", "step (us)"},
                {}};
    if (context.run)
        for (const LaneData& lane : context.run->lanes)
            for (std::size_t i = 0; i < lane.tokens.size(); ++i) {
                const TokenData& t = lane.tokens[i];
                table.rows.push_back({lane.name, double(i), double(t.id), t.text, t.origin, double(t.logprob),
                                      double(t.entropy), double(t.stepUs)});
            }
    if (!table.rows.empty())
        section.blocks.emplace_back(std::move(table));
    return section;
}

} // namespace ls::report
