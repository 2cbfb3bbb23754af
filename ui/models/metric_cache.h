#pragma once

#include "core/session/session.h"

#include <QObject>
#include <QThreadPool>

#include <map>

/// Metrics with intervals of the experiments on screen. Intervals come from resampling, which can take longer than a
/// frame: large experiments are worked on by another thread, and of a running one at most once a second.
namespace ls {

class MetricCache : public QObject {
    Q_OBJECT
public:
    static MetricCache& instance();
    /// What is known now, by core/report/metrics; changed() follows when there is more. Call from the GUI thread.
    const std::vector<Metric>& of(const ExperimentData& experiment);
    void finish(); ///< waits for what is being computed (tests, exports, pictures)

Q_SIGNALS:
    void changed();

private:
    MetricCache();
    struct Entry {
        std::int64_t id = 0;
        std::string startedAt;
        std::size_t rows = 0; ///< that the metrics are of
        bool computing = false;
        qint64 askedAt = 0; ///< ms
        std::vector<Metric> metrics;
    };
    std::map<const ExperimentData*, Entry> m_entries;
    QThreadPool m_pool;
};

/// The one of this name and lane; null if there is none.
const Metric* findMetric(const std::vector<Metric>& metrics, const std::string& name, const std::string& lane);
/// No interval, no claim: whether the 95 % interval leaves out `nothing` (0 for differences, 1 for ratios).
bool claims(const Metric& metric, double nothing);

} // namespace ls
