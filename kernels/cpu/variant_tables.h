#pragma once

#include "kernels/cpu/kernel_table.h"

/// One table per file that is compiled for an instruction set; only call one that the processor can run.
namespace ls::kernels {

// The products of blocks are files of their own: each is minutes of compilation.
void addPlainLegacyBlocks(KernelTable& table); ///< Q8_0 to Q5_1
void addPlainKBlocks(KernelTable& table);      ///< Q4_K to Q6_K
void addAvx2LegacyBlocks(KernelTable& table);
void addAvx2KBlocks(KernelTable& table);
void addAvx512LegacyBlocks(KernelTable& table);
void addAvx512KBlocks(KernelTable& table);

const KernelTable& plainTable();
const KernelTable& avx2Table();
const KernelTable& avx512Table();
const KernelTable& avx512Bf16Table(); ///< avx512Table with products of bfloats

} // namespace ls::kernels
