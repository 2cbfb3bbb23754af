#include "ui/models/experiments_model.h"

#include "core/json_value.h"
#include "ui/models/accuracy_results.h"
#include "ui/models/metric_cache.h"
#include "ui/shell/text.h"
#include "ui/shell/theme.h"

#include <QCoreApplication>

#include <algorithm>
#include <cmath>

namespace ls {

namespace {

QString tr(const char* text)
{
    return QCoreApplication::translate("ExperimentsModel", text);
}

QString methodsText(const nlohmann::json& params)
{
    QStringList names;
    if (const auto methods = methodSetFromJson(valueOr(params, "methods", nlohmann::json::array())))
        for (const MethodUse& use : methods.value())
            names << text::of(use.method);
    return names.isEmpty() ? tr("no method") : names.join(QStringLiteral(" + "));
}

QString intervalOf(const std::vector<Metric>& metrics, const char* name, const char* lane, int digits)
{
    const Metric* metric = findMetric(metrics, name, lane);
    return metric ? text::interval(metric->value, metric->low, metric->high, digits) : QString();
}

QString stateTitle(const ExperimentData& experiment)
{
    if (experiment.state == "running")
        return experiment.done > 0 ? tr("running") : tr("queued");
    if (experiment.state == "done")
        return tr("done");
    if (experiment.state == "cancelled")
        return tr("cancelled");
    return experiment.state == "failed" ? tr("failed") : tr("interrupted");
}

} // namespace

QString experimentTitle(const ExperimentData& experiment)
{
    const std::string& kind = experiment.kind;
    if (kind == "accuracy")
        return tr("Accuracy: %1").arg(taskTitle(valueOr(experiment.params, "task", std::string())));
    if (kind == "perplexity")
        return tr("Perplexity: %1").arg(text::of(valueOr(experiment.params, "name", std::string("text"))));
    const std::map<std::string, QString> titles{{"bench", tr("Speed")},
                                                {"fill_in", tr("KL filled in")},
                                                {"measure_cost", tr("Cost of a card")},
                                                {"calibrate_contextualisation", tr("Calibrate contextualisation")},
                                                {"contextualisation_corpus", tr("Contextualisation of a corpus")},
                                                {"fit_safety", tr("Fit safety direction")},
                                                {"build_steering", tr("Build steering vector")}};
    const auto title = titles.find(kind);
    return title == titles.end() ? text::of(kind) : title->second;
}

QString experimentConfiguration(const ExperimentData& experiment)
{
    const nlohmann::json& params = experiment.params;
    QStringList parts;
    const auto count = [&params](const char* key) {
        const auto found = params.find(key);
        return found != params.end() && found->is_array() ? int(found->size()) : 0;
    };
    if (const int items = count("items"))
        parts << tr("%1 items").arg(items);
    if (count("tests")) {
        QStringList tests;
        for (const auto& test : params["tests"])
            tests << text::of(test.is_string() ? test.get<std::string>() : dumped(test));
        parts << tests.join(QStringLiteral(", ")) << tr("n = %1").arg(valueOr(params, "n", 0));
    }
    if (const int ids = count("ids"))
        parts << tr("%1 tokens").arg(ids);
    if (const int paragraphs = count("paragraphs"))
        parts << tr("%1 paragraphs").arg(paragraphs);
    if (const int prompts = count("harmful") + count("harmless"))
        parts << tr("%1 prompts").arg(prompts);
    if (const int pairs = count("positive"))
        parts << tr("%1 pairs, block %2").arg(pairs).arg(valueOr(params, "layer", 0));
    if (const int context = valueOr(params, "context", 0); context > 0)
        parts << tr("windows of %1").arg(context);
    if (params.contains("methods"))
        parts << (count("lanes") == 1 ? tr("A alone") : methodsText(params));
    return parts.join(QStringLiteral(" · "));
}

QString experimentResult(const ExperimentData& experiment)
{
    if (experiment.failure)
        return text::sentence(*experiment.failure);
    const auto& metrics = MetricCache::instance().of(experiment);
    const std::string task = valueOr(experiment.params, "task", std::string("task"));
    if (experiment.kind == "accuracy") {
        if (const Metric* difference = findMetric(metrics, "accuracy/" + task, "B-A"))
            return tr("B − A %1 points%2")
                .arg(text::interval(difference->value, difference->low, difference->high, 1),
                     claims(*difference, 0) ? QString() : tr(", n.s."));
        const QString a = intervalOf(metrics, ("accuracy/" + task).c_str(), "A", 1);
        return a.isEmpty() ? QString() : tr("A %1 %").arg(a);
    }
    if (experiment.kind == "bench") {
        QStringList parts;
        for (const Metric& metric : metrics)
            if (metric.name.starts_with("speed_ratio/"))
                parts << tr("%1: %2×%3")
                             .arg(text::of(metric.name.substr(12)),
                                  text::interval(metric.value, metric.low, metric.high, 2),
                                  claims(metric, 1) ? QString() : tr(" n.s."));
        return parts.join(QStringLiteral(", "));
    }
    if (experiment.kind == "perplexity") {
        const QString a = intervalOf(metrics, "perplexity", "A", 2), b = intervalOf(metrics, "perplexity", "B", 2);
        return b.isEmpty() ? a.isEmpty() ? QString() : tr("A %1").arg(a) : tr("A %1, B %2").arg(a, b);
    }
    if (experiment.kind == "fill_in") {
        const QString kl = intervalOf(metrics, "kl_fill_in", "B-A", 3);
        return kl.isEmpty() ? QString() : tr("mean KL %1 nats").arg(kl);
    }
    if (experiment.kind == "measure_cost") {
        const QString with = intervalOf(metrics, "cost/rate", "with", 1),
                      without = intervalOf(metrics, "cost/rate", "without", 1);
        return with.isEmpty() || without.isEmpty() ? QString() : tr("%1 tok/s, without %2").arg(with, without);
    }
    if (experiment.kind == "build_steering" && experiment.result.is_object())
        return tr("held-out accuracy %1")
            .arg(text::number(valueOr(experiment.result, "held_out_accuracy", std::nan("")), 2));
    return experiment.rows.empty() ? QString() : tr("%1 rows").arg(experiment.rows.size());
}

void ExperimentsModel::setSession(Session* session)
{
    beginResetModel();
    m_session = session;
    m_rows.clear();
    m_pace.clear();
    if (m_session)
        m_rows = m_session->experiments();
    std::reverse(m_rows.begin(), m_rows.end());
    endResetModel();
}

void ExperimentsModel::refresh()
{
    std::vector<ExperimentData*> now = m_session ? m_session->experiments() : std::vector<ExperimentData*>{};
    std::reverse(now.begin(), now.end());
    if (const int fresh = int(now.size()) - int(m_rows.size()); fresh > 0) { // the newest stand first
        beginInsertRows({}, 0, fresh - 1);
        m_rows = std::move(now);
        endInsertRows();
    }
    for (const ExperimentData* experiment : m_rows)
        if (experiment->state == "running" && experiment->done > 0 && !m_pace.contains(experiment)) {
            Pace& pace = m_pace[experiment];
            pace.timer.start();
            pace.done = experiment->done;
        }
    if (!m_rows.empty())
        Q_EMIT dataChanged(index(0, 0), index(int(m_rows.size()) - 1, ColumnCount - 1));
}

ExperimentData* ExperimentsModel::at(int row) const
{
    return row >= 0 && row < int(m_rows.size()) ? m_rows[std::size_t(row)] : nullptr;
}

int ExperimentsModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : int(m_rows.size());
}

int ExperimentsModel::columnCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : ColumnCount;
}

QString ExperimentsModel::eta(const ExperimentData& experiment) const
{
    if (experiment.state != "running")
        return QString();
    const auto pace = m_pace.find(&experiment);
    const double left = experiment.total - experiment.done;
    if (pace == m_pace.end() || left <= 0 || experiment.done <= pace->second.done)
        return QStringLiteral("…");
    const double seconds = double(pace->second.timer.elapsed()) / 1000 * left / (experiment.done - pace->second.done);
    return seconds < 90 ? tr("%1 s").arg(int(std::ceil(seconds))) : tr("%1 min").arg(int(std::lround(seconds / 60)));
}

QVariant ExperimentsModel::data(const QModelIndex& index, int role) const
{
    const ExperimentData* experiment = index.isValid() ? at(index.row()) : nullptr;
    if (!experiment)
        return {};
    const double fraction = experiment->state == "done" ? 1
                            : experiment->total > 0     ? std::clamp(experiment->done / experiment->total, 0.0, 1.0)
                                                        : std::nan("");
    if (role == FractionRole && index.column() == ProgressColumn)
        return std::isfinite(fraction) ? QVariant(fraction) : QVariant();
    if (role == Qt::DisplayRole)
        switch (index.column()) {
        case NameColumn:
            return experimentTitle(*experiment);
        case ConfigurationColumn:
            return experimentConfiguration(*experiment);
        case ProgressColumn:
            return std::isfinite(fraction) ? tr("%1 %").arg(int(std::floor(100 * fraction)))
                                           : tr("%1 rows").arg(experiment->rows.size());
        case EtaColumn:
            return eta(*experiment);
        case ResultColumn:
            return experimentResult(*experiment);
        default:
            return stateTitle(*experiment);
        }
    if (role == Qt::ToolTipRole) {
        if (index.column() == ResultColumn)
            return experimentResult(*experiment);
        return tr("%1\n%2\nstarted %3")
            .arg(experimentTitle(*experiment), experimentConfiguration(*experiment), text::of(experiment->startedAt));
    }
    if (role == Qt::ForegroundRole && index.column() == StateColumn) {
        const std::string& state = experiment->state;
        return theme::color(state == "running"     ? theme::Role::Good
                            : state == "done"      ? theme::Role::Accent
                            : state == "cancelled" ? theme::Role::Warning
                                                   : theme::Role::Error);
    }
    return {};
}

QVariant ExperimentsModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || section < 0 || section >= ColumnCount)
        return {};
    if (role == Qt::TextAlignmentRole)
        return int(Qt::AlignLeft | Qt::AlignVCenter);
    const QString titles[] = {tr("Experiment"), tr("Configuration"), tr("Progress"),
                              tr("ETA"),        tr("Result so far"), tr("State")};
    return role == Qt::DisplayRole ? titles[section] : QVariant();
}

} // namespace ls
