#pragma once

#include "engine/model/family.h"

namespace ls {

/// Parameters of a rotary embedding as files give them; what a kind does not use stays as it is.
struct RotarySettings {
    std::string kind = "default"; ///< default | linear | llama3 | yarn | longrope | factors
    double base = 10000.0;
    int width = 0;
    double factor = 1.0;                              ///< how much longer than originally trained
    double originalContext = 0;                       ///< llama3, yarn, longrope
    double lowFrequency = 1.0, highFrequency = 4.0;   ///< llama3: rotations over the original context
    double betaFast = 32.0, betaSlow = 1.0;           ///< yarn, likewise
    bool truncate = true;                             ///< yarn: the ramp begins and ends at whole dimensions
    bool ggufUntruncated = false;                     ///< GGUF has no key for it: what the family was trained with
    double magnitude = 0;                             ///< on cosine and sine; 0 = as the kind's formula says
    double magnitudeScale = 0, magnitudeScaleAll = 0; ///< yarn: mscale, mscale_all_dim
    std::vector<double> divisors;                     ///< longrope, factors: [width / 2], of the frequencies
};

/// The angles of one kind. Formulas: RoPE (Su et al. 2021, arXiv 2104.09864), linear (arXiv 2306.15595), YaRN (arXiv
/// 2309.00071), LongRoPE (arXiv 2402.13753), Llama 3.1's piecewise scaling. float32 as the reference computes them.
RotaryTable rotaryTable(const RotarySettings& settings);

/// The table for layers that see everything or (sliding) those with a window. Errors: FileFormat, NotSupported for
/// kinds without reference values.
Result<RotarySettings> readRotary(const Family& family, const ConfigReader& reader, const ModelConfig& config,
                                  bool sliding, int contextLength);

} // namespace ls
