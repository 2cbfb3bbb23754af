#pragma once

#include "engine/model/stored_rows.h"
#include "engine/model/tensor_list.h"

#include "kernels/cpu/packed_matrix.h"

/// Matrices of a GGUF file in the run dtype quantised: blocks as they are, in the order that kernels read.
namespace ls {

/// The format a matrix is kept in: the stored one if kernels read it, else one that holds its values better than they
/// were quantised: bfloat16 for MXFP4 (exact), float16 for Q2_K, Q3_K, IQ4_NL and IQ4_XS.
kernels::WeightFormat nativeFormat(const TensorSpec& spec);

/// How one target is kept.
struct NativePlan {
    kernels::Matrix matrix;   ///< of one expert, without data
    std::int64_t experts = 0; ///< 0: one matrix
    std::int64_t expertBytes = 0, bytes = 0;
};
NativePlan nativePlan(const TensorSpec& spec, const TensorSpec::Target& target);

/// As readTensor. Scales, minima and values are checked as they pass. Also NotSupported: a value that the format it is
/// converted to does not hold.
Status readNative(const TensorSpec& spec, const StoredRows& rows, WeightMemory& memory);

} // namespace ls
