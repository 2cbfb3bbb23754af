#include "app/cli/bench_rows.h"

#include "core/stats/summary.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>

namespace ls::cli {

namespace {

using nlohmann::json;

std::string cpuName()
{
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("model name"))
            return line.substr(std::min(line.size(), line.find(':') + 2));
    return {};
}

/// 0.1.0 -> 100: the number that sorts builds.
int buildNumber()
{
    int major = 0, minor = 0, patch = 0;
    std::sscanf(LAYERSCOPE_VERSION, "%d.%d.%d", &major, &minor, &patch);
    return 10000 * major + 100 * minor + patch;
}

std::string modelType(const ModelInfo& model)
{
    const auto count = double(model.parameterCount);
    const std::string size = count >= 1e9 ? fmt::format("{:.1f}B", count / 1e9) : fmt::format("{:.0f}M", count / 1e6);
    return fmt::format("{} {} {}", model.family, size, model.storedType);
}

/// Of the cache, as llama-bench writes types.
std::string cacheType(const ModelInfo& model)
{
    const std::int64_t values = std::int64_t(2) * model.blockCount * model.kvHeadCount * model.headWidth;
    const std::int64_t bytes = values > 0 ? model.kvBytesPerToken / values : 0;
    return bytes == 4 ? "f32" : bytes == 2 ? (model.dtype == "bfloat16" ? "bf16" : "f16") : "";
}

double sdOrNone(const std::vector<double>& values)
{
    return values.size() < 2 ? 0.0 : sampleSd(values);
}

std::string doubled(const std::string& text, char quote)
{
    std::string out(1, quote);
    for (const char c : text) {
        if (c == quote)
            out += c;
        out += c;
    }
    return out + quote;
}

/// A value as CSV or SQL writes it; numbers stand as they are.
std::string quoted(const json& value, char quote)
{
    return value.is_string() ? doubled(value.get<std::string>(), quote) : value.dump();
}

std::vector<std::pair<std::string, json>> columnsOf(const BenchRow& row, bool withStages)
{
    auto columns = row.columns();
    for (const NamedStage& stage : kStages)
        if (withStages)
            columns.emplace_back(fmt::format("{}_ns", stage.key), row.stageNs(stage.stage));
    return columns;
}

std::string namesOf(const BenchRow& row, bool withStages, const char* between)
{
    std::vector<std::string> names;
    for (const auto& [name, value] : columnsOf(row, withStages))
        names.push_back(name);
    return fmt::format("{}", fmt::join(names, between));
}

std::string valuesOf(const BenchRow& row, bool withStages, char quote)
{
    std::vector<std::string> values;
    for (const auto& [name, value] : columnsOf(row, withStages))
        values.push_back(quoted(value, quote));
    return fmt::format("{}", fmt::join(values, ","));
}

std::string jsonOf(const BenchRow& row)
{
    nlohmann::ordered_json out;
    for (const auto& [name, value] : row.columns())
        out[name] = value;
    for (const NamedStage& stage : kStages)
        out["stages_ns"][stage.key] = row.stageNs(stage.stage);
    for (const double seconds : row.seconds)
        out["samples_ns"].push_back(std::llround(1e9 * seconds));
    out["samples_ts"] = row.rates();
    return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string createTable(const BenchRow& row, bool withStages)
{
    std::vector<std::string> columns;
    for (const auto& [name, value] : columnsOf(row, withStages))
        columns.push_back(fmt::format("  {} {}", name,
                                      value.is_string()         ? "TEXT"
                                      : value.is_number_float() ? "REAL"
                                                                : "INTEGER"));
    return fmt::format("CREATE TABLE IF NOT EXISTS layerscope_bench (\n{}\n);\n", fmt::join(columns, ",\n"));
}

} // namespace

std::string utcNow()
{
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

std::vector<double> BenchRow::rates() const
{
    std::vector<double> out;
    for (const double s : seconds)
        out.push_back(tokens() / s);
    return out;
}

std::int64_t BenchRow::stageNs(Stage stage) const
{
    return stages.*stage / std::int64_t(std::max<std::size_t>(1, seconds.size()));
}

std::vector<std::pair<std::string, json>> BenchRow::columns() const
{
    static const std::string cpu = cpuName();
    const bool onCpu = model.device == "cpu";
    const std::vector<double> perSecond = rates();
    return {{"build_commit", "layerscope " LAYERSCOPE_VERSION},
            {"build_number", buildNumber()},
            {"cpu_info", cpu},
            {"gpu_info", onCpu ? "" : model.device},
            {"backends", onCpu ? "CPU" : "CUDA"},
            {"model_filename", model.path},
            {"model_type", modelType(model)},
            {"model_size", model.weightBytes},
            {"model_n_params", model.parameterCount},
            {"n_batch", batch},
            {"n_threads", threads},
            {"type_k", cacheType(model)},
            {"type_v", cacheType(model)},
            {"n_prompt", test.prompt},
            {"n_gen", test.generated},
            {"n_depth", test.depth},
            {"test_time", testTime},
            {"avg_ns", std::llround(1e9 * mean(seconds))},
            {"stddev_ns", std::llround(1e9 * sdOrNone(seconds))},
            {"avg_ts", mean(perSecond)},
            {"stddev_ts", sdOrNone(perSecond)},
            {"dtype", model.dtype},
            {"lane", lane},
            {"methods", methods},
            {"taps", taps}};
}

void BenchWriter::row(const BenchRow& row)
{
    const bool first = m_rows++ == 0;
    if (m_format == "md") {
        if (first)
            fmt::print("| {:<24} | {:>10} | {:>8} | {:<7} | {:>7} | {:<9} | {}{:>16} | {:>18} |\n"
                       "| {:-<24} | {:->10} | {:->8} | {:-<7} | {:->7} | {:-<9} | {}{:->16} | {:->18} |\n",
                       "model", "size", "params", "backend", "threads", "dtype", m_withLanes ? "lane    | " : "",
                       "test", "t/s", "", ":", ":", "", ":", "", m_withLanes ? "------- | " : "", ":", ":");
        markdown(row);
        if (m_withStages)
            m_kept.push_back(row);
    } else if (m_format == "csv") {
        if (first)
            fmt::print("{}\n", namesOf(row, m_withStages, ","));
        fmt::print("{}\n", valuesOf(row, m_withStages, '"'));
    } else if (m_format == "sql") {
        if (first)
            fmt::print("{}\n", createTable(row, m_withStages));
        fmt::print("INSERT INTO layerscope_bench ({}) VALUES ({});\n", namesOf(row, m_withStages, ", "),
                   valuesOf(row, m_withStages, '\''));
    } else if (m_format == "jsonl") {
        fmt::print("{}\n", jsonOf(row));
    } else {
        fmt::print("{}{}", first ? "[\n" : ",\n", jsonOf(row));
    }
    std::fflush(stdout); // a long run is read while it goes on
}

void BenchWriter::end()
{
    if (m_format == "json")
        fmt::print("{}\n]\n", m_rows == 0 ? "[" : "");
    if (!m_kept.empty())
        stageTable();
}

void BenchWriter::stageTable() const
{
    fmt::print("\nms per token by stage\n\n| {:<24} | {:<9} | {}{:>16} |", "model", "dtype",
               m_withLanes ? "lane    | " : "", "test");
    for (const NamedStage& stage : kStages)
        fmt::print(" {:>9} |", stage.key);
    fmt::print(" {:>9} |\n| {:-<24} | {:-<9} | {}{:->15}: |", "total", "", "", m_withLanes ? "------- | " : "", "");
    for (std::size_t i = 0; i <= kStages.size(); ++i)
        fmt::print(" {:->8}: |", "");
    fmt::print("\n");
    for (const BenchRow& row : m_kept) {
        const double each = 1e-6 / double(row.tokens()) / double(std::max<std::size_t>(1, row.seconds.size()));
        fmt::print("| {:<24} | {:<9} | {}{:>16} |", modelType(row.model), row.model.dtype,
                   m_withLanes ? fmt::format("{:<7} | ", row.lane) : "", row.test.shownName());
        for (const NamedStage& stage : kStages)
            fmt::print(" {:>9.4f} |", double(row.stages.*stage.stage) * each);
        fmt::print(" {:>9.4f} |\n", double(row.stages.sum()) * each);
    }
}

void BenchWriter::markdown(const BenchRow& row) const
{
    const std::vector<double> rates = row.rates();
    const std::string speed = fmt::format("{:.2f} ± {:.2f}", mean(rates), sdOrNone(rates));
    fmt::print("| {:<24} | {:>6.2f} MiB | {:>6.2f} M | {:<7} | {:>7} | {:<9} | {}{:>16} | {:>18} |\n",
               modelType(row.model), double(row.model.weightBytes) / (1 << 20), double(row.model.parameterCount) / 1e6,
               row.model.device == "cpu" ? "CPU" : "CUDA", row.threads, row.model.dtype,
               m_withLanes ? fmt::format("{:<7} | ", row.lane) : "", row.test.shownName(), speed);
}

} // namespace ls::cli
