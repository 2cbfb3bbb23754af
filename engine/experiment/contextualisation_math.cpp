#include "engine/experiment/contextualisation_math.h"

#include "core/stats/random.h"

#include <ATen/ops/cholesky_solve.h>
#include <ATen/ops/linalg_cholesky.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <numeric>

namespace ls {

namespace {

at::Tensor rowsWhere(std::span<const int> foldOfRow, int fold)
{
    std::vector<std::int64_t> rows;
    for (std::size_t i = 0; i < foldOfRow.size(); ++i)
        if (foldOfRow[i] == fold)
            rows.push_back(std::int64_t(i));
    return at::tensor(rows, at::kLong);
}

} // namespace

at::Tensor windowMeans(const WeightMatrix& embedding, const at::Tensor& centre, std::span<const std::int32_t> ids,
                       int first, int count, int window)
{
    at::Tensor out = at::zeros({count, embedding.cols()}, at::kDouble);
    const int begin = std::max(first, window), end = first + count;
    if (begin >= end)
        return out;
    const std::vector<std::int64_t> seen(ids.begin() + (begin - window), ids.begin() + (end - 1));
    const at::Tensor rows = embedding.rowsAt(at::tensor(seen, at::kLong)).to(at::kDouble);
    const at::Tensor means = rows.unfold(0, window, 1).mean(-1); // [end - begin, d]
    out.narrow(0, begin - first, end - begin).copy_(means.sub(centre));
    return out;
}

at::Tensor principalDirections(const at::Tensor& y, int count)
{
    const at::Tensor rows = y.to(at::kDouble);
    const at::Tensor centred = rows.sub(rows.mean(0));
    const auto [values, vectors] = at::linalg_eigh(centred.t().mm(centred)); // ascending
    const std::int64_t kept = std::min<std::int64_t>(count, vectors.size(1));
    return vectors.narrow(1, vectors.size(1) - kept, kept).flip({1}).contiguous();
}

RidgeMoments RidgeMoments::of(const at::Tensor& x, const at::Tensor& t)
{
    const at::Tensor rows = x.to(at::kDouble), targets = t.to(at::kDouble);
    return {double(rows.size(0)), rows.sum(0), targets.sum(0), rows.t().mm(rows), rows.t().mm(targets)};
}

RidgeMoments RidgeMoments::plus(const RidgeMoments& other) const
{
    return {n + other.n, sumX.add(other.sumX), sumT.add(other.sumT), sumXX.add(other.sumXX), sumXT.add(other.sumXT)};
}

RidgeMoments RidgeMoments::minus(const RidgeMoments& other) const
{
    return {n - other.n, sumX.sub(other.sumX), sumT.sub(other.sumT), sumXX.sub(other.sumXX), sumXT.sub(other.sumXT)};
}

at::Tensor RidgeMap::predict(const at::Tensor& x) const
{
    return x.to(at::kDouble).sub(mean).div(scale).mm(map);
}

RidgeMap fitRidge(const RidgeMoments& moments, double penalty)
{
    RidgeMap fit;
    fit.mean = moments.sumX.div(moments.n);
    const at::Tensor scatter = moments.sumXX.sub(fit.mean.outer(fit.mean).mul(moments.n)); // sum (x-mean)(x-mean)ᵀ
    const at::Tensor variance = scatter.diagonal().div(moments.n);
    // What is left of a constant after the subtraction is rounding, not a deviation.
    const at::Tensor floor = fit.mean.square().mul(1e-12).add(1e-300);
    fit.scale = at::where(variance.gt(floor), variance.clamp_min(0).sqrt(), at::ones_like(variance));
    at::Tensor gram = scatter.div(fit.scale.outer(fit.scale));
    gram.diagonal().add_(penalty * moments.n);
    const at::Tensor cross = moments.sumXT.sub(fit.mean.outer(moments.sumT)).div(fit.scale.unsqueeze(1)); // Zᵀ T
    fit.map = at::cholesky_solve(cross, at::linalg_cholesky(gram));
    return fit;
}

at::Tensor rowCosines(const at::Tensor& a, const at::Tensor& b)
{
    const at::Tensor x = a.to(at::kDouble), y = b.to(at::kDouble);
    const at::Tensor norms = x.square().sum(1).mul(y.square().sum(1)).sqrt();
    return x.mul(y).sum(1).div(norms).masked_fill(norms.eq(0), 0);
}

std::vector<int> contextFolds(int fragments, std::uint64_t seed, int folds)
{
    std::vector<int> order(std::size_t(fragments), 0), fold(std::size_t(fragments), 0);
    std::iota(order.begin(), order.end(), 0);
    std::mt19937_64 random(seed);
    shuffleInPlace(std::span<int>(order), random);
    for (int i = 0; i < fragments; ++i)
        fold[std::size_t(order[std::size_t(i)])] = i % folds;
    return fold;
}

at::Tensor crossFitScores(const at::Tensor& x, const at::Tensor& t, std::span<const int> foldOfRow, int folds)
{
    std::vector<at::Tensor> rows;
    std::vector<RidgeMoments> parts;
    for (int fold = 0; fold < folds; ++fold) {
        rows.push_back(rowsWhere(foldOfRow, fold));
        parts.push_back(RidgeMoments::of(x.index_select(0, rows.back()), t.index_select(0, rows.back())));
    }
    RidgeMoments all = parts.front();
    for (int fold = 1; fold < folds; ++fold)
        all = all.plus(parts[std::size_t(fold)]);
    at::Tensor scores = at::zeros({x.size(0)}, at::kDouble);
    for (int fold = 0; fold < folds; ++fold) {
        const at::Tensor& own = rows[std::size_t(fold)];
        if (own.numel() == 0)
            continue;
        const RidgeMap fit = fitRidge(all.minus(parts[std::size_t(fold)]));
        scores.index_copy_(0, own, rowCosines(fit.predict(x.index_select(0, own)), t.index_select(0, own)));
    }
    return scores;
}

} // namespace ls
