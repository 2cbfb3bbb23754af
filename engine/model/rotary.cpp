#include "engine/model/rotary.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace ls {

namespace {

/// 1 / (base^(2j/width)), each step rounded to float32.
std::vector<float> plainFrequencies(const RotarySettings& s)
{
    std::vector<float> out(std::size_t(s.width / 2));
    for (std::size_t j = 0; j < out.size(); ++j)
        out[j] = 1.0f / std::pow(float(s.base), float(2 * j) / float(s.width));
    return out;
}

/// Long waves are stretched by the factor, short ones stay, between them the two are mixed.
void scaleLlama3(const RotarySettings& s, std::vector<float>& frequencies)
{
    const float low = float(s.lowFrequency), high = float(s.highFrequency), original = float(s.originalContext);
    for (float& frequency : frequencies) {
        const float wave = 2.0f * float(std::numbers::pi) / frequency;
        if (wave > original / low)
            frequency = frequency / float(s.factor);
        else if (wave >= original / high) {
            const float smooth = (original / wave - low) / (high - low);
            frequency = (1.0f - smooth) * (frequency / float(s.factor)) + smooth * frequency;
        }
    }
}

/// Dimensions that turn often over the original context stay, those that turn rarely are stretched.
void scaleYarn(const RotarySettings& s, std::vector<float>& frequencies)
{
    const auto dimensionOf = [&](double rotations) {
        return s.width * std::log(s.originalContext / (rotations * 2.0 * std::numbers::pi)) / (2.0 * std::log(s.base));
    };
    double low = dimensionOf(s.betaFast), high = dimensionOf(s.betaSlow);
    if (s.truncate) {
        low = std::floor(low);
        high = std::ceil(high);
    }
    low = std::max(low, 0.0);
    high = std::min(high, double(s.width - 1));
    if (low == high)
        high += 0.001;
    for (std::size_t j = 0; j < frequencies.size(); ++j) {
        const float ramp = std::clamp(float((double(j) - low) / (high - low)), 0.0f, 1.0f);
        const float power = std::pow(float(s.base), float(2 * j) / float(s.width));
        frequencies[j] = 1.0f / (float(s.factor) * power) * ramp + 1.0f / power * (1.0f - ramp);
    }
}

double yarnMagnitude(const RotarySettings& s)
{
    const auto of = [&](double scale) { return s.factor <= 1.0 ? 1.0 : 0.1 * scale * std::log(s.factor) + 1.0; };
    return s.magnitudeScale > 0 && s.magnitudeScaleAll > 0 ? of(s.magnitudeScale) / of(s.magnitudeScaleAll) : of(1.0);
}

double longRopeMagnitude(const RotarySettings& s)
{
    return s.factor <= 1.0 ? 1.0 : std::sqrt(1.0 + std::log(s.factor) / std::log(s.originalContext));
}

} // namespace

RotaryTable rotaryTable(const RotarySettings& s)
{
    RotaryTable table{plainFrequencies(s), 1.0f};
    double magnitude = 1.0;
    if (s.kind == "linear") {
        for (float& frequency : table.frequencies)
            frequency /= float(s.factor);
    } else if (s.kind == "llama3") {
        scaleLlama3(s, table.frequencies);
    } else if (s.kind == "yarn") {
        scaleYarn(s, table.frequencies);
        magnitude = yarnMagnitude(s);
    } else if (s.kind == "longrope" || s.kind == "factors") {
        for (std::size_t j = 0; j < table.frequencies.size(); ++j)
            table.frequencies[j] =
                1.0f / (float(s.divisors[j]) * std::pow(float(s.base), float(2 * j) / float(s.width)));
        magnitude = s.kind == "longrope" ? longRopeMagnitude(s) : 1.0;
    }
    table.magnitude = float(s.magnitude > 0 ? s.magnitude : magnitude);
    return table;
}

} // namespace ls
