#pragma once

#include "core/error.h"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

/// method.json, read once: engine, cards, command line, report and docs are generated from it (workbench-ui section 6).
namespace ls {

enum class ParamType {
    Bool,
    Int,
    Float,
    Enum,
    LayerRange,
    LayerSet,
    HeadSet,
    TokenClass,
    Text,
    PromptSet,
    DataSet,
    VectorFile
};
enum class OutputType { Scalar, PerLayer, PerToken, LayerByToken, HeadByToken, Table, Text, Timeline };
/// What a method changes decides the KV policy of a toggle.
enum class Changes { Residual, Read, Cache, Loop, Nothing };

struct EnumValue {
    std::string id;
    std::string help;
};

struct ParamSchema {
    std::string id;
    std::string title; ///< as the card labels it
    ParamType type = ParamType::Float;
    std::string unit;
    std::string help;
    nlohmann::json defaultValue; ///< of `--methods` files
    nlohmann::json deskDefault;  ///< what a new card starts with; defaultValue where absent
    std::optional<double> minimum, maximum, step;
    std::vector<EnumValue> values; ///< Enum, TokenClass
    std::string locked;            ///< "first,last": layers that cannot be chosen
    std::string visibleWhen;       ///< "mode=topk": row shown only then; empty = always
    bool pinned = false;           ///< stays visible when the card is folded
};

struct OutputSchema {
    std::string id;
    std::string title;
    OutputType type = OutputType::PerLayer;
    std::string unit;
};

struct ConflictSchema {
    std::string with;
    std::string text;
};

struct MethodSchema {
    std::string id;
    std::string title;
    std::string group;   ///< "Accelerate", "Steer", "Inspect"
    std::string kind;    ///< intervention | probe | decoder | experiment
    std::string summary; ///< one sentence for the library list
    std::string paper;   ///< citation or empty
    Changes changes = Changes::Residual;
    std::vector<std::string> sites; ///< hook sites it reads or writes
    std::vector<ParamSchema> params;
    std::vector<OutputSchema> outputs;
    std::vector<ConflictSchema> conflicts;
    const ParamSchema* param(const std::string& id) const;
};

Result<MethodSchema> parseMethodSchema(std::string_view json);
/// All embedded schemas sorted by id. A schema that cannot be read is a programming error that a test catches.
const std::vector<MethodSchema>& methodSchemas();
const MethodSchema* findMethodSchema(std::string_view id);

} // namespace ls
