#pragma once

#include "engine/formats/gguf.h"

namespace ls {

/// One file, whether or not it is a part of a split model.
Result<std::unique_ptr<GgufFile>> openGgufPart(const std::string& path);

} // namespace ls
