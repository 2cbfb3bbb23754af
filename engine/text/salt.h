#pragma once

#include <cstdint>
#include <random>

namespace ls {

/// A number of this process, for hash tables: a file cannot be made so that all its tokens fall into one place.
inline std::uint64_t hashSalt()
{
    static const std::uint64_t salt = [] {
        std::random_device device;
        return std::uint64_t(device()) << 32 | device();
    }();
    return salt;
}

} // namespace ls
