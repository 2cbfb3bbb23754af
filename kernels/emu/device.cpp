#include "kernels/emu/device.h"

#include "kernels/cpu/weight_format.h"

namespace ls::cuda {

float halfBitsToFloat(std::uint16_t bits)
{
    return kernels::halfToFloat(bits);
}
std::uint16_t floatToHalfBits(float value)
{
    return kernels::floatToHalf(value);
}

} // namespace ls::cuda
