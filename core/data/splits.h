#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ls {

struct Halves {
    std::vector<int> train, test; ///< ascending indices, disjoint, together 0..n-1
    bool operator==(const Halves&) const = default;
};

/// Halves each stratum at random, the same way everywhere for one seed. Of a stratum with an odd count the extra item
/// goes to train and test in turn (strata in alphabetical order), so the halves differ by at most one item.
Halves stratifiedHalves(std::span<const std::string> strata, std::uint64_t seed = 42);

} // namespace ls
