#pragma once

#include "core/protocol/tensor.h"
#include "engine/forward/forward.h"
#include "engine/generate/tap_buffers.h"

#include <map>
#include <set>
#include <vector>

namespace ls {

/// Keeps what was asked for of the forward calls since the last take().
class TapStore final : public TapSink {
public:
    void want(const std::vector<HookPoint>& points) { m_wanted.insert(points.begin(), points.end()); }
    bool empty() const { return m_wanted.empty(); }
    bool wants(HookPoint point) const override { return m_wanted.contains(point); }
    void onTap(HookPoint point, const at::Tensor& value, int firstPosition) override;
    /// Values by site, float32. Positions of several calls follow each other; scores and patterns get a key axis as
    /// long as the longest (padded with -inf and 0).
    std::map<HookPoint, at::Tensor> take();

private:
    std::set<HookPoint> m_wanted;
    TapBuffers m_buffers;
    std::map<HookPoint, std::vector<at::Tensor>> m_values;
};

/// float32 and int32 tensors as they travel.
TensorBlob toBlob(const at::Tensor& tensor);
/// The stream before block 0 and after every block: Embed and all ResidPost.
std::vector<HookPoint> streamSites(const Model& model);
/// Those of a forward call as one tensor [L+1, positions, d].
at::Tensor stackStreams(const std::map<HookPoint, at::Tensor>& taps, int blockCount);

} // namespace ls
