#pragma once

#include "engine/text/merging.h"
#include "engine/text/salt.h"

#include <bit>
#include <cstdint>
#include <vector>

namespace ls {

/// Merges by the ids of both parts: open addressing, one cache line a look-up in most cases.
class PairMap {
public:
    explicit PairMap(std::size_t count)
        : m_slots(std::bit_ceil(count + count / 4 + 2))
        , m_shift(64 - std::bit_width(m_slots.size() - 1))
    {
    }
    /// At most `count` different pairs; the last merge of a pair counts.
    void set(std::int32_t left, std::int32_t right, Merge merge)
    {
        Slot& slot = m_slots[place(keyOf(left, right))];
        slot.key = keyOf(left, right);
        slot.merge = merge;
    }
    Merge find(std::int32_t left, std::int32_t right) const
    {
        const Slot& slot = m_slots[place(keyOf(left, right))];
        return slot.merge;
    }

private:
    struct Slot {
        std::uint64_t key = kFree;
        Merge merge;
    };
    static constexpr std::uint64_t kFree = ~std::uint64_t(0); // ids are never negative
    static std::uint64_t keyOf(std::int32_t left, std::int32_t right)
    {
        return std::uint64_t(std::uint32_t(left)) << 32 | std::uint32_t(right);
    }
    std::size_t place(std::uint64_t key) const
    {
        std::size_t at = key * m_factor >> m_shift;
        while (m_slots[at].key != kFree && m_slots[at].key != key)
            at = (at + 1) & (m_slots.size() - 1);
        return at;
    }

    std::vector<Slot> m_slots;
    int m_shift;
    std::uint64_t m_factor = hashSalt() | 1;
};

} // namespace ls
