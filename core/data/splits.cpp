#include "core/data/splits.h"

#include "core/stats/random.h"

#include <algorithm>
#include <map>

namespace ls {

Halves stratifiedHalves(std::span<const std::string> strata, std::uint64_t seed)
{
    std::map<std::string, std::vector<int>> members;
    for (std::size_t i = 0; i < strata.size(); ++i)
        members[strata[i]].push_back(int(i));
    std::mt19937_64 random(seed);
    Halves halves;
    bool extraToTrain = true;
    for (auto& [stratum, items] : members) {
        shuffleInPlace(std::span<int>(items), random);
        std::size_t trainCount = items.size() / 2;
        if (items.size() % 2) {
            trainCount += extraToTrain;
            extraToTrain = !extraToTrain;
        }
        const auto middle = items.begin() + std::ptrdiff_t(trainCount);
        halves.train.insert(halves.train.end(), items.begin(), middle);
        halves.test.insert(halves.test.end(), middle, items.end());
    }
    std::sort(halves.train.begin(), halves.train.end());
    std::sort(halves.test.begin(), halves.test.end());
    return halves;
}

} // namespace ls
