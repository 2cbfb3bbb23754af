#include "kernels/cuda/matvec_launch.cuh"

namespace ls::cuda {

template Launch launchMatvec<WeightFormat::Q4_K>(MatvecArgs, Stream);
template Launch launchMatvec<WeightFormat::Q5_K>(MatvecArgs, Stream);
template Launch launchMatvec<WeightFormat::Q6_K>(MatvecArgs, Stream);

} // namespace ls::cuda
