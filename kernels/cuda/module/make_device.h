#pragma once

#include "kernels/cuda/module/abi.h"
#include "kernels/cuda/module/device.h"

/// The devices of this build: CUDA's (cuda_device.cu), or the emulator's (kernels/emu/emu_device.cpp).
namespace ls::cuda {

/// Null with words in `problem`.
std::unique_ptr<Device> makeDevice(int number, std::string& problem);
/// As lsCudaDevices.
int listDevices(LsCudaDevice* out, int room);

} // namespace ls::cuda
