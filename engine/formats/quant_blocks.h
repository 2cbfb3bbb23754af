#pragma once

#include <cstdint>

/// One function per block format: reads one block, writes its values. The layouts are those of the GGUF
/// specification; the order of multiplications is the reference's, so results are equal to the last bit.
namespace ls {

// Blocks of 256 values in super-blocks with quantised scales (quant_blocks_k.cpp).
void decodeQ2_K(const std::uint8_t* block, float* out);
void decodeQ3_K(const std::uint8_t* block, float* out);
void decodeQ4_K(const std::uint8_t* block, float* out);
void decodeQ5_K(const std::uint8_t* block, float* out);
void decodeQ6_K(const std::uint8_t* block, float* out);
// Values looked up in a table (quant_blocks_table.cpp).
void decodeIQ4_NL(const std::uint8_t* block, float* out);
void decodeIQ4_XS(const std::uint8_t* block, float* out);
void decodeMXFP4(const std::uint8_t* block, float* out);

} // namespace ls
