#include "core/json_value.h"
#include "core/report/report_parts.h"
#include "core/spec/method_schema.h"

#include <chrono>
#include <cmath>
#include <ctime>
#include <filesystem>

namespace ls {

namespace report {

const Metric* Measured::find(const std::string& name, const std::string& lane) const
{
    for (const Metric& metric : metrics)
        if (metric.name == name && metric.lane == lane)
            return &metric;
    return nullptr;
}

const Measured* Context::newest(const std::string& kind) const
{
    const Measured* found = nullptr;
    for (const Measured& each : measured)
        if (each.experiment->kind == kind)
            found = &each;
    return found;
}

std::vector<const Measured*> Context::newestBy(const std::string& kind, const std::string& param) const
{
    std::vector<std::string> keys;
    std::vector<const Measured*> out;
    for (const Measured& each : measured) {
        if (each.experiment->kind != kind)
            continue;
        const auto& params = each.experiment->params;
        const std::string key = params.is_object() && params.contains(param) ? dumped(params[param]) : std::string();
        const auto place = std::find(keys.begin(), keys.end(), key);
        if (place != keys.end()) {
            out[std::size_t(place - keys.begin())] = &each;
        } else {
            keys.push_back(key);
            out.push_back(&each);
        }
    }
    return out;
}

const char* laneColor(const std::string& lane)
{
    static constexpr const char* kColors[] = {"#5A6778", "#B04F0C", "#0F7F74", "#7B4FB0"};
    return kColors[lane.size() == 1 && lane[0] >= 'A' && lane[0] <= 'D' ? lane[0] - 'A' : 3];
}

static std::string valueText(const nlohmann::json& value)
{
    if (value.is_string())
        return value.get<std::string>();
    if (value.is_array()) {
        std::string out;
        for (const auto& each : value)
            out += (out.empty() ? "" : ", ") + valueText(each);
        return out.empty() ? "none" : out;
    }
    return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string methodText(const MethodSet& methods)
{
    std::string out;
    for (const MethodUse& use : methods) {
        const MethodSchema* schema = findMethodSchema(use.method);
        std::string params;
        if (use.params.is_object())
            for (const auto& [id, value] : use.params.items()) {
                const ParamSchema* param = schema ? schema->param(id) : nullptr;
                params += (params.empty() ? "" : ", ") + (param ? param->title : id) + " " + valueText(value);
            }
        out += (out.empty() ? "" : "; ") + (schema ? schema->title : use.method) +
               (params.empty() ? "" : " (" + params + ")");
    }
    return out.empty() ? "none (dense)" : out;
}

std::string measuredUnder(const Context& context, const ExperimentData& experiment)
{
    const auto set = methodSetFromJson(valueOr(experiment.params, "methods", nlohmann::json::array()));
    if (!set)
        return "unknown methods";
    const LaneData* lane = context.run ? context.run->lane("B") : nullptr;
    std::string out = "B: " + methodText(set.value());
    if (lane && specHash(set.value()) != specHash(context.run->currentMethods("B")) &&
        specHash(set.value()) != specHash(lane->methods))
        out += " (stale: not the methods of this run)";
    if (experiment.state != "done")
        out += fmt::format(" ({}: only a part)", experiment.state);
    return out;
}

Cell withInterval(const Metric* metric)
{
    if (!metric)
        return {"–", kNone};
    std::string shown = Cell(metric->value).text;
    if (metric->low && metric->high)
        shown += " [" + Cell(*metric->low).text + ", " + Cell(*metric->high).text + "]";
    return {shown, metric->value};
}

Cell bytes(double count)
{
    const double size = std::abs(count);
    if (size < 1024 * 1024)
        return {fmt::format("{:.1f} KiB", count / 1024), count};
    if (size < 1024.0 * 1024 * 1024)
        return {fmt::format("{:.1f} MiB", count / 1048576), count};
    return {fmt::format("{:.2f} GiB", count / 1073741824), count};
}

std::string verdict(const Metric* difference, double zero)
{
    if (!difference || !difference->low || !difference->high)
        return {};
    return *difference->low > zero ? "B higher" : *difference->high < zero ? "B lower" : "n.s.";
}

Document without(Document document, const std::set<std::string>& left)
{
    std::erase_if(document.sections, [&](const Section& section) { return left.contains(section.id); });
    return document;
}

namespace {

struct Entry {
    Section (*build)(const Context&);
    const char* reason; ///< what gives it something to say
};

constexpr Entry kSections[] = {{summary, "Generate once."},
                               {configuration, "Generate once."},
                               {text, "Generate once."},
                               {toggles, "No method was switched while this run generated."},
                               {speed, "Generate, or run the benchmark."},
                               {distance, "Generate with a method in lane B, or fill in."},
                               {perplexity, "Perplexity was not measured in this session."},
                               {accuracy, "No accuracy task was run in this session."},
                               {cost, "No card was measured in this session."},
                               {steering, "No steering vector was built in this session."},
                               {contextualisation, "This run has no contextualisation and the corpus was not run."},
                               {safety, "The safety direction was not fitted and this run has no scores."},
                               {lens, "This run has no logit lens."},
                               {experiments, "No experiment was run in this session."},
                               {notes, "The session has no notes."},
                               {provenance, "Generate once."},
                               {numbers, "Nothing was measured yet."},
                               {tokens, "Generate once."}};

std::string now()
{
    const std::time_t time = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    std::tm utc{};
    ::gmtime_r(&time, &utc);
    char text[32];
    return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc)};
}

std::vector<std::pair<std::string, std::string>> facts(const Context& context)
{
    std::vector<std::pair<std::string, std::string>> out;
    if (!context.input.name.empty())
        out.emplace_back("session", context.input.name);
    if (const RunData* run = context.run) {
        const ModelInfo& model = run->model;
        out.emplace_back("model", fmt::format("{} ({}, {} blocks, width {})", model.name, model.storedType,
                                              model.blockCount, model.width));
        out.emplace_back("fingerprints",
                         fmt::format("model {}, tokenizer {}", model.fingerprint, model.tokenizerFingerprint));
        out.emplace_back("run as", model.dtype + " on " + model.device);
        for (const LaneData& lane : run->lanes)
            out.emplace_back("lane " + lane.name, methodText(run->currentMethods(lane.name)));
        out.emplace_back("sampling",
                         run->spec.sampler.temperature > 0
                             ? fmt::format("temperature {:g}, top-p {:g}, seed {}", run->spec.sampler.temperature,
                                           run->spec.sampler.topP, run->spec.sampler.seed)
                             : fmt::format("greedy, seed {}", run->spec.sampler.seed));
        out.emplace_back("run", fmt::format("{} of {}", run->id, run->startedAt));
    }
    out.emplace_back("report made", context.input.madeAt + ", Layerscope " LAYERSCOPE_VERSION);
    return out;
}

} // namespace

} // namespace report

ReportInput reportInput(Session& session, std::int64_t runId)
{
    ReportInput input;
    input.name = std::filesystem::path(session.path()).filename().string();
    input.madeAt = report::now();
    const RunData* shown = nullptr;
    for (const RunData* run : session.runs())
        for (const LaneData& lane : run->lanes)
            if (!lane.tokens.empty() && (runId == 0 || run->id == runId))
                shown = run;
    if (shown)
        input.run = *shown;
    for (const ExperimentData* experiment : session.experiments())
        input.experiments.push_back(*experiment);
    input.notes = session.notes();
    input.environment = session.property("environment");
    return input;
}

report::Document buildReport(const ReportInput& input)
{
    report::Context context{input, input.run ? &*input.run : nullptr, {}, {}};
    if (context.run)
        context.runMetrics = runMetrics(*context.run);
    for (const ExperimentData& experiment : input.experiments) {
        const auto known = input.known.find(experiment.id);
        auto metrics = known != input.known.end() ? known->second : experimentMetrics(experiment);
        if (!metrics.empty())
            context.measured.push_back({&experiment, std::move(metrics)});
    }
    report::Document document{context.run ? "Layerscope report: " + context.run->model.name : "Layerscope report",
                              report::facts(context),
                              {},
                              {}};
    for (const auto& [build, reason] : report::kSections) {
        report::Section section = build(context);
        if (section.blocks.empty())
            document.absent.push_back({section.id, section.title, reason, document.sections.size()});
        else
            document.sections.push_back(std::move(section));
    }
    return document;
}

} // namespace ls
