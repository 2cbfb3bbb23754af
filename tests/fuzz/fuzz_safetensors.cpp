#include "engine/formats/safetensors.h"
#include "tests/fuzz/memory_file.h"

using namespace ls;
using fuzz::require;

/// A safetensors file: an error in words, or tensors that lie in the file one behind the other.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static fuzz::MemoryFile memory;
    memory.write(data, size);
    const auto file = SafetensorsFile::open(memory.path());
    if (!file) {
        fuzz::requireWords(file.error());
        return 0;
    }
    std::size_t bytes = 0;
    for (const SafeTensor& tensor : file.value()->tensors()) {
        bytes += tensor.bytes.size();
        require(file.value()->tensor(tensor.name) != nullptr);
        if (const auto values = tensor.floats())
            require(std::int64_t(values.value().size()) == tensor.count());
        else
            fuzz::requireWords(values.error());
        if (const auto values = tensor.ints())
            require(std::int64_t(values.value().size()) == tensor.count());
        else
            fuzz::requireWords(values.error());
    }
    require(bytes <= size);
    return 0;
}
