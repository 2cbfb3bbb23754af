#pragma once

#include "kernels/cpu/kernel_table.h"

/// One table per file that is compiled for an instruction set; only call one that the processor can run.
namespace ls::kernels {

const KernelTable& plainTable();
const KernelTable& avx2Table();
const KernelTable& avx512Table();
const KernelTable& avx512Bf16Table(); ///< avx512Table with products of bfloats

} // namespace ls::kernels
