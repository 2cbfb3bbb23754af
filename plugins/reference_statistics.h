#pragma once

#include "engine/forward/forward.h"

#include <memory>
#include <vector>

namespace ls::plugins {

/// Stream states of a model on a fixed text of our own (resources/data/reference_text.txt), after every block, the
/// first token left out. What "a strength of 1" means for the units rho and sigma (steering-toolbox.md section 4).
class ReferenceStatistics {
public:
    /// One dense pass over the text, the first time a model is asked about; later calls for the same model are free.
    static Result<std::shared_ptr<const ReferenceStatistics>> of(const std::shared_ptr<const Model>& model);

    /// Median Euclidean norm of the stream after a block.
    double medianNorm(int layer) const { return m_medianNorms.at(std::size_t(layer)); }
    /// Standard deviation of the projection on a unit vector [d] after a block.
    double projectionDeviation(int layer, const at::Tensor& unit) const;

private:
    std::vector<at::Tensor> m_states; // [block] of [tokens, d] float32
    std::vector<double> m_medianNorms;
};

} // namespace ls::plugins
