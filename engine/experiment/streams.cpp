#include "engine/experiment/streams.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>

#include <map>

namespace ls {

namespace {

class StreamSink final : public TapSink {
public:
    explicit StreamSink(bool lastOnly)
        : m_lastOnly(lastOnly)
    {
    }
    bool wants(HookPoint point) const override { return point.site == Site::Embed || point.site == Site::ResidPost; }
    void onTap(HookPoint point, const at::Tensor& value, int) override
    {
        auto& pieces = m_pieces[point];
        if (m_lastOnly)
            pieces.clear();
        pieces.push_back((m_lastOnly ? value.narrow(0, value.size(0) - 1, 1) : value).to(at::kFloat).clone());
    }
    at::Tensor joined(HookPoint point) const { return at::cat(m_pieces.at(point)); }

private:
    bool m_lastOnly;
    std::map<HookPoint, std::vector<at::Tensor>> m_pieces; // a long text comes in pieces
};

} // namespace

std::vector<HookPoint> streamSites(int blockCount)
{
    std::vector<HookPoint> sites{{Site::Embed, -1}};
    for (int layer = 0; layer < blockCount; ++layer)
        sites.push_back({Site::ResidPost, layer});
    return sites;
}

Forward denseForward(const std::shared_ptr<const Model>& model)
{
    return Forward(PlanBuilder(model).finish({}, Changes::Nothing));
}

Result<at::Tensor> captureStreams(Forward& forward, std::span<const std::int32_t> ids, bool lastOnly,
                                  const std::function<bool()>& interrupted)
{
    const Model& model = forward.plan().model();
    const ModelConfig& config = model.config();
    KvCache cache(config.blockCount, config.kvHeadCount, config.headWidth, model.cacheType());
    StreamSink sink(lastOnly);
    LS_TRY([[maybe_unused]] const at::Tensor logits,
           forward.run({ids, int(ids.size()), false, &sink, interrupted}, cache));
    std::vector<at::Tensor> layers;
    for (const HookPoint site : streamSites(config.blockCount))
        layers.push_back(sink.joined(site));
    return at::stack(layers);
}

} // namespace ls
