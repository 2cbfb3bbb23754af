#include "core/report/metrics.h"
#include "core/report/report.h"
#include "core/report/svg.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

namespace ls {

namespace {

using namespace report;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// A, B, C, D; safe for the usual kinds of colour blindness (Okabe and Ito).
const char* laneColor(const std::string& name)
{
    static constexpr const char* kColors[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7"};
    return kColors[name.size() == 1 && name[0] >= 'A' && name[0] <= 'D' ? name[0] - 'A' : 3];
}

std::string methodText(const MethodSet& methods)
{
    std::string out;
    for (const MethodUse& use : methods)
        out += (out.empty() ? "" : "; ") + use.method + " " +
               use.params.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return out.empty() ? "none (dense)" : out;
}

RunData* shownRun(Session& session)
{
    RunData* found = nullptr;
    for (RunData* run : session.runs())
        for (const LaneData& lane : run->lanes)
            if (!lane.tokens.empty())
                found = run;
    return found;
}

Section summary(const RunData& run)
{
    Table table{
        "lanes", "Lanes", {"lane", "methods at the start", "tokens generated", "ended", "tok/s", "TTFT (ms)"}, {}};
    for (const LaneData& lane : run.lanes)
        table.rows.push_back(
            {lane.name, methodText(lane.methods), double(lane.tokens.size() - std::size_t(lane.promptTokens())),
             lane.reason.empty() ? "running" : lane.reason, lane.tokensPerSecond > 0 ? lane.tokensPerSecond : kNone,
             lane.ttftUs > 0 ? double(lane.ttftUs) / 1000 : kNone});
    std::string text = fmt::format("Run {} of {}, started {}.", run.id, run.model.name, run.startedAt);
    for (const LaneData& lane : run.lanes)
        if (lane.divergence)
            text += fmt::format(" Lane {} differs from lane A from position {} on.", lane.name, *lane.divergence);
    if (run.failure)
        text += " It failed: " + run.failure->message;
    return {"Summary", {Paragraph{text}, table}};
}

Section provenance(const RunData& run)
{
    const ModelInfo& m = run.model;
    Table table{"provenance", "What was run, and on what", {"", "value"}, {}};
    const auto row = [&](const char* name, Cell value) { table.rows.push_back({name, std::move(value)}); };
    row("model", m.name);
    row("file", m.path);
    row("model fingerprint", m.fingerprint);
    row("tokenizer fingerprint", m.tokenizerFingerprint);
    row("license", m.license);
    row("stored as", m.storedType);
    row("run as", m.dtype);
    row("device", m.device);
    row("blocks", double(m.blockCount));
    row("parameters", double(m.parameterCount));
    row("temperature", run.spec.sampler.temperature);
    row("top-p", run.spec.sampler.topP);
    row("seed", std::to_string(run.spec.sampler.seed));
    row("prompt as run", run.renderedPrompt);
    row("program", "Layerscope " LAYERSCOPE_VERSION);
    return {"Provenance", {table}};
}

Section texts(const RunData& run)
{
    Section section{"Texts", {}};
    for (const LaneData& lane : run.lanes) {
        TokenText text{"Lane " + lane.name, {}, {}, lane.divergence};
        for (const TokenData& token : lane.tokens) {
            text.tokens.push_back(token.text);
            text.prompt.push_back(token.origin == "prompt");
        }
        section.blocks.emplace_back(std::move(text));
    }
    Table table{"tokens",
                "Tokens",
                {"lane", "position", "id", "text", "origin", "log-probability (nats)", "entropy (nats)", "step (us)"},
                {}};
    for (const LaneData& lane : run.lanes)
        for (std::size_t i = 0; i < lane.tokens.size(); ++i) {
            const TokenData& t = lane.tokens[i];
            table.rows.push_back({lane.name, double(i), double(t.id), t.text, t.origin, double(t.logprob),
                                  double(t.entropy), double(t.stepUs)});
        }
    section.blocks.emplace_back(std::move(table));
    return section;
}

Section toggles(const RunData& run)
{
    Section section{"Switches during the run", {}};
    Table table{"toggles", "Log", {"lane", "first token made under it", "KV cache", "cost (ms)", "methods"}, {}};
    for (const ToggleData& t : run.toggles)
        table.rows.push_back({t.lane, double(t.position), t.policy, double(t.costUs) / 1000, methodText(t.methods)});
    if (!table.rows.empty())
        section.blocks.emplace_back(std::move(table));
    return section;
}

Section kl(const RunData& run)
{
    Section section{"Distance of the lanes", {}};
    svg::LinePlot plot{{}, "position (token)", "KL(A‖lane) (nats)", {}};
    Table table{"kl", "KL per token, up to the first divergence", {"lane", "position", "KL (nats)"}, {}};
    for (const LaneData& lane : run.lanes) {
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
        plot.series.push_back(std::move(series));
    }
    if (!table.rows.empty())
        section.blocks = {Figure{"KL per token", svg::lines(plot),
                                 "Next-token distributions, baseline to changed; "
                                 "only up to the first divergence."},
                          table};
    return section;
}

struct LaneMetric {
    std::string source;
    Metric metric;
};

std::vector<LaneMetric> allMetrics(Session& session, const RunData* run)
{
    std::vector<LaneMetric> out;
    if (run)
        for (const Metric& m : runMetrics(*run))
            out.push_back({fmt::format("run {}", run->id), m});
    for (const ExperimentData* e : session.experiments())
        for (const Metric& m : experimentMetrics(*e))
            out.push_back({fmt::format("experiment {} ({})", e->id, e->kind), m});
    return out;
}

bool isLayered(const Metric& m)
{
    return m.name.starts_with("safety_auroc/") || m.name.starts_with("contextualisation");
}

Section metrics(const std::vector<LaneMetric>& all)
{
    Section section{"Measurements", {}};
    Table table{
        "metrics", "All, with 95 % intervals", {"name", "lane", "value", "low", "high", "unit", "n", "from"}, {}};
    std::map<std::string, std::vector<svg::Dot>> plots; // by unit
    for (const auto& [source, m] : all) {
        table.rows.push_back(
            {m.name, m.lane, m.value, m.low.value_or(kNone), m.high.value_or(kNone), m.unit, double(m.n), source});
        if (!isLayered(m) && m.low && m.high)
            plots[m.unit].push_back({m.name + "  " + m.lane, m.value, m.low, m.high, laneColor(m.lane.substr(0, 1))});
    }
    for (const auto& [unit, dots] : plots)
        section.blocks.emplace_back(Figure{fmt::format("Comparison ({})", unit.empty() ? "no unit" : unit),
                                           svg::dots(dots, unit),
                                           "Dot: value; whisker: 95 % interval. Values whose "
                                           "intervals overlap are not ranked."});
    if (!table.rows.empty())
        section.blocks.emplace_back(std::move(table));
    return section;
}

Section lens(const RunData& run)
{
    Section section{"Logit lens of the last token", {}};
    for (const LaneData& lane : run.lanes) {
        const auto found = lane.taps.find("lens.ids");
        if (found == lane.taps.end() || found->second.empty())
            continue;
        const auto& [position, ids] = *found->second.rbegin();
        const TapValue* probs = lane.tap("lens.probs", position);
        if (!probs || ids.value.shape.size() != 2 || ids.value.shape[1] < 1)
            continue;
        const auto width = std::size_t(ids.value.shape[1]);
        const auto values = probs->value.floats();
        Table table{"lens-" + lane.name,
                    fmt::format("Lane {}, position {}", lane.name, position),
                    {"after block", "top tokens (probability)", "first probability"},
                    {}};
        for (std::size_t l = 0; l < std::size_t(ids.value.shape[0]) && (l + 1) * width <= values.size(); ++l) {
            std::string top;
            for (std::size_t k = 0; k < width && l * width + k < ids.texts.size(); ++k)
                top += fmt::format("{}“{}” {:.3f}", k ? ", " : "", ids.texts[l * width + k], values[l * width + k]);
            table.rows.push_back(
                {l == 0 ? std::string("embedding") : std::to_string(l - 1), top, double(values[l * width])});
        }
        section.blocks.emplace_back(std::move(table));
    }
    return section;
}

Section contextualisation(const RunData& run)
{
    Section section{"Contextualisation", {}};
    for (const LaneData& lane : run.lanes) {
        const auto found = lane.taps.find("contextualisation.c");
        if (found == lane.taps.end())
            continue;
        svg::HeatMap map{{}, {}, "layer (0 = embedding)", "token", "score c"};
        for (const auto& [position, tap] : found->second) {
            const auto values = tap.value.floats();
            map.values.emplace_back(values.begin(), values.end());
            if (position >= 0 && std::size_t(position) < lane.tokens.size())
                map.rowLabels.push_back(fmt::format("{} {}", position, lane.tokens[std::size_t(position)].text));
            else
                map.rowLabels.push_back(std::to_string(position));
        }
        section.blocks.emplace_back(Figure{"Lane " + lane.name, svg::heatMap(map),
                                           "Hatched: no value (before the calibration window, or a sink token). One "
                                           "prompt: descriptive."});
    }
    return section;
}

/// "name/<layer>" of each prefix as a line with its band.
Figure byLayer(const std::vector<LaneMetric>& all, const std::vector<std::string>& prefixes, const std::string& title,
               const std::string& label, std::optional<double> reference, const std::string& caption)
{
    svg::LinePlot plot{{}, "layer (0 = embedding)", label, reference};
    for (std::size_t i = 0; i < prefixes.size(); ++i) {
        svg::Series series{prefixes[i], laneColor(std::string(1, char('A' + i % 4))), {}, {}, {}, {}};
        for (const auto& [source, m] : all) {
            const std::string tail = m.name.starts_with(prefixes[i] + "/") ? m.name.substr(prefixes[i].size() + 1) : "";
            if (tail.empty() || tail.find_first_not_of("0123456789") != std::string::npos || tail.size() > 5)
                continue;
            series.x.push_back(std::stoi(tail));
            series.y.push_back(m.value);
            series.low.push_back(m.low.value_or(kNone));
            series.high.push_back(m.high.value_or(kNone));
        }
        if (!series.x.empty())
            plot.series.push_back(std::move(series));
    }
    return {title, plot.series.empty() ? std::string() : svg::lines(plot), caption};
}

void addIfDrawn(Section& section, Figure figure)
{
    if (!figure.svg.empty())
        section.blocks.emplace_back(std::move(figure));
}

Section safety(const RunData* run, const std::vector<LaneMetric>& all)
{
    Section section{"Safety states by layer", {}};
    addIfDrawn(section, byLayer(all, {"safety_auroc"}, "AUROC on the held-out half", "AUROC", 0.5,
                                "Band: 95 % interval; dashed: chance. No layer was chosen on these data."));
    svg::LinePlot plot{{}, "layer (0 = embedding)", "score (train sd)", 0.0};
    if (run)
        for (const LaneData& lane : run->lanes) {
            const TapValue* tap = lane.tap("safety.score", lane.promptTokens() - 1);
            if (!tap)
                continue;
            svg::Series series{"lane " + lane.name, laneColor(lane.name), {}, {}, {}, {}};
            for (const float value : tap->value.floats()) {
                series.x.push_back(double(series.x.size()));
                series.y.push_back(value);
            }
            plot.series.push_back(std::move(series));
        }
    if (!plot.series.empty())
        section.blocks.emplace_back(Figure{"Score of the last prompt token", svg::lines(plot), "Plus = harmful."});
    return section;
}

Section experiments(Session& session)
{
    Section section{"Experiments", {}};
    Table table{"experiments", "All", {"id", "kind", "state", "started", "rows", "reason"}, {}};
    for (const ExperimentData* e : session.experiments())
        table.rows.push_back({double(e->id), e->kind, e->state, e->startedAt, double(e->rows.size()),
                              e->failure ? e->failure->message : std::string()});
    if (!table.rows.empty())
        section.blocks.emplace_back(std::move(table));
    return section;
}

} // namespace

Document buildReport(Session& session)
{
    Document document{"Layerscope report", {}};
    const auto add = [&](Section section) {
        if (!section.blocks.empty())
            document.sections.push_back(std::move(section));
    };
    const RunData* run = shownRun(session);
    if (run) {
        add(summary(*run));
        add(provenance(*run));
        add(texts(*run));
        add(toggles(*run));
        add(kl(*run));
    } else {
        add({"Summary", {Paragraph{"This session holds no generated text."}}});
    }
    const auto all = allMetrics(session, run);
    add(metrics(all));
    if (run)
        add(lens(*run));
    Section context = run ? contextualisation(*run) : Section{"Contextualisation", {}};
    addIfDrawn(context,
               byLayer(all,
                       {"contextualisation/punctuation", "contextualisation/function", "contextualisation/content"},
                       "Groups on the corpus", "score c", {}, "Band: 95 % interval over fragments."));
    add(std::move(context));
    add(safety(run, all));
    add(experiments(session));
    Section notes{"Notes", {}};
    for (const std::string& note : session.notes())
        notes.blocks.emplace_back(Paragraph{note});
    add(std::move(notes));
    return document;
}

} // namespace ls
