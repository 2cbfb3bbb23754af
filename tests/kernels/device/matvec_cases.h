#pragma once

#include "kernels/cuda/matvec.h"
#include "tests/kernels/device/memory.h"
#include "tests/kernels/kernel_inputs.h"

#include <cmath>
#include <string>
#include <vector>

/// Cases of kernels/cuda/matvec.h: expected values are sums in double over the plain decoder's weights and over the
/// inputs as the format reads them.
namespace ls::test {

struct MatvecCase {
    std::string name;
    WeightFormat format = WeightFormat::F32;
    std::int64_t rows = 0, cols = 0;
    int tokens = 1;
    bool norm = false, gated = false;
    Gate gate = Gate::Silu;
    int shift = 0; ///< input and output begin so many values after an aligned address, rows two bytes after
};

inline std::vector<MatvecCase> matvecCases()
{
    std::vector<MatvecCase> out;
    for (int f = 0; f < kWeightFormats; ++f) {
        const auto format = WeightFormat(f);
        const std::string name(weightFormatName(format));
        const std::int64_t block = blockValues(format);
        out.push_back({name + ", no rows", format, 0, 256});
        out.push_back({name + ", no tokens", format, 5, 256, 0});
        out.push_back({name + ", one row, one block", format, 1, block});
        out.push_back({name + ", odd rows, one token, norm", format, 37, 768, 1, true});
        out.push_back({name + ", three tokens", format, 9, 512, 3});
        out.push_back({name + ", eight tokens, norm", format, 11, 256, 8, true});
        out.push_back({name + ", eleven tokens: two launches", format, 3, 256, 11});
        out.push_back({name + ", gated, two tokens", format, 10, 256, 2, true, true, Gate::Silu});
        out.push_back({name + ", unaligned", format, 5, block == 1 ? 515 : 512, 2, false, false, Gate::Silu, 1});
    }
    out.push_back({"F32, seven columns", WeightFormat::F32, 3, 7});
    out.push_back({"F16, odd columns: rows at odd addresses", WeightFormat::F16, 8, 131, 4, true});
    out.push_back({"BF16, one column", WeightFormat::BF16, 8, 1, 2});
    out.push_back({"Q4_0, 14336 columns: tokens do not fit together", WeightFormat::Q4_0, 2, 14336, 8});
    out.push_back({"BF16, 14336 columns", WeightFormat::BF16, 2, 14336, 3});
    out.push_back({"BF16, gated with the tanh form", WeightFormat::BF16, 9, 64, 1, false, true, Gate::GeluTanh});
    out.push_back({"Q8_0, gated with the error function", WeightFormat::Q8_0, 9, 64, 1, false, true, Gate::Gelu});
    return out;
}

/// x as the format's product reads it (kernels/cuda/matvec.h).
inline std::vector<float> asDeviceReads(WeightFormat format, const std::vector<float>& x)
{
    std::vector<float> out = x;
    if (blockValues(format) == 1)
        return out;
    for (std::size_t block = 0; block + 32 <= x.size(); block += 32) {
        float peak = 0;
        for (std::size_t i = 0; i < 32; ++i)
            peak = std::max(peak, std::abs(x[block + i]));
        const float inverse = peak > 0 ? 16256.0f / peak : 0.0f;
        for (std::size_t i = 0; i < 32; ++i)
            out[block + i] = float(std::nearbyint(x[block + i] * inverse)) * (peak / 16256.0f);
    }
    return out;
}

inline double gateInDouble(Gate kind, double x)
{
    if (kind == Gate::Silu)
        return x / (1 + std::exp(-x));
    return 0.5 * x *
           (1 + (kind == Gate::Gelu ? std::erf(x / std::sqrt(2.0))
                                    : std::tanh(std::sqrt(2 / 3.14159265358979) * (x + 0.044715 * x * x * x))));
}

struct ExpectedSum {
    double sum = 0, magnitude = 0;
};
inline ExpectedSum expectedSum(const Weights& w, const float* x, std::int64_t row)
{
    ExpectedSum out;
    for (std::int64_t c = 0; c < w.matrix.cols; ++c) {
        const double term = double(w.values[std::size_t(row * w.matrix.cols + c)]) * x[c];
        out.sum += term;
        out.magnitude += std::abs(term);
    }
    return out;
}

/// Runs a case; empty if all is right, else what is wrong.
inline std::string runMatvecCase(const MatvecCase& c)
{
    const Weights first(c.format, c.rows, c.cols, 11), second(c.format, c.rows, c.cols, 12);
    const std::int64_t stride = c.cols + 3, outStride = c.rows + 2;
    const auto x = normalValues(std::size_t(c.tokens * stride), 5), norm = normalValues(std::size_t(c.cols), 6);
    const auto bias = normalValues(std::size_t(c.rows), 7);
    const std::size_t shift = std::size_t(c.shift), rowShift = c.format == WeightFormat::F32 || c.shift == 0 ? 0 : 2;
    const bool two = c.format != WeightFormat::F32 && c.format != WeightFormat::Q4_1 &&
                     c.format != WeightFormat::Q5_1 && c.format != WeightFormat::Q4_K && c.format != WeightFormat::Q5_K;
    const DeviceArray<float> input(x, shift), weight(norm, shift), biases(bias, shift);
    const DeviceArray<std::uint8_t> rows(first.bytes, two ? rowShift : 2 * rowShift),
        upRows(second.bytes, two ? rowShift : 2 * rowShift);
    const DeviceArray<float> out(std::vector<float>(std::size_t(c.tokens * outStride), 7.0f), shift);
    const cuda::MatvecInput in{input.data(), c.tokens, c.cols, stride, c.norm ? weight.data() : nullptr, 1e-5f};
    cuda::MatvecMatrix matrix{c.format, rows.data(), c.rows, out.data(), outStride, false, nullptr};

    const auto plain = [&]() -> std::vector<float> { return out.read(); };
    std::vector<float> before, after;
    std::string failure;
    if (c.gated) {
        const cuda::MatvecMatrix up{c.format, upRows.data(), c.rows, nullptr, 0, false, nullptr};
        failure = failureOf(cuda::multiplyGated(in, c.gate, matrix, up, out.data(), outStride, nullptr));
        before = plain();
    } else {
        failure = failureOf(cuda::multiply(in, &matrix, 1, nullptr));
        before = plain();
        matrix.add = true;
        matrix.bias = biases.data();
        if (failure.empty())
            failure = failureOf(cuda::multiply(in, &matrix, 1, nullptr));
        after = plain();
    }
    if (!failure.empty())
        return failure;
    if (!out.guardsHold())
        return "wrote outside of the result";

    for (int t = 0; t < c.tokens; ++t) {
        std::vector<float> token(x.begin() + t * stride, x.begin() + t * stride + c.cols);
        if (c.norm) {
            double squares = 0;
            for (const float value : token)
                squares += double(value) * value;
            const float scale = float(1.0 / std::sqrt(squares / double(c.cols) + 1e-5));
            for (std::size_t i = 0; i < token.size(); ++i)
                token[i] = token[i] * scale * norm[i];
        }
        const auto read = asDeviceReads(c.format, token);
        for (std::int64_t r = 0; r < outStride; ++r) {
            const auto at = std::size_t(t * outStride + r);
            if (r >= c.rows) {
                if (before[at] != 7.0f)
                    return "wrote between the rows of the result";
                continue;
            }
            const ExpectedSum a = expectedSum(first, read.data(), r);
            double expected = a.sum, limit = (c.norm ? 5e-5 : 4e-6) * a.magnitude + 1e-9; // a norm moves roundings
            if (c.gated) {
                const ExpectedSum b = expectedSum(second, read.data(), r);
                const double gate = gateInDouble(c.gate, a.sum);
                expected = gate * b.sum;
                limit = limit * (1.2 * std::abs(b.sum) + 1e-6) + 5e-5 * b.magnitude * std::abs(gate) +
                        4e-6 * std::abs(expected) + 1e-7 * std::abs(b.sum);
            }
            const auto where = [&] { return "row " + std::to_string(r) + ", token " + std::to_string(t) + ": "; };
            if (!(std::abs(before[at] - expected) <= limit))
                return where() + std::to_string(before[at]) + ", expected " + std::to_string(expected);
            if (!c.gated) {
                const double twice = 2.0 * before[at] + bias[std::size_t(r)];
                if (!(std::abs(after[at] - twice) <= 1e-6 * (std::abs(twice) + a.magnitude + 1)))
                    return where() + "added, " + std::to_string(after[at]) + ", expected " + std::to_string(twice);
            }
        }
    }
    return {};
}

} // namespace ls::test
