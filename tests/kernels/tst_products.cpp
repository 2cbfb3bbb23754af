#include "kernels/cpu/linear.h"
#include "tests/kernels/kernel_cases.h"

#include <algorithm>
#include <limits>

using namespace ls::test;

/// Products of every format in every variant that this processor runs, against sums in double of the plain decoder's
/// values.
class TestProducts : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void packing_isReversible_data() { everyFormat(); }
    void packing_isReversible();
    void packing_followsTheOrder();
    void packedSize_isThatOfTheFile();
    void product_equalsTheDoubleSum_data() { everyFormatAndVariant(); }
    void product_equalsTheDoubleSum();
    void rowMajor_equalsPacked_data() { everyFormat(); }
    void rowMajor_equalsPacked();
    void rowsOfFloats_equalTheDoubleSum_data() { everyFormatAndVariant(); }
    void rowsOfFloats_equalTheDoubleSum();
    void threads_doNotChangeAnything_data() { everyFormat(); }
    void threads_doNotChangeAnything();
    void several_shareTheirInput();
    void gated_isActivationTimesUp_data() { everyFormatAndVariant(); }
    void gated_isActivationTimesUp();
    void norm_comesBefore();
    void notANumber_reachesEveryRow_data() { everyFormatAndVariant(); }
    void notANumber_reachesEveryRow();

private:
    static void everyFormat();
    static void everyFormatAndVariant();
};

namespace {

/// What the product reads instead of x, by the definition in kernel_table.h.
std::vector<float> asRead(ActivationKind kind, const std::vector<float>& x, std::int64_t cols)
{
    std::vector<float> out = x;
    if (kind == kBfloats)
        for (float& value : out)
            value = bfloatToFloat(floatToBfloat(value));
    if (kind != kInt8)
        return out;
    for (std::size_t block = 0; block < x.size(); block += 32) {
        float peak = 0;
        for (std::size_t i = 0; i < 32; ++i)
            peak = std::max(peak, std::abs(x[block + i]));
        const float inverse = peak > 0 ? 16256.0f / peak : 0.0f;
        for (std::size_t i = 0; i < 32; ++i)
            out[block + i] = float(std::nearbyint(x[block + i] * inverse)) * (peak / 16256.0f);
    }
    Q_ASSERT(cols % 32 == 0);
    return out;
}

int widthIndex(int tokens)
{
    return tokens > 8 ? 4 : tokens > 4 ? 3 : tokens > 2 ? 2 : tokens > 1 ? 1 : 0;
}

struct Expected {
    double sum = 0, magnitude = 0;
};
Expected expectedAt(const Weights& w, const std::vector<float>& x, std::int64_t row, std::int64_t token)
{
    Expected out;
    for (std::int64_t c = 0; c < w.matrix.cols; ++c) {
        const double term =
            double(w.values[std::size_t(row * w.matrix.cols + c)]) * x[std::size_t(token * w.matrix.cols + c)];
        out.sum += term;
        out.magnitude += std::abs(term);
    }
    return out;
}

std::vector<std::int64_t> columnsFor(WeightFormat format)
{
    switch (blockValues(format)) {
    case 1:
        return {1, 2, 7, 33, 64, 576};
    case 32:
        return {32, 96, 576};
    default:
        return {256, 768};
    }
}

} // namespace

void TestProducts::everyFormat()
{
    QTest::addColumn<int>("format");
    for (int f = 0; f < kWeightFormats; ++f)
        QTest::newRow(nameOf(WeightFormat(f)).constData()) << f;
}

void TestProducts::everyFormatAndVariant()
{
    QTest::addColumn<int>("format");
    QTest::addColumn<int>("variant");
    for (const Variant variant : runnableVariants())
        for (int f = 0; f < kWeightFormats; ++f)
            QTest::addRow("%s, %s", nameOf(WeightFormat(f)).constData(), nameOf(variant).constData())
                << f << int(variant);
}

void TestProducts::packing_isReversible()
{
    QFETCH(int, format);
    WorkerPool pool(2);
    for (const std::int64_t cols : columnsFor(WeightFormat(format))) {
        for (const std::int64_t rows : {1, 15, 16, 35}) {
            const Weights w(WeightFormat(format), rows, cols, 3);
            const Packed packed(pool, w.matrix);
            QVERIFY(packed.guardHolds());
            const std::int64_t bytes = rowBytes(w.matrix.format, cols);
            std::vector<std::uint8_t> row(w.bytes.size() / std::size_t(rows)), scratch(row.size());
            std::vector<float> values(w.values.size() / std::size_t(rows));
            for (std::int64_t r = 0; r < rows; ++r) {
                unpackRow(packed.matrix, r, row.data());
                QVERIFY(std::memcmp(row.data(), w.bytes.data() + r * bytes, std::size_t(bytes)) == 0);
                decodeRow(packed.matrix, r, values.data(), scratch.data());
                QVERIFY(std::memcmp(values.data(), w.values.data() + r * cols, std::size_t(cols) * 4) == 0);
                decodeRow(w.matrix, r, values.data(), nullptr);
                QVERIFY(std::memcmp(values.data(), w.values.data() + r * cols, std::size_t(cols) * 4) == 0);
            }
        }
    }
}

void TestProducts::packing_followsTheOrder()
{
    WorkerPool pool(1);
    const Weights w(WeightFormat::Q4_0, 20, 64, 5);
    std::vector<std::int64_t> order;
    for (std::int64_t r = 0; r < 20; ++r)
        order.push_back((r * 7) % 20);
    const Packed packed(pool, w.matrix, order.data());
    std::vector<std::uint8_t> row(36);
    for (std::int64_t r = 0; r < 20; ++r) {
        unpackRow(packed.matrix, r, row.data());
        QVERIFY(std::memcmp(row.data(), w.bytes.data() + order[std::size_t(r)] * 36, 36) == 0);
    }
}

void TestProducts::packedSize_isThatOfTheFile()
{
    for (int f = 0; f < kWeightFormats; ++f) {
        const auto format = WeightFormat(f);
        const double ratio = double(packedBytes(format, 1024, 2048)) / double(1024 * rowBytes(format, 2048));
        const bool minima = format == WeightFormat::Q4_K || format == WeightFormat::Q5_K; // bytes instead of 6 bits
        QVERIFY2(ratio >= 1 && ratio <= (minima ? 1.03 : 1.0), nameOf(format).constData());
    }
}

void TestProducts::product_equalsTheDoubleSum()
{
    QFETCH(int, format);
    QFETCH(int, variant);
    const WithVariant use{Variant(variant)};
    WorkerPool pool(2);
    Activations input;
    for (const std::int64_t cols : columnsFor(WeightFormat(format))) {
        for (const int tokens : {1, 2, 3, 6, 9, 16, 35}) {
            for (const std::int64_t rows : {0, 1, 16, 17, 100}) {
                if (rows != 100 && tokens != 1 && tokens != 9 && tokens != 6)
                    continue; // enough of them
                const Weights w(WeightFormat(format), rows, cols, unsigned(cols));
                const Packed packed(pool, w.matrix);
                const std::int64_t stride = cols + 3, outStride = rows + 5;
                const auto source = normalValues(std::size_t(tokens * stride), 9);
                std::vector<float> x;
                for (int t = 0; t < tokens; ++t)
                    x.insert(x.end(), source.begin() + t * stride, source.begin() + t * stride + cols);
                const ActivationKind kind = kernelTable().activation[format][widthIndex(tokens)];
                const auto read = asRead(kind, x, cols);
                std::vector<float> out(std::size_t(tokens * outStride), 7.0f),
                    bias = normalValues(std::size_t(rows), 4);
                input.set(pool, {&w.matrix.format, 1}, source.data(), tokens, cols, stride);
                Product product{&packed.matrix, out.data(), outStride};
                multiply(pool, input, {&product, 1});
                const auto plain = out;
                product.add = true;
                product.bias = bias.data();
                multiply(pool, input, {&product, 1});
                for (int t = 0; t < tokens; ++t) {
                    for (std::int64_t r = 0; r < outStride; ++r) {
                        const std::size_t at = std::size_t(t * outStride + r);
                        if (r >= rows) {
                            QCOMPARE(plain[at], 7.0f); // not ours to write
                            QCOMPARE(out[at], 7.0f);
                            continue;
                        }
                        const Expected e = expectedAt(w, read, r, t);
                        const double error = std::abs(plain[at] - e.sum), limit = 2e-6 * e.magnitude + 1e-12;
                        QVERIFY2(error <= limit,
                                 qPrintable(QStringLiteral("%1 x %2, %3 tokens, row %4 token %5: %6, expected %7")
                                                .arg(rows)
                                                .arg(cols)
                                                .arg(tokens)
                                                .arg(r)
                                                .arg(t)
                                                .arg(double(plain[at]))
                                                .arg(e.sum)));
                        const double twice = 2.0 * plain[at] + bias[std::size_t(r)];
                        QVERIFY(std::abs(out[at] - twice) <= 1e-6 * (std::abs(twice) + e.magnitude) + 1e-12);
                    }
                }
            }
        }
    }
}

void TestProducts::rowMajor_equalsPacked()
{
    QFETCH(int, format);
    WorkerPool pool(2);
    const std::int64_t cols = 512, rows = 77;
    const Weights w(WeightFormat(format), rows, cols, 1), up(WeightFormat(format), rows, cols, 2);
    const Packed packed(pool, w.matrix), packedUp(pool, up.matrix);
    for (const int tokens : {1, 20}) {
        const auto x = normalValues(std::size_t(tokens * cols), 2);
        Activations input;
        input.set(pool, {&w.matrix.format, 1}, x.data(), tokens, cols, cols);
        std::vector<float> a(std::size_t(tokens * rows)), b = a;
        const Product fromPacked{&packed.matrix, a.data(), rows}, fromRows{&w.matrix, b.data(), rows};
        if (tokens <= kRowTokens && kernelTable().rowProduct[format])
            continue; // sums in another order: rowsOfFloats_equalTheDoubleSum
        multiply(pool, input, {&fromPacked, 1});
        multiply(pool, input, {&fromRows, 1});
        QCOMPARE(a, b);
        multiplyGated(pool, input, Gate::Silu, packed.matrix, packedUp.matrix, a.data(), rows);
        multiplyGated(pool, input, Gate::Silu, w.matrix, up.matrix, b.data(), rows);
        QCOMPARE(a, b);
    }
}

void TestProducts::rowsOfFloats_equalTheDoubleSum()
{
    QFETCH(int, format);
    QFETCH(int, variant);
    const WithVariant use{Variant(variant)};
    if (!kernelTable().rowProduct[format])
        return; // blocks are packed
    WorkerPool pool(2);
    const auto near = [](double value, double wanted, double magnitude) {
        return std::abs(value - wanted) <= 1e-6 * (magnitude + std::abs(wanted)) + 1e-12;
    };
    for (const std::int64_t cols : {1, 15, 16, 63, 64, 65, 130, 576})
        for (const int tokens : {1, 2, 3, 4, 5, 10, 15, 16}) {
            const std::int64_t rows = 77, stride = cols + 3, outStride = rows + 2;
            const Weights w(WeightFormat(format), rows, cols, 1), up(WeightFormat(format), rows, cols, 2);
            const auto source = normalValues(std::size_t(tokens * stride), 2),
                       bias = normalValues(std::size_t(rows), 3);
            std::vector<float> x;
            for (int t = 0; t < tokens; ++t)
                x.insert(x.end(), source.begin() + t * stride, source.begin() + t * stride + cols);
            Activations input;
            input.set(pool, {&w.matrix.format, 1}, source.data(), tokens, cols, stride);
            std::vector<float> out(std::size_t(tokens * outStride), 1.5f), gated = out, gate = out;
            const Product product{&w.matrix, out.data(), outStride, true, bias.data()};
            multiply(pool, input, {&product, 1});
            multiplyGated(pool, input, Gate::Silu, w.matrix, up.matrix, gated.data(), outStride, gate.data());
            for (int t = 0; t < tokens; ++t) {
                for (std::int64_t r = 0; r < rows; ++r) {
                    const Expected first = expectedAt(w, x, r, t), second = expectedAt(up, x, r, t);
                    const auto at = std::size_t(t * outStride + r);
                    QVERIFY(near(gate[at], first.sum, first.magnitude));
                    QVERIFY(near(out[at], 1.5 + bias[std::size_t(r)] + first.sum, 4 + first.magnitude));
                    QVERIFY(near(gated[at], first.sum / (1 + std::exp(-first.sum)) * second.sum,
                                 (1 + first.magnitude) * (1 + second.magnitude)));
                }
                QCOMPARE(out[std::size_t(t * outStride + rows)], 1.5f);

                Activations alone; // the same sums as a single token has
                alone.set(pool, {&w.matrix.format, 1}, source.data() + t * stride, 1, cols, stride);
                std::vector<float> single(std::size_t(rows), 1.5f);
                const Product one{&w.matrix, single.data(), rows, true, bias.data()};
                multiply(pool, alone, {&one, 1});
                QVERIFY(std::equal(single.begin(), single.end(), out.begin() + t * outStride));
            }
        }
}

void TestProducts::threads_doNotChangeAnything()
{
    QFETCH(int, format);
    WorkerPool one(1), three(3);
    const std::int64_t cols = 512, rows = 205;
    const Weights w(WeightFormat(format), rows, cols, 1);
    const Packed packed(one, w.matrix);
    for (const int tokens : {1, 20}) {
        const auto x = normalValues(std::size_t(tokens * cols), 2);
        std::vector<float> a(std::size_t(tokens * rows)), b = a;
        for (auto [pool, out] : {std::pair(&one, &a), std::pair(&three, &b)}) {
            Activations input;
            input.set(*pool, {&w.matrix.format, 1}, x.data(), tokens, cols, cols);
            const Product product{&packed.matrix, out->data(), rows};
            multiply(*pool, input, {&product, 1});
        }
        QCOMPARE(a, b);
    }
}

void TestProducts::several_shareTheirInput()
{
    WorkerPool pool(2);
    const std::int64_t cols = 256;
    const Weights q(WeightFormat::Q4_K, 40, cols, 1), k(WeightFormat::Q6_K, 24, cols, 2),
        v(WeightFormat::F32, 9, cols, 3);
    const Packed packedQ(pool, q.matrix), packedK(pool, k.matrix), packedV(pool, v.matrix);
    const auto x = normalValues(3 * std::size_t(cols), 4);
    const WeightFormat formats[] = {q.matrix.format, k.matrix.format, v.matrix.format};
    Activations input;
    input.set(pool, formats, x.data(), 3, cols, cols);
    std::vector<float> together(3 * 73);
    const Product all[] = {{&packedQ.matrix, together.data(), 40},
                           {&packedK.matrix, together.data() + 120, 24},
                           {&packedV.matrix, together.data() + 192, 9}};
    multiply(pool, input, all);
    std::vector<float> apart(together.size());
    const Product each[] = {{&packedQ.matrix, apart.data(), 40},
                            {&packedK.matrix, apart.data() + 120, 24},
                            {&packedV.matrix, apart.data() + 192, 9}};
    for (const Product& product : each)
        multiply(pool, input, {&product, 1});
    QCOMPARE(together, apart);
    QVERIFY(std::any_of(together.begin(), together.end(), [](float value) { return value != 0; }));
}

void TestProducts::gated_isActivationTimesUp()
{
    QFETCH(int, format);
    QFETCH(int, variant);
    const WithVariant use{Variant(variant)};
    WorkerPool pool(2);
    const std::int64_t cols = 256, rows = 70;
    const Weights gate(WeightFormat(format), rows, cols, 1), up(WeightFormat(format), rows, cols, 2);
    const Packed packedGate(pool, gate.matrix), packedUp(pool, up.matrix);
    for (const int tokens : {1, 19}) {
        const std::size_t count = std::size_t(tokens * rows);
        const auto x = normalValues(std::size_t(tokens * cols), 3);
        Activations input;
        input.set(pool, {&gate.matrix.format, 1}, x.data(), tokens, cols, cols);
        std::vector<float> g(count), u(count), out(count), gateOut(count), upOut(count);
        const Product products[] = {{&packedGate.matrix, g.data(), rows}, {&packedUp.matrix, u.data(), rows}};
        multiply(pool, input, products);
        multiplyGated(pool, input, Gate::Silu, packedGate.matrix, packedUp.matrix, out.data(), rows, gateOut.data(),
                      upOut.data());
        QCOMPARE(gateOut, g);
        QCOMPARE(upOut, u);
        for (std::size_t i = 0; i < count; ++i) {
            const double expected = double(g[i]) / (1 + std::exp(-double(g[i]))) * u[i];
            QVERIFY(std::abs(out[i] - expected) <= 2e-6 * std::abs(expected) + 1e-30);
        }
    }
}

void TestProducts::norm_comesBefore()
{
    WorkerPool pool(2);
    const std::int64_t cols = 96;
    const Weights w(WeightFormat::F32, 16, cols, 1);
    const Packed packed(pool, w.matrix);
    const auto x = normalValues(2 * std::size_t(cols), 2), scale = normalValues(std::size_t(cols), 3);
    std::vector<float> expected;
    for (int t = 0; t < 2; ++t) {
        double squares = 0;
        for (std::int64_t c = 0; c < cols; ++c)
            squares += std::pow(double(x[std::size_t(t * cols + c)]), 2);
        for (std::int64_t c = 0; c < cols; ++c)
            expected.push_back(float(x[std::size_t(t * cols + c)] / std::sqrt(squares / double(cols) + 1e-5)) *
                               scale[std::size_t(c)]);
    }
    const Norm norm{scale.data(), 1e-5f};
    std::vector<float> normed(expected.size()), out(32), hidden(32);
    Activations input;
    const Product product{&packed.matrix, out.data(), 16};
    input.set(pool, {&w.matrix.format, 1}, x.data(), 2, cols, cols, &norm, normed.data());
    multiply(pool, input, {&product, 1});
    for (std::size_t i = 0; i < normed.size(); ++i)
        QVERIFY(std::abs(normed[i] - expected[i]) <= 1e-6 * std::abs(expected[i]) + 1e-12);
    for (int t = 0; t < 2; ++t)
        for (int r = 0; r < 16; ++r) {
            const Expected e = expectedAt(w, expected, r, t);
            QVERIFY(std::abs(out[std::size_t(t * 16 + r)] - e.sum) <= 3e-6 * e.magnitude);
        }
    std::swap(out, hidden); // without a place for the normed rows the result is the same
    const Product again{&packed.matrix, out.data(), 16};
    input.set(pool, {&w.matrix.format, 1}, x.data(), 2, cols, cols, &norm);
    multiply(pool, input, {&again, 1});
    QCOMPARE(out, hidden);
}

void TestProducts::notANumber_reachesEveryRow()
{
    QFETCH(int, format);
    QFETCH(int, variant);
    const WithVariant use{Variant(variant)};
    WorkerPool pool(1);
    const std::int64_t cols = 256, rows = 16;
    const Weights w(WeightFormat(format), rows, cols, 8);
    const Packed packed(pool, w.matrix);
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        auto x = normalValues(2 * std::size_t(cols), 3);
        x[100] = bad;
        Activations input;
        input.set(pool, {&w.matrix.format, 1}, x.data(), 2, cols, cols);
        std::vector<float> out(32);
        const Product product{&packed.matrix, out.data(), rows};
        multiply(pool, input, {&product, 1});
        for (std::size_t r = 0; r < 16; ++r) {
            QVERIFY(!std::isfinite(out[r]));
            QVERIFY(std::isfinite(out[16 + r])); // the other token is untouched
        }
    }
}

QTEST_GUILESS_MAIN(TestProducts)
#include "tst_products.moc"
