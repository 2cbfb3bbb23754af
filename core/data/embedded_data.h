#pragma once

#include <string_view>

namespace ls {

/// Bytes of resources/data/<path>; empty if there is no such file, which a test of the data sets catches.
std::string_view embeddedData(std::string_view path);

} // namespace ls
