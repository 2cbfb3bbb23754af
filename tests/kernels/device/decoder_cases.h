#pragma once

#include "kernels/cuda/module/decoder.h"
#include "kernels/cuda/module/make_device.h"
#include "tests/kernels/device/attention_cases.h"
#include "tests/kernels/device/tiny_model.h"

#include <initializer_list>

/// The decoder of kernels/cuda/module on the device that makeDevice gives. Empty: all is well; else what differs.
namespace ls::test {

/// In the order they stand.
inline std::string firstOf(std::initializer_list<std::string> problems)
{
    for (const std::string& problem : problems)
        if (!problem.empty())
            return problem;
    return {};
}

/// The whole decode step, a prompt and a run without the host against a forward pass on the CPU.
inline std::string runDecoder(TinyShape shape)
{
    TinyModel model(shape);
    std::string problem;
    const auto device = ls::cuda::makeDevice(0, problem);
    if (!device)
        return problem;
    ls::cuda::Decoder decoder(*device);
    int plan = -1, sequence = -1;
    if (problem = decoder.load(model.description); !problem.empty())
        return problem;
    if (problem = decoder.addSequence(shape.capacity, sequence); !problem.empty())
        return problem;
    if (problem = decoder.addPlan({}, plan); !problem.empty())
        return problem;
    std::vector<float> expected, got(std::size_t(shape.vocabulary));
    const auto wrong = [&](double tolerance) {
        problem = decoder.logits(got);
        double peak = 0;
        for (const float value : expected)
            peak = std::max(peak, std::abs(double(value)));
        return !problem.empty() || !(difference(expected.data(), got.data(), got.size()) <= tolerance * peak);
    };
    for (const std::int32_t token : {5, 17, 99}) {
        expected = model.step(token);
        if (problem = decoder.run(plan, {&token, 1}); !problem.empty() || wrong(3e-3))
            return "a step differs " + problem;
    }
    std::vector<std::int32_t> prompt(40);
    for (std::size_t i = 0; i < prompt.size(); ++i)
        expected = model.step(prompt[i] = std::int32_t(i * 7 % 131));
    if (problem = decoder.run(plan, prompt); !problem.empty() || wrong(2e-2))
        return "a prompt differs " + problem;
    std::vector<std::int32_t> tokens(9);
    if (problem = decoder.generate(plan, 8); !problem.empty())
        return problem;
    if (problem = decoder.drawn(tokens); !problem.empty())
        return problem;
    for (std::size_t i = 0; i < 8; ++i)
        expected = model.step(tokens[i]);
    return wrong(2e-2) ? "tokens without the host differ " + problem : std::string();
}

/// What lanes need besides: logits and streams of all tokens, going back, a copy that goes its own way, a plan that is
/// dropped.
inline std::string runSequences(TinyShape shape, int count)
{
    TinyModel model(shape);
    std::string problem;
    const auto device = ls::cuda::makeDevice(0, problem);
    if (!device)
        return problem;
    ls::cuda::Decoder decoder(*device);
    int first = -1, copy = -1, plan = -1, dense = -1;
    const LsCudaTap taps[] = {{-1, 0, nullptr, 0}, {shape.layers - 1, 0, nullptr, 0}};
    LsCudaPlan tapped{};
    tapped.taps = taps;
    tapped.tapCount = 2;
    if (problem = decoder.load(model.description); !problem.empty())
        return problem;
    if (problem = firstOf({decoder.addSequence(60, first), decoder.addPlan(tapped, plan), decoder.addPlan({}, dense)});
        !problem.empty())
        return problem;
    const std::size_t rows = std::size_t(count), vocabulary = std::size_t(shape.vocabulary),
                      width = std::size_t(shape.width);
    std::vector<std::int32_t> tokens(rows);
    for (std::size_t i = 0; i < rows; ++i)
        tokens[i] = std::int32_t(i * 7 % 131);
    std::vector<float> logits(rows * vocabulary), streams(2 * rows * width), got(vocabulary);
    if (problem = decoder.run(plan, tokens, {logits.data(), streams.data()}); !problem.empty())
        return problem;
    const auto far = [](const std::vector<float>& expected, const float* actual) {
        double peak = 0;
        for (const float value : expected)
            peak = std::max(peak, std::abs(double(value)));
        return !(difference(expected.data(), actual, expected.size()) <= 2e-2 * peak);
    };
    for (std::size_t i = 0; i < rows; ++i) {
        if (far(model.step(tokens[i]), logits.data() + i * vocabulary))
            return "logits of token " + std::to_string(i) + " differ";
        if (far(model.streams.back(), streams.data() + (rows + i) * width))
            return "the stream of token " + std::to_string(i) + " differs";
    }
    const std::int32_t next = 99, other = 5; // the copy goes on, the first goes back by one
    if (problem = firstOf({decoder.copySequence(first, copy), decoder.removePlan(plan), decoder.run(dense, {&next, 1}),
                           decoder.logits(got)});
        !problem.empty() || far(model.step(next), got.data()))
        return "a copy differs " + problem;
    model.restart();
    for (std::size_t i = 0; i + 1 < rows; ++i)
        model.step(tokens[i]);
    if (problem = firstOf(
            {decoder.select(first), decoder.truncate(count - 1), decoder.run(dense, {&other, 1}), decoder.logits(got)});
        !problem.empty() || far(model.step(other), got.data()))
        return "a sequence that went back differs " + problem;
    return firstOf({decoder.removeSequence(first), decoder.removeSequence(copy)});
}

} // namespace ls::test
