#include "ui/models/run_summary.h"

#include "core/json_value.h"
#include "core/spec/method_schema.h"
#include "ui/models/accuracy_results.h"
#include "ui/models/metric_cache.h"
#include "ui/shell/text.h"

#include <QCoreApplication>

namespace ls {

namespace {

using Tone = SummaryLine::Tone;

QString tr(const char* text)
{
    return QCoreApplication::translate("RunSummary", text);
}

bool measuredWith(const ExperimentData& experiment, const RunData& run, const MethodSet& methods)
{
    const auto used = methodSetFromJson(valueOr(experiment.params, "methods", nlohmann::json::array()));
    const auto lanes = valueOr(experiment.params, "lanes", nlohmann::json::array());
    return !experiment.rows.empty() && used && used.value() == methods && lanes.size() != 1 && run.lane("B") != nullptr;
}

SummaryLine speedLine(const ExperimentData* bench)
{
    if (!bench)
        return {tr("speed"), tr("not measured with these methods"), Tone::Quiet};
    QStringList parts;
    bool better = false, worse = false;
    for (const Metric& ratio : MetricCache::instance().of(*bench)) {
        if (!ratio.name.starts_with("speed_ratio/"))
            continue;
        const QString test = text::of(ratio.name.substr(12));
        if (ratio.n < 5 || !claims(ratio, 1)) {
            parts << tr("%1 n.s.").arg(test);
            continue;
        }
        (ratio.value > 1 ? better : worse) = true;
        parts << (ratio.value > 1 ? tr("%1 B faster, %2×") : tr("%1 B slower, %2×"))
                     .arg(test, text::number(ratio.value, 2));
    }
    const Tone tone = better == worse ? Tone::Quiet : better ? Tone::Better : Tone::Worse;
    return parts.isEmpty() ? SummaryLine{tr("speed"), tr("not measured with these methods"), Tone::Quiet}
                           : SummaryLine{tr("speed"), parts.join(QStringLiteral("; ")), tone};
}

SummaryLine accuracyLine(const AccuracyResult& result)
{
    SummaryLine line{result.title, tr("n.s."), Tone::Quiet};
    if (claims(*result.difference, 0)) {
        line.value = (result.difference->value > 0 ? tr("B higher, %1 points") : tr("B lower, %1 points"))
                         .arg(text::signedNumber(result.difference->value, 1));
        line.tone = result.difference->value > 0 ? Tone::Better : Tone::Worse;
    }
    return line;
}

QString policies(const RunData& run)
{
    QStringList out;
    for (const ToggleData& toggle : run.toggles)
        if (toggle.lane == "B")
            out << tr("token %1: %2").arg(toggle.position).arg(text::of(toggle.policy));
    return out.join(QStringLiteral(", "));
}

} // namespace

QString methodsInWords(const MethodSet& methods)
{
    QStringList names;
    for (const MethodUse& use : methods) {
        const MethodSchema* schema = findMethodSchema(use.method);
        names << (schema ? text::of(schema->title) : text::of(use.method));
    }
    return names.isEmpty() ? tr("no method") : names.join(QStringLiteral(" + "));
}

QString runTitle(const RunData& run)
{
    for (const LaneData& lane : run.lanes)
        if (const MethodSet methods = run.currentMethods(lane.name); !methods.empty())
            return methodsInWords(methods);
    return run.lane("B") ? tr("dense, twice") : tr("dense");
}

std::vector<SummaryLine> whatDiffers(const RunData& run)
{
    if (!run.lane("B"))
        return {{tr("lanes"), tr("only one: nothing to compare"), Tone::Quiet}};
    const MethodSet methods = run.currentMethods("B");
    std::vector<SummaryLine> out{{tr("methods"),
                                  methods.empty() ? tr("none") : QStringLiteral("+ ") + methodsInWords(methods),
                                  methods.empty() ? Tone::Same : Tone::Plain}};
    const QString switched = policies(run);
    out.push_back({tr("switched, KV policy"), switched.isEmpty() ? tr("not during the run") : switched,
                   switched.isEmpty() ? Tone::Same : Tone::Plain});
    // Both lanes of one run share these by construction; lanes take turns on one device.
    out.push_back({tr("model, tokenizer"), tr("same"), Tone::Same});
    out.push_back({tr("prompt, seed"), tr("same"), Tone::Same});
    out.push_back({tr("device, build"), tr("same"), Tone::Same});
    return out;
}

std::vector<SummaryLine> verdicts(Session& session, const RunData& run)
{
    const LaneData* lane = run.lane("B");
    if (!lane)
        return {};
    const MethodSet methods = run.currentMethods("B");
    const ExperimentData *bench = nullptr, *perplexity = nullptr;
    for (const ExperimentData* experiment : session.experiments())
        if (measuredWith(*experiment, run, methods)) {
            if (experiment->kind == "bench")
                bench = experiment;
            else if (experiment->kind == "perplexity")
                perplexity = experiment;
        }
    std::vector<SummaryLine> out{speedLine(bench)};
    const std::size_t before = out.size();
    for (const AccuracyResult& result : accuracyResults(session))
        if (result.difference && measuredWith(*result.experiment, run, methods))
            out.push_back(accuracyLine(result));
    if (out.size() == before)
        out.push_back({tr("accuracy"), tr("not measured with these methods"), Tone::Quiet});
    if (perplexity)
        if (const Metric* nll = findMetric(MetricCache::instance().of(*perplexity), "nll", "B-A")) {
            constexpr int kFewestWindows = 5; // an interval over fewer is too narrow to claim anything
            const bool enough = nll->n >= kFewestWindows;
            const bool claimed = enough && claims(*nll, 0);
            out.push_back({tr("perplexity"),
                           !enough          ? tr("too few windows (%1)").arg(nll->n)
                           : !claimed       ? tr("n.s.")
                           : nll->value > 0 ? tr("B worse, %1 nats").arg(text::signedNumber(nll->value, 3))
                                            : tr("B better, %1 nats").arg(text::signedNumber(nll->value, 3)),
                           !claimed         ? Tone::Quiet
                           : nll->value > 0 ? Tone::Worse
                                            : Tone::Better});
        }
    const LaneData* baseline = run.lane("A");
    const bool sameLength = baseline && baseline->tokens.size() == lane->tokens.size();
    out.push_back({tr("text"),
                   lane->divergence ? tr("differs from token %1").arg(*lane->divergence)
                   : run.running    ? tr("equal so far")
                   : sameLength     ? tr("equal")
                                    : tr("equal as far as both go"),
                   lane->divergence ? Tone::Plain : Tone::Same});
    return out;
}

} // namespace ls
