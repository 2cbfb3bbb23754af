#pragma once

#include <cstdint>

namespace ls {

inline constexpr int kProtocolVersion = 3; ///< must match exactly
inline constexpr std::uint32_t kMaxMessageBytes = 256u << 20;

} // namespace ls
