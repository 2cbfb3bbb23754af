#pragma once

#include "core/session/session.h"

#include <map>

/// Everything a session holds, with the numbers that tie it to rows of the file.
namespace ls::store {

struct StoredRun {
    RunData data;
    std::int64_t modelId = 0;
    std::vector<std::int64_t> laneIds; ///< of data.lanes
};

struct StoredExperiment {
    ExperimentData data;
    std::int64_t modelId = 0;
};

struct StoredMetric {
    std::int64_t id = 0, runId = 0;
    Metric metric;
};

struct StoredNote {
    std::string createdAt, text;
};

struct SessionState {
    std::string createdAt;
    std::vector<ModelInfo> models; ///< id = index + 1
    std::vector<std::unique_ptr<StoredRun>> runs;
    std::vector<std::unique_ptr<StoredExperiment>> experiments;
    std::vector<StoredMetric> metrics;
    std::vector<SessionEvent> events;
    std::vector<StoredNote> notes;
    std::vector<Artefact> artefacts;
    std::map<std::string, nlohmann::json> properties;
    std::int64_t nextRun = 1, nextLane = 1, nextExperiment = 1, nextMetric = 1;
};

} // namespace ls::store
