#include "kernels/cuda/matvec_launch.cuh"

namespace ls::cuda {

template Launch launchMatvec<WeightFormat::Q8_0>(MatvecArgs, Stream);
template Launch launchMatvec<WeightFormat::Q4_0>(MatvecArgs, Stream);
template Launch launchMatvec<WeightFormat::Q4_1>(MatvecArgs, Stream);
template Launch launchMatvec<WeightFormat::Q5_0>(MatvecArgs, Stream);
template Launch launchMatvec<WeightFormat::Q5_1>(MatvecArgs, Stream);

} // namespace ls::cuda
