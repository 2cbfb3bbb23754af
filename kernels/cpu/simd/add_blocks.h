#pragma once

#include "kernels/cpu/simd/product.h"

/// Puts the products of a block format into a table. Included after the file that defines Floats and Ints.
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

} // namespace
} // namespace ls::kernels
