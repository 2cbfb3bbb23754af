#pragma once

#include "engine/model/family.h"

/// One function per family, each in a file of its own.
namespace ls::families {

Family llama();
Family mistral();
Family mixtral();
Family qwen2();
Family qwen3();
Family qwen3Moe();
Family gemma2();
Family gemma3();
Family gpt2();
Family gptNeox();
Family phi3();
Family olmo2();
Family olmo3();
Family granite();
Family stablelm();
Family smollm3();
Family gptOss();

} // namespace ls::families
