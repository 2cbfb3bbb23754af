#include "engine/formats/gguf.h"
#include "engine/formats/mapped_file.h"
#include "engine/model/tensor_list.h"

#include <ATen/ops/from_blob.h>
#include <c10/util/BFloat16.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <mutex>
#include <set>
#include <thread>

namespace ls {

namespace {

constexpr const char* kSplit = "MXFP4_SPLIT"; // 16 bytes per 32 values, the exponents in a tensor of their own

struct StoredRows {
    std::int64_t count = 0, width = 0;
    std::size_t bytes = 0; ///< of one row in the file
};

/// Values of 4 bits, two in a byte, low half first, times 2^(exponent - 127) per 32 values.
void decodeSplit(std::span<const std::uint8_t> bytes, std::span<const std::uint8_t> exponents, std::span<float> out)
{
    constexpr std::array<float, 8> kMagnitudes{0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f};
    const auto value = [&](unsigned bits) { return (bits & 8u) ? -kMagnitudes[bits & 7u] : kMagnitudes[bits & 7u]; };
    for (std::size_t i = 0; i < out.size(); ++i) {
        const unsigned byte = bytes[i / 2];
        out[i] = std::ldexp(value(i % 2 ? byte >> 4 : byte & 15u), int(exponents[i / 32]) - 127);
    }
}

Result<StoredRows> storedRows(const TensorSpec& spec)
{
    const StoredTensor& source = *spec.source;
    StoredRows rows;
    rows.width = spec.elementwise ? 1 : source.shape.back();
    rows.count = source.count() / rows.width;
    if (source.type == kSplit) {
        rows.bytes = std::size_t(rows.width / 2);
        return rows;
    }
    const QuantType* type = quantType(source.type);
    if (!type || rows.width % type->blockValues != 0)
        return Error{Errc::TensorType,
                     fmt::format("Tensor {} is {}, which this build cannot read.", source.name, source.type),
                     "Choose another quantisation of this model.",
                     {}};
    rows.bytes = std::size_t(rows.width / type->blockValues) * std::size_t(type->blockBytes);
    return rows;
}

Status decodeRow(const StoredTensor& source, const StoredRows& rows, std::int64_t r, std::span<float> out)
{
    const auto bytes = source.bytes.subspan(std::size_t(r) * rows.bytes, rows.bytes);
    if (source.type != kSplit)
        return dequantise(source.type, bytes, out);
    const auto groups = std::size_t(rows.width / 32);
    decodeSplit(bytes, source.scales.subspan(std::size_t(r) * groups, groups), out);
    return success();
}

/// Without branches, so that it costs next to nothing beside decoding: NaN and infinity have an exponent of ones only.
bool allFinite(std::span<const float> values)
{
    std::uint32_t bad = 0;
    for (const float value : values)
        bad |= std::uint32_t((std::bit_cast<std::uint32_t>(value) & 0x7f800000u) == 0x7f800000u);
    return bad == 0;
}

struct Place {
    std::size_t target = 0;
    std::int64_t row = 0;
};

/// Where row r of the [out, in] matrix belongs.
Place placeOf(const TensorSpec& spec, std::int64_t r)
{
    const std::int64_t width = spec.headWidth;
    switch (spec.layout) {
    case Layout::RotaryPairs: {
        const std::int64_t head = r / width, within = r % width;
        return {0, head * width + (within % 2) * (width / 2) + within / 2};
    }
    case Layout::PerHead: // as many key and value heads as query heads: checked with the shapes
        return {std::size_t(r / width % 3), r / (3 * width) * width + r % width};
    case Layout::Alternating:
        return {std::size_t(r % 2), r / 2};
    case Layout::Same:
        break;
    }
    std::size_t target = 0;
    std::int64_t row = r + spec.firstRow;
    for (; target + 1 < spec.targets.size() && row >= spec.rowsOf(spec.targets[target]); ++target)
        row -= spec.rowsOf(spec.targets[target]);
    return {target, row};
}

void store(const TensorSpec& spec, Place place, std::int64_t column, std::span<const float> values)
{
    const at::Tensor& tensor = spec.targets[place.target].dense();
    const std::int64_t at = place.row * spec.width() + column;
    if (tensor.scalar_type() == at::kFloat)
        std::copy(values.begin(), values.end(), tensor.data_ptr<float>() + at);
    else
        std::copy(values.begin(), values.end(), tensor.data_ptr<c10::BFloat16>() + at);
}

at::ScalarType typeOf(const TensorSpec& spec, at::ScalarType dtype)
{
    return spec.keepFloat32 ? at::kFloat : dtype;
}

std::int64_t paddedBytes(const std::vector<std::int64_t>& shape, at::ScalarType type)
{
    std::int64_t bytes = std::int64_t(c10::elementSize(type));
    for (const std::int64_t extent : shape)
        bytes *= extent;
    return (bytes + 63) / 64 * 64;
}

Status readRows(const TensorSpec& spec, const StoredRows& rows, std::int64_t begin, std::int64_t end)
{
    std::vector<float> row(std::size_t(rows.width));
    std::size_t unreleased = std::size_t(begin) * rows.bytes; // the embedding alone can be a sixth of a model
    constexpr std::size_t kRelease = 1 << 20;
    for (std::int64_t r = begin; r < end; ++r) {
        if (const std::size_t here = std::size_t(r) * rows.bytes; here - unreleased >= kRelease) {
            releasePages(spec.source->bytes.subspan(unreleased, here - unreleased));
            unreleased = here;
        }
        LS_CHECK(decodeRow(*spec.source, rows, r, row));
        if (!allFinite(row)) // every number behind it would be none either
            return Error{Errc::FileFormat,
                         fmt::format("Tensor {} holds NaN or infinity, where a number must be.", spec.source->name),
                         "Fetch the file again; if it was converted, convert it again.", fmt::format("row {}", r)};
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

Result<WeightMemory> WeightMemory::reserve(const std::vector<TensorSpec>& specs, at::ScalarType dtype)
{
    std::int64_t bytes = 0;
    std::set<const void*> counted; // experts of a folder share a target
    for (const TensorSpec& spec : specs)
        for (const TensorSpec::Target& target : spec.targets)
            if (counted.insert(target.place()).second)
                bytes += paddedBytes(target.shape, typeOf(spec, dtype));
    WeightMemory out;
    out.m_memory = std::make_shared<kernels::HugeMemory>(bytes);
    if (!out.m_memory->data())
        return Error{Errc::ModelTooLarge, "There is no memory left for the weights.",
                     "Load the model in bfloat16, or close other programs.", fmt::format("{} bytes", bytes)};
    return out;
}

at::Tensor WeightMemory::take(const std::vector<std::int64_t>& shape, at::ScalarType type)
{
    std::uint8_t* data = m_memory->data() + m_taken;
    m_taken += paddedBytes(shape, type);
    return at::from_blob(
        data, shape, [memory = m_memory](void*) {}, type);
}

Status readTensor(const TensorSpec& spec, at::ScalarType dtype, WeightMemory& memory)
{
    LS_TRY(const StoredRows rows, storedRows(spec));
    for (const TensorSpec::Target& target : spec.targets)
        if (!target.filled())
            target.fill(memory.take(target.shape, typeOf(spec, dtype)));
    constexpr std::int64_t kSmall = 1 << 16; // values below which a thread costs more than it gains
    const std::int64_t most = rows.count * rows.width < kSmall ? 1 : std::thread::hardware_concurrency();
    const std::int64_t parts = std::clamp<std::int64_t>(most, 1, rows.count);
    std::vector<std::thread> threads;
    std::mutex mutex;
    Status status = success();
    for (std::int64_t part = 0; part < parts; ++part) {
        threads.emplace_back([&, part] {
            Status own = readRows(spec, rows, rows.count * part / parts, rows.count * (part + 1) / parts);
            const std::scoped_lock lock(mutex);
            if (!own.ok())
                status = own;
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    releasePages(spec.source->bytes);
    return status;
}

} // namespace ls
