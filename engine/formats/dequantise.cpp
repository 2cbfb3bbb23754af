#include "engine/formats/gguf.h"
#include "engine/formats/half.h"
#include "engine/formats/quant_blocks.h"

#include <fmt/format.h>

#include <array>

namespace ls {

namespace {

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
    *out = bfloatAt(block);
}
/// 32 values: scale (half), 16 bytes; low nibbles first, then high ones.
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
/// As Q4_0, with the fifth bit of every value in 4 bytes before the nibbles.
void decodeQ5_0(const std::uint8_t* block, float* out)
{
    const float scale = halfAt(block);
    std::uint32_t high;
    std::memcpy(&high, block + 2, 4);
    for (int i = 0; i < 16; ++i) {
        out[i] = float(int((block[6 + i] & 15u) | ((high >> i) & 1u) << 4) - 16) * scale;
        out[i + 16] = float(int(unsigned(block[6 + i] >> 4) | ((high >> (i + 16)) & 1u) << 4) - 16) * scale;
    }
}
/// As Q4_1, with the fifth bits before the nibbles.
void decodeQ5_1(const std::uint8_t* block, float* out)
{
    const float scale = halfAt(block), minimum = halfAt(block + 2);
    std::uint32_t high;
    std::memcpy(&high, block + 4, 4);
    for (int i = 0; i < 16; ++i) {
        out[i] = float((block[8 + i] & 15u) | ((high >> i) & 1u) << 4) * scale + minimum;
        out[i + 16] = float(unsigned(block[8 + i] >> 4) | ((high >> (i + 16)) & 1u) << 4) * scale + minimum;
    }
}
/// 32 values: scale (half), 32 signed bytes.
void decodeQ8_0(const std::uint8_t* block, float* out)
{
    const float scale = halfAt(block);
    for (int i = 0; i < 32; ++i)
        out[i] = float(std::int8_t(block[2 + i])) * scale;
}

using Decode = void (*)(const std::uint8_t* blocks, float* out, std::size_t count);
using DecodeOne = void (*)(const std::uint8_t* block, float* out);

/// The loop over blocks, one per type so that the compiler sees through the call.
template <DecodeOne One, int Values, int Bytes>
void decodeAll(const std::uint8_t* blocks, float* out, std::size_t count)
{
    for (std::size_t b = 0; b < count; ++b)
        One(blocks + b * Bytes, out + b * Values);
}

struct Row {
    QuantType type;
    Decode decode;
};

template <DecodeOne One, int Values, int Bytes>
constexpr Row row(const char* name)
{
    return {{name, Values, Bytes}, decodeAll<One, Values, Bytes>};
}

constexpr std::array kRows{
    row<decodeF32, 1, 4>("F32"),       row<decodeF16, 1, 2>("F16"),         row<decodeBF16, 1, 2>("BF16"),
    row<decodeQ4_0, 32, 18>("Q4_0"),   row<decodeQ4_1, 32, 20>("Q4_1"),     row<decodeQ5_0, 32, 22>("Q5_0"),
    row<decodeQ5_1, 32, 24>("Q5_1"),   row<decodeQ8_0, 32, 34>("Q8_0"),     row<decodeQ2_K, 256, 84>("Q2_K"),
    row<decodeQ3_K, 256, 110>("Q3_K"), row<decodeQ4_K, 256, 144>("Q4_K"),   row<decodeQ5_K, 256, 176>("Q5_K"),
    row<decodeQ6_K, 256, 210>("Q6_K"), row<decodeIQ4_NL, 32, 18>("IQ4_NL"), row<decodeIQ4_XS, 256, 136>("IQ4_XS"),
    row<decodeMXFP4, 32, 17>("MXFP4"),
};

const Row* findRow(const std::string& name)
{
    for (const Row& candidate : kRows)
        if (name == candidate.type.name)
            return &candidate;
    return nullptr;
}

} // namespace

const QuantType* quantType(const std::string& name)
{
    const Row* found = findRow(name);
    return found ? &found->type : nullptr;
}

Status dequantise(const std::string& type, std::span<const std::uint8_t> bytes, std::span<float> out)
{
    const Row* found = findRow(type);
    if (!found)
        return Error{Errc::TensorType,
                     fmt::format("The tensor type {} cannot be read by this build.", type),
                     "Choose another quantisation of this model, for example Q4_K_M or Q8_0.",
                     {}};
    const auto values = std::size_t(found->type.blockValues), size = std::size_t(found->type.blockBytes);
    const std::size_t blocks = out.size() / values;
    if (blocks * values != out.size() || blocks * size != bytes.size())
        return Error{Errc::Internal,
                     "The bytes of a tensor and its values do not fit.",
                     {},
                     fmt::format("{} bytes of {} for {} values", bytes.size(), type, out.size())};
    found->decode(bytes.data(), out.data(), blocks);
    return success();
}

} // namespace ls
