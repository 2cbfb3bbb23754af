#include "kernels/cpu/variant.h"

#include "kernels/cpu/variant_tables.h"

#include <atomic>
#include <cstdlib>

namespace ls::kernels {

namespace {

constexpr Variant kAll[] = {Variant::Plain, Variant::Avx2, Variant::Avx512, Variant::Avx512Bf16};

Variant chosen()
{
    const char* wanted = std::getenv("LAYERSCOPE_KERNELS");
    Variant best = Variant::Plain;
    for (const Variant variant : kAll) {
        if (!variantRuns(variant))
            continue;
        best = variant;
        if (wanted && variantName(variant) == wanted)
            return variant;
    }
    return best;
}

std::atomic<Variant>& inUse()
{
    static std::atomic<Variant> variant{chosen()};
    return variant;
}

} // namespace

std::string_view variantName(Variant variant)
{
    constexpr std::string_view kNames[] = {"plain", "avx2", "avx512", "avx512-bf16"};
    return kNames[int(variant)];
}

bool variantRuns(Variant variant)
{
    if (variant == Variant::Plain)
        return true;
#if defined(LAYERSCOPE_X86_KERNELS)
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    if (variant == Variant::Avx2)
        return avx2;
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                        __builtin_cpu_supports("avx512vnni");
    return avx512 && (variant == Variant::Avx512 || __builtin_cpu_supports("avx512bf16"));
#else
    return false;
#endif
}

std::vector<Variant> runnableVariants()
{
    std::vector<Variant> out;
    for (const Variant variant : kAll)
        if (variantRuns(variant))
            out.push_back(variant);
    return out;
}

Variant variantInUse()
{
    return inUse().load(std::memory_order_relaxed);
}
void setVariant(Variant variant)
{
    inUse().store(variant, std::memory_order_relaxed);
}

const KernelTable& kernelTable(Variant variant)
{
    switch (variant) {
#if defined(LAYERSCOPE_X86_KERNELS)
    case Variant::Avx2:
        return avx2Table();
    case Variant::Avx512:
        return avx512Table();
    case Variant::Avx512Bf16:
        return avx512Bf16Table();
#endif
    default:
        return plainTable();
    }
}

const KernelTable& kernelTable()
{
    return kernelTable(variantInUse());
}

} // namespace ls::kernels
