#pragma once

#include "core/error.h"
#include "engine/text/json_fields.h"
#include "engine/text/pretokenizer.h"

#include <memory>
#include <string>

namespace ls {

/// SentencePiece's spaces: each is written as a visible character, one stands before the text.
struct Metaspace {
    enum class Front { Never, First, Always };
    std::string replacement;
    Front front = Front::Always;
    bool cuts = true; ///< every piece begins with the character

    /// Errors: FileFormat.
    static Result<Metaspace> fromJson(const JsonFields& fields);
};

Result<std::unique_ptr<Pretokenizer>> metaspacePretokenizer(const Metaspace& metaspace);

} // namespace ls
