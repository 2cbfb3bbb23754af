#include "engine/certify/row_error.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ls {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Place of a site in the pass: embed, the blocks, then what comes after them.
std::pair<int, int> place(HookPoint point)
{
    const int layer = point.layer >= 0 ? point.layer : point.site == Site::Embed ? -1 : std::numeric_limits<int>::max();
    return {layer, int(point.site)};
}

RowError compare(const at::Tensor& a, const at::Tensor& b, bool relative)
{
    if (a.sizes() != b.sizes() || a.dim() == 0)
        return {kInfinity, 0, 0};
    const std::int64_t rows = a.size(0), width = rows == 0 ? 0 : a.numel() / rows;
    const at::Tensor x = a.to(at::kDouble).contiguous(), y = b.to(at::kDouble).contiguous();
    const double* u = x.data_ptr<double>();
    const double* v = y.data_ptr<double>();
    RowError out;
    for (std::int64_t r = 0; r < rows; ++r, u += width, v += width) {
        double difference = 0, largest = 1e-30, product = 0, squares = 0, otherSquares = 0;
        for (std::int64_t i = 0; i < width; ++i) {
            if (!std::isfinite(u[i]) || !std::isfinite(v[i]))
                return {kInfinity, 0, int(r)};
            difference = std::max(difference, std::abs(u[i] - v[i]));
            largest = std::max(largest, std::abs(v[i]));
            product += u[i] * v[i];
            squares += u[i] * u[i];
            otherSquares += v[i] * v[i];
        }
        const double error = relative ? difference / largest : difference;
        if (error > out.error) {
            out.error = error;
            out.row = int(r);
        }
        if (squares > 0 && otherSquares > 0)
            out.cosine = std::min(out.cosine, product / std::sqrt(squares * otherSquares));
        else if (squares != otherSquares)
            out.cosine = std::min(out.cosine, 0.0);
    }
    return out;
}

} // namespace

RowError rowDifference(const at::Tensor& a, const at::Tensor& b)
{
    return compare(a, b, true);
}

RowError patternDifference(const at::Tensor& a, const at::Tensor& b)
{
    if (a.dim() != 3 || b.dim() != 3)
        return {kInfinity, 0, 0};
    return compare(a.transpose(0, 1), b.transpose(0, 1), false);
}

RowError siteDifference(Site site, const at::Tensor& a, const at::Tensor& b)
{
    return site == Site::AttnPattern ? patternDifference(a, b) : rowDifference(a, b);
}

void SiteErrors::add(HookPoint point, const RowError& error, const std::string& prompt, int firstPosition)
{
    const auto [entry, fresh] = m_errors.try_emplace(point, SiteError{hookName(point), 0, 0, 1, prompt, firstPosition});
    SiteError& worst = entry->second;
    worst.cosine = std::min(worst.cosine, error.cosine);
    if (error.error <= worst.error)
        return;
    worst.error = error.error;
    worst.prompt = prompt;
    worst.position = firstPosition + error.row;
}

std::vector<SiteError> SiteErrors::inOrder() const
{
    std::vector<std::pair<HookPoint, SiteError>> all(m_errors.begin(), m_errors.end());
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return place(a.first) < place(b.first); });
    std::vector<SiteError> out;
    for (auto& [point, error] : all)
        out.push_back(std::move(error));
    return out;
}

void SiteErrors::addAccumulated(HookPoint point, const RowError& error)
{
    SiteError& worst = m_errors.try_emplace(point, SiteError{hookName(point)}).first->second;
    worst.accumulated = std::max(worst.accumulated, error.error);
}

double SiteErrors::accumulated(HookPoint point) const
{
    const auto found = m_errors.find(point);
    return found == m_errors.end() ? 0 : found->second.accumulated;
}

} // namespace ls
