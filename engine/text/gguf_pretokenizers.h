#pragma once

#include "core/error.h"

#include <string>
#include <vector>

namespace ls {

/// What the name in tokenizer.ggml.pre stands for.
struct GgufPretokenizer {
    std::vector<std::string> patterns; ///< cut the text one after the other
    bool ignoreMerges = false;
    bool addBos = false; ///< where the file does not say
    bool nfc = false;
};

/// Error: TokenizerUnknown.
Result<GgufPretokenizer> ggufPretokenizer(const std::string& name);

} // namespace ls
