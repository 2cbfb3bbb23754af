#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace ls {

/// float32 copies of tapped values. Large ones go into memory that earlier copies have left: memory new from the system
/// costs more than the copy itself.
class TapBuffers {
public:
    TapBuffers() = default;
    TapBuffers(const TapBuffers&) {} ///< a copy starts without memory: two owners would never see a buffer unused
    TapBuffers& operator=(const TapBuffers&) { return *this; }

    /// Storage that nobody else writes while the result lives.
    at::Tensor copyOf(const at::Tensor& value);

private:
    at::Tensor room(std::int64_t count); ///< [count]

    std::vector<at::Tensor> m_buffers; // of which those in use are shared with somebody
    std::int64_t m_held = 0;           // values in them
};

} // namespace ls
