#include "core/data/embedded_data.h"

#include "core/embedded.h"

namespace ls {

std::string_view embeddedData(std::string_view path)
{
    for (const EmbeddedFile& file : embedded::data_files())
        if (file.path == path)
            return file.bytes;
    return {};
}

} // namespace ls
