#include "engine/model/families/families.h"

namespace ls {

const std::vector<Family>& allFamilies()
{
    static const std::vector<Family> all{families::llama()};
    return all;
}

} // namespace ls
