#include "engine/forward/sequence.h"

namespace ls {

namespace {

KvCache emptyCache(const Model& model)
{
    const ModelConfig& config = model.config();
    return {config.blockCount, config.kvHeadCount, config.headWidth, model.cacheType()};
}

class CpuSequence final : public Sequence {
public:
    explicit CpuSequence(PlanPtr plan)
        : m_plan(std::move(plan))
        , m_forward(m_plan)
        , m_cache(emptyCache(m_plan->model()))
    {
    }
    CpuSequence(const CpuSequence& other)
        : m_plan(other.m_plan)
        , m_forward(other.m_forward)
        , m_cache(other.m_cache.clone())
    {
    }

    const PlanPtr& plan() const override { return m_plan; }
    int length() const override { return m_cache.length(); }
    std::int64_t bytes() const override { return m_cache.bytes(); }
    Result<at::Tensor> run(const ForwardInput& input) override { return m_forward.run(input, m_cache); }
    Status truncate(int length) override
    {
        m_cache.truncate(length);
        return success();
    }
    Status setPlan(PlanPtr plan) override
    {
        m_plan = std::move(plan);
        m_forward = Forward(m_plan);
        return success();
    }
    Result<std::unique_ptr<Sequence>> another(PlanPtr plan) const override
    {
        return std::unique_ptr<Sequence>(new CpuSequence(std::move(plan)));
    }
    Result<std::unique_ptr<Sequence>> clone() const override
    {
        return std::unique_ptr<Sequence>(new CpuSequence(*this));
    }

private:
    PlanPtr m_plan;
    Forward m_forward;
    KvCache m_cache;
};

} // namespace

Result<std::unique_ptr<Sequence>> CpuForwardDevice::sequence(PlanPtr plan, int)
{
    return std::unique_ptr<Sequence>(new CpuSequence(std::move(plan)));
}

} // namespace ls
