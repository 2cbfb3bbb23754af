#include "kernels/cpu/simd/avx512.h"
// the lanes come first: the functions below are written in terms of them
#include "kernels/cpu/simd/product.h"
#include "kernels/cpu/variant_tables.h"

namespace ls::kernels {

namespace {

/// As floatSums, with bfloat activations: two products per lane and instruction, summed in float32.
template <int R, int T>
LS_INLINE void bfloatSums(const ProductJob& job, int panel, int token, Floats (&sums)[R][T])
{
    const std::uint8_t* data = job.panels + panel * job.panelStride;
    const std::uint32_t* x = job.x.bfloats + token;
    clear(sums);
    for (std::int64_t pair = 0; pair < (job.cols + 1) / 2; ++pair, x += job.x.width) {
        Ints w[R];
        unrolled<R>([&](auto r) LS_INLINE_LAMBDA { w[r] = loadInts(data + r * job.panelStride + 64 * pair); });
        unrolled<T>([&](auto t) LS_INLINE_LAMBDA {
            const Ints value = broadcast(std::int32_t(x[t]));
            unrolled<R>([&](auto r) LS_INLINE_LAMBDA {
                sums[r][t].v = _mm512_dpbf16_ps(sums[r][t].v, __m512bh(w[r].v), __m512bh(value.v));
            });
        });
    }
}

template <int T>
void bfloatProduct(const ProductJob& job)
{
    constexpr int kTokens = T < kFloatTokens ? T : kFloatTokens;
    for (int token = 0; token < T; token += kTokens) {
        const ProductJob part = tokensFrom(job, token);
        int panel = 0;
        for (; panel + kFloatPanels <= job.panelCount; panel += kFloatPanels) {
            Floats sums[kFloatPanels][kTokens];
            bfloatSums(job, panel, token, sums);
            unrolled<kFloatPanels>([&](auto r) LS_INLINE_LAMBDA { writeSums<kTokens>(part, panel + r, sums[r]); });
        }
        for (; panel < job.panelCount; ++panel) {
            Floats sums[1][kTokens];
            bfloatSums(job, panel, token, sums);
            writeSums<kTokens>(part, panel, sums[0]);
        }
    }
}

} // namespace

const KernelTable& avx512Bf16Table()
{
    static const KernelTable table = [] {
        KernelTable with = avx512Table();
        constexpr int kFormat = int(WeightFormat::BF16);
        with.product[kFormat][3] = bfloatProduct<8>; // few tokens wait for memory anyway and keep float32 inputs
        with.product[kFormat][4] = bfloatProduct<16>;
        with.activation[kFormat][3] = with.activation[kFormat][4] = kBfloats;
        return with;
    }();
    return table;
}

} // namespace ls::kernels
