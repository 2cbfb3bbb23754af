#pragma once

namespace ls {

/// Which implementation runs.
enum class ForwardPath {
    Fused, ///< kernels/cpu (fused_blocks.h)
    Plain  ///< libtorch, operation by operation (plain_block.h): the reference of tests and of the certificate
};
/// Fused, or what the environment's LAYERSCOPE_FORWARD ("plain") says.
ForwardPath defaultForwardPath();

} // namespace ls
