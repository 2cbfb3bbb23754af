#include "engine/model/kv_cache.h"

#include "kernels/cpu/huge_memory.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <memory>
#include <new>

namespace ls {

namespace {

/// Rows beyond those in use. Few: where rows lie in large pages, unused ones between two heads take memory too.
constexpr int kSpare = 256;

} // namespace

KvCache::KvCache(int blockCount, int kvHeads, int headWidth, at::ScalarType dtype)
    : m_layers(std::size_t(blockCount))
    , m_kvHeads(kvHeads)
    , m_headWidth(headWidth)
    , m_dtype(dtype)
{
}

void KvCache::truncate(int length)
{
    for (Layer& layer : m_layers) {
        const auto end = std::lower_bound(layer.positions.begin(), layer.positions.end(), length);
        layer.positions.erase(end, layer.positions.end());
    }
    m_length = std::min(m_length, length);
}

KvCache KvCache::clone() const
{
    KvCache copy = *this;
    for (Layer& layer : copy.m_layers)
        if (layer.k.defined())
            copy.moveTo(layer, int(layer.positions.size()) + kSpare);
    return copy;
}

std::int64_t KvCache::bytes() const
{
    std::int64_t entries = 0;
    for (const Layer& layer : m_layers)
        entries += std::int64_t(layer.positions.size());
    return 2 * entries * m_kvHeads * m_headWidth * std::int64_t(c10::elementSize(m_dtype));
}

void KvCache::reserve(int entries)
{
    for (Layer& layer : m_layers)
        if (!layer.k.defined() || entries > int(layer.k.size(1)))
            moveTo(layer, entries + kSpare);
}

void KvCache::grow(Layer& layer, int entries)
{
    const int capacity = layer.k.defined() ? int(layer.k.size(1)) : 0;
    if (entries > capacity)
        moveTo(layer, std::max(entries, capacity + std::max(capacity / 8, kSpare)));
}

void KvCache::moveTo(Layer& layer, int capacity) const
{
    // In large pages: a decode step streams through all of it.
    const std::int64_t values = m_kvHeads * std::int64_t(capacity) * m_headWidth;
    const std::int64_t bytes = (values * std::int64_t(c10::elementSize(m_dtype)) + 63) / 64 * 64;
    const auto memory = std::make_shared<kernels::HugeMemory>(2 * bytes);
    if (!memory->data())
        throw std::bad_alloc();
    const auto used = std::int64_t(layer.positions.size());
    std::uint8_t* start = memory->data();
    for (at::Tensor* tensor : {&layer.k, &layer.v}) {
        at::Tensor moved = at::from_blob(
            start, {m_kvHeads, capacity, m_headWidth}, [memory](void*) {}, at::TensorOptions(m_dtype));
        if (used > 0)
            moved.narrow(1, 0, used).copy_(tensor->narrow(1, 0, used));
        *tensor = std::move(moved);
        start += bytes;
    }
}

KvRows KvCache::grow(int index, int n, int firstPosition)
{
    Layer& layer = m_layers.at(std::size_t(index));
    const auto used = std::int64_t(layer.positions.size());
    grow(layer, int(used + n));
    for (int i = 0; i < n; ++i)
        layer.positions.push_back(firstPosition + i);
    return {m_dtype, layer.k.data_ptr(), layer.v.data_ptr(), layer.k.size(1) * m_headWidth, used};
}

void KvCache::append(int index, const at::Tensor& k, const at::Tensor& v, int firstPosition)
{
    Layer& layer = m_layers.at(std::size_t(index));
    const auto used = std::int64_t(layer.positions.size());
    const std::int64_t n = k.size(0);
    grow(layer, int(used + n));
    layer.k.narrow(1, used, n).copy_(k.transpose(0, 1));
    layer.v.narrow(1, used, n).copy_(v.transpose(0, 1));
    for (std::int64_t i = 0; i < n; ++i)
        layer.positions.push_back(firstPosition + std::int32_t(i));
}

at::Tensor KvCache::keys(int index) const
{
    const Layer& layer = m_layers.at(std::size_t(index));
    if (!layer.k.defined()) // its attention never ran
        return at::empty({m_kvHeads, 0, m_headWidth}, m_dtype);
    return layer.k.narrow(1, 0, std::int64_t(layer.positions.size()));
}

at::Tensor KvCache::values(int index) const
{
    const Layer& layer = m_layers.at(std::size_t(index));
    if (!layer.v.defined()) // its attention never ran
        return at::empty({m_kvHeads, 0, m_headWidth}, m_dtype);
    return layer.v.narrow(1, 0, std::int64_t(layer.positions.size()));
}

const std::vector<std::int32_t>& KvCache::positions(int index) const
{
    return m_layers.at(std::size_t(index)).positions;
}

} // namespace ls
