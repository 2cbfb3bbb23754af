#include "engine/model/families/families.h"

namespace ls::families {

/// Llama with a sliding window in every layer. Jiang et al. 2023 (arXiv 2310.06825). GGUF files call themselves llama.
Family mistral()
{
    Family f;
    f.name = "mistral";
    f.modelTypes = {"mistral"};
    f.tensors = commonTensors();
    f.slides = true;
    return f;
}

} // namespace ls::families
