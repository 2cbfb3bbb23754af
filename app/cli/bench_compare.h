#pragma once

#include "app/cli/bench_rows.h"

#include <functional>

/// `bench --compare`: another program that prints llama-bench's json or jsonl, in turn with ours.
namespace ls::cli {

/// A row of the other program.
struct OtherRow {
    BenchTest test;
    double rate = 0; ///< tokens per second, mean
};
/// An array, or an object a line. Error: FileFormat.
Result<std::vector<OtherRow>> readOtherRows(const std::string& text);

/// Runs both `rounds` times, the order switched from round to round, and prints the ratios (ours over theirs) with
/// median and range, as md or json. `ours` returns the rows of one round. With several rows of one test on both sides
/// the first is compared with the first. Errors: those of `ours`; InvalidParameter when the other program fails or does
/// not measure the same tests.
Result<int> compareBench(const BenchOptions& options, std::size_t settings,
                         const std::function<Result<std::vector<BenchRow>>()>& ours);

} // namespace ls::cli
