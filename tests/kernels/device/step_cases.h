#pragma once

#include "kernels/cpu/cache_write.h"
#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/rms_norm.h"
#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/rotary_store.h"
#include "kernels/cuda/taps.h"
#include "tests/kernels/device/attention_cases.h"

/// Cases of the steps between products, against kernels/cpu.
namespace ls::test {

struct RotaryCase {
    std::string name;
    HeadShape shape;
    CacheType type = CacheType::F32;
    int tokens = 1, turned = 0;
    std::int32_t position = 0, firstRow = 0;
    bool norm = false;
};

inline std::vector<RotaryCase> rotaryCases()
{
    const HeadShape smol{9, 3, 64, 1.0f, 0.0f};
    return {{"no token", smol, CacheType::F32, 0, 64},
            {"one token", smol, CacheType::F32, 1, 64},
            {"one token, later position", smol, CacheType::F16, 1, 64, 33, 20},
            {"a part of the head turns", smol, CacheType::BF16, 3, 16, 5, 7},
            {"nothing turns", smol, CacheType::BF16, 2, 0},
            {"norm of heads", smol, CacheType::F32, 2, 64, 3, 3, true},
            {"norm, a part turns", {4, 1, 80, 1.0f, 0.0f}, CacheType::F16, 5, 20, 3, 3, true},
            {"largest head", {2, 1, 256, 1.0f, 0.0f}, CacheType::BF16, 2, 256, 1, 1},
            {"two columns", {1, 1, 2, 1.0f, 0.0f}, CacheType::F32, 2, 2, 1, 1},
            {"odd head, even turn", {2, 2, 23, 1.0f, 0.0f}, CacheType::F32, 2, 22, 1, 1},
            {"eight tokens", smol, CacheType::BF16, 8, 64, 30, 31}};
}

inline std::string runRotaryCase(const RotaryCase& c)
{
    const HeadShape& s = c.shape;
    const std::int64_t qStride = s.heads * s.width + 5, kStride = s.kvHeads * s.width + 3,
                       vStride = s.kvHeads * s.width;
    const std::int64_t capacity = 40, half = c.turned / 2;
    const auto n = std::size_t(c.tokens);
    auto q = normalValues(n * std::size_t(qStride), 1), k = normalValues(n * std::size_t(kStride), 2);
    const auto v = normalValues(n * std::size_t(vStride), 3);
    const auto cosines = normalValues(std::size_t(50 * half), 4), sines = normalValues(std::size_t(50 * half), 5);
    const auto qNorm = normalValues(std::size_t(s.width), 6), kNorm = normalValues(std::size_t(s.width), 7);
    const std::size_t bytes = std::size_t(s.kvHeads * capacity * s.width * cacheValueBytes(c.type));
    std::vector<std::uint8_t> keys(bytes, 9), values(bytes, 9);
    const DeviceArray<float> dq(q), dk(k), dv(v), dc(cosines), ds(sines), dqn(qNorm), dkn(kNorm);
    const DeviceArray<std::uint8_t> dKeys(keys), dValues(values);
    const DeviceArray<std::int32_t> position(1, c.position), firstRow(1, c.firstRow);
    cuda::RotaryStore job{dq.data(), dk.data(), dv.data(), qStride,  kStride,   vStride,   c.tokens,
                          s.heads,   s.kvHeads, s.width,   c.turned, dc.data(), ds.data(), position.data()};
    job.qNorm = c.norm ? dqn.data() : nullptr;
    job.kNorm = c.norm ? dkn.data() : nullptr;
    job.cache = {c.type, dKeys.data(), dValues.data(), capacity * s.width, capacity};
    job.firstRow = firstRow.data();
    if (const auto failure = failureOf(cuda::rotateAndStore(job, nullptr)); !failure.empty())
        return failure;

    for (std::size_t t = 0; t < n && c.norm; ++t) {
        float *qRow = q.data() + std::int64_t(t) * qStride, *kRow = k.data() + std::int64_t(t) * kStride;
        rmsNorm(qRow, qNorm.data(), qRow, s.heads, s.width, job.epsilon);
        rmsNorm(kRow, kNorm.data(), kRow, s.kvHeads, s.width, job.epsilon);
    }
    WorkerPool pool(1);
    const Rotary rotary{cosines.data() + c.position * half, sines.data() + c.position * half, c.turned};
    rotateAndStore(pool, s, rotary, c.tokens, q.data(), qStride, k.data(), kStride, v.data(), vStride,
                   {c.type, keys.data(), values.data(), capacity * s.width, c.firstRow});
    const auto gotQ = dq.read(), gotK = dk.read();
    const double limit = 3e-6;
    if (!(difference(q.data(), gotQ.data(), q.size()) <= limit) ||
        !(difference(k.data(), gotK.data(), k.size()) <= limit))
        return "queries or keys differ";
    const auto gotKeys = dKeys.read(), gotValues = dValues.read();
    if (gotValues != values)
        return "values in the cache differ";
    for (std::size_t i = 0; i < bytes / std::size_t(cacheValueBytes(c.type)); ++i) {
        float a = 0, b = 0;
        std::uint16_t x = 0, y = 0;
        if (c.type == CacheType::F32) {
            std::memcpy(&a, keys.data() + 4 * i, 4);
            std::memcpy(&b, gotKeys.data() + 4 * i, 4);
        } else {
            std::memcpy(&x, keys.data() + 2 * i, 2);
            std::memcpy(&y, gotKeys.data() + 2 * i, 2);
            a = c.type == CacheType::F16 ? halfToFloat(x) : bfloatToFloat(x);
            b = c.type == CacheType::F16 ? halfToFloat(y) : bfloatToFloat(y);
        }
        // a sum in another order can round to the neighbour
        if (!(std::abs(a - b) <= limit + std::abs(a) * (c.type == CacheType::BF16  ? 0.008f
                                                        : c.type == CacheType::F16 ? 0.001f
                                                                                   : 0)))
            return "keys in the cache differ";
    }
    return dKeys.guardsHold() && dValues.guardsHold() && dq.guardsHold() && dk.guardsHold() ? "" : "wrote outside";
}

/// Everything of elementwise.h and taps.h for rows of some width.
struct StepCase {
    std::string name;
    int tokens = 1;
    std::int64_t cols = 1;
};
inline std::vector<StepCase> stepCases()
{
    return {{"no token", 0, 17},    {"one value", 1, 1},     {"three of 7", 3, 7},     {"one of 31", 1, 31},
            {"two of 256", 2, 256}, {"five of 257", 5, 257}, {"one of 4097", 1, 4097}, {"eight of 576", 8, 576}};
}

inline std::string runStepCase(const StepCase& c)
{
    const std::int64_t stride = c.cols + 2;
    const std::size_t all = std::size_t(c.tokens * stride), cols = std::size_t(c.cols);
    const auto x = normalValues(all, 1), y = normalValues(all, 2), w = normalValues(cols, 3);
    const auto directions = normalValues(2 * cols, 4);
    const DeviceArray<float> dx(x, 1), dw(w), dd(directions);
    const auto close = [&](const std::vector<float>& expected, const DeviceArray<float>& got, double limit) {
        const auto values = got.read();
        return difference(expected.data(), values.data(), expected.size()) <= limit && got.guardsHold();
    };
    const auto row = [&](auto& v, int t) { return v.data() + std::int64_t(t) * stride; };

    for (const bool add : {false, true}) {
        auto expected = y;
        for (int t = 0; t < c.tokens; ++t) {
            std::vector<float> normed(cols);
            rmsNorm(row(x, t), w.data(), normed.data(), 1, c.cols, 1e-5f);
            for (std::size_t i = 0; i < cols; ++i)
                row(expected, t)[i] = (add ? row(y, t)[i] : 0.0f) + normed[i];
        }
        const DeviceArray<float> dy(y, 1);
        const cuda::NormRows job{dx.data(), dw.data(), dy.data(), c.tokens, c.cols, stride, stride, 1e-5f, add};
        if (cuda::normRows(job, nullptr) != cuda::Launch::Ok || !close(expected, dy, 2e-5))
            return "norm differs";
    }
    for (const Gate kind : {Gate::Silu, Gate::GeluTanh, Gate::Gelu}) {
        for (const bool gated : {true, false}) {
            std::vector<float> expected(all), ones(all, 1.0f);
            if (all > 0)
                gateActivation(kind, x.data(), gated ? y.data() : ones.data(), expected.data(), std::int64_t(all));
            const DeviceArray<float> dy(y);
            if (cuda::gateValues(kind, dx.data(), gated ? dy.data() : nullptr, dy.data(), std::int64_t(all), nullptr) !=
                    cuda::Launch::Ok ||
                !close(expected, dy, 5e-6))
                return "gate differs";
        }
    }
    {
        auto expected = y;
        for (std::size_t i = 0; i < all; ++i)
            expected[i] += 0.5f * x[i];
        const DeviceArray<float> dy(y);
        if (cuda::addValues(dx.data(), 0.5f, dy.data(), std::int64_t(all), nullptr) != cuda::Launch::Ok ||
            !close(expected, dy, 1e-6))
            return "sum differs";
        for (std::size_t i = 0; i < all; ++i)
            expected[i] = 2.0f * std::tanh(expected[i] / 2.0f);
        if (cuda::capValues(2.0f, dy.data(), std::int64_t(all), nullptr) != cuda::Launch::Ok ||
            !close(expected, dy, 2e-6))
            return "cap differs";
        for (std::size_t i = 0; i < all; ++i)
            expected[i] *= -0.25f;
        if (cuda::scaleValues(-0.25f, dy.data(), std::int64_t(all), nullptr) != cuda::Launch::Ok ||
            !close(expected, dy, 2e-6))
            return "scaled values differ";
    }
    const DeviceArray<std::int32_t> position(1, 10), range(std::vector<std::int32_t>{11, 13});
    for (const bool masked : {false, true}) {
        auto expected = y;
        for (int t = masked ? 1 : 0; t < (masked ? std::min(c.tokens, 3) : c.tokens); ++t)
            for (std::size_t i = 0; i < cols; ++i)
                row(expected, t)[i] += w[i];
        const DeviceArray<float> dy(y);
        if (cuda::addToRows(dw.data(), dy.data(), c.tokens, c.cols, stride, position.data(),
                            masked ? range.data() : nullptr, nullptr) != cuda::Launch::Ok ||
            !close(expected, dy, 0))
            return "steered rows differ";
    }
    {
        auto expected = y;
        double length = 0;
        for (const float value : w)
            length += double(value) * value;
        std::vector<float> unit = w;
        for (float& value : unit)
            value = float(value / std::sqrt(length));
        const DeviceArray<float> du(unit), dy(y);
        for (int t = 0; t < c.tokens; ++t) {
            double product = 0;
            for (std::size_t i = 0; i < cols; ++i)
                product += double(unit[i]) * row(y, t)[i];
            for (std::size_t i = 0; i < cols; ++i)
                row(expected, t)[i] -= float(product) * unit[i];
        }
        if (cuda::removeDirection(du.data(), dy.data(), c.tokens, c.cols, stride, nullptr) != cuda::Launch::Ok ||
            !close(expected, dy, 1e-5))
            return "projection differs";
    }
    {
        std::vector<float> expected(std::size_t(c.tokens) * 4, 7.0f);
        const DeviceArray<float> out(expected);
        for (int t = 0; t < c.tokens; ++t) {
            double norm = 0, a = 0, b = 0;
            for (std::size_t i = 0; i < cols; ++i) {
                const double value = row(x, t)[i];
                norm += value * value;
                a += value * directions[i];
                b += value * directions[cols + i];
            }
            expected[std::size_t(4 * t)] = float(std::sqrt(norm));
            expected[std::size_t(4 * t + 1)] = float(a);
            expected[std::size_t(4 * t + 2)] = float(b);
        }
        if (cuda::reduceTap({dx.data(), c.tokens, c.cols, stride, dd.data(), 2, out.data(), 4}, nullptr) !=
                cuda::Launch::Ok ||
            !close(expected, out, 1e-4))
            return "tap reductions differ";
    }
    {
        const std::int64_t plain = std::int64_t(c.tokens) * c.cols;
        const std::int64_t slot = (16 + plain * 6 + 4 + 31) / 16 * 16, second = 16 + plain * 4;
        const DeviceArray<std::uint8_t> memory(std::size_t(3 * slot), 0);
        const DeviceArray<std::int64_t> step(1, 0);
        const cuda::Ring ring{memory.data(), slot, 3, step.data()};
        for (int s = 0; s < 5; ++s) { // slots are used again
            if (cuda::beginStep(ring, nullptr) != cuda::Launch::Ok ||
                cuda::copyTap(ring, 16, cuda::TapType::F32, dx.data(), c.tokens, c.cols, stride, nullptr) !=
                    cuda::Launch::Ok ||
                cuda::copyTap(ring, second, cuda::TapType::BF16, dx.data(), c.tokens, c.cols, stride, nullptr) !=
                    cuda::Launch::Ok ||
                cuda::finishStep(ring, step.data(), nullptr) != cuda::Launch::Ok)
                return "ring: " + cuda::launchError();
        }
        if (step.read()[0] != 5 || !memory.guardsHold())
            return "steps were not counted, or a write outside of the ring";
        const auto bytes = memory.read();
        for (int s = 0; s < 3; ++s) {
            cuda::RingHeader header;
            std::memcpy(&header, bytes.data() + s * slot, sizeof header);
            const std::int64_t last = s == 2 ? 3 : 4 + s; // steps 3, 4 and 2, numbered from 1 on
            if (header.begun != last || header.finished != last)
                return "slot " + std::to_string(s) + " says step " + std::to_string(header.finished);
            for (int t = 0; t < c.tokens; ++t) {
                for (std::size_t i = 0; i < cols; ++i) {
                    const std::size_t at = std::size_t(t) * cols + i;
                    float full = 0;
                    std::uint16_t rounded = 0;
                    std::memcpy(&full, bytes.data() + s * slot + 16 + std::int64_t(at) * 4, 4);
                    std::memcpy(&rounded, bytes.data() + s * slot + second + std::int64_t(at) * 2, 2);
                    if (full != row(x, t)[i] || rounded != floatToBfloat(row(x, t)[i]))
                        return "copies in the ring differ";
                }
            }
        }
    }
    return {};
}

/// Rows of a table in one format, by id.
inline std::string runDecodeRows(WeightFormat format)
{
    for (const std::int64_t cols : {std::int64_t(blockValues(format)), std::int64_t(512)}) {
        const Weights w(format, 9, cols, 5);
        const std::vector<std::int32_t> ids{8, 0, 3, 3, -1, 9};
        const DeviceArray<std::uint8_t> rows(w.bytes);
        const DeviceArray<std::int32_t> deviceIds(ids);
        const std::int64_t stride = cols + 1;
        const DeviceArray<float> out(std::size_t(6 * stride), 7.0f);
        const DeviceArray<std::uint16_t> bfloats(std::size_t(9 * cols), 7);
        cuda::DecodeRows job{format, rows.data(), 9, cols, deviceIds.data(), 6, 2.0f, out.data(), stride, nullptr};
        if (const auto failure = failureOf(cuda::decodeRows(job, nullptr)); !failure.empty())
            return failure;
        const auto got = out.read();
        for (std::size_t i = 0; i < 6; ++i) {
            for (std::int64_t c = 0; c < cols; ++c) {
                const float value = got[i * std::size_t(stride) + std::size_t(c)];
                if (i >= 4 ? !std::isnan(value) : value != 2.0f * w.values[std::size_t(ids[i] * cols + c)])
                    return "row " + std::to_string(i) + ", column " + std::to_string(c) + ": " + std::to_string(value);
            }
            if (got[i * std::size_t(stride) + std::size_t(cols)] != 7.0f)
                return "wrote between the rows";
        }
        job = {format, rows.data(), 9, cols, nullptr, 9, 1.0f, nullptr, cols, bfloats.data()};
        if (const auto failure = failureOf(cuda::decodeRows(job, nullptr)); !failure.empty())
            return failure;
        const auto rounded = bfloats.read();
        for (std::size_t i = 0; i < rounded.size(); ++i)
            if (rounded[i] != floatToBfloat(w.values[i]))
                return "bfloats differ";
    }
    return {};
}

} // namespace ls::test
