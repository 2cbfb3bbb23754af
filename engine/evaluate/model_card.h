#pragma once

#include "engine/model/model_file.h"

#include <nlohmann/json.hpp>

namespace ls {

/// What a model says of itself, for display: {"name", "licence", "licence_from", "tokenizer", "chat_template",
/// "quantised_by", "description"}; absent where the file says nothing. `licence` is the identifier or, from a LICENSE
/// file, its first line; `licence_from` the key or file that says so; `tokenizer` its kind; `chat_template` true or
/// false. Headers and the first 64 KiB of text files only.
nlohmann::json modelCard(const ModelFile& file);

} // namespace ls
