#pragma once

#include "core/error.h"
#include "core/protocol/tensor.h"
#include "engine/model/hook_site.h"
#include "engine/model/model.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

/// Live probes read the stream while tokens are made. One object per lane; without probes nothing is tapped.
namespace ls {

/// What one forward call showed of a lane. A prompt arrives in chunks of several positions, a decode step has one.
struct StepView {
    const Model& model;
    std::string lane;
    int firstPosition = 0;             ///< of this call
    int count = 0;                     ///< positions of this call
    int promptLength = 0;              ///< positions below it are prompt
    std::span<const std::int32_t> ids; ///< all ids of the lane up to and including these positions
    /// One tensor per site asked for: [count, ...] float32; owned by the view.
    std::map<HookPoint, at::Tensor> taps;
    /// Sends a Tap message. Output names, dtypes and shapes: Tap in core/protocol/messages.h. After a toggle
    /// positions are run again; values of those that were reported before are dropped here, except the last one.
    std::function<void(int position, std::string output, TensorBlob value, std::vector<std::string> texts)> emit;
    std::function<bool()> interrupted; ///< for work of more than a few milliseconds: true = return at once

    const at::Tensor& tap(Site site, int layer = -1) const { return taps.at({site, layer}); }
    std::int32_t id(int position) const { return ids[std::size_t(position)]; }
};

class LiveProbe {
public:
    virtual ~LiveProbe() = default;
    virtual std::vector<HookPoint> sites(const Model& model) const = 0;
    /// Called after every forward call of the lane, positions ascending. A toggle goes back: firstPosition is then
    /// smaller than what was seen, and everything kept from firstPosition on is out of date.
    virtual void onStep(const StepView& step) = 0;
    /// With the state so far, for a lane that splits: usually std::make_unique<Me>(*this).
    virtual std::unique_ptr<LiveProbe> clone() const = 0;
};
using LiveProbePtr = std::unique_ptr<LiveProbe>;

/// Probes by the id that Generate::probes names.
class ProbeRegistry {
public:
    /// A null pointer means: nothing to show yet for this model (not calibrated), which is no error.
    using Create = std::function<Result<LiveProbePtr>(const std::shared_ptr<const Model>& model)>;
    static ProbeRegistry& instance();
    void add(std::string id, Create create) { m_probes[std::move(id)] = std::move(create); }
    const Create* find(const std::string& id) const;
    std::vector<std::string> ids() const;

private:
    std::map<std::string, Create> m_probes;
};

/// "layer_norms" and "logit_lens" (engine/generate/stream_probes.cpp).
void registerStreamProbes(ProbeRegistry& registry);

} // namespace ls
