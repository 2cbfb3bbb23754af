#include "core/protocol/codec.h"
#include "core/protocol/framing.h"
#include "tests/fuzz/memory_file.h"

#include <algorithm>

using namespace ls;
using fuzz::require;

namespace {

/// A message that could be read is written and read again without a change.
template <typename Decode>
void decoded(Decode decode, std::span<const std::uint8_t> payload)
{
    const auto message = decode(payload);
    if (!message) {
        fuzz::requireWords(message.error());
        return;
    }
    require(!logLine(message.value()).empty());
    const auto bytes = encode(message.value());
    const auto again = decode(bytes);
    require(again.ok());
    require(encode(again.value()) == bytes); // bytes, not values: NaN is not equal to itself
}

} // namespace

/// Bytes of a pipe: first byte = how many arrive at a time. Whole messages or an error in words, in either direction.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size == 0)
        return 0;
    const std::size_t piece = std::size_t(data[0]) + 1;
    FrameReader reader;
    for (std::size_t at = 1; at < size; at += piece) {
        reader.append({data + at, std::min(piece, size - at)});
        for (;;) {
            const auto payload = reader.next();
            if (!payload) {
                fuzz::requireWords(payload.error());
                return 0;
            }
            if (!payload.value())
                break;
            decoded(decodeClientMessage, *payload.value());
            decoded(decodeEngineMessage, *payload.value());
        }
    }
    return 0;
}
