#include "engine/evaluate/speed_run.h"

#include "engine/evaluate/scoring.h"
#include "engine/generate/tap_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>

namespace ls {

namespace {

std::optional<int> number(std::string_view text)
{
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() && value > 0 ? std::optional(value) : std::nullopt;
}

/// The number after `prefix`; 0 if there is no such part.
std::optional<int> part(std::string_view text, std::string_view prefix)
{
    return text.starts_with(prefix) ? number(text.substr(prefix.size())) : std::nullopt;
}

std::optional<SpeedTest> parsed(const std::string& name)
{
    std::string_view text = name;
    SpeedTest test{name, 0, 0, 0};
    if (const auto at = text.find("@d"); at != text.npos) {
        const auto depth = number(text.substr(at + 2));
        if (!depth)
            return std::nullopt;
        test.depth = *depth;
        text = text.substr(0, at);
    }
    const auto plus = text.find('+');
    const auto first = text.substr(0, plus);
    if (const auto prompt = part(first, "pp"))
        test.prompt = *prompt;
    const auto generated = part(plus == text.npos ? first : text.substr(plus + 1), "tg");
    if (generated)
        test.generated = *generated;
    const bool good = plus == text.npos ? test.tokens() > 0 : test.prompt > 0 && test.generated > 0;
    return good ? std::optional(test) : std::nullopt;
}

class Copies final : public TimedTaps {
public:
    explicit Copies(const std::vector<HookPoint>& points) { m_store.want(points); }
    bool wants(HookPoint point) const override { return m_store.wants(point); }
    void onTap(HookPoint point, const at::Tensor& value, int first) override { m_store.onTap(point, value, first); }
    void next() override { m_store.take(); }

private:
    TapStore m_store;
};

class Norms final : public TimedTaps {
public:
    explicit Norms(const std::vector<HookPoint>& points)
        : m_points(points.begin(), points.end())
    {
    }
    bool wants(HookPoint point) const override { return m_points.contains(point); }
    void onTap(HookPoint, const at::Tensor& value, int) override
    {
        const at::Tensor rows = value.scalar_type() == at::kFloat ? value.contiguous() : value.to(at::kFloat);
        const std::int64_t count = rows.size(0), width = count > 0 ? rows.numel() / count : 0;
        if (std::int64_t(m_direction.size()) < width)
            m_direction.resize(std::size_t(width), 1.0f / std::sqrt(float(std::max<std::int64_t>(width, 1))));
        const float* x = rows.const_data_ptr<float>();
        for (std::int64_t row = 0; row < count; ++row, x += width)
            m_seen = m_seen + reduce(x, m_direction.data(), width);
    }

private:
    /// Norm and product of one row in one pass. Sixteen sums each, so that the compiler may use vectors.
    static double reduce(const float* x, const float* u, std::int64_t width)
    {
        constexpr int kLanes = 16;
        float squares[kLanes] = {}, products[kLanes] = {};
        std::int64_t i = 0;
        for (; i + kLanes <= width; i += kLanes)
            for (int k = 0; k < kLanes; ++k) {
                squares[k] += x[i + k] * x[i + k];
                products[k] += x[i + k] * u[i + k];
            }
        double square = 0, product = 0;
        for (; i < width; ++i) {
            square += x[i] * x[i];
            product += x[i] * u[i];
        }
        for (int k = 0; k < kLanes; ++k) {
            square += squares[k];
            product += products[k];
        }
        return std::sqrt(square) + product;
    }

    std::set<HookPoint> m_points;
    std::vector<float> m_direction;
    volatile double m_seen = 0; // the compiler must not leave the work out
};

} // namespace

Result<SpeedTest> readSpeedTest(const std::string& name, int context)
{
    const auto test = parsed(name);
    if (!test)
        return Error{Errc::InvalidParameter,
                     fmt::format("\"{}\" is no test.", name),
                     "Examples: pp512, tg128, pp512+tg128, tg128@d1024.",
                     {}};
    const std::int64_t needed = std::int64_t(test->prompt) + test->generated + test->depth;
    if (needed > context)
        return Error{Errc::ContextTooLarge,
                     fmt::format("{} needs {} positions, the context has {}.", name, needed, context),
                     "Choose a smaller test, or open the model with a larger context.",
                     {}};
    return *test;
}

Result<std::unique_ptr<TimedTaps>> timedTaps(const std::vector<HookPoint>& points, const std::string& reduce)
{
    if (reduce == "copy")
        return std::unique_ptr<TimedTaps>(new Copies(points));
    if (reduce == "norms")
        return std::unique_ptr<TimedTaps>(new Norms(points));
    return Error{
        Errc::InvalidParameter, fmt::format("\"{}\" is no reduction of taps.", reduce), "Choose copy or norms.", {}};
}

SpeedRun::SpeedRun(PlanPtr plan, const SpeedTest& test, int batch, TimedTaps* taps, std::function<bool()> interrupted)
    : m_test(test)
    , m_batch(batch)
    , m_taps(taps)
    , m_interrupted(std::move(interrupted))
    , m_forward(plan)
    , m_cache(emptyCache(plan->model()))
    , m_ids(std::size_t(test.depth + test.tokens()))
{
    std::mt19937_64 random(0);
    for (std::int32_t& id : m_ids)
        id = std::int32_t(random() % std::uint64_t(plan->model().config().vocabSize));
}

Result<StageTimes> SpeedRun::repeat()
{
    const int prompt = m_test.depth, generated = prompt + m_test.prompt, end = int(m_ids.size());
    m_clock.start();
    if (m_cache.length() < prompt)
        LS_CHECK(run(m_cache.length(), prompt, m_batch, nullptr));
    m_cache.truncate(prompt);
    m_clock.start();
    LS_CHECK(run(prompt, generated, m_batch, m_taps));
    LS_CHECK(run(generated, end, 1, m_taps));
    return m_clock.stop();
}

Status SpeedRun::run(int begin, int end, int step, TimedTaps* taps)
{
    ForwardInput input;
    input.promptLength = m_test.depth + m_test.prompt;
    input.taps = taps;
    input.interrupted = m_interrupted;
    input.clock = &m_clock;
    for (int at = begin; at < end; at += step) {
        if (m_interrupted && m_interrupted())
            return Error{Errc::Cancelled, "Stopped.", {}, {}};
        input.ids =
            std::span<const std::int32_t>(m_ids).subspan(std::size_t(at), std::size_t(std::min(step, end - at)));
        LS_TRY(const at::Tensor ignored, m_forward.run(input, m_cache));
        if (taps) {
            m_clock.enter(&StageTimes::hooks);
            taps->next();
            m_clock.enter(&StageTimes::other);
        }
    }
    return success();
}

} // namespace ls
