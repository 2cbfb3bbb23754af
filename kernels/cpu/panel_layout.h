#pragma once

#include "kernels/cpu/weight_format.h"

/// How 16 rows of a weight matrix lie in memory for the vector kernels: lane r of a vector belongs to row r, and a lane
/// of 32 bits holds four int8, two bfloat16 or one float32 of consecutive columns. So one input value is shared by all
/// lanes, no sum runs across lanes, and the panel is one forward stream.
///
/// A panel is `headers` (one a block, the whole padded to 64 bytes), then `bodies`. Word j of a row means its bytes
/// 4j..4j+3; a vector is the word of row 0, of row 1, ... (64 bytes).
///   F32   body [16] float32                       (blocks of 1)
///   F16   body [16] halves                        (blocks of 1)
///   BF16  body [16][2] bfloats                    (blocks of 2; an odd last column is padded with zero)
///   Q8_0  header [16] scale; body 8 vectors of value + 128
///   Q4_0  header [16] scale; body 4 vectors of nibbles: low = columns 4j.., high = 16 + 4j..
///   Q4_1  header [16] scale, [16] minimum; body as Q4_0
///   Q5_0  header [16] scale; body a vector of fifth bits (byte t, bit j: column 4j+t), then as Q4_0
///   Q5_1  header as Q4_1; body as Q5_0
///   Q4_K  header as Q4_1; body [8][16] scales, [8][16] minima (bytes), 4 x 8 vectors of nibbles (group pairs)
///   Q5_K  header as Q4_1; body scales and minima, 8 vectors of fifth bits (one a group), nibbles
///   Q6_K  header [16] scale; body [16][16] scales (int8), 32 vectors of nibbles, 16 vectors of upper bits
/// The size is that of the rows, but for K formats with minima: their scales take a byte instead of 6 bits (+2.8 %).
namespace ls::kernels {

constexpr int kPanelRows = 16;

struct PanelLayout {
    int blockValues, headerBytes, bodyBytes; // of a block of 16 rows
};
constexpr PanelLayout kPanelLayouts[kWeightFormats] = {
    {1, 0, 64},                  // F32
    {1, 0, 32},                  // F16
    {2, 0, 64},                  // BF16
    {32, 32, 512},               // Q8_0
    {32, 32, 256},               // Q4_0
    {32, 64, 256},               // Q4_1
    {32, 32, 320},               // Q5_0
    {32, 64, 320},               // Q5_1
    {256, 64, 256 + 2048},       // Q4_K
    {256, 64, 256 + 512 + 2048}, // Q5_K
    {256, 32, 256 + 3072},       // Q6_K
};

} // namespace ls::kernels
