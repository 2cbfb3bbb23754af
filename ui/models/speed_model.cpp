#include "ui/models/speed_model.h"

#include "core/report/metrics.h"
#include "core/stats/summary.h"
#include "ui/models/metric_cache.h"
#include "ui/shell/text.h"
#include "ui/shell/theme.h"

#include <QCoreApplication>
#include <QFont>

#include <cmath>

namespace ls {

namespace {

QString tr(const char* text)
{
    return QCoreApplication::translate("SpeedModel", text);
}

/// test -> lane -> rates of the repetitions; rows that are not as described give none.
std::map<std::string, std::map<std::string, std::vector<double>>> ratesOf(const ExperimentData& bench)
{
    std::map<std::string, std::map<std::string, std::vector<double>>> rates;
    try {
        for (const auto& row : bench.rows)
            if (const double seconds = row.at("seconds"); seconds > 0)
                rates[row.at("test")][row.at("lane")].push_back(row.at("tokens").get<double>() / seconds);
    } catch (const nlohmann::json::exception&) {
        return {};
    }
    return rates;
}

std::optional<double> finite(double value)
{
    return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

Metric plainRatio(double a, double b)
{
    Metric ratio;
    ratio.value = b / a;
    ratio.n = 1;
    return ratio;
}

/// Times and sizes of one generation: one value each, so they say what was, and claim nothing.
void addRunRows(const RunData& run, std::vector<SpeedRow>& out)
{
    const auto metrics = runMetrics(run);
    const Metric *a = findMetric(metrics, "ttft", "A"), *b = findMetric(metrics, "ttft", "B");
    if (a || b) {
        SpeedRow row{"ttft", "ms", {}, {}, {}, {}, {}, 1, false};
        row.a = a ? std::optional(a->value / 1000) : std::nullopt;
        row.b = b ? std::optional(b->value / 1000) : std::nullopt;
        if (a && b && a->value > 0)
            row.ratio = plainRatio(a->value, b->value);
        out.push_back(row);
    }
    if (!run.memory)
        return;
    SpeedRow row{"memory", "MiB", {}, {}, {}, {}, {}, 1, false};
    const Memory& memory = *run.memory;
    for (std::size_t i = 0; i < memory.lanes.size(); ++i) {
        const auto at = [i](const std::vector<std::int64_t>& bytes) { return i < bytes.size() ? double(bytes[i]) : 0; };
        const double mib = (double(memory.weightBytes) + at(memory.laneKvBytes) + at(memory.laneWeightBytes)) / 1048576;
        if (memory.lanes[i] == "A")
            row.a = mib;
        else if (memory.lanes[i] == "B")
            row.b = mib;
    }
    if (row.a && row.b && *row.a > 0)
        row.ratio = plainRatio(*row.a, *row.b);
    if (row.a || row.b)
        out.push_back(row);
}

QString meanText(std::optional<double> mean, std::optional<double> sd)
{
    if (!mean)
        return QStringLiteral("—");
    const int digits = *mean >= 1000 ? 0 : *mean >= 100 ? 1 : 2;
    return sd ? QStringLiteral("%1 ± %2").arg(text::number(*mean, digits), text::number(*sd, digits))
              : text::number(*mean, digits);
}

} // namespace

std::vector<SpeedRow> speedRows(const ExperimentData* bench, const std::vector<Metric>& metrics, const RunData* run)
{
    std::vector<SpeedRow> out;
    if (bench)
        for (const auto& [test, lanes] : ratesOf(*bench)) {
            SpeedRow row{test, "tok/s", {}, {}, {}, {}, {}, 0, true};
            const auto take = [&, &test = test, &lanes = lanes](const char* lane, std::optional<double>& value,
                                                                std::optional<double>& sd) {
                const Metric* rate = findMetric(metrics, "rate/" + test, lane);
                const auto found = lanes.find(lane);
                if (!rate || found == lanes.end())
                    return;
                value = rate->value;
                sd = finite(sampleSd(found->second));
                row.n = std::max(row.n, rate->n);
            };
            take("A", row.a, row.sdA);
            take("B", row.b, row.sdB);
            if (const Metric* ratio = findMetric(metrics, "speed_ratio/" + test, "B-A")) {
                row.ratio = *ratio;
                row.n = ratio->n;
            }
            out.push_back(std::move(row));
        }
    if (run)
        addRunRows(*run, out);
    return out;
}

QString speedVerdict(const SpeedRow& row)
{
    if (!row.ratio)
        return QStringLiteral("—");
    if (row.n < 5)
        return row.n == 1 ? tr("one run") : tr("n < 5");
    if (!claims(*row.ratio, 1))
        return tr("n.s.");
    return (row.ratio->value > 1) == row.moreIsBetter ? tr("faster") : tr("slower");
}

void SpeedModel::setRows(std::vector<SpeedRow> rows)
{
    if (rows.size() != m_rows.size()) {
        beginResetModel();
        m_rows = std::move(rows);
        endResetModel();
        return;
    }
    m_rows = std::move(rows);
    if (!m_rows.empty())
        Q_EMIT dataChanged(index(0, 0), index(int(m_rows.size()) - 1, ColumnCount - 1));
}

int SpeedModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : int(m_rows.size());
}

int SpeedModel::columnCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : ColumnCount;
}

QVariant SpeedModel::data(const QModelIndex& index, int role) const
{
    if (!index.isValid())
        return {};
    const SpeedRow& row = m_rows[std::size_t(index.row())];
    if (role == Qt::DisplayRole)
        switch (index.column()) {
        case TestColumn:
            return row.test == "ttft"     ? tr("TTFT, this run (ms)")
                   : row.test == "memory" ? tr("memory, this run (MiB)")
                                          : text::of(row.test);
        case AColumn:
            return meanText(row.a, row.sdA);
        case BColumn:
            return meanText(row.b, row.sdB);
        case RatioColumn:
            return row.ratio ? text::interval(row.ratio->value, row.ratio->low, row.ratio->high, 3)
                             : QStringLiteral("—");
        case CountColumn:
            return row.n;
        default:
            return speedVerdict(row);
        }
    if (role == Qt::TextAlignmentRole)
        return int(Qt::AlignVCenter | (index.column() == TestColumn      ? Qt::AlignLeft
                                       : index.column() == VerdictColumn ? Qt::AlignHCenter
                                                                         : Qt::AlignRight));
    if (role == Qt::ForegroundRole && index.column() == VerdictColumn) {
        if (!row.ratio || row.n < 5 || !claims(*row.ratio, 1))
            return theme::color(theme::Role::TextThird);
        return theme::color((row.ratio->value > 1) == row.moreIsBetter ? theme::Role::Good : theme::Role::Error);
    }
    if (role == Qt::ToolTipRole)
        return row.n == 1 ? tr("One generation: the values as they were, no interval and no claim.")
                          : tr("Tokens over the mean time of the repetitions, ± the spread of their rates; A and B "
                               "interleaved. "
                               "B / A is the quotient of the row: 95 % bootstrap interval over the repetitions; an "
                               "interval with 1 in it claims nothing.");
    return {};
}

QVariant SpeedModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal)
        return {};
    if (role == Qt::TextAlignmentRole)
        return int(Qt::AlignVCenter | (section == TestColumn      ? Qt::AlignLeft
                                       : section == VerdictColumn ? Qt::AlignHCenter
                                                                  : Qt::AlignRight));
    if (role != Qt::DisplayRole)
        return {};
    const QString titles[] = {tr("Test"), tr("A ± sd"), tr("B ± sd"), tr("B / A [95 % CI]"), tr("n"), tr("Verdict")};
    return section >= 0 && section < ColumnCount ? titles[section] : QVariant();
}

} // namespace ls
