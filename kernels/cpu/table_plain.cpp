#include "kernels/cpu/simd/plain.h"
// the lanes come first: the functions below are written in terms of them
#include "kernels/cpu/simd/table.h"
#include "kernels/cpu/variant_tables.h"

namespace ls::kernels {

const KernelTable& plainTable()
{
    static const KernelTable table = [] {
        KernelTable all = makeFloatTable();
        addPlainLegacyBlocks(all);
        addPlainKBlocks(all);
        return all;
    }();
    return table;
}

} // namespace ls::kernels
