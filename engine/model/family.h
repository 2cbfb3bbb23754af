#pragma once

#include "engine/model/config.h"
#include "engine/model/config_reader.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

/// What makes a model family, as data. The forward pass, the readers and the checks are the same for all; adding a
/// family is one file in families/ that returns such a description, and one line in families/families.cpp.
namespace ls {

/// What a tensor is for.
enum class Role {
    Embedding,     // [vocab, d]
    Positions,     // [positions, d]
    FinalNorm,     // [d]
    FinalNormBias, // [d]
    Unembedding,   // [vocab, d]; absent = tied
    AttnNorm,      // [d]
    AttnNormBias,  // [d]
    AttnPostNorm,  // [d]
    MlpNorm,       // [d]
    MlpNormBias,   // [d]
    MlpPostNorm,   // [d]
    QNorm,         // [d_head] or [heads*d_head]
    KNorm,         // [d_head] or [kv*d_head]
    Q,             // [heads*d_head, d]
    K,             // [kv*d_head, d]
    V,             // [kv*d_head, d]
    Qkv,           // the three in one
    QBias,         // [heads*d_head]
    KBias,         // [kv*d_head]
    VBias,         // [kv*d_head]
    QkvBias,       // the three in one
    O,             // [d, heads*d_head]
    OBias,         // [d]
    Sinks,         // [heads]
    Router,        // [experts, d]
    RouterBias,    // [experts]
    Gate,          // [d_ff, d], of a mixture [experts, d_ff, d]; likewise below
    Up,            // [d_ff, d]
    GateUp,        // the two in one
    Down,          // [d, d_ff]
    GateBias,      // [d_ff]
    UpBias,        // [d_ff]
    GateUpBias,    // the two in one
    DownBias,      // [d]
};

/// How the rows of a stored matrix become rows of ours.
enum class Layout {
    Same,
    RotaryPairs, ///< of Q or K: row 2j+h of a head belongs to row h*d_head/2+j (interleaved rotary pairs)
    PerHead,     ///< of Qkv: for every head its q rows, its k rows, its v rows
    Alternating, ///< of GateUp: gate and up rows take turns
    // a Qkv or GateUp that is "Same" has the parts one after the other
};

struct TensorRule {
    Role role;
    std::string folder; ///< "model.layers.{}.mlp.up_proj.weight"; a second {} is the expert
    std::string gguf;   ///< "blk.{}.ffn_up.weight"
    bool required = true;
    Layout folderLayout = Layout::Same;
    Layout ggufLayout = Layout::Same;
    bool folderTransposed = false; ///< stored [in, out]
};

class TensorRules {
public:
    TensorRules& add(TensorRule rule);
    TensorRules& remove(Role role);
    TensorRules& require(Role role);                                           ///< no longer optional
    TensorRules& rename(Role role, std::string folder, std::string gguf = {}); ///< empty: stays as it is
    TensorRules& rotaryPairsInGguf(); ///< converters of llama permute the rows of Q and K
    const std::vector<TensorRule>& all() const { return m_rules; }

private:
    std::vector<TensorRule> m_rules;
};

/// The names that most families share: pre-norms, separate q, k, v and gate, up, down; all biases optional.
TensorRules commonTensors();
/// One router and `experts.{}.NAME` matrices in the folder, stacked ones in GGUF; replaces gate, up and down.
TensorRules withExperts(TensorRules rules, const std::string& folderPrefix, const std::string& gate,
                        const std::string& up, const std::string& down);

/// A setting that only computes right with one value, because no reference values exist for others.
struct OnlyTested {
    Key key;
    bool allowed = false;
    std::string what; ///< "normalises queries and keys per head"
};

/// Keys of config.json whose names differ between families. GGUF has one name each.
struct FolderKeys {
    std::string blocks = "num_hidden_layers", width = "hidden_size", heads = "num_attention_heads",
                kvHeads = "num_key_value_heads", headWidth = "head_dim", mlpWidth = "intermediate_size",
                context = "max_position_embeddings", normEpsilon = "rms_norm_eps", activation = "hidden_act";
};

struct Family {
    std::string name;                       ///< "llama"
    std::vector<std::string> modelTypes;    ///< model_type of config.json
    std::vector<std::string> architectures; ///< general.architecture of GGUF
    std::string ggufWith, ggufWithout; ///< keys (architecture left out) that tell families of one architecture apart
    std::string optionalPrefix;        ///< of folder names; some files leave it out ("transformer.")
    TensorRules tensors;
    std::vector<std::string> ignored; ///< endings of tensor names that hold no weights (masks, tables)

    NormKind norm = NormKind::Rms;
    bool folderNormsAddOne = false; ///< norm weights of the folder are stored minus one
    QkNorm qkNorm = QkNorm::None;
    bool parallelResidual = false;
    bool tiedByDefault = false; ///< where config.json does not say
    FolderKeys keys;

    Activation activation = Activation::Silu;
    bool activationInFile = false; ///< which GELU it is stands in config.json
    bool gated = true;

    // Positions
    bool rotary = true;
    double rotaryBase = 10000.0;           ///< where the file does not say
    bool partialRotary = false;            ///< has heads that are rotated in part
    double rotaryFraction = 1.0;           ///< of a head, where the file does not say
    std::string folderBase = "rope_theta"; ///< key of older config.json
    std::string folderFraction = "partial_rotary_factor";
    bool yarnUntruncatedInGguf = false;      ///< RotarySettings::truncate is off, which GGUF has no key for
    bool slidingLayersUnscaled = false;      ///< scaling acts in the layers that see everything only
    std::optional<double> slidingRotaryBase; ///< layers with a window have a base of their own
    int noRotaryEvery = 0;                   ///< every n-th layer is not rotated; 0 = all are

    // Attention windows
    bool slides = false;          ///< knows sliding windows
    int fullEvery = 0;            ///< where the file has no list: every n-th layer sees everything; 0 = all slide
    std::string slidingSwitch;    ///< key of config.json that must be true for windows to count
    std::string slidingFromLayer; ///< with the switch: the first layer that slides

    // Mixture of experts
    std::string expertCount; ///< key of config.json; empty = one MLP
    std::string expertWidth; ///< likewise, empty = the MLP width

    std::vector<OnlyTested> onlyTested;
    /// What cannot be said by the fields above: multipliers, caps.
    std::function<Status(const ConfigReader& reader, ModelConfig& config)> finish;
};

/// In the order in which they are tried.
const std::vector<Family>& allFamilies();

/// A tensor by its name in the description, with or without the family's optional prefix; null if it is not there.
const StoredTensor* findTensor(const Family& family, const ModelFile& file, const std::string& name);
/// The family of a file. Error: FamilyUnknown.
Result<const Family*> familyOf(const ModelFile& file);
/// The configuration as the family's description reads it; vocabSize from the embedding. contextLength: as asked for,
/// 0 = as trained; LongRoPE depends on it. Errors: FileFormat, NotSupported, TensorMissing, ContextTooLarge.
Result<ModelConfig> readConfig(const Family& family, const ModelFile& file, int contextLength);

} // namespace ls
