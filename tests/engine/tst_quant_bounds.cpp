#include "engine/formats/gguf.h"

#include <QtTest>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <random>

using namespace ls;

/// dequantise(quantise(x)) is x to within half a step of the type's grid. The quantiser knows nothing of how a type
/// packs its values: it finds out which bits belong to which value, tries every code, and takes the nearest.
class TestQuantBounds : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void roundTrip_isWithinHalfAStep_data();
    void roundTrip_isWithinHalfAStep();
};

namespace {

using Block = std::vector<std::uint8_t>;

/// What the specification says about a type, for blocks whose groups all have the same scale and minimum.
struct Grid {
    const char* type;
    int begin, end;                ///< bytes that hold values
    int bits;                      ///< per value
    double low, high, largestStep; ///< in units of the scale, before the minimum is added
};

constexpr std::array kGrids{Grid{"Q4_0", 2, 18, 4, -8, 7, 1},        Grid{"Q4_1", 4, 20, 4, 0, 15, 1},
                            Grid{"Q5_0", 2, 22, 5, -16, 15, 1},      Grid{"Q5_1", 4, 24, 5, 0, 31, 1},
                            Grid{"Q8_0", 2, 34, 8, -128, 127, 1},    Grid{"Q2_K", 16, 80, 2, 0, 3, 1},
                            Grid{"Q3_K", 0, 96, 3, -4, 3, 1},        Grid{"Q4_K", 16, 144, 4, 0, 15, 1},
                            Grid{"Q5_K", 16, 176, 5, 0, 31, 1},      Grid{"Q6_K", 0, 192, 6, -32, 31, 1},
                            Grid{"IQ4_NL", 2, 18, 4, -127, 113, 24}, Grid{"IQ4_XS", 8, 136, 4, -127, 113, 24},
                            Grid{"MXFP4", 1, 17, 4, -6, 6, 2}};

const Grid& gridOf(const QString& type)
{
    return *std::find_if(kGrids.begin(), kGrids.end(),
                         [&](const Grid& grid) { return type == QLatin1String(grid.type); });
}

/// A positive half with a random fraction, and its value.
struct Half {
    std::uint16_t bits;
    double value;
};
Half randomHalf(std::mt19937& random)
{
    const unsigned exponent = 8 + random() % 8, fraction = random() % 1024;
    return {std::uint16_t(exponent << 10 | fraction), std::ldexp(1.0 + fraction / 1024.0, int(exponent) - 15)};
}

struct Scales {
    double scale = 1, offset = 0; ///< value = scale * unit + offset
};

/// Writes scales and minima, the same for every group of the block.
Scales writeScales(const QString& type, Block& block, std::mt19937& random)
{
    const Half scale = randomHalf(random), minimum = randomHalf(random);
    const auto half = [&](int place, const Half& value) { std::memcpy(&block[std::size_t(place)], &value.bits, 2); };
    const auto fill = [&](int begin, int end, unsigned byte) {
        std::fill(block.begin() + begin, block.begin() + end, std::uint8_t(byte));
    };
    if (type == "Q2_K") { // scale and minimum of a group in the halves of a byte
        const unsigned s = 1 + random() % 15, m = random() % 16;
        fill(0, 16, s | m << 4);
        half(80, scale);
        half(82, minimum);
        return {scale.value * s, -minimum.value * m};
    }
    if (type == "Q3_K") { // 6 bits, 32 is zero: low halves of 16 groups in 8 bytes, upper two bits in 4
        const unsigned s = random() % 31 + 33;
        fill(96, 104, (s & 15) | (s & 15) << 4);
        fill(104, 108, (s >> 4) * 0x55);
        half(108, scale);
        return {scale.value * (int(s) - 32), 0};
    }
    if (type == "Q4_K" || type == "Q5_K") { // 6 bits each, in 12 bytes
        const unsigned s = 1 + random() % 63, m = random() % 64;
        fill(4, 8, s | (s >> 4) << 6);
        fill(8, 12, m | (m >> 4) << 6);
        fill(12, 16, (s & 15) | (m & 15) << 4);
        half(0, scale);
        half(2, minimum);
        return {scale.value * s, -minimum.value * m};
    }
    if (type == "Q6_K") { // signed bytes
        const int s = int(random() % 127) + 1;
        fill(192, 208, unsigned(s));
        half(208, scale);
        return {scale.value * s, 0};
    }
    if (type == "IQ4_XS") { // 6 bits, 32 is zero
        const unsigned s = random() % 31 + 33;
        fill(2, 4, (s >> 4) * 0x55);
        fill(4, 8, (s & 15) | (s & 15) << 4);
        half(0, scale);
        return {scale.value * (int(s) - 32), 0};
    }
    if (type == "MXFP4") { // an exponent
        const int exponent = 100 + int(random() % 50);
        block[0] = std::uint8_t(exponent);
        return {std::ldexp(1.0, exponent - 127), 0};
    }
    half(0, scale);
    if (type != "Q4_1" && type != "Q5_1")
        return {scale.value, 0};
    half(2, minimum);
    return {scale.value, minimum.value};
}

std::vector<float> decoded(const QString& type, const Block& block)
{
    std::vector<float> out(std::size_t(quantType(type.toStdString())->blockValues));
    if (!dequantise(type.toStdString(), block, out).ok())
        return {};
    return out;
}

bool bitOf(const Block& block, int bit)
{
    return block[std::size_t(bit / 8)] >> (bit % 8) & 1;
}

void setBit(Block& block, int bit, bool on)
{
    const auto mask = std::uint8_t(1u << (bit % 8));
    auto& byte = block[std::size_t(bit / 8)];
    byte = std::uint8_t(on ? byte | mask : byte & ~mask);
}

/// The bits of each value; empty when a bit belongs to no value or to several.
std::vector<std::vector<int>> bitsOfValues(const Grid& grid, Block block)
{
    const std::vector<float> base = decoded(grid.type, block);
    std::vector<std::vector<int>> bits(base.size());
    for (int bit = grid.begin * 8; bit < grid.end * 8; ++bit) {
        setBit(block, bit, !bitOf(block, bit));
        const std::vector<float> out = decoded(grid.type, block);
        setBit(block, bit, !bitOf(block, bit));
        int changed = 0;
        for (std::size_t i = 0; i < out.size(); ++i)
            if (out[i] != base[i]) {
                bits[i].push_back(bit);
                ++changed;
            }
        if (changed != 1)
            return {};
    }
    return bits;
}

void setCode(Block& block, const std::vector<int>& bits, unsigned code)
{
    for (std::size_t k = 0; k < bits.size(); ++k)
        setBit(block, bits[k], code >> k & 1u);
}

} // namespace

void TestQuantBounds::roundTrip_isWithinHalfAStep_data()
{
    QTest::addColumn<QString>("type");
    for (const Grid& grid : kGrids)
        QTest::newRow(grid.type) << QString::fromLatin1(grid.type);
}

void TestQuantBounds::roundTrip_isWithinHalfAStep()
{
    QFETCH(QString, type);
    const Grid& grid = gridOf(type);
    std::mt19937 random(17);
    for (int round = 0; round < 20; ++round) {
        Block block(std::size_t(quantType(grid.type)->blockBytes), 0);
        const Scales scales = writeScales(type, block, random);
        // Codes of one and not of zero: the sign of a zero would be a bit that changes nothing.
        for (int byte = grid.begin; byte < grid.end; ++byte)
            block[std::size_t(byte)] = type == "MXFP4" ? 0x11 : 0;
        const auto bits = bitsOfValues(grid, block);
        QVERIFY2(!bits.empty(), "a bit does not belong to exactly one value");

        std::vector<std::vector<float>> levels; // [code][value]
        for (unsigned code = 0; code < 1u << grid.bits; ++code) {
            for (const auto& own : bits) {
                QCOMPARE(int(own.size()), grid.bits);
                setCode(block, own, code);
            }
            levels.push_back(decoded(grid.type, block));
        }
        std::vector<double> wanted(bits.size());
        for (std::size_t i = 0; i < wanted.size(); ++i) {
            const double unit = grid.low + (grid.high - grid.low) * (double(random()) / double(random.max()));
            wanted[i] = scales.scale * unit + scales.offset;
            std::size_t best = 0;
            for (std::size_t code = 0; code < levels.size(); ++code)
                if (std::abs(double(levels[code][i]) - wanted[i]) < std::abs(double(levels[best][i]) - wanted[i]))
                    best = code;
            setCode(block, bits[i], unsigned(best));
        }
        const std::vector<float> out = decoded(grid.type, block);
        const double rounding =
            1e-6 * (std::abs(scales.scale) * std::max(-grid.low, grid.high) + std::abs(scales.offset));
        for (std::size_t i = 0; i < out.size(); ++i) {
            const double error = std::abs(double(out[i]) - wanted[i]);
            QVERIFY2(error <= scales.scale * grid.largestStep / 2 + rounding,
                     qPrintable(QStringLiteral("value %1: %2 for %3, step %4")
                                    .arg(i)
                                    .arg(double(out[i]))
                                    .arg(wanted[i])
                                    .arg(scales.scale * grid.largestStep)));
        }
    }
}

QTEST_GUILESS_MAIN(TestQuantBounds)
#include "tst_quant_bounds.moc"
