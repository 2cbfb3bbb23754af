#include "kernels/cpu/linear.h"
#include "kernels/cpu/worker_pool.h"

#include <algorithm>
#include <new>

namespace ls::kernels {

namespace {

constexpr std::size_t kAlignment = 64;

std::int64_t rounded(std::int64_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

int widthIndexOf(int tokens)
{
    return tokens > 8 ? 4 : tokens > 4 ? 3 : tokens > 2 ? 2 : tokens > 1 ? 1 : 0;
}

/// Where the parts of a tile lie.
struct TileParts {
    std::int64_t q, scale, scaledSum, minusSum, floats, bfloats, bytes;
    TileParts(std::int64_t cols, int width)
    {
        const std::int64_t blocks = (cols + 31) / 32, pairs = (cols + 1) / 2;
        q = 0;
        scale = q + rounded(blocks * 64 * width);
        scaledSum = scale + rounded(blocks * 4 * width);
        minusSum = scaledSum + rounded(blocks * 4 * width);
        floats = minusSum + rounded(blocks * 12 * width);
        bfloats = floats + rounded(pairs * 8 * width);
        bytes = bfloats + rounded(pairs * 4 * width);
    }
};

} // namespace

void Activations::Free::operator()(std::uint8_t* memory) const
{
    ::operator delete[](memory, std::align_val_t(kAlignment));
}

void Activations::reserve(int tokens, std::int64_t cols)
{
    const int width = 1 << widthIndexOf(tokens);
    const std::int64_t bytes = (tokens + width - 1) / width * TileParts(cols, width).bytes;
    if (bytes > m_capacity) {
        m_memory.reset(new (std::align_val_t(kAlignment)) std::uint8_t[std::size_t(bytes)]);
        m_capacity = bytes;
    }
    if (tokens * cols > m_rowsCapacity) {
        m_rowsCapacity = tokens * cols;
        m_rows = std::make_unique<float[]>(std::size_t(m_rowsCapacity));
    }
}

int Activations::tileTokens(int tile) const
{
    return std::min(m_width, m_tokens - tile * m_width);
}

ActivationTile Activations::tile(int index) const
{
    const TileParts parts(m_cols, m_width);
    std::uint8_t* base = m_memory.get() + index * m_tileBytes;
    return {m_width,
            reinterpret_cast<std::int32_t*>(base + parts.q),
            reinterpret_cast<float*>(base + parts.scale),
            reinterpret_cast<float*>(base + parts.scaledSum),
            reinterpret_cast<std::int32_t*>(base + parts.minusSum),
            reinterpret_cast<float*>(base + parts.floats),
            reinterpret_cast<std::uint32_t*>(base + parts.bfloats)};
}

void Activations::set(WorkerPool& pool, std::span<const WeightFormat> formats, const float* x, int tokens,
                      std::int64_t cols, std::int64_t stride, const Norm* norm, float* normed)
{
    reserve(tokens, cols);
    m_tokens = tokens;
    m_cols = cols;
    m_widthIndex = widthIndexOf(tokens);
    m_width = 1 << m_widthIndex;
    m_tileBytes = TileParts(cols, m_width).bytes;
    const KernelTable& kernels = kernelTable();
    unsigned kinds = 0;
    for (const WeightFormat format : formats)
        kinds |= kernels.activation[int(format)][m_widthIndex];
    if (norm && !normed)
        normed = m_rows.get();
    const bool keepRows = tokens <= kRowTokens && std::any_of(formats.begin(), formats.end(), [&](WeightFormat format) {
                              return kernels.rowProduct[int(format)] != nullptr;
                          });
    const auto prepare = [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t i = begin; i < end; ++i) {
            const std::int64_t first = i * m_width;
            const int count = tileTokens(int(i));
            if (norm)
                for (std::int64_t t = first; t < first + count; ++t)
                    kernels.rmsNorm(x + t * stride, norm->weight, normed + t * cols, cols, norm->epsilon);
            const float* rows = norm ? normed + first * cols : x + first * stride;
            kernels.prepare(rows, norm ? cols : stride, count, cols, kinds, tile(int(i)));
            if (keepRows && rows != m_rows.get()) // of the only tile
                for (int t = 0; t < count; ++t)
                    std::copy_n(rows + t * (norm ? cols : stride), cols, m_rows.get() + t * cols);
        }
    };
    pool.forRange(tiles(), 1, prepare); // one token: one tile, which the caller's thread does without waking others
}

} // namespace ls::kernels
