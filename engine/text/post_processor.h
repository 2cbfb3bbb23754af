#pragma once

#include "core/error.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <vector>

namespace ls {

/// Tokens that are put around those of a text.
struct PostProcessor {
    std::vector<std::int32_t> before, after;

    /// Null: none. Known: TemplateProcessing (its "single" form), BertProcessing, RobertaProcessing, ByteLevel (moves
    /// offsets only), Sequence. Errors: FileFormat, TokenizerUnknown.
    static Result<PostProcessor> fromJson(const nlohmann::json& json);
};

} // namespace ls
