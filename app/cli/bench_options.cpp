#include "app/cli/bench_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>

namespace ls::cli {

namespace {

constexpr std::size_t kNumbers = 1000; // of one list: more is a slip of the pen

std::vector<std::string> split(const std::string& text)
{
    std::vector<std::string> parts;
    for (std::size_t begin = 0;;) {
        const std::size_t comma = text.find(',', begin);
        parts.push_back(text.substr(begin, comma - begin));
        if (comma == std::string::npos)
            return parts;
        begin = comma + 1;
    }
}

/// The digits at the front of `rest`, which then begins behind them.
std::optional<int> takeNumber(std::string_view& rest)
{
    int value = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (error != std::errc() || value < 0 || rest.front() == '-')
        return std::nullopt;
    rest.remove_prefix(std::size_t(end - rest.data()));
    return value;
}

struct Range {
    int first = 0, last = 0, step = 1;
    bool multiplies = false;
};

std::optional<Range> readRange(std::string_view rest)
{
    Range range;
    const auto first = takeNumber(rest);
    if (!first)
        return std::nullopt;
    range.first = range.last = *first;
    if (rest.empty())
        return range;
    if (rest.front() != '-')
        return std::nullopt;
    rest.remove_prefix(1);
    const auto last = takeNumber(rest);
    if (!last || *last < *first)
        return std::nullopt;
    range.last = *last;
    if (rest.empty())
        return range;
    range.multiplies = rest.front() == '*';
    if (!range.multiplies && rest.front() != '+')
        return std::nullopt;
    rest.remove_prefix(1);
    const auto step = takeNumber(rest);
    const bool grows = step && (range.multiplies ? *step > 1 && *first > 0 : *step > 0);
    if (!grows || !rest.empty())
        return std::nullopt;
    range.step = *step;
    return range;
}

Error wrong(const std::string& option, const Error& error)
{
    return {error.code, fmt::format("{}: {}", option, error.message), error.hint, error.detail};
}

Result<std::vector<int>> numbersOf(const std::string& option, const std::vector<std::string>& texts, int minimum)
{
    std::vector<int> out;
    for (const std::string& text : texts) {
        auto numbers = readNumbers(text);
        if (!numbers)
            return wrong(option, numbers.error());
        for (const int number : numbers.value()) {
            if (number < minimum)
                return Error{Errc::InvalidParameter,
                             fmt::format("{}: {} is too small.", option, number),
                             fmt::format("The smallest value is {}.", minimum),
                             {}};
            out.push_back(number);
        }
    }
    return out;
}

Result<std::vector<BenchTest>> testsOf(const BenchOptions& options)
{
    LS_TRY(const auto prompts, numbersOf("-p", options.prompts, 0));
    LS_TRY(const auto generated, numbersOf("-n", options.generated, 0));
    LS_TRY(const auto depths, numbersOf("-d", options.depths, 0));
    std::vector<BenchTest> base;
    for (const int count : prompts)
        base.push_back({count, 0, 0});
    for (const int count : generated)
        base.push_back({0, count, 0});
    for (const std::string& pair : options.both) {
        const auto parts = split(pair);
        const auto prompt = parts.size() == 2 ? readNumbers(parts[0]) : readNumbers("");
        const auto reply = parts.size() == 2 ? readNumbers(parts[1]) : readNumbers("");
        if (!prompt || !reply || prompt.value().size() != 1 || reply.value().size() != 1)
            return Error{Errc::InvalidParameter,
                         fmt::format("-pg: \"{}\" is no pair of numbers.", pair),
                         "Example: -pg 512,128",
                         {}};
        base.push_back({prompt.value()[0], reply.value()[0], 0});
    }
    std::erase_if(base, [](const BenchTest& test) { return test.prompt == 0 && test.generated == 0; });
    if (base.empty())
        return Error{Errc::InvalidParameter, "There is nothing to measure.", "Give -p, -n or -pg above 0.", {}};
    std::vector<BenchTest> tests;
    for (const int depth : depths)
        for (BenchTest test : base) {
            test.depth = depth;
            if (std::find(tests.begin(), tests.end(), test) == tests.end())
                tests.push_back(test);
        }
    return tests;
}

/// A name with a comma in it is one model if there is such a file.
std::vector<std::string> modelsOf(const std::vector<std::string>& given)
{
    std::vector<std::string> out;
    for (const std::string& text : given) {
        if (std::filesystem::exists(text))
            out.push_back(text);
        else
            for (std::string& name : split(text))
                out.push_back(std::move(name));
    }
    return out;
}

} // namespace

Result<std::vector<int>> readNumbers(const std::string& text)
{
    std::vector<int> out;
    for (const std::string& part : split(text)) {
        const auto range = readRange(part);
        if (!range)
            return Error{Errc::InvalidParameter,
                         fmt::format("\"{}\" is no number and no range.", part),
                         "Examples: 128; 128,512; 128-512+128; 128-8192*2.",
                         {}};
        for (std::int64_t value = range->first; value <= range->last;
             value = range->multiplies ? value * range->step : value + range->step) {
            if (out.size() == kNumbers)
                return Error{Errc::InvalidParameter,
                             fmt::format("\"{}\" has more than {} values.", text, kNumbers),
                             "Choose a larger step: first-last+step or first-last*factor.",
                             {}};
            out.push_back(int(value));
        }
    }
    return out;
}

std::string BenchTest::engineName() const
{
    std::string name = prompt > 0 ? fmt::format("pp{}", prompt) : std::string();
    if (generated > 0)
        name += fmt::format("{}tg{}", prompt > 0 ? "+" : "", generated);
    return depth > 0 ? fmt::format("{}@d{}", name, depth) : name;
}

std::string BenchTest::shownName() const
{
    const BenchTest flat{prompt, generated, 0};
    return depth > 0 ? fmt::format("{} @ d{}", flat.engineName(), depth) : flat.engineName();
}

Result<BenchPlan> readBenchPlan(const BenchOptions& options)
{
    BenchPlan plan;
    LS_TRY(plan.tests, testsOf(options));
    LS_TRY(plan.batches, numbersOf("-b", options.batches, 1));
    LS_TRY(const auto threads, numbersOf("-t", options.threads, 0));
    for (const std::string& model : modelsOf(options.models))
        for (const std::string& types : options.dtypes)
            for (const std::string& dtype : split(types))
                for (const int count : threads)
                    plan.settings.push_back({model, dtype, count});
    return plan;
}

} // namespace ls::cli
