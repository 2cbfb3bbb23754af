#include "engine/model/families/families.h"

namespace ls {

const std::vector<Family>& allFamilies()
{
    static const std::vector<Family> all{
        families::llama(),    families::mistral(), families::mixtral(), families::qwen2(),   families::qwen3(),
        families::qwen3Moe(), families::gemma2(),  families::gemma3(),  families::gpt2(),    families::gptNeox(),
        families::phi3(),     families::olmo2(),   families::olmo3(),   families::granite(), families::stablelm(),
        families::smollm3(),  families::gptOss(),
    };
    return all;
}

} // namespace ls
