#pragma once

#include "engine/model/config.h"

#include "kernels/cpu/cache_write.h"

#include <ATen/core/Tensor.h>

#include <vector>

namespace ls {

/// Cosines and sines of a model's rotary tables, grown by doubling as positions are reached.
class RotaryAngles {
public:
    explicit RotaryAngles(const std::vector<RotaryTable>& tables)
        : m_tables(tables)
        , m_angles(tables.size())
    {
    }
    void grow(int length); ///< positions 0 to length - 1 are there afterwards
    /// Turns the heads of x [n, heads, headWidth] float32 contiguous, the first row being position `first`.
    void rotate(at::Tensor& x, int table, int first) const;
    kernels::Rotary at(int table, int first) const; ///< the rows from position `first` on

private:
    struct Angles {
        at::Tensor cosines, sines; // [positions, rotated / 2] float32
    };
    std::vector<RotaryTable> m_tables;
    std::vector<Angles> m_angles;
    int m_length = 0;
};

} // namespace ls
