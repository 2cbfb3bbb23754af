#pragma once

#include "engine/model/weight_matrix.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

/// How much of a token's recent past can be read off its state: a ridge map per layer from the state to the mean
/// embedding of the tokens before it (llm-microscope.md section 3). Free functions on tensors, float64 throughout.
namespace ls {

inline constexpr int kContextWindow = 16;      ///< tokens before the one looked at
inline constexpr int kContextDimensions = 128; ///< principal directions of the targets that are kept
inline constexpr int kContextFolds = 5;
inline constexpr double kRidgePenalty = 0.1; ///< times the number of rows
inline constexpr double kSinkFactor = 10;    ///< a norm of so many medians at the middle layer is a massive activation

/// Mean embedding row of the `window` ids before each of the positions first..first+count-1, less `centre` [d].
/// embedding [vocab, d]; result [count, d]; rows of positions below `window` are 0.
at::Tensor windowMeans(const WeightMatrix& embedding, const at::Tensor& centre, std::span<const std::int32_t> ids,
                       int first, int count, int window = kContextWindow);

/// The directions of largest variance of the rows of y [n, d], as columns [d, min(count, d)], largest first.
at::Tensor principalDirections(const at::Tensor& y, int count = kContextDimensions);

/// What a fit needs of its rows; moments of disjoint sets add up, so leaving a fold out is a subtraction.
struct RidgeMoments {
    double n = 0;
    at::Tensor sumX, sumT, sumXX, sumXT; ///< [d], [k], [d, d], [d, k]
    /// x [n, d], t [n, k]
    static RidgeMoments of(const at::Tensor& x, const at::Tensor& t);
    RidgeMoments plus(const RidgeMoments& other) const;
    RidgeMoments minus(const RidgeMoments& other) const;
};

/// t ~ mapᵀ (x - mean) / scale.
struct RidgeMap {
    at::Tensor mean, scale;                        ///< [d]; the scale of a dimension that never changes is 1
    at::Tensor map;                                ///< [d, k]
    at::Tensor predict(const at::Tensor& x) const; ///< [n, k]
};
/// argmin ||Z B - T||² + penalty n ||B||², z standardised with the moments' own mean and deviation.
RidgeMap fitRidge(const RidgeMoments& moments, double penalty = kRidgePenalty);

/// Cosine of the rows of two [n, k] matrices: [n], 0 where a row is 0.
at::Tensor rowCosines(const at::Tensor& a, const at::Tensor& b);

/// Fold of each fragment: a random order (seed), dealt in turn.
std::vector<int> contextFolds(int fragments, std::uint64_t seed, int folds = kContextFolds);

/// Scores c of all rows, each from a map fitted without the rows of its fold. foldOfRow[i] in 0..folds-1.
/// x [n, d], t [n, k] -> [n].
at::Tensor crossFitScores(const at::Tensor& x, const at::Tensor& t, std::span<const int> foldOfRow,
                          int folds = kContextFolds);

} // namespace ls
