#include "kernels/cpu/cache_write.h"

#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/rms_norm.h"
#include "kernels/cpu/worker_pool.h"

namespace ls::kernels {

void rotateAndStore(WorkerPool& pool, const HeadShape& shape, const Rotary& rotary, int tokens, float* q,
                    std::int64_t qStride, float* k, std::int64_t kStride, const float* v, std::int64_t vStride,
                    const CacheTarget& target)
{
    const int bytes = cacheValueBytes(target.type);
    const auto body = [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t t = begin; t < end; ++t) {
            const float *cosines = rotary.cosines + t * (rotary.width / 2),
                        *sines = rotary.sines + t * (rotary.width / 2);
            if (rotary.width > 0) {
                rotate(q + t * qStride, cosines, sines, 1, shape.heads, shape.width, rotary.width);
                rotate(k + t * kStride, cosines, sines, 1, shape.kvHeads, shape.width, rotary.width);
            }
            for (std::int64_t h = 0; h < shape.kvHeads; ++h) {
                const std::int64_t at = (h * target.headStride + (target.firstRow + t) * shape.width) * bytes;
                writeCache(target.type, k + t * kStride + h * shape.width, static_cast<std::uint8_t*>(target.keys) + at,
                           shape.width);
                writeCache(target.type, v + t * vStride + h * shape.width,
                           static_cast<std::uint8_t*>(target.values) + at, shape.width);
            }
        }
    };
    pool.forRange(tokens, 16, body); // one token: the caller's thread alone
}

} // namespace ls::kernels
