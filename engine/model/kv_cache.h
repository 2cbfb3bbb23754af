#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace ls {

/// Where new rows of a layer go: keys and values [kv heads, capacity, d_head], `headStride` values from head to head.
struct KvRows {
    at::ScalarType type = at::kFloat;
    void *keys = nullptr, *values = nullptr;
    std::int64_t headStride = 0;
    std::int64_t firstRow = 0;
};

/// Keys and values of one lane. A layer whose attention was skipped at some position has no entry there, so every
/// layer keeps its own list of positions (ascending). Keys are stored after rotary embedding.
class KvCache {
public:
    KvCache(int blockCount, int kvHeads, int headWidth, at::ScalarType dtype);

    int length() const { return m_length; } ///< positions run so far, whatever each layer stored
    void truncate(int length);              ///< forgets positions >= length
    KvCache clone() const;                  ///< deep copy (fork, experiments)
    std::int64_t bytes() const;             ///< in use

    /// Room for so many entries in every layer, where a prompt's length is known. Memory is taken as rows are written.
    void reserve(int entries);
    /// Appends n rows; k, v: [n, kv heads, d_head]; positions ascending, all greater than the stored ones.
    void append(int layer, const at::Tensor& k, const at::Tensor& v, int firstPosition);
    /// Rows for n more entries with these positions, to be written by the caller.
    KvRows grow(int layer, int n, int firstPosition);
    at::Tensor keys(int layer) const;   ///< [kv heads, entries, d_head], a view
    at::Tensor values(int layer) const; ///< likewise
    const std::vector<std::int32_t>& positions(int layer) const;
    void advance(int n) { m_length += n; } ///< after all layers ran

private:
    struct Layer {
        at::Tensor k, v; // [kv heads, capacity, d_head], grown by an eighth at least
        std::vector<std::int32_t> positions;
    };
    void grow(Layer& layer, int entries);
    void moveTo(Layer& layer, int capacity) const; // memory of its own, the rows in use copied

    std::vector<Layer> m_layers;
    int m_kvHeads, m_headWidth, m_length = 0;
    at::ScalarType m_dtype;
};

} // namespace ls
