#include "engine/model/stored_rows.h"

#include "engine/formats/gguf.h"
#include "engine/formats/mapped_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <mutex>
#include <thread>

namespace ls {

namespace {

constexpr const char* kSplit = "MXFP4_SPLIT"; // 16 bytes per 32 values, the exponents in a tensor of their own

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

} // namespace

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

Status decodeStoredRow(const StoredTensor& source, const StoredRows& rows, std::int64_t r, std::span<float> out)
{
    const auto bytes = source.bytes.subspan(std::size_t(r) * rows.bytes, rows.bytes);
    if (source.type != kSplit)
        return dequantise(source.type, bytes, out);
    const auto groups = std::size_t(rows.width / 32);
    decodeSplit(bytes, source.scales.subspan(std::size_t(r) * groups, groups), out);
    return success();
}

RowPlace placeOf(const TensorSpec& spec, std::int64_t r)
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

/// Without branches, so that it costs next to nothing beside decoding: NaN and infinity have an exponent of ones only.
bool allFinite(std::span<const float> values)
{
    std::uint32_t bad = 0;
    for (const float value : values)
        bad |= std::uint32_t((std::bit_cast<std::uint32_t>(value) & 0x7f800000u) == 0x7f800000u);
    return bad == 0;
}

Error notFinite(const StoredTensor& source, std::int64_t r)
{
    return {Errc::FileFormat, fmt::format("Tensor {} holds NaN or infinity, where a number must be.", source.name),
            "Fetch the file again; if it was converted, convert it again.", fmt::format("row {}", r)};
}

void ReadPages::readUpTo(std::size_t byte)
{
    constexpr std::size_t kRelease = 1 << 20;
    if (byte < m_released + kRelease)
        return;
    releasePages(m_source.bytes.subspan(m_released, byte - m_released));
    m_released = byte;
}

Status inParts(std::int64_t count, std::int64_t values,
               const std::function<Status(std::int64_t begin, std::int64_t end)>& body)
{
    constexpr std::int64_t kSmall = 1 << 16; // values below which a thread costs more than it gains
    const std::int64_t most = values < kSmall ? 1 : std::thread::hardware_concurrency();
    const std::int64_t parts = std::clamp<std::int64_t>(most, 1, count);
    std::vector<std::thread> threads;
    std::mutex mutex;
    Status status = success();
    for (std::int64_t part = 0; part < parts; ++part) {
        threads.emplace_back([&, part] {
            Status own = body(count * part / parts, count * (part + 1) / parts);
            const std::scoped_lock lock(mutex);
            if (!own.ok())
                status = own;
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    return status;
}

} // namespace ls
