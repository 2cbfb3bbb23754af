#pragma once

#include "kernels/cpu/weight_format.h"

/// The functions that exist once for each instruction set. Users call the functions of linear.h, attention.h and
/// elementwise.h; this is what these call.
namespace ls::kernels {

/// What a matrix product reads: `width` tokens (1, 2, 4, 8 or 16) side by side, so that the values of all tokens for
/// one column group are neighbours. Blocks are of 32 columns. Padding tokens are zero.
struct ActivationTile {
    int width = 1;
    // int8: value = scale * q, q = 128 * high + low = -16256..16256; both parts are int8
    std::int32_t* q = nullptr;  ///< [blocks][high, low][8][width], four int8 each
    float* scale = nullptr;     ///< [blocks][width]
    float* scaledSum = nullptr; ///< [blocks][width], scale * sum of q
    std::int32_t* minusSum =
        nullptr; ///< [blocks][3][width], - sum of q: of the block, of its first and of its second half
    // others
    float* floats = nullptr;          ///< [cols, padded to even][width]
    std::uint32_t* bfloats = nullptr; ///< [cols / 2, rounded up][width], two bfloats each
};
enum ActivationKind : unsigned { kInt8 = 1, kFloats = 2, kBfloats = 4 };
constexpr int kTileWidths = 5; ///< 1, 2, 4, 8, 16

/// out[t * outStride + r] = (or +=) sum over c of w[r, c] * x[t, c] for `panels` consecutive packed panels.
struct ProductJob {
    const std::uint8_t* panels = nullptr;
    std::int64_t panelStride = 0, cols = 0;
    int panelCount = 0;
    std::int64_t rows = 0; ///< valid rows, at most 16 * panelCount; only these are written
    ActivationTile x;
    int tokens = 0; ///< valid tokens, at most x.width; only these are written
    float* out = nullptr;
    std::int64_t outStride = 0;
    bool add = false;
};

/// out[t * outStride + r] = (or +=) sum over c of w[r, c] * x[t, c] for rows of F32, F16 or BF16 that lie one after the
/// other. A token's sums do not depend on how many tokens there are.
struct RowProductJob {
    const std::uint8_t* rows = nullptr;
    std::int64_t cols = 0, rowCount = 0;
    const float* x = nullptr; ///< [tokens, cols]
    int tokens = 1;           ///< at most kRowTokens
    float* out = nullptr;
    std::int64_t outStride = 0;
    bool add = false;
};
constexpr int kRowTokens = 16; // one tile; more are worth packing the rows

enum class Gate : std::uint8_t { Silu, GeluTanh, Gelu }; ///< x*sigmoid(x); the tanh form of GELU; with erf
enum class CacheType : std::uint8_t { F32, F16, BF16 };

struct DecodeAttentionJob;
struct JoinPartsJob;
struct PrefillAttentionJob;

struct KernelTable {
    void (*product[kWeightFormats][kTileWidths])(const ProductJob&);
    ActivationKind activation[kWeightFormats][kTileWidths];   ///< what the product reads
    void (*rowProduct[kWeightFormats])(const RowProductJob&); ///< null for block formats
    /// x: [tokens, cols] with a row stride, into the parts of the tile named by `kinds`.
    void (*prepare)(const float* x, std::int64_t stride, int tokens, std::int64_t cols, unsigned kinds,
                    const ActivationTile& tile);
    void (*rmsNorm)(const float* x, const float* weight, float* y, std::int64_t cols, float epsilon); // one row
    void (*gate)(Gate kind, const float* gate, const float* up, float* out, std::int64_t count);
    void (*add)(const float* x, float* y, std::int64_t count); // y += x
    std::int64_t (*argmax)(const float* x, std::int64_t count);
    void (*toCache)(CacheType type, const float* x, void* out, std::int64_t count);
    void (*decodeAttention)(const DecodeAttentionJob&);
    void (*joinAttentionParts)(JoinPartsJob&);
    void (*prefillAttention)(const PrefillAttentionJob&);
};

/// The table of the variant in use (variant.h).
const KernelTable& kernelTable();

} // namespace ls::kernels
