#pragma once

#include "kernels/cpu/simd/prefill_attention.h"
#include "kernels/cpu/simd/prepare.h"

/// All functions of one instruction set. Included after the file that defines Floats and Ints.
namespace ls::kernels {
namespace {

template <WeightFormat kFormat>
void addInt8(KernelTable& table)
{
    auto& products = table.product[int(kFormat)];
    products[0] = int8Product<kFormat, 1>;
    products[1] = int8Product<kFormat, 2>;
    products[2] = int8Product<kFormat, 4>;
    products[3] = int8Product<kFormat, 8>;
    products[4] = int8Product<kFormat, 16>;
    for (ActivationKind& kind : table.activation[int(kFormat)])
        kind = kInt8;
}

template <WeightFormat kFormat>
void addFloat(KernelTable& table)
{
    auto& products = table.product[int(kFormat)];
    products[0] = floatVector<kFormat>;
    products[1] = floatProduct<kFormat, 2>;
    products[2] = floatProduct<kFormat, 4>;
    products[3] = floatProduct<kFormat, 8>;
    products[4] = floatProduct<kFormat, 16>;
    for (ActivationKind& kind : table.activation[int(kFormat)])
        kind = kFloats;
}

KernelTable makeTable()
{
    KernelTable table{};
    addFloat<WeightFormat::F32>(table);
    addFloat<WeightFormat::F16>(table);
    addFloat<WeightFormat::BF16>(table);
    addInt8<WeightFormat::Q8_0>(table);
    addInt8<WeightFormat::Q4_0>(table);
    addInt8<WeightFormat::Q4_1>(table);
    addInt8<WeightFormat::Q5_0>(table);
    addInt8<WeightFormat::Q5_1>(table);
    addInt8<WeightFormat::Q4_K>(table);
    addInt8<WeightFormat::Q5_K>(table);
    addInt8<WeightFormat::Q6_K>(table);
    table.prepare = prepareTile;
    table.rmsNorm = rmsNormRow;
    table.gate = gateValues;
    table.add = addValues;
    table.argmax = argmaxOf;
    table.toCache = cacheValues;
    table.decodeAttention = decodeAttentionPart;
    table.prefillAttention = prefillAttentionPart;
    return table;
}

} // namespace
} // namespace ls::kernels
