#include "kernels/cuda/matvec_launch.cuh"

namespace ls::cuda {

template Launch launchMatvec<WeightFormat::F32>(MatvecArgs, Stream);
template Launch launchMatvec<WeightFormat::F16>(MatvecArgs, Stream);
template Launch launchMatvec<WeightFormat::BF16>(MatvecArgs, Stream);

} // namespace ls::cuda
