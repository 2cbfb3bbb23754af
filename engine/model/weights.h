#pragma once

#include "engine/model/weight_matrix.h"

#include <ATen/core/Tensor.h>

#include <vector>

namespace ls {

/// An undefined weight means that there is no norm at this place.
struct Norm {
    at::Tensor weight, bias; // float32
};

/// Weights of one block. Matrices are [out, in] in the run dtype; norms, biases, sinks and the router are float32. What
/// a family does not have is undefined.
struct BlockWeights {
    Norm attnNorm, mlpNorm;         // [d] before the branch
    Norm attnPostNorm, mlpPostNorm; // [d] after the branch, before it is added
    Norm qNorm, kNorm;              // [d_head] or [heads*d_head]
    WeightMatrix wq, wk, wv;        // [heads*d_head, d], [kv*d_head, d] x2; rows in Hugging Face order (not permuted)
    at::Tensor bq, bk, bv;          // [rows of the matrix]
    WeightMatrix wo;                // [d, heads*d_head]
    at::Tensor bo;                  // [d]
    at::Tensor sinks;               // [heads] extra logits of the softmax
    at::Tensor router, routerBias;  // [experts, d], [experts]
    WeightMatrix wGate, wUp, wDown; // [d_ff, d] x2, [d, d_ff]; a mixture has the experts in front
    at::Tensor bGate, bUp, bDown;   // [d_ff] x2, [d]; likewise
};

struct Weights {
    WeightMatrix embedding; // [vocab, d]
    at::Tensor positions;   // [positions, d] float32, learned; undefined without
    std::vector<BlockWeights> blocks;
    Norm finalNorm;           // [d]
    WeightMatrix unembedding; // [vocab, d]; shares storage with embedding when tied
};

} // namespace ls
