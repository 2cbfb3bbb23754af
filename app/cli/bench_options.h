#pragma once

#include "core/error.h"

#include <string>
#include <vector>

/// What `bench` is asked to measure, in the words of llama-bench.
namespace ls::cli {

/// "128", "128,512", "first-last", "first-last+step", "first-last*factor", or several of them with commas.
/// Error: InvalidParameter.
Result<std::vector<int>> readNumbers(const std::string& text);

struct BenchTest {
    int prompt = 0, generated = 0, depth = 0;
    bool operator==(const BenchTest&) const = default;
    std::string engineName() const; ///< "pp512+tg128@d4096"
    std::string shownName() const;  ///< "pp512+tg128 @ d4096"
};

struct BenchOptions {
    std::vector<std::string> models, methods, taps;
    std::vector<std::string> prompts{"512"}, generated{"128"}, both, depths{"0"}, batches{"2048"}, threads{"0"};
    std::vector<std::string> dtypes{"float32"};
    std::string device = "cpu", reduce = "copy", output = "md", compare;
    int contextLength = 0, repetitions = 5, rounds = 5;
    bool withoutWarmup = false, stages = false;
};

/// One way to open a model.
struct BenchSetting {
    std::string model, dtype;
    int threads = 0; ///< 0: all cores
    bool operator==(const BenchSetting&) const = default;
};

/// BenchOptions with lists and ranges written out.
struct BenchPlan {
    std::vector<BenchSetting> settings; ///< models, then dtypes, then threads
    std::vector<int> batches;
    std::vector<BenchTest> tests; ///< depths, then prompts, generated, both
};
/// Errors: InvalidParameter, naming the option.
Result<BenchPlan> readBenchPlan(const BenchOptions& options);

} // namespace ls::cli
