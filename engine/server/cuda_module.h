#pragma once

#include "core/protocol/messages.h"

#include <optional>
#include <string>
#include <vector>

/// What of CUDA is there. The engine itself links no CUDA: liblayerscope_cuda.so is opened when a driver is present.
namespace ls {

struct CudaState {
    bool driver = false;                      ///< libcuda.so.1 can be opened
    std::optional<std::string> driverVersion; ///< "580.65.06"
    bool module = false;                      ///< liblayerscope_cuda.so can be opened
    std::string moduleError;                  ///< why not, empty when the file does not exist
};

inline constexpr int kOldestDriver = 580; ///< of CUDA 13

/// Empty when CUDA can be used, else the reason in a few words: "no NVIDIA driver found",
/// "driver too old: 525 < 580", "built without CUDA".
std::string cudaReason(const CudaState& state);
/// Opens driver and module once (they stay open) and looks.
const CudaState& cudaState();
/// The devices the driver knows, with the reason why they cannot be used; one entry with the reason where the driver
/// names none.
std::vector<DeviceInfo> cudaDevices();

} // namespace ls
