#include "engine/formats/half.h"
#include "engine/formats/quant_blocks.h"

namespace ls {

namespace {

/// IQ4: 16 levels that are denser around zero.
constexpr int kLevels[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
/// MXFP4 (E2M1): twice the values of the OCP microscaling specification, the scale below is half of its.
constexpr int kDoubledE2M1[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

/// 32 values from 16 bytes: low nibbles first, then high ones.
void lookUp(const int* table, float scale, const std::uint8_t* nibbles, float* out)
{
    for (int i = 0; i < 16; ++i) {
        out[i] = scale * float(table[nibbles[i] & 15]);
        out[i + 16] = scale * float(table[nibbles[i] >> 4]);
    }
}

} // namespace

/// Scale (half), 16 bytes of nibbles.
void decodeIQ4_NL(const std::uint8_t* block, float* out)
{
    lookUp(kLevels, halfAt(block), block + 2, out);
}

/// Scale (half), upper bits of eight group scales (2 bytes), lower bits (4 bytes), 128 bytes of nibbles.
void decodeIQ4_XS(const std::uint8_t* block, float* out)
{
    const float scale = halfAt(block);
    const int upper = block[2] | block[3] << 8;
    for (int group = 0; group < 8; ++group) {
        const int low = (block[4 + group / 2] >> (group % 2 * 4)) & 15;
        const int groupScale = (low | ((upper >> (2 * group)) & 3) << 4) - 32;
        lookUp(kLevels, scale * float(groupScale), block + 8 + group * 16, out + group * 32);
    }
}

/// Exponent (one byte, 2^(e - 127), halved because the table is doubled), 16 bytes of nibbles.
void decodeMXFP4(const std::uint8_t* block, float* out)
{
    const std::uint32_t exponent = block[0];
    const std::uint32_t bits = exponent < 2 ? 0x00200000u << exponent : (exponent - 1) << 23;
    lookUp(kDoubledE2M1, std::bit_cast<float>(bits), block + 1, out);
}

} // namespace ls
