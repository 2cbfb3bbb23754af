#include "kernels/cpu/simd/plain.h"
// the lanes come first: the functions below are written in terms of them
#include "kernels/cpu/simd/add_blocks.h"
#include "kernels/cpu/variant_tables.h"

namespace ls::kernels {

void addPlainLegacyBlocks(KernelTable& table)
{
    addInt8<WeightFormat::Q8_0>(table);
    addInt8<WeightFormat::Q4_0>(table);
    addInt8<WeightFormat::Q4_1>(table);
    addInt8<WeightFormat::Q5_0>(table);
    addInt8<WeightFormat::Q5_1>(table);
}

} // namespace ls::kernels
