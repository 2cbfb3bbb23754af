#include "engine/formats/mapped_file.h"
#include "engine/model/native_reader.h"
#include "engine/model/stored_rows.h"

#include <ATen/ops/from_blob.h>
#include <c10/util/BFloat16.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace ls {

namespace {

void store(const TensorSpec& spec, RowPlace place, std::int64_t column, std::span<const float> values)
{
    const at::Tensor& tensor = spec.targets[place.target].dense();
    const std::int64_t at = place.row * spec.width() + column;
    if (tensor.scalar_type() == at::kFloat)
        std::copy(values.begin(), values.end(), tensor.data_ptr<float>() + at);
    else
        std::copy(values.begin(), values.end(), tensor.data_ptr<c10::BFloat16>() + at);
}

std::int64_t keptBytes(const TensorSpec& spec, const TensorSpec::Target& target)
{
    if (spec.native)
        return nativePlan(spec, target).bytes;
    std::int64_t bytes = std::int64_t(c10::elementSize(spec.type));
    for (const std::int64_t extent : target.shape)
        bytes *= extent;
    return bytes;
}

std::int64_t padded(std::int64_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

Status readRows(const TensorSpec& spec, const StoredRows& rows, std::int64_t begin, std::int64_t end)
{
    std::vector<float> row(std::size_t(rows.width));
    ReadPages pages(*spec.source, std::size_t(begin) * rows.bytes);
    for (std::int64_t r = begin; r < end; ++r) {
        pages.readUpTo(std::size_t(r) * rows.bytes);
        LS_CHECK(decodeStoredRow(*spec.source, rows, r, row));
        if (!allFinite(row)) // every number behind it would be none either
            return notFinite(*spec.source, r);
        if (spec.addOne)
            std::for_each(row.begin(), row.end(), [](float& value) { value += 1.0f; });
        if (!spec.transposed) {
            store(spec, placeOf(spec, r), 0, row);
            continue;
        }
        // stored row r is input r % in of matrix r / in: one column of ours
        const std::int64_t inputs = spec.width(), matrix = r / inputs, column = r % inputs;
        for (std::int64_t out = 0; out < rows.width; ++out)
            store(spec, placeOf(spec, matrix * rows.width + out), column, {&row[std::size_t(out)], 1});
    }
    return success();
}

} // namespace

void chooseStorage(std::vector<TensorSpec>& specs, const std::string& dtype)
{
    for (TensorSpec& spec : specs) {
        spec.type = spec.keepFloat32 || dtype == "float32" ? at::kFloat : at::kBFloat16;
        if (dtype == "quantised" && !spec.keepFloat32)
            spec.native = nativeFormat(spec);
    }
}

std::int64_t keptBytes(const std::vector<TensorSpec>& specs)
{
    std::int64_t bytes = 0;
    std::set<const void*> counted; // experts of a folder share a target
    for (const TensorSpec& spec : specs)
        for (const TensorSpec::Target& target : spec.targets)
            if (counted.insert(target.place()).second)
                bytes += keptBytes(spec, target);
    return bytes;
}

std::string conversions(const std::vector<TensorSpec>& specs)
{
    std::set<std::string> found;
    for (const TensorSpec& spec : specs)
        if (spec.native && kernels::weightFormat(spec.source->type) != spec.native)
            found.insert(fmt::format("{} as {}", spec.source->type, kernels::weightFormatName(*spec.native)));
    return fmt::format("{}", fmt::join(found, ", "));
}

Result<WeightMemory> WeightMemory::reserve(const std::vector<TensorSpec>& specs)
{
    std::int64_t bytes = 0;
    std::set<const void*> counted;
    for (const TensorSpec& spec : specs)
        for (const TensorSpec::Target& target : spec.targets)
            if (counted.insert(target.place()).second)
                bytes += padded(keptBytes(spec, target));
    WeightMemory out;
    out.m_memory = std::make_shared<kernels::HugeMemory>(bytes);
    if (!out.m_memory->data())
        return Error{Errc::ModelTooLarge, "There is no memory left for the weights.",
                     "Load the model in bfloat16, or close other programs.", fmt::format("{} bytes", bytes)};
    return out;
}

std::uint8_t* WeightMemory::take(std::int64_t bytes)
{
    std::uint8_t* data = m_memory->data() + m_taken;
    m_taken += padded(bytes);
    return data;
}

Status readTensor(const TensorSpec& spec, WeightMemory& memory)
{
    LS_TRY(const StoredRows rows, storedRows(spec));
    if (spec.native)
        return readNative(spec, rows, memory);
    for (const TensorSpec::Target& target : spec.targets)
        if (!target.filled())
            target.fill(at::from_blob(
                memory.take(keptBytes(spec, target)), target.shape, [keep = memory.keeper()](void*) {}, spec.type));
    const Status status = inParts(rows.count, rows.count * rows.width, [&](std::int64_t begin, std::int64_t end) {
        return readRows(spec, rows, begin, end);
    });
    releasePages(spec.source->bytes);
    return status;
}

} // namespace ls
