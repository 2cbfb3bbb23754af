#include "plugins/reference_statistics.h"

#include "core/embedded.h"
#include "engine/text/tokenizer.h"

#include <ATen/ops/matmul.h>

#include <algorithm>
#include <mutex>

namespace ls::plugins {

namespace {

class Streams final : public TapSink {
public:
    bool wants(HookPoint point) const override { return point.site == Site::ResidPost; }
    void onTap(HookPoint, const at::Tensor& value, int) override
    {
        states.push_back(value.narrow(0, 1, value.size(0) - 1).clone());
    }
    std::vector<at::Tensor> states;
};

std::string_view referenceText()
{
    for (const EmbeddedFile& file : embedded::data_files())
        if (file.path == "reference_text.txt")
            return file.bytes;
    return {};
}

} // namespace

Result<std::shared_ptr<const ReferenceStatistics>> ReferenceStatistics::of(const std::shared_ptr<const Model>& model)
{
    static std::mutex mutex;
    static std::weak_ptr<const Model> known; // the statistics must not keep a closed model in memory
    static std::shared_ptr<const ReferenceStatistics> statistics;
    const std::scoped_lock lock(mutex);
    if (statistics && known.lock() == model)
        return statistics;

    constexpr std::size_t kTokens = 384; // one piece of a pass, so that every block is tapped once
    LS_CHECK(model->needsText());
    LS_TRY(std::vector<std::int32_t> ids, model->tokenizer().tokenize(referenceText()));
    ids.resize(std::min({ids.size(), kTokens, std::size_t(model->info().contextLength)}));
    const ModelConfig& config = model->config();
    KvCache cache(config.blockCount, config.kvHeadCount, config.headWidth, model->cacheType());
    Streams streams;
    LS_TRY(
        const at::Tensor logits,
        Forward(PlanBuilder(model).finish({}, Changes::Nothing)).run({ids, int(ids.size()), false, &streams}, cache));
    auto out = std::make_shared<ReferenceStatistics>();
    out->m_states = std::move(streams.states);
    for (const at::Tensor& states : out->m_states)
        out->m_medianNorms.push_back(states.norm(2, at::IntArrayRef{1}).median().item<double>());
    known = model;
    statistics = out;
    return statistics;
}

double ReferenceStatistics::projectionDeviation(int layer, const at::Tensor& unit) const
{
    return at::matmul(m_states.at(std::size_t(layer)), unit).to(at::kDouble).std().item<double>();
}

} // namespace ls::plugins
