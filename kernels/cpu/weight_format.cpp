#include "kernels/cpu/weight_format.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

namespace ls::kernels {

namespace {

struct FormatInfo {
    std::string_view name;
    int values, bytes;
};
constexpr std::array<FormatInfo, kWeightFormats> kFormats{{{"F32", 1, 4},
                                                           {"F16", 1, 2},
                                                           {"BF16", 1, 2},
                                                           {"Q8_0", 32, 34},
                                                           {"Q4_0", 32, 18},
                                                           {"Q4_1", 32, 20},
                                                           {"Q5_0", 32, 22},
                                                           {"Q5_1", 32, 24},
                                                           {"Q4_K", 256, 144},
                                                           {"Q5_K", 256, 176},
                                                           {"Q6_K", 256, 210}}};

const FormatInfo& info(WeightFormat format)
{
    return kFormats[std::size_t(format)];
}

} // namespace

std::optional<WeightFormat> weightFormat(std::string_view name)
{
    for (std::size_t i = 0; i < kFormats.size(); ++i)
        if (kFormats[i].name == name)
            return WeightFormat(i);
    return std::nullopt;
}

std::string_view weightFormatName(WeightFormat format)
{
    return info(format).name;
}
int blockValues(WeightFormat format)
{
    return info(format).values;
}
int blockBytes(WeightFormat format)
{
    return info(format).bytes;
}

std::int64_t rowBytes(WeightFormat format, std::int64_t cols)
{
    return cols / info(format).values * info(format).bytes;
}

float halfToFloat(std::uint16_t bits)
{
    const std::uint32_t sign = std::uint32_t(bits & 0x8000) << 16;
    const int exponent = (bits >> 10) & 31;
    const std::uint32_t mantissa = bits & 1023;
    if (exponent == 31)
        return std::bit_cast<float>(sign | 0x7F800000 | mantissa << 13);
    if (exponent == 0) {
        const float value = float(mantissa) * 0x1p-24f;
        return sign ? -value : value;
    }
    return std::bit_cast<float>(sign | std::uint32_t(exponent + 112) << 23 | mantissa << 13);
}

std::uint16_t floatToHalf(float value)
{
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const auto sign = std::uint16_t((bits >> 16) & 0x8000);
    const std::uint32_t magnitude = bits & 0x7FFFFFFF;
    if (magnitude > 0x7F800000)
        return std::uint16_t(sign | 0x7E00 | ((magnitude >> 13) & 0x3FF)); // NaN
    if (magnitude >= 0x477FF000)
        return std::uint16_t(sign | 0x7C00); // rounds to 65536 or more
    if (magnitude < 0x38800000)              // subnormal: the float unit rounds for us
        return std::uint16_t(sign | std::uint16_t(std::nearbyint(std::bit_cast<float>(magnitude) * 0x1p24f)));
    const std::uint32_t rounded = magnitude + 0xFFF + ((magnitude >> 13) & 1);
    return std::uint16_t(sign | ((rounded - 0x38000000) >> 13));
}

float bfloatToFloat(std::uint16_t bits)
{
    return std::bit_cast<float>(std::uint32_t(bits) << 16);
}

std::uint16_t floatToBfloat(float value)
{
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if ((bits & 0x7FFFFFFF) > 0x7F800000)
        return std::uint16_t((bits >> 16) | 0x40);
    return std::uint16_t((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

} // namespace ls::kernels
