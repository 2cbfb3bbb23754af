#include "kernels/cpu/top_k.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ls::kernels {

void topKIndices(std::span<const float> values, int k, std::vector<std::int32_t>& out)
{
    out.resize(values.size());
    std::iota(out.begin(), out.end(), 0);
    const auto before = [&](std::int32_t a, std::int32_t b) {
        const float x = values[std::size_t(a)], y = values[std::size_t(b)];
        if (std::isnan(x) || std::isnan(y))
            return std::isnan(x) == std::isnan(y) ? a < b : std::isnan(y);
        return x != y ? x > y : a < b;
    };
    if (k < int(out.size())) {
        std::nth_element(out.begin(), out.begin() + k, out.end(), before);
        out.resize(std::size_t(std::max(k, 0)));
    }
    std::sort(out.begin(), out.end());
}

} // namespace ls::kernels
