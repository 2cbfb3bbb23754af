#include "kernels/cpu/simd/avx512.h"
// the lanes come first: the functions below are written in terms of them
#include "kernels/cpu/simd/add_blocks.h"
#include "kernels/cpu/variant_tables.h"

namespace ls::kernels {

void addAvx512KBlocks(KernelTable& table)
{
    addInt8<WeightFormat::Q4_K>(table);
    addInt8<WeightFormat::Q5_K>(table);
    addInt8<WeightFormat::Q6_K>(table);
}

} // namespace ls::kernels
