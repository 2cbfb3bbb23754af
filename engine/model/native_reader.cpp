#include "engine/model/native_reader.h"

#include "engine/formats/mapped_file.h"

#include "kernels/cpu/panel_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace ls {

namespace {

using kernels::kPanelRows;
using kernels::WeightFormat;

bool isBlockFormat(WeightFormat format)
{
    return kernels::blockValues(format) > 1;
}

/// One target on its way from the file into its memory.
class NativeTarget {
public:
    NativeTarget(const TensorSpec& spec, const StoredRows& rows, const NativePlan& plan,
                 std::vector<std::int64_t> sources, std::uint8_t* out)
        : m_spec(spec)
        , m_rows(rows)
        , m_plan(plan)
        , m_sources(std::move(sources))
        , m_out(out)
        , m_converts(kernels::weightFormat(spec.source->type) != plan.matrix.format)
    {
    }

    Status read() const
    {
        const std::int64_t experts = std::max<std::int64_t>(1, m_plan.experts), panels = panelsOfExpert();
        const std::int64_t values = experts * m_plan.matrix.rows * m_plan.matrix.cols;
        return inParts(experts * panels, values,
                       [&](std::int64_t begin, std::int64_t end) { return read(begin, end); });
    }

private:
    std::int64_t panelsOfExpert() const { return (m_plan.matrix.rows + kPanelRows - 1) / kPanelRows; }

    /// Panels of 16 rows, those of all experts numbered through.
    Status read(std::int64_t begin, std::int64_t end) const
    {
        const std::int64_t panels = panelsOfExpert(),
                           firstRow = begin / panels * m_plan.matrix.rows + begin % panels * kPanelRows;
        const bool inOrder = m_spec.layout == Layout::Same;
        const auto byteOf = [&](std::int64_t row) { return std::size_t(m_sources[std::size_t(row)]) * m_rows.bytes; };
        ReadPages pages(*m_spec.source, byteOf(firstRow));
        std::vector<float> values(std::size_t(m_converts ? m_rows.width : 0));
        for (std::int64_t panel = begin; panel < end; ++panel) {
            const std::int64_t expert = panel / panels, row = panel % panels * kPanelRows;
            const int count = int(std::min<std::int64_t>(kPanelRows, m_plan.matrix.rows - row));
            const std::int64_t* sources = m_sources.data() + expert * m_plan.matrix.rows + row;
            std::uint8_t* out = m_out + expert * m_plan.expertBytes;
            if (inOrder)
                pages.readUpTo(std::size_t(*sources) * m_rows.bytes);
            LS_CHECK(m_converts ? convert(sources, row, count, values, out) : copy(sources, row, count, out));
        }
        return success();
    }

    Status copy(const std::int64_t* sources, std::int64_t row, int count, std::uint8_t* out) const
    {
        const kernels::Matrix& matrix = m_plan.matrix;
        const std::uint8_t* rows[kPanelRows];
        for (int r = 0; r < count; ++r) {
            rows[r] = m_spec.source->bytes.data() + std::size_t(sources[r]) * m_rows.bytes;
            if (!kernels::blocksFinite(matrix.format, rows[r], matrix.cols / kernels::blockValues(matrix.format)))
                return notFinite(*m_spec.source, sources[r]);
        }
        if (matrix.packed) {
            const std::int64_t bytes = kernels::panelBytes(matrix.format, matrix.cols);
            kernels::packPanel(matrix.format, matrix.cols, rows, count, out + row / kPanelRows * bytes);
            return success();
        }
        for (int r = 0; r < count; ++r)
            std::memcpy(out + std::size_t(row + r) * m_rows.bytes, rows[r], m_rows.bytes);
        return success();
    }

    Status convert(const std::int64_t* sources, std::int64_t row, int count, std::vector<float>& values,
                   std::uint8_t* out) const
    {
        const bool half = m_plan.matrix.format == WeightFormat::F16;
        for (int r = 0; r < count; ++r) {
            LS_CHECK(decodeStoredRow(*m_spec.source, m_rows, sources[r], values));
            if (!allFinite(values))
                return notFinite(*m_spec.source, sources[r]);
            std::uint8_t* to = out + (row + r) * kernels::rowBytes(m_plan.matrix.format, m_plan.matrix.cols);
            for (const float value : values) {
                const std::uint16_t bits = half ? kernels::floatToHalf(value) : kernels::floatToBfloat(value);
                if (half && (bits & 0x7C00) == 0x7C00)
                    return Error{
                        Errc::NotSupported,
                        fmt::format("Tensor {} holds {:g}, more than float16 can.", m_spec.source->name, value),
                        "Open the model as float32 or bfloat16.", fmt::format("row {}", sources[r])};
                std::memcpy(to, &bits, 2);
                to += 2;
            }
        }
        return success();
    }

    const TensorSpec& m_spec;
    const StoredRows& m_rows;
    const NativePlan& m_plan;
    std::vector<std::int64_t> m_sources; // [row] stored row
    std::uint8_t* m_out;
    bool m_converts;
};

} // namespace

WeightFormat nativeFormat(const TensorSpec& spec)
{
    if (const auto format = kernels::weightFormat(spec.source->type))
        return *format;
    return spec.source->type == "MXFP4" ? WeightFormat::BF16 : WeightFormat::F16;
}

NativePlan nativePlan(const TensorSpec& spec, const TensorSpec::Target& target)
{
    NativePlan plan;
    const std::size_t axes = target.shape.size();
    plan.matrix.format = *spec.native;
    plan.matrix.rows = target.shape[axes - 2];
    plan.matrix.cols = target.shape[axes - 1];
    // numbers without blocks are multiplied as they lie, and so are rows found
    plan.matrix.packed = isBlockFormat(plan.matrix.format) && !spec.onlyLookedUp;
    plan.experts = axes == 3 ? target.shape[0] : 0;
    plan.expertBytes = plan.matrix.packed ? kernels::packedBytes(plan.matrix.format, plan.matrix.rows, plan.matrix.cols)
                                          : plan.matrix.rows * kernels::rowBytes(plan.matrix.format, plan.matrix.cols);
    plan.bytes = plan.expertBytes * std::max<std::int64_t>(1, plan.experts);
    return plan;
}

Status readNative(const TensorSpec& spec, const StoredRows& rows, WeightMemory& memory)
{
    std::vector<std::vector<std::int64_t>> sources; // [target][row] stored row
    for (const TensorSpec::Target& target : spec.targets)
        sources.emplace_back(std::size_t(spec.rowsOf(target)));
    for (std::int64_t r = 0; r < rows.count; ++r) {
        const RowPlace place = placeOf(spec, r);
        sources[place.target][std::size_t(place.row)] = r;
    }
    for (std::size_t i = 0; i < spec.targets.size(); ++i) {
        const TensorSpec::Target& target = spec.targets[i];
        const NativePlan plan = nativePlan(spec, target);
        std::uint8_t* out = memory.take(plan.bytes);
        LS_CHECK(NativeTarget(spec, rows, plan, std::move(sources[i]), out).read());
        kernels::Matrix matrix = plan.matrix;
        matrix.data = out;
        *target.matrix = WeightMatrix(matrix, plan.experts, plan.expertBytes, memory.keeper());
    }
    releasePages(spec.source->bytes);
    return success();
}

} // namespace ls
