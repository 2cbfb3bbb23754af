#pragma once

#include "app/cli/bench_options.h"
#include "core/model_info.h"
#include "core/stage_times.h"

#include <nlohmann/json.hpp>

#include <string>
#include <utility>
#include <vector>

/// What `bench` prints: columns of llama-bench under their names, our own behind them.
namespace ls::cli {

/// One test of one model under one lane.
struct BenchRow {
    ModelInfo model;
    BenchTest test;
    int batch = 0, threads = 0;
    std::string lane = "A";      ///< "A": no methods; "B", "C", ...: those of a --methods file; "+taps"
    std::string methods = "[]";  ///< JSON
    std::string taps;            ///< "" or sites and what is done with them
    std::string testTime;        ///< UTC
    std::vector<double> seconds; ///< of each repetition
    StageTimes stages;           ///< of all repetitions together

    int tokens() const { return test.prompt + test.generated; }
    std::vector<double> rates() const; ///< tokens per second
    /// Of one repetition, the mean: what avg_ns is made of.
    std::int64_t stageNs(Stage stage) const;
    /// Name and value in the order of the columns, without the samples.
    std::vector<std::pair<std::string, nlohmann::json>> columns() const;
};

/// "2026-01-31T12:00:00Z"
std::string utcNow();

/// Prints rows as they come: md, csv, json, jsonl or sql. `withLanes`: md shows the lanes. `withStages`: where the time
/// goes; md in a table of its own at the end, ms per token.
class BenchWriter {
public:
    BenchWriter(std::string format, bool withLanes, bool withStages)
        : m_format(std::move(format))
        , m_withLanes(withLanes)
        , m_withStages(withStages)
    {
    }
    void row(const BenchRow& row);
    void end();

private:
    void markdown(const BenchRow& row) const;
    void stageTable() const;

    std::string m_format;
    bool m_withLanes, m_withStages;
    std::vector<BenchRow> m_kept; // for the table at the end
    int m_rows = 0;
};

} // namespace ls::cli
