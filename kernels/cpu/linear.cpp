#include "kernels/cpu/linear.h"

#include "kernels/cpu/panel_layout.h"
#include "kernels/cpu/worker_pool.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace ls::kernels {

namespace {

std::int64_t panelsOf(const Matrix& matrix)
{
    return (matrix.rows + kPanelRows - 1) / kPanelRows;
}

/// Tiles of tokens that a piece of work goes through: their inputs stay in the second cache while panel after panel
/// passes. Panels that are packed on the way are packed once, for all tokens.
int tilesOfChunk(const Activations& x, bool packed)
{
    constexpr int kChunkTiles = 8;
    return packed ? kChunkTiles : std::max(1, x.tiles());
}

/// A few tokens read rows of floats as they lie, without packing.
bool readsRows(const Matrix& matrix, const Activations& x)
{
    return !matrix.packed && x.tokens() <= kRowTokens && kernelTable().rowProduct[int(matrix.format)] != nullptr;
}

/// Panels that a thread takes at a time, of `total` = panels x chunks of tokens: several pieces for each thread, so
/// that a slow one does not hold up the others, but enough bytes that taking one does not show. Products share inputs
/// between two panels (blocks) or three (floats), hence a multiple of six where there is enough to do.
std::int64_t pieceOf(std::int64_t total, std::int64_t bytesPerPanel, int threads)
{
    constexpr std::int64_t kLeastBytes = 16 * 1024;
    const std::int64_t even = total / (threads * 8);
    const std::int64_t least = std::min(kLeastBytes / bytesPerPanel, total / threads);
    const std::int64_t piece = std::max<std::int64_t>({1, even, least});
    return piece < 4 ? piece : (piece + 5) / 6 * 6;
}

/// Splits a range of pieces into body(first panel, last panel, first tile, last tile).
template <class Body>
void forChunks(std::int64_t begin, std::int64_t end, std::int64_t panels, int chunkTiles, const Activations& x,
               const Body& body)
{
    while (begin < end) {
        const std::int64_t chunk = begin / panels, first = begin % panels;
        const std::int64_t last = std::min(panels, first + end - begin);
        const int tile = int(chunk) * chunkTiles;
        body(first, last, tile, std::min(tile + chunkTiles, x.tiles()));
        begin += last - first;
    }
}

/// Panels of a matrix that is not packed are packed piece by piece into the thread's memory.
class PanelSource {
public:
    explicit PanelSource(const Matrix& matrix)
        : m_matrix(matrix)
        , m_bytes(panelBytes(matrix.format, matrix.cols))
    {
    }
    std::int64_t bytes() const { return m_bytes; }
    /// Two matrices of one step need two slots.
    const std::uint8_t* panels(std::int64_t first, std::int64_t count, int slot = 0) const
    {
        if (m_matrix.packed)
            return m_matrix.data + first * m_bytes;
        static thread_local std::vector<std::uint8_t> slots[2]; // grow once; then decode allocates nothing
        std::vector<std::uint8_t>& memory = slots[slot];
        const std::size_t needed = std::size_t(count * m_bytes) + 64;
        if (memory.size() < needed)
            memory.resize(needed);
        std::uint8_t* out = memory.data() + (64 - reinterpret_cast<std::uintptr_t>(memory.data()) % 64) % 64;
        const std::int64_t stride = rowBytes(m_matrix.format, m_matrix.cols);
        for (std::int64_t p = 0; p < count; ++p) {
            const std::uint8_t* rows[kPanelRows];
            const std::int64_t row = (first + p) * kPanelRows;
            const int used = int(std::min<std::int64_t>(kPanelRows, m_matrix.rows - row));
            for (int r = 0; r < used; ++r)
                rows[r] = m_matrix.data + (row + r) * stride;
            packPanel(m_matrix.format, m_matrix.cols, rows, used, out + p * m_bytes);
        }
        return out;
    }

private:
    const Matrix& m_matrix;
    std::int64_t m_bytes;
};

ProductJob jobOf(const Matrix& matrix, const std::uint8_t* panels, std::int64_t bytes, std::int64_t first,
                 std::int64_t count)
{
    ProductJob job;
    job.panels = panels;
    job.panelStride = bytes;
    job.cols = matrix.cols;
    job.panelCount = int(count);
    job.rows = std::min(matrix.rows - first * kPanelRows, count * kPanelRows);
    return job;
}

void addBias(const ProductJob& job, const float* bias)
{
    for (int t = 0; t < job.tokens; ++t)
        kernelTable().add(bias, job.out + t * job.outStride, job.rows);
}

/// The rows of `count` panels from `first` on times a few tokens; `out` is the first row's.
void multiplyRows(const Activations& x, const Matrix& matrix, std::int64_t first, std::int64_t count, float* out,
                  std::int64_t outStride, bool add)
{
    RowProductJob job;
    const std::int64_t row = first * kPanelRows;
    job.rows = matrix.data + row * rowBytes(matrix.format, matrix.cols);
    job.cols = matrix.cols;
    job.rowCount = std::min(matrix.rows - row, count * kPanelRows);
    job.x = x.rows();
    job.tokens = x.tokens();
    job.out = out;
    job.outStride = outStride;
    job.add = add;
    kernelTable().rowProduct[int(matrix.format)](job);
}

/// `count` panels from `first` on, for the tokens of some tiles.
void multiplyPanels(const Activations& x, const Product& product, std::int64_t first, std::int64_t count, int tile,
                    int lastTile)
{
    const Matrix& matrix = *product.weights;
    if (readsRows(matrix, x)) {
        const std::int64_t row = first * kPanelRows, rows = std::min(matrix.rows - row, count * kPanelRows);
        multiplyRows(x, matrix, first, count, product.out + row, product.outStride, product.add);
        for (int t = 0; product.bias && t < x.tokens(); ++t)
            kernelTable().add(product.bias + row, product.out + t * product.outStride + row, rows);
        return;
    }
    const PanelSource source(matrix);
    ProductJob job = jobOf(matrix, source.panels(first, count), source.bytes(), first, count);
    job.outStride = product.outStride;
    job.add = product.add;
    const auto run = kernelTable().product[int(matrix.format)][x.widthIndex()];
    for (int i = tile; i < lastTile; ++i) {
        job.x = x.tile(i);
        job.tokens = x.tileTokens(i);
        job.out = product.out + std::int64_t(i) * job.x.width * product.outStride + first * kPanelRows;
        run(job);
        if (product.bias)
            addBias(job, product.bias + first * kPanelRows);
    }
}

} // namespace

void multiply(WorkerPool& pool, const Activations& x, std::span<const Product> products)
{
    std::int64_t panels = 0, bytes = 1;
    bool packed = true;
    for (const Product& product : products) {
        packed = packed && product.weights->packed;
        panels += panelsOf(*product.weights);
        bytes = std::max(bytes, panelBytes(product.weights->format, product.weights->cols));
    }
    const int chunkTiles = tilesOfChunk(x, packed);
    const std::int64_t total = panels * ((x.tiles() + chunkTiles - 1) / chunkTiles);
    pool.forRange(total, pieceOf(total, bytes, pool.threads()), [&](std::int64_t begin, std::int64_t end, int) {
        forChunks(begin, end, panels, chunkTiles, x,
                  [&](std::int64_t first, std::int64_t last, int tile, int lastTile) {
                      for (const Product& product : products) { // the products' panels are numbered through
                          const std::int64_t own = panelsOf(*product.weights);
                          const std::int64_t from = std::max<std::int64_t>(first, 0), to = std::min(last, own);
                          if (from < to)
                              multiplyPanels(x, product, from, to - from, tile, lastTile);
                          first -= own;
                          last -= own;
                      }
                  });
    });
}

void multiplyGated(WorkerPool& pool, const Activations& x, Gate kind, const Matrix& gate, const Matrix& up, float* out,
                   std::int64_t outStride, float* gateOut, float* upOut)
{
    const KernelTable& kernels = kernelTable();
    const PanelSource gateSource(gate), upSource(up);
    const std::int64_t panels = panelsOf(gate);
    constexpr std::int64_t kMostPanels = 6; // gate and up of a piece for a tile of tokens stay in the first cache
    const auto rowsBody = [&](std::int64_t begin, std::int64_t end) {
        const std::int64_t row = begin * kPanelRows, rows = std::min(gate.rows, end * kPanelRows) - row;
        const std::size_t each = std::size_t(rows) * std::size_t(x.tokens());
        static thread_local std::vector<float> memory; // grows once
        if (memory.size() < 2 * each)
            memory.resize(2 * each);
        float *g = memory.data(), *u = memory.data() + each;
        multiplyRows(x, gate, begin, end - begin, g, rows, false);
        multiplyRows(x, up, begin, end - begin, u, rows, false);
        for (int t = 0; t < x.tokens(); ++t, g += rows, u += rows) {
            const std::int64_t at = t * outStride + row;
            kernels.gate(kind, g, u, out + at, rows);
            if (gateOut)
                std::copy_n(g, rows, gateOut + at);
            if (upOut)
                std::copy_n(u, rows, upOut + at);
        }
    };
    const auto body = [&](std::int64_t begin, std::int64_t end, int tile, int lastTile) {
        if (readsRows(gate, x) && readsRows(up, x))
            return rowsBody(begin, end);
        float gates[16 * kMostPanels * kPanelRows], ups[16 * kMostPanels * kPanelRows];
        for (std::int64_t first = begin; first < end; first += kMostPanels) {
            const std::int64_t count = std::min(kMostPanels, end - first);
            ProductJob gateJob = jobOf(gate, gateSource.panels(first, count, 0), gateSource.bytes(), first, count);
            ProductJob upJob = jobOf(up, upSource.panels(first, count, 1), upSource.bytes(), first, count);
            gateJob.outStride = upJob.outStride = kMostPanels * kPanelRows;
            gateJob.out = gates;
            upJob.out = ups;
            for (int i = tile; i < lastTile; ++i) {
                gateJob.x = upJob.x = x.tile(i);
                gateJob.tokens = upJob.tokens = x.tileTokens(i);
                kernels.product[int(gate.format)][x.widthIndex()](gateJob);
                kernels.product[int(up.format)][x.widthIndex()](upJob);
                for (int t = 0; t < gateJob.tokens; ++t) {
                    const std::int64_t at = (std::int64_t(i) * gateJob.x.width + t) * outStride + first * kPanelRows;
                    const float *g = gates + t * gateJob.outStride, *u = ups + t * gateJob.outStride;
                    kernels.gate(kind, g, u, out + at, gateJob.rows);
                    if (gateOut)
                        std::copy_n(g, gateJob.rows, gateOut + at);
                    if (upOut)
                        std::copy_n(u, gateJob.rows, upOut + at);
                }
            }
        }
    };
    const int chunkTiles = tilesOfChunk(x, gate.packed && up.packed);
    const std::int64_t total = panels * ((x.tiles() + chunkTiles - 1) / chunkTiles);
    pool.forRange(
        total, pieceOf(total, 2 * gateSource.bytes(), pool.threads()),
        [&](std::int64_t begin, std::int64_t end, int) { forChunks(begin, end, panels, chunkTiles, x, body); });
}

} // namespace ls::kernels
