#include "engine/text/tokenizer.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

/// A tokenizer.json, and behind the first NUL a text for it. Whatever they hold: an error or ids that exist, and text
/// that comes out the same at once and token by token.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const std::size_t end = input.find('\0');
    const auto tokenizer = ls::Tokenizer::fromJson(input.substr(0, end));
    if (!tokenizer.ok())
        return tokenizer.error().message.empty() || tokenizer.error().hint.empty() ? std::abort(), 0 : 0;
    const std::string text = "ab <s>\u00e9\U0001F642  \n" + std::string(end == input.npos ? "" : input.substr(end + 1));
    for (const bool special : {true, false}) {
        const auto ids = tokenizer.value()->tokenize(text, special);
        if (!ids.ok())
            continue;
        ls::StreamDecoder stream(*tokenizer.value());
        std::string streamed;
        for (const std::int32_t id : ids.value()) {
            if (id < 0 || id >= tokenizer.value()->vocabSize())
                std::abort();
            streamed += stream.push(id);
            tokenizer.value()->bytes(id);
        }
        if (streamed + stream.flush() != tokenizer.value()->decode(ids.value()))
            std::abort();
    }
    return 0;
}
