#pragma once

#include "kernels/cpu/kernel_table.h"

#include <string_view>
#include <vector>

/// Which instruction set the kernels use: chosen once from what the processor has.
namespace ls::kernels {

enum class Variant { Plain, Avx2, Avx512, Avx512Bf16 };
// Avx2 means with FMA and F16C; Avx512 means F, BW, DQ, VL and VNNI; Avx512Bf16 also multiplies bfloats.

std::string_view variantName(Variant variant); ///< "plain", "avx2", "avx512", "avx512-bf16"
bool variantRuns(Variant variant);             ///< the processor has what it needs
std::vector<Variant> runnableVariants();       ///< ascending

/// The best that runs, or the one named by the environment's LAYERSCOPE_KERNELS if it runs.
Variant variantInUse();
/// For tests. The variant must run; call it while no kernel runs.
void setVariant(Variant variant);

const KernelTable& kernelTable(Variant variant);

} // namespace ls::kernels
