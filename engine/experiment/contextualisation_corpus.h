#pragma once

#include "core/data/word_classes.h"
#include "engine/experiment/contextualisation.h"

/// The corpus of a calibration, run once: ids, classes and streams of all fragments.
namespace ls {

struct ContextFragment {
    std::vector<std::int32_t> ids;
    std::vector<WordClass> classes; ///< per token
    at::Tensor streams;             ///< [L+1, n, d] float32
};

struct ContextCorpus {
    std::vector<ContextFragment> fragments;
    at::Tensor tokenMean;  ///< [d] float64
    at::Tensor directions; ///< [d, k] float64
    at::Tensor targets;    ///< [rows, k] float64
    double sinkNorm = 0;
    /// The tokens that take part, in order: from the window on, sinks left out.
    std::vector<int> rowFragment, rowPosition;

    int rows() const { return int(rowFragment.size()); }
    int tokens() const;
    at::Tensor states(int stream) const; ///< [rows, d] float64
};

/// Params `paragraphs`, `tokens`, `seed`, `classes` of docs/experiments.md; without `classes` the words are classed
/// here. Errors: InvalidParameter, DataTooFew (no paragraph longer than the window), Cancelled, those of Forward::run.
Result<ContextCorpus> runContextCorpus(const ExperimentContext& context);

/// Hash of what the calibration depends on: paragraphs and tokens.
Result<std::string> contextDataHash(const nlohmann::json& params);

} // namespace ls
