#pragma once

#include <string>
#include <vector>

/// What the forward pass needs to know of a model; filled from either file format by the family's description.
namespace ls {

enum class NormKind {
    Rms,  ///< x / sqrt(mean x^2 + eps) * weight
    Layer ///< (x - mean) / sqrt(variance + eps) * weight + bias
};
/// Normalisation of queries and keys before the rotary embedding.
enum class QkNorm {
    None,
    PerHead, ///< over the d_head values of a head; weight [d_head]
    Whole    ///< over all heads together; weight [heads * d_head]
};
enum class Activation {
    Silu,
    Gelu,         ///< x * Phi(x), with the error function
    GeluTanh,     ///< its tanh approximation
    ClampedSwiglu ///< gpt-oss: g * sigmoid(alpha g) * (u + 1), both clamped
};

/// Angles per position. Dimension pairs (j, j + width/2) of a head turn by position * frequencies[j].
struct RotaryTable {
    std::vector<float> frequencies; ///< [width / 2] radians per position, scaling included
    float magnitude = 1.0f;         ///< factor on cosine and sine (YaRN, LongRoPE)
    bool operator==(const RotaryTable&) const = default;
};

struct LayerConfig {
    int window = 0;  ///< key j is visible to query i iff i - j < window; 0 = all earlier keys
    int rotary = -1; ///< index into ModelConfig::rotaries; -1 = positions are not rotated here
};

struct ModelConfig {
    std::string family; ///< "llama"
    int blockCount = 0, width = 0, headCount = 0, kvHeadCount = 0, headWidth = 0, mlpWidth = 0, vocabSize = 0;
    int trainedContext = 0;
    int defaultContext = 0; ///< trainedContext, or what the rotary scaling in use was made for
    int positionCount = 0;  ///< rows of a learned position embedding, 0 without one

    NormKind norm = NormKind::Rms;
    double normEpsilon = 1e-5;
    QkNorm qkNorm = QkNorm::None;
    bool parallelResidual = false; ///< both branches read the stream that enters the block
    bool attentionSinks = false;   ///< one more logit per head takes part in the softmax

    double rotaryBase = 10000.0; ///< of the layers that see everything; for display
    int rotaryWidth = 0;         ///< dimensions of a head that are rotated, 0 = none
    std::vector<RotaryTable> rotaries;
    std::vector<LayerConfig> layers; ///< [blockCount]

    double attentionScale = 1.0; ///< of q.k
    double scoreCap = 0;         ///< s -> cap * tanh(s / cap) after the scale; 0 = none
    double logitCap = 0;         ///< likewise for the logits
    double embeddingScale = 1.0;
    double residualScale = 1.0; ///< of both branches as they are added
    double logitDivisor = 1.0;

    Activation activation = Activation::Silu;
    bool gated = true;                           ///< down(act(gate x) * up x), else down(act(up x))
    double swigluAlpha = 1.702, swigluLimit = 7; ///< ClampedSwiglu
    int expertCount = 0;                         ///< 0 = one MLP; else a router picks expertsUsed of them
    int expertsUsed = 0;
    bool renormaliseExperts = true; ///< weights of the chosen experts sum to 1

    int bosId = -1, eosId = -1;
    std::vector<int> stopIds; ///< generation ends on any of these
    bool addBos = false;
    bool tiedEmbedding = false;
};

} // namespace ls
