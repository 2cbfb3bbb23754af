#include "ui/models/accuracy_results.h"

#include "core/data/datasets.h"
#include "core/json_value.h"
#include "core/stats/hypothesis.h"
#include "ui/models/metric_cache.h"
#include "ui/shell/text.h"
#include "ui/shell/theme.h"

#include <QCoreApplication>

#include <algorithm>
#include <map>

namespace ls {

namespace {

QString tr(const char* text)
{
    return QCoreApplication::translate("AccuracyResults", text);
}

std::optional<Metric> copyOf(const Metric* metric)
{
    return metric ? std::optional(*metric) : std::nullopt;
}

double chanceOf(const ExperimentData& experiment)
{
    Task task;
    if (const auto items = experiment.params.find("items"); items != experiment.params.end())
        for (const auto& item : *items)
            if (item.contains("choices"))
                task.items.push_back({{}, std::vector<std::string>(item["choices"].size()), 0, {}});
    return 100 * task.chance();
}

AccuracyResult resultOf(ExperimentData& experiment)
{
    AccuracyResult out;
    out.experiment = &experiment;
    const std::string task = valueOr(experiment.params, "task", std::string("task"));
    out.title = taskTitle(task);
    const auto& metrics = MetricCache::instance().of(experiment);
    out.a = copyOf(findMetric(metrics, "accuracy/" + task, "A"));
    out.b = copyOf(findMetric(metrics, "accuracy/" + task, "B"));
    out.difference = copyOf(findMetric(metrics, "accuracy/" + task, "B-A"));
    if (const Metric* p = findMetric(metrics, "mcnemar_p/" + task, "B-A"))
        out.p = p->value;
    out.aurocA = copyOf(findMetric(metrics, "auroc/" + task, "A"));
    out.aurocB = copyOf(findMetric(metrics, "auroc/" + task, "B"));
    out.aurocDifference = copyOf(findMetric(metrics, "auroc/" + task, "B-A"));
    out.chance = chanceOf(experiment);
    return out;
}

} // namespace

QString taskTitle(const std::string& name)
{
    static const std::map<std::string, std::string> titles = [] {
        std::map<std::string, std::string> out{{trueFalseTask().name, trueFalseTask().title}};
        for (const Task& task : mmluTasks())
            out[task.name] = task.title;
        if (const auto all = taskByName("mmlu"))
            out["mmlu"] = all.value().title;
        return out;
    }();
    if (const auto title = titles.find(name); title != titles.end())
        return text::of(title->second);
    return name.starts_with("csv/") ? tr("CSV: %1").arg(text::of(name.substr(4))) : text::of(name);
}

std::vector<AccuracyResult> accuracyResults(Session& session)
{
    std::vector<std::string> order;
    std::map<std::string, ExperimentData*> newest;
    for (ExperimentData* experiment : session.experiments()) {
        if (experiment->kind != "accuracy" || experiment->rows.empty())
            continue;
        const std::string task = valueOr(experiment->params, "task", std::string("task"));
        if (!newest.contains(task))
            order.push_back(task);
        newest[task] = experiment;
    }
    std::vector<AccuracyResult> out;
    std::vector<double> ps;
    for (const std::string& task : order) {
        out.push_back(resultOf(*newest[task]));
        if (out.back().p)
            ps.push_back(*out.back().p);
    }
    const std::vector<double> adjusted = holm(ps);
    std::size_t i = 0;
    for (AccuracyResult& result : out)
        if (result.p)
            result.holm = adjusted[i++];
    return out;
}

QString accuracyVerdict(const AccuracyResult& result)
{
    if (!result.difference)
        return QStringLiteral("—");
    if (!claims(*result.difference, 0))
        return tr("n.s.");
    return result.difference->value > 0 ? tr("higher") : tr("lower");
}

void FlippedModel::setExperiment(const ExperimentData* experiment)
{
    if (experiment == m_experiment && (!experiment || experiment->rows.size() == m_seen))
        return;
    beginResetModel();
    m_experiment = experiment;
    m_seen = experiment ? experiment->rows.size() : 0;
    m_items.clear();
    std::map<int, Item> items;
    try {
        if (experiment) {
            for (const auto& row : experiment->rows) {
                const std::string lane = row.at("lane");
                if (lane != "A" && lane != "B")
                    continue;
                Item& item = items[row.at("item").get<int>()];
                item.item = row.at("item");
                item.answer = row.at("answer");
                item.predicted[lane == "B"] = row.at("predicted");
                item.scores[lane == "B"] = row.at("scores").get<std::vector<double>>();
            }
            static const nlohmann::json none = nlohmann::json::array();
            const auto found = experiment->params.find("items");
            const nlohmann::json& data = found == experiment->params.end() ? none : *found;
            for (auto& [index, item] : items)
                if (item.predicted[0] >= 0 && item.predicted[1] >= 0 && item.predicted[0] != item.predicted[1]) {
                    if (index >= 0 && std::size_t(index) < data.size()) {
                        item.prompt = valueOr(data[std::size_t(index)], "prompt", std::string());
                        item.choices = valueOr(data[std::size_t(index)], "choices", std::vector<std::string>{});
                    }
                    m_items.push_back(std::move(item));
                }
        }
    } catch (const nlohmann::json::exception&) { // rows of a damaged or newer file
        m_items.clear();
    }
    endResetModel();
}

QString FlippedModel::choice(const Item& item, int index) const
{
    return index >= 0 && std::size_t(index) < item.choices.size() ? text::of(item.choices[std::size_t(index)]).trimmed()
                                                                  : QString::number(index);
}

QString FlippedModel::details(int row) const
{
    if (row < 0 || row >= int(m_items.size()))
        return {};
    const Item& item = m_items[std::size_t(row)];
    QString out = text::of(item.prompt) + QStringLiteral("\n\n");
    for (int i = 0; i < int(item.choices.size()); ++i) {
        const auto score = [&item, i](int lane) {
            return std::size_t(i) < item.scores[lane].size() ? text::number(item.scores[lane][std::size_t(i)], 3)
                                                             : QStringLiteral("—");
        };
        out += QStringLiteral("%1  log p: A %2, B %3%4%5%6\n")
                   .arg(choice(item, i), score(0), score(1), i == item.answer ? tr("  ← right") : QString(),
                        i == item.predicted[0] ? tr("  ← A's answer") : QString(),
                        i == item.predicted[1] ? tr("  ← B's answer") : QString());
    }
    return out.trimmed();
}

int FlippedModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : int(m_items.size());
}

int FlippedModel::columnCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : ColumnCount;
}

QVariant FlippedModel::data(const QModelIndex& index, int role) const
{
    if (!index.isValid())
        return {};
    const Item& item = m_items[std::size_t(index.row())];
    const bool right[] = {item.predicted[0] == item.answer, item.predicted[1] == item.answer};
    if (role == Qt::DisplayRole)
        switch (index.column()) {
        case ItemColumn:
            return item.item;
        case ChangeColumn:
            return right[0] ? tr("lost") : right[1] ? tr("won") : tr("other");
        case RightColumn:
            return choice(item, item.answer);
        case AColumn:
            return choice(item, item.predicted[0]);
        case BColumn:
            return choice(item, item.predicted[1]);
        default:
            return text::of(item.prompt).simplified();
        }
    if (role == Qt::ToolTipRole || role == Qt::AccessibleDescriptionRole)
        return details(index.row());
    if (role == Qt::ForegroundRole && index.column() == ChangeColumn)
        return theme::color(right[0] ? theme::Role::Error : right[1] ? theme::Role::Good : theme::Role::TextThird);
    return {};
}

QVariant FlippedModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || section < 0 || section >= ColumnCount)
        return {};
    if (role == Qt::ToolTipRole && section == ChangeColumn)
        return tr("lost: A right, B wrong; won: A wrong, B right; other: both wrong, other answers");
    if (role == Qt::TextAlignmentRole)
        return int(Qt::AlignLeft | Qt::AlignVCenter);
    const QString titles[] = {tr("Item"), tr("Change"), tr("Right"), tr("A"), tr("B"), tr("Prompt")};
    return role == Qt::DisplayRole ? titles[section] : QVariant();
}

} // namespace ls
