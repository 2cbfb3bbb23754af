#pragma once

#include <cstdint>

/// What the decoder is told of a model, a plan and a way to draw tokens: plain data, the same inside the module and in
/// its C interface (abi.h). Pointers are to memory of the host that is read during the call only.
extern "C" {

inline constexpr int kLsCudaStep = 8; ///< tokens of a recorded step; more run as a prompt
/// Part of the problem where memory of the device ran out.
inline constexpr const char* kLsCudaNoMemory = "the device has too little memory";
/// The problem of a window of attention that reaches over tokens which the layer skipped: it counts rows, not
/// positions.
inline constexpr const char* kLsCudaGap = "a window cannot look over tokens that its layer skipped";

/// Format: the number of kernels::WeightFormat; rows as in a GGUF file. data null: no such matrix.
struct LsCudaMatrix {
    int format;
    std::int64_t rows, cols;
    const void* data;
    const float* bias; ///< [rows] or null
};

struct LsCudaLayer {
    LsCudaMatrix q, k, v, o, gate, up, down; ///< gate may be missing: down(act(up x))
    const float *attnNorm, *mlpNorm;         ///< [width]
    const float *attnPostNorm, *mlpPostNorm; ///< [width], on what a branch adds, or null
    const float *qNorm, *kNorm;              ///< [headWidth], before the rotary embedding, or null
    int window;                              ///< where a plan names none; 0 = everything
    int rotary;                              ///< index of the table, -1 = positions are not rotated
};

/// RMS norms, one MLP a layer, no parallel residual, no attention sinks, no norm over all heads together: what else
/// there is runs on the CPU.
struct LsCudaModel {
    int layers, width, heads, kvHeads, headWidth, mlpWidth, vocabulary;
    int cacheType;                                         ///< kernels::CacheType
    int gate;                                              ///< kernels::Gate
    int capacity;                                          ///< positions a sequence may have at most
    float normEpsilon, attentionScale, scoreCap, logitCap; ///< caps: 0 = none
    float embeddingScale, residualScale, logitScale;       ///< factors, 1 = none; residual: on what a branch adds
    const LsCudaLayer* layer;                              ///< [layers]
    LsCudaMatrix embedding, output;                        ///< output without data: the embedding
    const float* finalNorm;                                ///< [width]
    int turned;                                            ///< values of a head that turn
    int rotaryTables;
    const float *const *cosines, *const *sines; ///< [rotaryTables] of [capacity, turned / 2]
};

/// Changes of the stream after a block, in order.
struct LsCudaEdit {
    int layer;
    int kind;            ///< 0: add vector, 1: remove the direction (vector of length 1)
    const float* vector; ///< [width]
    int from, to;        ///< kind 0: it acts on positions in [from, to)
};
/// What is taken of the stream after a block.
struct LsCudaTap {
    int layer;               ///< -1: before the first block
    int kind;                ///< 0: rows as float32, 1: rows as bfloat16, 2: norm and products with directions
    const float* directions; ///< kind 2: [directionCount, width]
    int directionCount;
};
struct LsCudaPlan {
    const std::uint8_t *attentionRuns, *mlpRuns; ///< [layers], 0 = skipped; null = all run
    const int *sinks, *windows; ///< [layers], null: none, and each layer's own window. A query sees the first `sinks`
                                ///< and the last `window` rows of the layer's cache; window 0 = all
    const LsCudaEdit* edits;
    int editCount;
    const LsCudaTap* taps;
    int tapCount;
};

/// Where a run puts what is wanted of all its tokens; null = not wanted.
struct LsCudaOutputs {
    float* logits; ///< [tokens, vocabulary]
    float* taps;   ///< [taps of the plan, tokens, width]; every tap is of kind 0
};

struct LsCudaSampling {
    float temperature; ///< 0: greedy
    int topK;          ///< 0: all
    float topP;
    std::uint64_t seed;
};

} // extern "C"
