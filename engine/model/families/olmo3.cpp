#include "engine/model/families/families.h"

namespace ls::families {

/// OLMo 2 with three sliding layers, then one that sees everything, whose rotary embedding alone is scaled.
/// OLMo Team 2025 (arXiv 2512.13961).
Family olmo3()
{
    Family f = olmo2();
    f.name = "olmo3";
    f.modelTypes = {"olmo3"};
    f.ggufWithout.clear();
    f.ggufWith = "attention.sliding_window";
    f.rotaryBase = 5e5;
    f.slidingLayersUnscaled = true;
    f.slides = true;
    f.fullEvery = 4;
    return f;
}

} // namespace ls::families
