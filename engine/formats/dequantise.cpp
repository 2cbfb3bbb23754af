#include "engine/formats/gguf.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstring>

namespace ls {

namespace {

float halfToFloat(std::uint16_t bits)
{
    const std::uint32_t sign = std::uint32_t(bits & 0x8000u) << 16, exponent = (bits >> 10) & 31u,
                        fraction = bits & 1023u;
    if (exponent == 31)
        return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
    if (exponent == 0) // zero and denormals: fraction * 2^-24
        return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(float(fraction) * 0x1p-24f));
    return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

float halfAt(const std::uint8_t* bytes)
{
    std::uint16_t bits;
    std::memcpy(&bits, bytes, 2);
    return halfToFloat(bits);
}

using Decode = void (*)(const std::uint8_t* block, float* out);

void decodeF32(const std::uint8_t* block, float* out)
{
    std::memcpy(out, block, 4);
}
void decodeF16(const std::uint8_t* block, float* out)
{
    *out = halfAt(block);
}
void decodeBF16(const std::uint8_t* block, float* out)
{
    std::uint16_t bits;
    std::memcpy(&bits, block, 2);
    *out = std::bit_cast<float>(std::uint32_t(bits) << 16);
}
/// 32 values: scale (half), 16 bytes; low nibbles first.
void decodeQ4_0(const std::uint8_t* block, float* out)
{
    const float scale = halfAt(block);
    for (int i = 0; i < 16; ++i) {
        out[i] = float((block[2 + i] & 15) - 8) * scale;
        out[i + 16] = float((block[2 + i] >> 4) - 8) * scale;
    }
}
/// 32 values: scale, minimum (halves), 16 bytes.
void decodeQ4_1(const std::uint8_t* block, float* out)
{
    const float scale = halfAt(block), minimum = halfAt(block + 2);
    for (int i = 0; i < 16; ++i) {
        out[i] = float(block[4 + i] & 15) * scale + minimum;
        out[i + 16] = float(block[4 + i] >> 4) * scale + minimum;
    }
}
/// As Q4, with a fifth bit of every value in 4 bytes behind the scale.
void decodeQ5(const std::uint8_t* block, float* out, bool hasMinimum)
{
    const float scale = halfAt(block), minimum = hasMinimum ? halfAt(block + 2) : -16.0f * scale;
    const std::uint8_t* high = block + (hasMinimum ? 4 : 2);
    std::uint32_t bits;
    std::memcpy(&bits, high, 4);
    for (int i = 0; i < 16; ++i) {
        const int low = (high[4 + i] & 15) | int((bits >> i) & 1) << 4;
        const int upper = (high[4 + i] >> 4) | int((bits >> (i + 16)) & 1) << 4;
        out[i] = hasMinimum ? float(low) * scale + minimum : float(low - 16) * scale;
        out[i + 16] = hasMinimum ? float(upper) * scale + minimum : float(upper - 16) * scale;
    }
}
void decodeQ5_0(const std::uint8_t* block, float* out)
{
    decodeQ5(block, out, false);
}
void decodeQ5_1(const std::uint8_t* block, float* out)
{
    decodeQ5(block, out, true);
}
void decodeQ8_0(const std::uint8_t* block, float* out)
{
    const float scale = halfAt(block);
    for (int i = 0; i < 32; ++i)
        out[i] = float(std::int8_t(block[2 + i])) * scale;
}

struct Row {
    QuantType type;
    Decode decode;
};
constexpr std::array kTypes{
    Row{{"F32", 1, 4}, decodeF32},     Row{{"F16", 1, 2}, decodeF16},     Row{{"BF16", 1, 2}, decodeBF16},
    Row{{"Q4_0", 32, 18}, decodeQ4_0}, Row{{"Q4_1", 32, 20}, decodeQ4_1}, Row{{"Q5_0", 32, 22}, decodeQ5_0},
    Row{{"Q5_1", 32, 24}, decodeQ5_1}, Row{{"Q8_0", 32, 34}, decodeQ8_0},
};

const Row* findRow(const std::string& name)
{
    for (const Row& row : kTypes)
        if (name == row.type.name)
            return &row;
    return nullptr;
}

} // namespace

const QuantType* quantType(const std::string& name)
{
    const Row* row = findRow(name);
    return row ? &row->type : nullptr;
}

Status dequantise(const std::string& type, std::span<const std::uint8_t> bytes, std::span<float> out)
{
    const Row* row = findRow(type);
    if (!row)
        return Error{Errc::TensorType,
                     fmt::format("The tensor type {} cannot be read by this build.", type),
                     "Choose another quantisation of this model.",
                     {}};
    const std::size_t blocks = out.size() / std::size_t(row->type.blockValues);
    if (blocks * std::size_t(row->type.blockValues) != out.size() ||
        blocks * std::size_t(row->type.blockBytes) != bytes.size())
        return Error{Errc::Internal, "Blocks and values do not fit.", {}, fmt::format("{} of {}", out.size(), type)};
    for (std::size_t b = 0; b < blocks; ++b)
        row->decode(bytes.data() + b * std::size_t(row->type.blockBytes),
                    out.data() + b * std::size_t(row->type.blockValues));
    return success();
}

} // namespace ls
