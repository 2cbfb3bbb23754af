#include "engine/generate/tap_store.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <limits>

namespace ls {

namespace {

bool hasKeyAxis(Site site)
{
    return site == Site::AttnScores || site == Site::AttnPattern;
}

at::Tensor joined(Site site, std::vector<at::Tensor>& parts)
{
    if (parts.size() == 1)
        return parts.front();
    if (!hasKeyAxis(site))
        return at::cat(parts);
    std::int64_t keys = 0;
    for (const at::Tensor& part : parts)
        keys = std::max(keys, part.size(2));
    const float empty = site == Site::AttnScores ? -std::numeric_limits<float>::infinity() : 0.0f;
    for (at::Tensor& part : parts)
        if (const std::int64_t missing = keys - part.size(2); missing > 0)
            part = at::cat({part, at::full({part.size(0), part.size(1), missing}, empty, part.options())}, 2);
    return at::cat(parts, 1);
}

} // namespace

void TapStore::onTap(HookPoint point, const at::Tensor& value, int)
{
    m_values[point].push_back(m_buffers.copyOf(value));
}

std::map<HookPoint, at::Tensor> TapStore::take()
{
    std::map<HookPoint, at::Tensor> out;
    for (auto& [point, parts] : m_values)
        out.emplace(point, joined(point.site, parts));
    m_values.clear();
    return out;
}

TensorBlob toBlob(const at::Tensor& tensor)
{
    const at::Tensor values =
        tensor.scalar_type() == at::kInt ? tensor.contiguous() : tensor.to(at::kFloat).contiguous();
    const std::vector<std::int64_t> shape = values.sizes().vec();
    const auto count = std::size_t(values.numel());
    return values.scalar_type() == at::kInt ? TensorBlob::fromInts(shape, {values.data_ptr<std::int32_t>(), count})
                                            : TensorBlob::fromFloats(shape, {values.data_ptr<float>(), count});
}

std::vector<HookPoint> streamSites(const Model& model)
{
    std::vector<HookPoint> sites{{Site::Embed, -1}};
    for (int layer = 0; layer < model.config().blockCount; ++layer)
        sites.push_back({Site::ResidPost, layer});
    return sites;
}

at::Tensor stackStreams(const std::map<HookPoint, at::Tensor>& taps, int blockCount)
{
    std::vector<at::Tensor> streams{taps.at({Site::Embed, -1})};
    for (int layer = 0; layer < blockCount; ++layer)
        streams.push_back(taps.at({Site::ResidPost, layer}));
    return at::stack(streams);
}

} // namespace ls
