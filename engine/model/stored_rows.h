#pragma once

#include "engine/model/tensor_list.h"

#include <functional>
#include <span>

/// What both readers of tensors share: rows as the file has them, and where each belongs.
namespace ls {

struct StoredRows {
    std::int64_t count = 0, width = 0;
    std::size_t bytes = 0; ///< of one row in the file
};
/// Error: TensorType.
Result<StoredRows> storedRows(const TensorSpec& spec);
/// Row r as float32 [width].
Status decodeStoredRow(const StoredTensor& source, const StoredRows& rows, std::int64_t r, std::span<float> out);

/// Where row r of the stored [out, in] matrix belongs.
struct RowPlace {
    std::size_t target = 0;
    std::int64_t row = 0;
};
RowPlace placeOf(const TensorSpec& spec, std::int64_t r);

bool allFinite(std::span<const float> values);
/// NaN or infinity in row r of a tensor.
Error notFinite(const StoredTensor& source, std::int64_t r);

/// Gives read pages of a tensor back on the way, because an embedding alone can be a sixth of a model.
class ReadPages {
public:
    ReadPages(const StoredTensor& source, std::size_t firstByte)
        : m_source(source)
        , m_released(firstByte)
    {
    }
    void readUpTo(std::size_t byte);

private:
    const StoredTensor& m_source;
    std::size_t m_released;
};

/// Splits 0..count among threads, if there are enough values to be worth it: body(begin, end). One of the errors.
Status inParts(std::int64_t count, std::int64_t values,
               const std::function<Status(std::int64_t begin, std::int64_t end)>& body);

} // namespace ls
