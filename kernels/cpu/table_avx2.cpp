#include "kernels/cpu/simd/avx2.h"
// the lanes come first: the functions below are written in terms of them
#include "kernels/cpu/simd/table.h"
#include "kernels/cpu/variant_tables.h"

namespace ls::kernels {

const KernelTable& avx2Table()
{
    static const KernelTable table = [] {
        KernelTable all = makeFloatTable();
        addAvx2LegacyBlocks(all);
        addAvx2KBlocks(all);
        return all;
    }();
    return table;
}

} // namespace ls::kernels
