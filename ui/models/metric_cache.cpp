#include "ui/models/metric_cache.h"

#include "core/report/metrics.h"

#include <QCoreApplication>
#include <QDateTime>
#include <QEvent>

#include <algorithm>

namespace ls {

namespace {

constexpr std::size_t kAtOnce = 1000; // rows: their intervals take some milliseconds
constexpr qint64 kBetween = 1000;     // ms between two results of an experiment that runs

/// All that metrics are made of; items and texts of the params stay where they are.
ExperimentData withoutData(const ExperimentData& experiment)
{
    ExperimentData out;
    out.kind = experiment.kind;
    for (const char* key : {"task", "methods", "lanes"})
        if (experiment.params.contains(key))
            out.params[key] = experiment.params[key];
    out.rows = experiment.rows;
    return out;
}

} // namespace

MetricCache::MetricCache()
{
    m_pool.setMaxThreadCount(1); // the engine needs the cores
}

MetricCache& MetricCache::instance()
{
    static MetricCache cache;
    return cache;
}

const std::vector<Metric>& MetricCache::of(const ExperimentData& experiment)
{
    Entry& entry = m_entries[&experiment];
    if (entry.id != experiment.id || entry.startedAt != experiment.startedAt)
        entry = Entry{experiment.id, experiment.startedAt, 0, false, 0, {}}; // of another session, at the same place
    const std::size_t rows = experiment.rows.size();
    if (entry.rows == rows || entry.computing)
        return entry.metrics;
    const qint64 now = QDateTime::currentMSecsSinceEpoch();
    if (experiment.state == "running" && now - entry.askedAt < kBetween)
        return entry.metrics;
    entry.askedAt = now;
    if (rows <= kAtOnce && experiment.kind != "contextualisation_corpus") {
        entry.metrics = experimentMetrics(experiment);
        entry.rows = rows;
        return entry.metrics;
    }
    entry.computing = true;
    m_pool.start(
        [this, key = &experiment, id = entry.id, startedAt = entry.startedAt, rows, copy = withoutData(experiment)] {
            QMetaObject::invokeMethod(
                this,
                [this, key, id, startedAt, rows, metrics = experimentMetrics(copy)] {
                    Entry& done = m_entries[key];
                    if (done.id != id || done.startedAt != startedAt)
                        return;
                    done.metrics = metrics;
                    done.rows = rows;
                    done.computing = false;
                    Q_EMIT changed();
                },
                Qt::QueuedConnection);
        });
    return entry.metrics;
}

void MetricCache::finish()
{
    m_pool.waitForDone();
    QCoreApplication::sendPostedEvents(this, QEvent::MetaCall);
}

const Metric* findMetric(const std::vector<Metric>& metrics, const std::string& name, const std::string& lane)
{
    const auto found = std::find_if(metrics.begin(), metrics.end(),
                                    [&](const Metric& each) { return each.name == name && each.lane == lane; });
    return found == metrics.end() ? nullptr : &*found;
}

bool claims(const Metric& metric, double nothing)
{
    return metric.low && metric.high && (*metric.low > nothing || *metric.high < nothing);
}

} // namespace ls
