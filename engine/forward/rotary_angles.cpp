#include "engine/forward/rotary_angles.h"

#include "kernels/cpu/rms_norm.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>

namespace ls {

void RotaryAngles::grow(int length)
{
    if (length <= m_length)
        return;
    m_length = std::max(length, 2 * m_length);
    for (std::size_t t = 0; t < m_tables.size(); ++t) {
        const RotaryTable& table = m_tables[t];
        const auto half = std::int64_t(table.frequencies.size());
        m_angles[t] = {at::empty({m_length, half}, at::kFloat), at::empty({m_length, half}, at::kFloat)};
        float* cosines = m_angles[t].cosines.data_ptr<float>();
        float* sines = m_angles[t].sines.data_ptr<float>();
        for (int p = 0; p < m_length; ++p)
            for (const float frequency : table.frequencies) {
                // float32 throughout, as the reference: the product of position and frequency is rounded there too
                const float angle = float(p) * frequency;
                *cosines++ = std::cos(angle) * table.magnitude;
                *sines++ = std::sin(angle) * table.magnitude;
            }
    }
}

void RotaryAngles::rotate(at::Tensor& x, int table, int first) const
{
    const Angles& angles = m_angles[std::size_t(table)];
    const std::int64_t half = angles.cosines.size(1), offset = std::int64_t(first) * half;
    kernels::rotate(x.data_ptr<float>(), angles.cosines.data_ptr<float>() + offset,
                    angles.sines.data_ptr<float>() + offset, x.size(0), int(x.size(1)), int(x.size(2)), int(2 * half));
}

kernels::Rotary RotaryAngles::at(int table, int first) const
{
    const Angles& angles = m_angles[std::size_t(table)];
    const std::int64_t half = angles.cosines.size(1), offset = std::int64_t(first) * half;
    return {angles.cosines.const_data_ptr<float>() + offset, angles.sines.const_data_ptr<float>() + offset,
            int(2 * half)};
}

} // namespace ls
