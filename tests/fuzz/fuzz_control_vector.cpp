#include "core/data/vector_header.h"
#include "engine/formats/gguf.h"
#include "tests/fuzz/memory_file.h"

#include <cmath>

using namespace ls;
using fuzz::require;

/// A steering vector, as the desktop looks at it (header) and as the engine reads it (values): an error in words, or
/// vectors of one width that can be added to a stream. What the engine takes the desktop takes too.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static fuzz::MemoryFile memory;
    memory.write(data, size);
    const auto header = readVectorHeader(memory.path());
    if (!header)
        fuzz::requireWords(header.error());
    const auto file = readVectorFile(memory.path());
    if (!file) {
        fuzz::requireWords(file.error());
        return 0;
    }
    const auto usable = [&](const std::vector<float>& vector) {
        require(std::int64_t(vector.size()) == file.value().width());
        for (const float value : vector)
            require(std::isfinite(value));
    };
    for (const auto& [layer, vector] : file.value().byLayer)
        usable(vector);
    if (!file.value().shared.empty())
        usable(file.value().shared);
    require(header.ok() && header.value().width() == file.value().width());
    return 0;
}
