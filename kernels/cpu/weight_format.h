#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

/// The number formats of weights that kernels read, with the block layouts of the GGUF specification.
namespace ls::kernels {

enum class WeightFormat : std::uint8_t { F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K };
constexpr int kWeightFormats = 11;

/// "Q4_0" as GGUF names it; nothing for formats that kernels cannot read.
std::optional<WeightFormat> weightFormat(std::string_view name);
std::string_view weightFormatName(WeightFormat format);

int blockValues(WeightFormat format); ///< values in a block: 1, 32 or 256
int blockBytes(WeightFormat format);
/// Bytes of a row of `cols` values; cols is a multiple of blockValues.
std::int64_t rowBytes(WeightFormat format, std::int64_t cols);

/// Values of `blocks` consecutive blocks as float32. Same order of multiplications as the reference's, so equal to it
/// to the last bit.
void decodeBlocks(WeightFormat format, const std::uint8_t* blocks, std::int64_t count, float* out);

/// No value, scale or minimum of consecutive blocks is NaN or infinite.
bool blocksFinite(WeightFormat format, const std::uint8_t* blocks, std::int64_t count);

float halfToFloat(std::uint16_t bits);    ///< IEEE binary16
std::uint16_t floatToHalf(float value);   ///< nearest, ties to even
float bfloatToFloat(std::uint16_t bits);  ///< upper half of a float32
std::uint16_t floatToBfloat(float value); ///< nearest, ties to even; NaN stays NaN

} // namespace ls::kernels
