#include "app/cli/bench_compare.h"

#include "app/cli/context.h"
#include "core/bounded_json.h"
#include "core/stats/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include <sys/wait.h>

namespace ls::cli {

namespace {

using nlohmann::json;

/// Both programs' rates in one place of our table, a value a round.
struct Pair {
    BenchRow row;
    std::vector<double> ours, theirs, ratios;
};

Error wrongOutput(const std::string& detail)
{
    return {Errc::FileFormat, "The other program printed no rows of llama-bench.",
            "Let it print them as json or jsonl: llama-bench ... -o json", detail};
}

std::optional<OtherRow> rowOf(const json& value)
{
    const auto number = [&](const char* key) {
        const auto found = value.find(key);
        return found != value.end() && found->is_number() ? found->get<double>() : -1.0;
    };
    if (!value.is_object() || number("n_prompt") < 0 || number("n_gen") < 0 || number("avg_ts") <= 0)
        return std::nullopt;
    const int depth = std::max(0, int(number("n_depth"))); // older versions have none
    return OtherRow{{int(number("n_prompt")), int(number("n_gen")), depth}, number("avg_ts")};
}

Result<std::vector<OtherRow>> runOther(const std::string& command)
{
    // main() sets this for our engine; another program's OpenMP keeps its own default
    const char* spin = std::getenv("GOMP_SPINCOUNT");
    const bool ours = spin && std::string_view(spin) == "10000";
    std::FILE* pipe = ::popen((ours ? "unset GOMP_SPINCOUNT; " + command : command).c_str(), "r");
    if (!pipe)
        return Error{Errc::InvalidParameter, "The other program could not be started.", "Check --compare.", command};
    std::string text;
    char part[4096];
    for (std::size_t got = 0; (got = std::fread(part, 1, sizeof part, pipe)) > 0;)
        text.append(part, got);
    const int status = ::pclose(pipe);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return Error{Errc::InvalidParameter, "The other program failed.", "Run it by itself to see why.",
                     fmt::format("{} ended with status {}", command, status)};
    return readOtherRows(text);
}

/// Adds a round. `theirs` has one row of a test for all of ours, or one for each setting.
Status addRound(std::vector<Pair>& pairs, const std::vector<BenchRow>& ours, const std::vector<OtherRow>& theirs,
                std::size_t settings)
{
    const std::size_t perSetting = ours.size() / settings;
    for (std::size_t i = 0; i < ours.size(); ++i) {
        std::vector<double> rates;
        for (const OtherRow& row : theirs)
            if (row.test == ours[i].test)
                rates.push_back(row.rate);
        if (rates.size() != 1 && rates.size() != settings)
            return Error{Errc::InvalidParameter,
                         fmt::format("The other program measured {} {} times, this one {} times.",
                                     ours[i].test.shownName(), rates.size(), settings),
                         "Give both programs the same tests and as many models.",
                         {}};
        if (pairs.size() == i)
            pairs.push_back({ours[i], {}, {}, {}});
        pairs[i].ours.push_back(mean(ours[i].rates()));
        pairs[i].theirs.push_back(rates.size() == 1 ? rates[0] : rates[i / perSetting]);
        pairs[i].ratios.push_back(pairs[i].ours.back() / pairs[i].theirs.back());
    }
    return success();
}

void printMarkdown(const std::vector<Pair>& pairs)
{
    fmt::print("| model | dtype | lane | test | ours t/s | other t/s | ratio | smallest | largest | rounds |\n"
               "|---|---|---|---|---|---|---|---|---|---|\n");
    for (const Pair& pair : pairs)
        fmt::print("| {} | {} | {} | {} | {:.1f} | {:.1f} | {:.3f} | {:.3f} | {:.3f} | {} |\n", pair.row.model.name,
                   pair.row.model.dtype, pair.row.lane, pair.row.test.shownName(), median(pair.ours),
                   median(pair.theirs), median(pair.ratios), quantile(pair.ratios, 0), quantile(pair.ratios, 1),
                   pair.ratios.size());
}

void printJson(const std::vector<Pair>& pairs)
{
    nlohmann::ordered_json out = nlohmann::ordered_json::array();
    for (const Pair& pair : pairs) {
        nlohmann::ordered_json row;
        for (const auto& [name, value] : pair.row.columns())
            if (!name.ends_with("_ns") && !name.ends_with("_ts"))
                row[name] = value;
        row["ours_ts"] = pair.ours;
        row["other_ts"] = pair.theirs;
        row["ratios"] = pair.ratios;
        row["ratio_median"] = median(pair.ratios);
        row["ratio_min"] = quantile(pair.ratios, 0);
        row["ratio_max"] = quantile(pair.ratios, 1);
        out.push_back(row);
    }
    fmt::print("{}\n", out.dump(1, ' ', false, json::error_handler_t::replace));
}

} // namespace

Result<std::vector<OtherRow>> readOtherRows(const std::string& text)
{
    std::vector<OtherRow> out;
    const auto take = [&](const json& value) {
        const auto row = rowOf(value);
        if (row)
            out.push_back(*row);
        return row.has_value();
    };
    if (const auto whole = parseJson(text); whole && whole->is_array()) {
        for (const json& value : *whole)
            if (!take(value))
                return wrongOutput(value.dump().substr(0, 200));
    } else {
        std::istringstream lines(text);
        for (std::string line; std::getline(lines, line);) {
            if (line.find_first_not_of(" \t\r") == std::string::npos)
                continue;
            const auto value = parseJson(line);
            if (!value || !take(*value))
                return wrongOutput(line.substr(0, 200));
        }
    }
    return out.empty() ? Result<std::vector<OtherRow>>(wrongOutput({})) : out;
}

Result<int> compareBench(const BenchOptions& options, std::size_t settings,
                         const std::function<Result<std::vector<BenchRow>>()>& ours)
{
    std::vector<Pair> pairs;
    for (int round = 0; round < options.rounds; ++round) {
        std::vector<OtherRow> theirs;
        if (round % 2 == 1) {
            LS_TRY(theirs, runOther(options.compare));
        }
        LS_TRY(const auto rows, ours());
        if (round % 2 == 0) {
            LS_TRY(theirs, runOther(options.compare));
        }
        LS_CHECK(addRound(pairs, rows, theirs, settings));
        if (interrupted)
            break;
    }
    if (options.output == "json")
        printJson(pairs);
    else
        printMarkdown(pairs);
    return 0;
}

} // namespace ls::cli
