#pragma once

#include "kernels/cuda/module/description.h"

#include <cstddef>
#include <cstdint>

/// The C interface of liblayerscope_cuda.so. The engine opens the library with dlopen where a driver is present, checks
/// lsCudaAbi and calls the rest by name; it links nothing of CUDA. Functions return 0 when all went well, 1 otherwise:
/// lsCudaProblem then says why. One thread at a time may use a decoder. The meanings are those of decoder.h.
#define LS_CUDA_EXPORT __attribute__((visibility("default")))

extern "C" {

inline constexpr int kLsCudaAbi = 2; ///< changes with every struct or function here

struct LsCudaDevice {
    char name[128];
    std::int64_t memoryBytes, freeBytes;
    int major, minor; ///< compute capability
};
struct LsCudaDecoder;

LS_CUDA_EXPORT int lsCudaAbi();
/// Devices that CUDA can use, at most `room` of them into `out`; their number, 0 without any or without a driver.
LS_CUDA_EXPORT int lsCudaDevices(LsCudaDevice* out, int room);

/// Null after an error, with its words in problem [room].
LS_CUDA_EXPORT LsCudaDecoder* lsCudaOpen(int device, const LsCudaModel* model, char* problem, std::size_t room);
LS_CUDA_EXPORT void lsCudaClose(LsCudaDecoder* decoder);
/// Of the last call that returned 1; lives until the next call.
LS_CUDA_EXPORT const char* lsCudaProblem(const LsCudaDecoder* decoder);

LS_CUDA_EXPORT int lsCudaAddPlan(LsCudaDecoder* decoder, const LsCudaPlan* plan, int* number);
LS_CUDA_EXPORT int lsCudaRemovePlan(LsCudaDecoder* decoder, int plan);
LS_CUDA_EXPORT int lsCudaAddSequence(LsCudaDecoder* decoder, int room, int* number);
LS_CUDA_EXPORT int lsCudaCopySequence(LsCudaDecoder* decoder, int from, int* number);
LS_CUDA_EXPORT int lsCudaRemoveSequence(LsCudaDecoder* decoder, int sequence);
/// What follows is about this sequence.
LS_CUDA_EXPORT int lsCudaSelect(LsCudaDecoder* decoder, int sequence);
LS_CUDA_EXPORT int lsCudaTruncate(LsCudaDecoder* decoder, int length);
LS_CUDA_EXPORT int lsCudaSetSampling(LsCudaDecoder* decoder, const LsCudaSampling* sampling);
/// outputs: may be null.
LS_CUDA_EXPORT int lsCudaRun(LsCudaDecoder* decoder, int plan, const std::int32_t* tokens, int count,
                             const LsCudaOutputs* outputs);
LS_CUDA_EXPORT int lsCudaGenerate(LsCudaDecoder* decoder, int plan, int steps);
LS_CUDA_EXPORT int lsCudaDrawn(LsCudaDecoder* decoder, std::int32_t* tokens, int count);
LS_CUDA_EXPORT int lsCudaLogits(LsCudaDecoder* decoder, float* logits, int count);
LS_CUDA_EXPORT int lsCudaRestart(LsCudaDecoder* decoder);
LS_CUDA_EXPORT int lsCudaTapBytes(LsCudaDecoder* decoder, int plan, std::int64_t* bytes);
LS_CUDA_EXPORT int lsCudaTapOffset(LsCudaDecoder* decoder, int plan, int tap, std::int64_t* offset);
LS_CUDA_EXPORT int lsCudaReadTaps(LsCudaDecoder* decoder, int plan, std::int64_t* step, std::uint8_t* out,
                                  std::int64_t bytes);

} // extern "C"
