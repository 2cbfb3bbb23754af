#include "kernels/cpu/packed_matrix.h"

#include "kernels/cpu/panel_layout.h"
#include "kernels/cpu/worker_pool.h"

#include <algorithm>
#include <cstring>

namespace ls::kernels {

namespace {

/// Moves one block of one row between the two layouts. `header` and `body` are those of the panel's block.
struct Block {
    std::uint8_t *header, *body, *raw;
    int row;

    std::uint8_t* headerValue(int index) const { return header + 32 * index + 2 * row; } // half of [index][16]
    std::uint8_t* word(int vector) const { return body + 64 * vector + 4 * row; }
};

template <bool kPack>
void move(std::uint8_t* packed, std::uint8_t* raw, std::size_t bytes)
{
    if constexpr (kPack)
        std::memcpy(packed, raw, bytes);
    else
        std::memcpy(raw, packed, bytes);
}

template <bool kPack>
void moveWords(const Block& b, int firstVector, std::uint8_t* raw, int count)
{
    for (int j = 0; j < count; ++j)
        move<kPack>(b.word(firstVector + j), raw + 4 * j, 4);
}

/// Fifth bits of 32 values between "bit `shift` of byte i*stride" order and "byte t, bit j" order.
template <bool kPack, class BitAt>
void moveFifthBits(std::uint8_t* packed, const BitAt& bitAt)
{
    if constexpr (kPack)
        std::memset(packed, 0, 4);
    for (int i = 0; i < 32; ++i) {
        const auto [byte, shift] = bitAt(i);
        if constexpr (kPack)
            packed[i % 4] = std::uint8_t(packed[i % 4] | ((*byte >> shift) & 1) << (i / 4));
        else
            *byte = std::uint8_t(*byte | ((packed[i % 4] >> (i / 4)) & 1) << shift);
    }
}

struct BitPlace {
    std::uint8_t* byte;
    int shift;
};

template <bool kPack>
void moveLegacy(WeightFormat format, const Block& b)
{
    const bool minimum = format == WeightFormat::Q4_1 || format == WeightFormat::Q5_1;
    const bool fifth = format == WeightFormat::Q5_0 || format == WeightFormat::Q5_1;
    std::uint8_t* raw = b.raw;
    move<kPack>(b.headerValue(0), raw, 2);
    raw += 2;
    if (minimum) {
        move<kPack>(b.headerValue(1), raw, 2);
        raw += 2;
    }
    if (fifth) {
        if constexpr (!kPack)
            std::memset(raw, 0, 4);
        moveFifthBits<kPack>(b.word(0), [&](int i) { return BitPlace{raw + i / 8, i % 8}; });
        raw += 4;
    }
    moveWords<kPack>(b, fifth ? 1 : 0, raw, 4);
}

template <bool kPack>
void moveQ8_0(const Block& b)
{
    move<kPack>(b.headerValue(0), b.raw, 2);
    for (int j = 0; j < 8; ++j) {
        std::uint32_t word = 0;
        std::memcpy(&word, kPack ? b.raw + 2 + 4 * j : b.word(j), 4);
        word ^= 0x80808080u; // signed to unsigned + 128 and back
        std::memcpy(kPack ? b.word(j) : b.raw + 2 + 4 * j, &word, 4);
    }
}

/// Six-bit scales and minima to bytes and back (the layout is told in block_decode.cpp).
template <bool kPack>
void moveGroupScales(const Block& b)
{
    std::uint8_t* six = b.raw + 4;
    for (int g = 0; g < 4; ++g) {
        std::uint8_t *scale = b.body + 16 * g + b.row, *minimum = b.body + 128 + 16 * g + b.row;
        if constexpr (kPack) {
            scale[0] = six[g] & 63;
            minimum[0] = six[g + 4] & 63;
            scale[64] = std::uint8_t((six[g + 8] & 15) | (six[g] >> 6) << 4);
            minimum[64] = std::uint8_t((six[g + 8] >> 4) | (six[g + 4] >> 6) << 4);
        } else {
            six[g] = std::uint8_t(scale[0] | (scale[64] >> 4) << 6);
            six[g + 4] = std::uint8_t(minimum[0] | (minimum[64] >> 4) << 6);
            six[g + 8] = std::uint8_t((scale[64] & 15) | (minimum[64] & 15) << 4);
        }
    }
}

template <bool kPack>
void moveK(const Block& b, bool fifth)
{
    move<kPack>(b.headerValue(0), b.raw, 2);
    move<kPack>(b.headerValue(1), b.raw + 2, 2);
    moveGroupScales<kPack>(b);
    std::uint8_t* raw = b.raw + 16;
    if (fifth) {
        if constexpr (!kPack)
            std::memset(raw, 0, 32);
        for (int g = 0; g < 8; ++g)
            moveFifthBits<kPack>(b.word(4 + g), [&](int i) { return BitPlace{raw + i, g}; });
        raw += 32;
    }
    moveWords<kPack>(b, fifth ? 12 : 4, raw, 32);
}

template <bool kPack>
void moveQ6_K(const Block& b)
{
    for (int s = 0; s < 16; ++s)
        move<kPack>(b.body + 16 * s + b.row, b.raw + 192 + s, 1);
    moveWords<kPack>(b, 4, b.raw, 32);
    moveWords<kPack>(b, 36, b.raw + 128, 16);
    move<kPack>(b.headerValue(0), b.raw + 208, 2);
}

template <bool kPack>
void moveBlock(WeightFormat format, const Block& b)
{
    switch (format) {
    case WeightFormat::F32:
        return move<kPack>(b.word(0), b.raw, 4);
    case WeightFormat::F16:
        return move<kPack>(b.body + 2 * b.row, b.raw, 2);
    case WeightFormat::BF16:
        return move<kPack>(b.word(0), b.raw, 4);
    case WeightFormat::Q8_0:
        return moveQ8_0<kPack>(b);
    case WeightFormat::Q4_0:
    case WeightFormat::Q4_1:
    case WeightFormat::Q5_0:
    case WeightFormat::Q5_1:
        return moveLegacy<kPack>(format, b);
    case WeightFormat::Q4_K:
    case WeightFormat::Q5_K:
        return moveK<kPack>(b, format == WeightFormat::Q5_K);
    case WeightFormat::Q6_K:
        return moveQ6_K<kPack>(b);
    }
}

struct PanelPlace {
    PanelLayout layout;
    std::int64_t blocks, headers; // blocks of a row; bytes of the headers before the bodies
};

PanelPlace placeOf(WeightFormat format, std::int64_t cols)
{
    const PanelLayout layout = kPanelLayouts[int(format)];
    const std::int64_t blocks = (cols + layout.blockValues - 1) / layout.blockValues;
    return {layout, blocks, (blocks * layout.headerBytes + 63) / 64 * 64};
}

template <bool kPack>
void moveRow(WeightFormat format, std::int64_t cols, std::uint8_t* panel, std::uint8_t* raw, int row)
{
    const PanelPlace place = placeOf(format, cols);
    const bool oddTail = format == WeightFormat::BF16 && cols % 2 != 0;
    const std::int64_t whole = place.blocks - (oddTail ? 1 : 0);
    const int rawBytes = place.layout.blockValues / blockValues(format) * blockBytes(format);
    std::uint8_t* body = panel + place.headers;
    for (std::int64_t b = 0; b < whole; ++b)
        moveBlock<kPack>(
            format, {panel + b * place.layout.headerBytes, body + b * place.layout.bodyBytes, raw + b * rawBytes, row});
    if (oddTail)
        move<kPack>(body + whole * 64 + 4 * row, raw + whole * 4, 2);
}

} // namespace

std::int64_t panelBytes(WeightFormat format, std::int64_t cols)
{
    const PanelPlace place = placeOf(format, cols);
    return (place.headers + place.blocks * place.layout.bodyBytes + 63) / 64 * 64;
}

std::int64_t packedBytes(WeightFormat format, std::int64_t rows, std::int64_t cols)
{
    return (rows + kPanelRows - 1) / kPanelRows * panelBytes(format, cols);
}

/// Rows of 32-bit words (F32, pairs of bfloats) of a whole panel: the case that prompts wait for.
void packWords(std::int64_t words, const std::uint8_t* const* rows, std::uint8_t* out)
{
    constexpr std::int64_t kBlock = 16; // columns of a visit to each row: a line of the cache
    for (std::int64_t first = 0; first < words; first += kBlock) {
        const std::int64_t end = std::min(words, first + kBlock);
        for (int r = 0; r < kPanelRows; ++r)
            for (std::int64_t j = first; j < end; ++j)
                std::memcpy(out + 64 * j + 4 * r, rows[r] + 4 * j, 4);
    }
}

void packPanel(WeightFormat format, std::int64_t cols, const std::uint8_t* const* rows, int rowCount, std::uint8_t* out)
{
    const bool pairs = format == WeightFormat::BF16 && cols % 2 == 0;
    if (rowCount == kPanelRows && (format == WeightFormat::F32 || pairs))
        return packWords(pairs ? cols / 2 : cols, rows, out);
    if (rowCount < kPanelRows || format == WeightFormat::BF16)
        std::memset(out, 0, std::size_t(panelBytes(format, cols)));
    for (int r = 0; r < rowCount; ++r)
        moveRow<true>(format, cols, out, const_cast<std::uint8_t*>(rows[r]), r); // packing only reads the rows
}

void packMatrix(WorkerPool& pool, const Matrix& source, const std::int64_t* order, std::uint8_t* out)
{
    const std::int64_t panels = (source.rows + kPanelRows - 1) / kPanelRows;
    const std::int64_t stride = rowBytes(source.format, source.cols), bytes = panelBytes(source.format, source.cols);
    pool.forRange(panels, 4, [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t p = begin; p < end; ++p) {
            const std::uint8_t* rows[kPanelRows];
            const int count = int(std::min<std::int64_t>(kPanelRows, source.rows - p * kPanelRows));
            for (int r = 0; r < count; ++r) {
                const std::int64_t row = p * kPanelRows + r;
                rows[r] = source.data + (order ? order[row] : row) * stride;
            }
            packPanel(source.format, source.cols, rows, count, out + p * bytes);
        }
    });
}

void unpackRow(const Matrix& matrix, std::int64_t row, std::uint8_t* out)
{
    const std::uint8_t* panel = matrix.data + row / kPanelRows * panelBytes(matrix.format, matrix.cols);
    moveRow<false>(matrix.format, matrix.cols, const_cast<std::uint8_t*>(panel), out, int(row % kPanelRows));
}

void decodeRow(const Matrix& matrix, std::int64_t row, float* out, std::uint8_t* scratch)
{
    const std::uint8_t* raw = matrix.data + row * rowBytes(matrix.format, matrix.cols);
    if (matrix.packed) {
        unpackRow(matrix, row, scratch);
        raw = scratch;
    }
    decodeBlocks(matrix.format, raw, matrix.cols / blockValues(matrix.format), out);
}

} // namespace ls::kernels
