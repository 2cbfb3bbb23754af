#pragma once

#include "kernels/cpu/packed_matrix.h"

#include <cstring>
#include <random>
#include <vector>

/// Random inputs of kernels, and weights in every format. Without Qt: tests/gpu uses them too.
namespace ls::test {

using namespace ls::kernels;

inline std::vector<float> normalValues(std::size_t count, unsigned seed)
{
    std::mt19937 generator(seed);
    std::normal_distribution<float> normal;
    std::vector<float> out(count);
    for (float& value : out)
        value = normal(generator);
    return out;
}

/// Random rows of a format, as a file has them, and their values by the plain decoder.
struct Weights {
    Matrix matrix; // not packed
    std::vector<std::uint8_t> bytes;
    std::vector<float> values; // [rows, cols]

    Weights(WeightFormat format, std::int64_t rows, std::int64_t cols, unsigned seed)
        : bytes(std::size_t(rows * rowBytes(format, cols)))
        , values(std::size_t(rows * cols))
    {
        std::mt19937 random(seed);
        const std::int64_t blocks = rows * cols / blockValues(format);
        for (std::int64_t b = 0; b < blocks; ++b)
            fillBlock(format, bytes.data() + b * blockBytes(format), random);
        decodeBlocks(format, bytes.data(), blocks, values.data());
        matrix = {format, rows, cols, bytes.data(), false};
    }

private:
    static void putHalf(std::uint8_t* at, float value)
    {
        const std::uint16_t bits = floatToHalf(value);
        std::memcpy(at, &bits, 2);
    }
    static void fillBlock(WeightFormat format, std::uint8_t* block, std::mt19937& random)
    {
        std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
        if (format == WeightFormat::F32) {
            const float value = uniform(random);
            std::memcpy(block, &value, 4);
        } else if (format == WeightFormat::BF16) {
            const std::uint16_t bits = floatToBfloat(uniform(random));
            std::memcpy(block, &bits, 2);
        } else if (format == WeightFormat::F16) {
            putHalf(block, uniform(random));
        } else {
            for (int i = 0; i < blockBytes(format); ++i)
                block[i] = std::uint8_t(random());
            putHalf(format == WeightFormat::Q6_K ? block + 208 : block, 0.01f * uniform(random)); // of either sign
            if (format == WeightFormat::Q4_1 || format == WeightFormat::Q5_1 || format == WeightFormat::Q4_K ||
                format == WeightFormat::Q5_K)
                putHalf(block + 2, 0.01f * uniform(random));
        }
    }
};

} // namespace ls::test
