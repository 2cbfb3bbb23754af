#include "engine/generate/tap_buffers.h"

#include <ATen/ops/empty.h>

#include <algorithm>

namespace ls {

namespace {

constexpr std::int64_t kLarge = 16 * 1024;             // values; smaller ones come from the allocator's own store
constexpr std::int64_t kHeld = std::int64_t(16) << 20; // values: 64 MB at most are kept

} // namespace

at::Tensor TapBuffers::copyOf(const at::Tensor& value)
{
    if (value.scalar_type() != at::kFloat || !value.is_contiguous())
        return value.to(at::kFloat, false, /*copy=*/true).contiguous();
    const std::int64_t count = value.numel();
    const float* from = value.const_data_ptr<float>();
    if (count < kLarge) {
        at::Tensor copy = at::empty(value.sizes(), at::kFloat);
        std::copy_n(from, count, copy.data_ptr<float>());
        return copy;
    }
    const at::Tensor copy = room(count);
    std::copy_n(from, count, copy.data_ptr<float>()); // more threads would wait for each other longer than this takes
    return copy.view(value.sizes());
}

at::Tensor TapBuffers::room(std::int64_t count)
{
    for (const at::Tensor& buffer : m_buffers) // one that is much too large waits for a larger value
        if (buffer.numel() >= count && buffer.numel() <= 2 * count && buffer.storage().use_count() == 1)
            return buffer.narrow(0, 0, count);
    const auto unused = [](const at::Tensor& buffer) { return buffer.storage().use_count() == 1; };
    if (m_held + count > kHeld) {
        std::erase_if(m_buffers, unused);
        m_held = 0;
        for (const at::Tensor& buffer : m_buffers)
            m_held += buffer.numel();
    }
    at::Tensor buffer = at::empty({count}, at::kFloat);
    if (m_held + count <= kHeld) {
        m_buffers.push_back(buffer);
        m_held += count;
    }
    return buffer.narrow(0, 0, count);
}

} // namespace ls
