#include "kernels/cpu/simd/avx2.h"
// the lanes come first: the functions below are written in terms of them
#include "kernels/cpu/simd/add_blocks.h"
#include "kernels/cpu/variant_tables.h"

namespace ls::kernels {

void addAvx2LegacyBlocks(KernelTable& table)
{
    addInt8<WeightFormat::Q8_0>(table);
    addInt8<WeightFormat::Q4_0>(table);
    addInt8<WeightFormat::Q4_1>(table);
    addInt8<WeightFormat::Q5_0>(table);
    addInt8<WeightFormat::Q5_1>(table);
}

} // namespace ls::kernels
