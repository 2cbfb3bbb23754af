#include "engine/formats/fingerprint.h"

#include "engine/formats/mapped_file.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>

namespace ls {

namespace {

constexpr std::uint64_t kWholeUpTo = std::uint64_t(2) << 30;
constexpr std::size_t kSample = 4096, kSampleEvery = 16 * kSample;
constexpr std::size_t kPiece = 4 << 20; // of pages that count as memory in use at a time

} // namespace

Fingerprint::Fingerprint(std::uint64_t weightBytes)
    : m_state(XXH3_createState())
    , m_sampled(weightBytes > kWholeUpTo)
{
    XXH3_64bits_reset(m_state);
    add(&weightBytes, sizeof weightBytes);
}

Fingerprint::~Fingerprint()
{
    XXH3_freeState(m_state);
}

void Fingerprint::add(const void* data, std::size_t size)
{
    XXH3_64bits_update(m_state, data, size);
}

void Fingerprint::addWeights(std::span<const std::uint8_t> bytes)
{
    for (std::size_t at = 0; at < bytes.size(); at += kPiece) {
        const auto piece = bytes.subspan(at, std::min(kPiece, bytes.size() - at));
        if (!m_sampled)
            add(piece.data(), piece.size());
        for (std::size_t i = 0; m_sampled && i < piece.size(); i += kSampleEvery)
            add(piece.data() + i, std::min(kSample, piece.size() - i));
        releasePages(piece);
    }
    if (m_sampled && !bytes.empty()) {
        const auto last = bytes.last(std::min(kSample, bytes.size()));
        add(last.data(), last.size());
        releasePages(last);
    }
}

std::string Fingerprint::text() const
{
    return fmt::format("{:016x}{}", XXH3_64bits_digest(m_state), m_sampled ? "~" : "");
}

} // namespace ls
