#pragma once

#include "kernels/cuda/activation.cuh"
#include "kernels/cuda/block_formats.cuh"
#include "kernels/cuda/matvec.h"

/// The kernel behind matvec.h: one instance for each format and 1, 2, 4 or 8 tokens.
namespace ls::cuda {

struct MatvecArgs {
    MatvecInput input;
    int tokens = 0; ///< of this launch, at most T
    MatvecMatrix matrices[kMaxMatrices];
    int count = 0;
    bool gated = false; ///< matrices[0] is the gate, matrices[1] the up projection
    kernels::Gate gate = kernels::Gate::Silu;
};
constexpr int kMatvecThreads = 256;

template <WeightFormat kFormat>
constexpr bool kIsBlocks =
    !(kFormat == WeightFormat::F32 || kFormat == WeightFormat::F16 || kFormat == WeightFormat::BF16);

/// Shared bytes of one token; the reductions of the norm have 128 bytes before all.
template <WeightFormat kFormat>
LSK_HOST_DEVICE std::int64_t stagedBytes(std::int64_t cols)
{
    return kIsBlocks<kFormat> ? cols * 2 + cols / 4 : (cols + 3) / 4 * 16;
}
constexpr std::int64_t kScratchBytes = 128;

template <WeightFormat kFormat, int T>
LSK_DEVICE void stageInput(const MatvecArgs& args, std::uint8_t* shared)
{
    const MatvecInput& in = args.input;
    for (int t = 0; t < T; ++t) {
        const float* x = in.x + t * in.stride;
        const bool exists = t < args.tokens;
        const float scale =
            in.norm && exists ? normScale(x, in.cols, in.epsilon, reinterpret_cast<float*>(shared)) : 1.0f;
        std::uint8_t* token = shared + kScratchBytes + t * stagedBytes<kFormat>(in.cols);
        if constexpr (kIsBlocks<kFormat>) {
            for (std::int64_t block = warpId(); block < in.cols / 32; block += kMatvecThreads / 32) {
                const std::int64_t c = block * 32 + laneId();
                const float value = !exists ? 0.0f : in.norm ? x[c] * scale * in.norm[c] : x[c];
                roundBlock(value, block, in.cols, token);
            }
        } else {
            for (std::int64_t c = threadId(); c < in.cols; c += kMatvecThreads)
                reinterpret_cast<float*>(token)[c] = !exists ? 0.0f : in.norm ? x[c] * scale * in.norm[c] : x[c];
        }
    }
    syncThreads();
}

template <WeightFormat kFormat>
LSK_DEVICE float weightAt(const std::uint8_t* row, std::int64_t c)
{
    if constexpr (kFormat == WeightFormat::F32)
        return reinterpret_cast<const float*>(row)[c];
    const std::uint16_t bits = reinterpret_cast<const std::uint16_t*>(row)[c];
    return kFormat == WeightFormat::F16 ? halfBitsToFloat(bits) : bfloatBitsToFloat(bits);
}

template <WeightFormat kFormat>
LSK_DEVICE float valueOf(const Words4& words, int i)
{
    if constexpr (kFormat == WeightFormat::F32)
        return asFloat(words.w[i]);
    const auto bits = std::uint16_t(words.w[i / 2] >> (i % 2 * 16));
    return kFormat == WeightFormat::F16 ? halfBitsToFloat(bits) : bfloatBitsToFloat(bits);
}

/// Rows of floats: lanes take 16 bytes each where the row is aligned to that, and single values else.
template <WeightFormat kFormat, int T>
LSK_DEVICE void addFloatRow(const std::uint8_t* row, std::int64_t cols, const std::uint8_t* staged, float (&sum)[T])
{
    constexpr int kWide = kFormat == WeightFormat::F32 ? 4 : 8;
    std::int64_t done = 0;
    if (reinterpret_cast<std::uintptr_t>(row) % 16 == 0) {
        done = cols / kWide * kWide;
        for (std::int64_t c = std::int64_t(laneId()) * kWide; c < done; c += 32 * kWide) {
            const Words4 words = *reinterpret_cast<const Words4*>(row + c * (16 / kWide));
            LSK_UNROLL
            for (int i = 0; i < kWide; ++i) {
                const float w = valueOf<kFormat>(words, i);
                LSK_UNROLL
                for (int t = 0; t < T; ++t)
                    sum[t] += w * reinterpret_cast<const float*>(staged + t * stagedBytes<kFormat>(cols))[c + i];
            }
        }
    }
    for (std::int64_t c = done + laneId(); c < cols; c += 32) {
        const float w = weightAt<kFormat>(row, c);
        LSK_UNROLL
        for (int t = 0; t < T; ++t)
            sum[t] += w * reinterpret_cast<const float*>(staged + t * stagedBytes<kFormat>(cols))[c];
    }
}

/// This lane's share of row . x[t] for all tokens.
template <WeightFormat kFormat, int T>
LSK_DEVICE void addRow(const std::uint8_t* row, std::int64_t cols, const std::uint8_t* staged, float (&sum)[T])
{
    if constexpr (kIsBlocks<kFormat>) {
        using Unit = UnitOf<kFormat>;
        constexpr int kGroups = Unit::kUnits == 4 ? 1 : 8; // of 32 columns in a block
        const std::int64_t units = cols / (32 * kGroups) * Unit::kUnits;
        for (std::int64_t u = laneId(); u < units; u += 32) {
            const std::int64_t block = u / Unit::kUnits;
            Unit::template add<T>(row + block * Unit::kBytes, block * kGroups, int(u % Unit::kUnits), staged, cols,
                                  sum);
        }
    } else {
        addFloatRow<kFormat, T>(row, cols, staged, sum);
    }
}

template <WeightFormat kFormat>
LSK_DEVICE const std::uint8_t* rowOf(const MatvecMatrix& matrix, std::int64_t row, std::int64_t cols)
{
    if constexpr (kIsBlocks<kFormat>) {
        using Unit = UnitOf<kFormat>;
        return matrix.rows + row * (cols / (Unit::kUnits == 4 ? 32 : 256) * Unit::kBytes);
    } else {
        return matrix.rows + row * cols * (kFormat == WeightFormat::F32 ? 4 : 2);
    }
}

template <WeightFormat kFormat, int T>
LSK_KERNEL void LSK_BOUNDS(kMatvecThreads) matvecKernel(const MatvecArgs args)
{
    LSK_SHARED(shared);
    stageInput<kFormat, T>(args, shared);
    const std::uint8_t* staged = shared + kScratchBytes;
    const std::int64_t cols = args.input.cols, warps = std::int64_t(gridX()) * (kMatvecThreads / 32);
    std::int64_t all = args.gated ? args.matrices[0].rowCount : 0;
    for (int m = 0; m < args.count && !args.gated; ++m)
        all += args.matrices[m].rowCount;

    for (std::int64_t r = std::int64_t(blockX()) * (kMatvecThreads / 32) + warpId(); r < all; r += warps) {
        int m = 0;
        std::int64_t row = r;
        while (!args.gated && row >= args.matrices[m].rowCount)
            row -= args.matrices[m++].rowCount;
        const MatvecMatrix& matrix = args.matrices[m];
        float sums[T], gates[T]; // of the last pass and of the one before
        LSK_UNROLL
        for (int t = 0; t < T; ++t)
            sums[t] = 0;
        for (int pass = 0; pass < (args.gated ? 2 : 1); ++pass) {
            LSK_UNROLL
            for (int t = 0; t < T; ++t) {
                gates[t] = sums[t];
                sums[t] = 0;
            }
            addRow<kFormat, T>(rowOf<kFormat>(args.matrices[m + pass], row, cols), cols, staged, sums);
            const float* bias = args.matrices[m + pass].bias;
            LSK_UNROLL
            for (int t = 0; t < T; ++t)
                sums[t] = warpSum(sums[t]) + (bias ? bias[row] : 0.0f);
        }
        if (laneId() != 0)
            continue;
        LSK_UNROLL
        for (int t = 0; t < T; ++t) {
            if (t >= args.tokens)
                continue;
            float* out = matrix.out + t * matrix.outStride + row;
            const float value = args.gated ? activated(args.gate, gates[t]) * sums[t] : sums[t];
            *out = matrix.add ? *out + value : value;
        }
    }
}

/// Launches of one format, defined in matvec_<formats>.cu.
template <WeightFormat kFormat>
Launch launchMatvec(MatvecArgs args, Stream stream);

} // namespace ls::cuda
