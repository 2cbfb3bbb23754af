#pragma once

#include "core/protocol/messages.h"
#include "kernels/cuda/module/abi.h"

#include <optional>
#include <string>
#include <vector>

/// What of CUDA is there. The engine itself links no CUDA: liblayerscope_cuda.so is opened when a driver is present.
namespace ls {

/// The functions of an opened module; the meanings are those of kernels/cuda/module/abi.h.
struct CudaFunctions {
    decltype(&lsCudaDevices) devices = nullptr;
    decltype(&lsCudaOpen) open = nullptr;
    decltype(&lsCudaClose) close = nullptr;
    decltype(&lsCudaProblem) problem = nullptr;
    decltype(&lsCudaAddPlan) addPlan = nullptr;
    decltype(&lsCudaRemovePlan) removePlan = nullptr;
    decltype(&lsCudaAddSequence) addSequence = nullptr;
    decltype(&lsCudaCopySequence) copySequence = nullptr;
    decltype(&lsCudaRemoveSequence) removeSequence = nullptr;
    decltype(&lsCudaSelect) select = nullptr;
    decltype(&lsCudaTruncate) truncate = nullptr;
    decltype(&lsCudaRun) run = nullptr;
    decltype(&lsCudaLogits) logits = nullptr;
};

struct CudaState {
    bool driver = false;                      ///< libcuda.so.1 can be opened
    std::optional<std::string> driverVersion; ///< "580.65.06"
    bool module = false;                      ///< liblayerscope_cuda.so can be opened
    std::string moduleError;                  ///< why not, empty when the file does not exist
    bool named = false;                       ///< the module is the one that $LAYERSCOPE_CUDA_MODULE names
    CudaFunctions functions = {};             ///< where module
};

inline constexpr int kOldestDriver = 580;   ///< of CUDA 13
inline constexpr int kOldestCapability = 8; ///< compute capability the module is built for, its first number

/// Empty when CUDA can be used, else the reason in a few words: "no NVIDIA driver found",
/// "driver too old: 525 < 580", "built without CUDA".
std::string cudaReason(const CudaState& state);
/// Opens driver and module once (they stay open) and looks. The module lies beside the program. Tests name another,
/// the emulated one, by its whole path in $LAYERSCOPE_CUDA_MODULE: it needs no driver, and its device says what it is.
const CudaState& cudaState();
/// The devices there are, each with the reason why it cannot be used; one entry with the reason where there is none.
std::vector<DeviceInfo> cudaDevices();
/// N of "cuda:N" where cudaDevices() has it and it can be used. Error: DeviceUnavailable with the reason.
Result<int> cudaDeviceNumber(const std::string& id);

} // namespace ls
