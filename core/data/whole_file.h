#pragma once

#include "core/error.h"

#include <string>
#include <string_view>

namespace ls {

/// Writes a file that is either there completely or not at all: bytes go to a temporary file in the same folder, are
/// flushed to the disk and renamed over `path`. The temporary file is removed on failure; what stood at `path` stays.
/// A link stays and the file behind it is replaced, with its permissions; a device or a pipe is written into instead.
/// Errors: DiskFull, FileNotWritable (errno text in detail).
Status writeWholeFile(const std::string& path, std::string_view bytes);

} // namespace ls
