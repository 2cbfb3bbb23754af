#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

struct XXH3_state_s;

namespace ls {

/// Identity of a model's file: XXH3 (64 bits) of what is added. Up to 2 GiB of weights every byte counts; of larger
/// ones 4 KiB in every 64 KiB, which a small edit can slip through: the text then ends with "~".
class Fingerprint {
public:
    explicit Fingerprint(std::uint64_t weightBytes);
    Fingerprint(const Fingerprint&) = delete;
    Fingerprint& operator=(const Fingerprint&) = delete;
    ~Fingerprint();

    void add(const void* data, std::size_t size);
    /// Bytes of a mapped file; their pages are given back.
    void addWeights(std::span<const std::uint8_t> bytes);
    std::string text() const; ///< 16 hexadecimal digits, and "~" where it is of samples

private:
    XXH3_state_s* m_state;
    bool m_sampled;
};

} // namespace ls
