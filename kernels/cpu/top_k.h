#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace ls::kernels {

/// Indices of the k largest values: larger value first, then smaller index (−0 equals +0); NaN counts as smaller than
/// everything, callers check for it before. k >= values.size() gives all. Result ascending by index.
void topKIndices(std::span<const float> values, int k, std::vector<std::int32_t>& out);

} // namespace ls::kernels
