#pragma once

#include "core/error.h"

#include <map>
#include <string>

namespace ls {

/// What a steering vector file holds, from its header alone: the desktop says at once whether it fits the open model.
/// The values are checked where they are used, by the engine.
struct VectorHeader {
    std::map<int, int> widths; ///< block -> entries of direction.<block>
    int shared = 0;            ///< entries of the tensor `vector`, which serves every block; 0 = none
    int width() const;         ///< of the vectors; 0 for none
};

/// Control-vector GGUF or safetensors. Errors: FileNotFound, FileFormat (neither of the two, truncated, no vector),
/// VectorWidth (its vectors have different widths).
Result<VectorHeader> readVectorHeader(const std::string& path);
/// VectorWidth with both numbers if the file's width is another than `width`.
Status checkVectorWidth(const std::string& path, const VectorHeader& header, int width);

} // namespace ls
