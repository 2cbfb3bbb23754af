#include "kernels/cpu/simd/avx512.h"
// the lanes come first: the functions below are written in terms of them
#include "kernels/cpu/simd/table.h"
#include "kernels/cpu/variant_tables.h"

namespace ls::kernels {

const KernelTable& avx512Table()
{
    static const KernelTable table = [] {
        KernelTable all = makeFloatTable();
        addAvx512LegacyBlocks(all);
        addAvx512KBlocks(all);
        return all;
    }();
    return table;
}

} // namespace ls::kernels
