#pragma once

#include "engine/model/family.h"
#include "engine/model/weights.h"

#include "kernels/cpu/huge_memory.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ls {

/// Rows of one stored tensor on their way into the weights.
struct TensorSpec {
    const StoredTensor* source = nullptr;
    Layout layout = Layout::Same;
    bool transposed = false;   ///< stored [in, out]
    bool keepFloat32 = false;  ///< norms, biases, sinks, router, learned positions
    bool elementwise = false;  ///< vectors and stacks of vectors: every value is a row
    bool addOne = false;       ///< norm weights stored minus one
    bool onlyLookedUp = false; ///< an embedding that is not the unembedding too
    int headWidth = 0;         ///< for RotaryPairs and PerHead
    std::int64_t firstRow = 0; ///< where an expert of a stack begins
    struct Target {
        Target(at::Tensor* vector, std::vector<std::int64_t> extents)
            : tensor(vector)
            , shape(std::move(extents))
        {
        }
        Target(WeightMatrix* weights, std::vector<std::int64_t> extents)
            : matrix(weights)
            , shape(std::move(extents))
        {
        }
        bool filled() const { return tensor ? tensor->defined() : matrix->defined(); }
        const void* place() const { return tensor ? static_cast<const void*>(tensor) : matrix; }
        const at::Tensor& dense() const { return tensor ? *tensor : matrix->tensor(); }
        void fill(at::Tensor values) const
        {
            if (tensor)
                *tensor = std::move(values);
            else
                *matrix = std::move(values);
        }

        at::Tensor* tensor = nullptr; ///< one of the two
        WeightMatrix* matrix = nullptr;
        std::vector<std::int64_t> shape;
    };
    std::vector<Target> targets; ///< one, or the parts of a fused matrix

    // how the values are kept: chooseStorage
    at::ScalarType type = at::kFloat;            ///< of the tensor
    std::optional<kernels::WeightFormat> native; ///< or in this format, as kernels read it

    std::int64_t width() const { return elementwise ? 1 : targets[0].shape.back(); }
    std::int64_t rowsOf(const Target& target) const;
};

/// Everything the family's description asks for, with shapes checked against the file and weights.blocks resized.
/// Errors: TensorMissing, TensorShape; NotSupported when the file has tensors that nothing would use.
Result<std::vector<TensorSpec>> listTensors(const Family& family, const ModelFile& file, const ModelConfig& config,
                                            Weights& weights);

/// Sets how each tensor is kept in the run dtype (float32, bfloat16, quantised).
void chooseStorage(std::vector<TensorSpec>& specs, const std::string& dtype);
/// Bytes that all of them take then.
std::int64_t keptBytes(const std::vector<TensorSpec>& specs);

/// What chooseStorage() keeps natively in another format than the stored one: "Q2_K as F16, MXFP4 as BF16"; or nothing.
std::string conversions(const std::vector<TensorSpec>& specs);

/// Memory for all tensors of a model in one piece, in pages of 2 MiB where the system has them (a decode step streams
/// through all of it); lives as long as a tensor in it.
class WeightMemory {
public:
    /// Room for everything in `specs`. Error: ModelTooLarge.
    static Result<WeightMemory> reserve(const std::vector<TensorSpec>& specs);
    std::uint8_t* take(std::int64_t bytes); ///< the next bytes, aligned to 64
    std::shared_ptr<const void> keeper() const { return m_memory; }

private:
    std::shared_ptr<kernels::HugeMemory> m_memory;
    std::int64_t m_taken = 0;
};

/// Takes the targets from the memory where needed and reads the rows, in parallel. Errors: TensorType,
/// FileFormat (NaN or infinity among the values).
Status readTensor(const TensorSpec& spec, WeightMemory& memory);

} // namespace ls
