#pragma once

#include "kernels/cpu/simd/prefill_attention.h"
#include "kernels/cpu/simd/prepare.h"
#include "kernels/cpu/simd/row_product.h"

/// The functions of one instruction set. Included after the file that defines Floats and Ints.
namespace ls::kernels {
namespace {

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
    table.rowProduct[int(kFormat)] = rowProduct<kFormat>;
}

/// Everything but the products of blocks.
KernelTable makeFloatTable()
{
    KernelTable table{};
    addFloat<WeightFormat::F32>(table);
    addFloat<WeightFormat::F16>(table);
    addFloat<WeightFormat::BF16>(table);
    table.prepare = prepareTile;
    table.rmsNorm = rmsNormRow;
    table.gate = gateValues;
    table.add = addValues;
    table.argmax = argmaxOf;
    table.toCache = cacheValues;
    table.decodeAttention = decodeAttentionPart;
    table.joinAttentionParts = joinAttentionParts;
    table.prefillAttention = prefillAttentionPart;
    return table;
}

} // namespace
} // namespace ls::kernels
