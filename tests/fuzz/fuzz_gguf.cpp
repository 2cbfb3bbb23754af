#include "engine/formats/gguf.h"
#include "engine/text/tokenizer.h"
#include "tests/fuzz/memory_file.h"

using namespace ls;
using fuzz::require;

namespace {

void readTensors(const GgufFile& file)
{
    constexpr std::int64_t kMostValues = 1 << 16;
    for (const GgufTensor& tensor : file.tensors()) {
        require(file.tensor(tensor.name) != nullptr);
        std::size_t sum = 0;
        for (const std::uint8_t byte : tensor.bytes)
            sum += byte; // every byte it claims is there
        require(sum <= 255 * tensor.bytes.size());
        if (tensor.bytes.empty() || tensor.count() > kMostValues)
            continue;
        std::vector<float> values(std::size_t(tensor.count()));
        require(dequantise(tensor.type, tensor.bytes, values).ok());
    }
}

void readKeys(const GgufFile& file)
{
    const nlohmann::json metadata = file.metadata();
    for (const auto& [key, shown] : metadata.items()) {
        // each reader takes it or says why not
        if (const auto value = file.integer(key); !value)
            fuzz::requireWords(value.error());
        if (const auto value = file.number(key); !value)
            fuzz::requireWords(value.error());
        if (const auto value = file.texts(key); !value)
            fuzz::requireWords(value.error());
        if (const auto value = file.numbers(key); !value)
            fuzz::requireWords(value.error());
        static_cast<void>(file.booleans(key).ok());
        static_cast<void>(file.text(key).ok());
    }
    require(!metadata.dump().empty());
}

} // namespace

/// A GGUF file: an error in words, or a file whose every tensor, key and token can be read.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static fuzz::MemoryFile memory;
    memory.write(data, size);
    const auto file = GgufFile::open(memory.path());
    if (!file) {
        fuzz::requireWords(file.error());
        return 0;
    }
    readTensors(*file.value());
    readKeys(*file.value());
    require(file.value()->fingerprint().size() == 16);
    const auto tokenizer = Tokenizer::fromGguf(*file.value());
    if (!tokenizer) {
        fuzz::requireWords(tokenizer.error());
        return 0;
    }
    const auto ids = tokenizer.value()->tokenize("ab <s>\u00e9\U0001F642  \n");
    if (ids)
        tokenizer.value()->decode(ids.value());
    return 0;
}
