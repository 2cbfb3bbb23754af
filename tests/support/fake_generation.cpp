#include "tests/support/fake_generation.h"

#include "core/spec/method_schema.h"

#include <fmt/format.h>

#include <algorithm>

namespace ls::fake {

namespace {

std::int64_t microseconds(Clock::duration duration)
{
    return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

} // namespace

std::optional<Unavailable> refusal(std::uint32_t requestId, const MethodSet& methods)
{
    for (std::size_t i = 0; i < methods.size(); ++i) {
        const auto refuse = [&](Errc code, std::string message, std::string hint) {
            return Unavailable{requestId, int(i), std::string(errcName(code)), std::move(message), std::move(hint), {}};
        };
        if (!findMethodSchema(methods[i].method))
            return refuse(Errc::MethodUnknown, fmt::format("There is no method \"{}\".", methods[i].method),
                          "Choose one from the library.");
        for (const auto& [key, value] : methods[i].params.items())
            if (methods[i].method == "layer_skip" && value.is_array())
                for (const auto& layer : value)
                    if (layer == 0 || layer == kBlocks - 1)
                        return refuse(Errc::LayerLocked, fmt::format("Block {} cannot be skipped.", layer.dump()),
                                      fmt::format("Choose blocks 1 to {}.", kBlocks - 2));
    }
    return std::nullopt;
}

std::string policyFor(const MethodSet& before, const MethodSet& after, const std::string& asked)
{
    if (asked != "auto")
        return asked;
    for (const MethodSet* set : {&before, &after})
        for (const MethodUse& use : *set)
            if (const MethodSchema* schema = findMethodSchema(use.method);
                schema && schema->changes != Changes::Read && schema->changes != Changes::Nothing)
                return "recompute";
    return "keep";
}

Generation::Generation(const Options& options, const ModelInfo& model, const Generate& request,
                       const std::vector<std::int32_t>& promptIds)
    : m_options(options)
    , m_model(model)
    , m_request(request)
    , m_promptIds(promptIds)
    , m_start(Clock::now())
{
    for (const LaneSpec& spec : request.lanes)
        m_lanes.push_back({spec.name, spec.methods, {}, 0, 0, 0, false, {}, {}});
}

std::int64_t Generation::elapsedUs() const
{
    return microseconds(Clock::now() - m_start);
}

void Generation::run(Inbox& inbox, const std::function<void(const ClientMessage&)>& other)
{
    sayPrompt();
    const auto pace = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / m_options.rate));
    bool paused = false, stopped = false;
    auto last = m_start;
    while (!stopped && std::any_of(m_lanes.begin(), m_lanes.end(), [](const Lane& l) { return l.reason.empty(); })) {
        const auto due = Clock::now() + pace;
        while (!stopped) {
            const auto urgent = inbox.nextUrgent(paused ? Clock::now() + std::chrono::hours(1) : due);
            if (!urgent)
                break;
            if (const auto* set = std::get_if<SetMethods>(&*urgent))
                applyToggle(*set);
            else if (const auto* cancel = std::get_if<Cancel>(&*urgent);
                     cancel && cancel->target == m_request.requestId)
                stopped = true;
            else if (const auto* pause = std::get_if<Pause>(&*urgent); pause && pause->target == m_request.requestId)
                paused = pause->paused;
            else
                other(*urgent);
        }
        const auto now = Clock::now();
        if (!stopped)
            step(microseconds(now - last));
        last = now;
    }
    for (Lane& lane : m_lanes) {
        sayStages(lane);
        const double rate = lane.decodeUs > 0 ? (lane.generated - 1) * 1e6 / double(lane.decodeUs) : 0.0;
        say(LaneDone{m_request.requestId, lane.name, lane.reason.empty() ? "stopped" : lane.reason, lane.generated,
                     lane.ttftUs, rate});
    }
    say(GenerationDone{m_request.requestId});
}

void Generation::sayPrompt()
{
    GenerationStarted started{m_request.requestId, {}, int(m_promptIds.size()), 0, decode(m_promptIds)};
    for (const Lane& lane : m_lanes)
        started.lanes.push_back(lane.name);
    if (!m_request.prompt.messages.empty())
        started.templateTokens = 3;
    say(started);
    for (Lane& lane : m_lanes)
        for (const std::int32_t id : m_promptIds) {
            const auto before = next(lane.ids, lane.key());
            const double logprob = lane.ids.empty() ? 0.0 : before.logprob(id);
            const int position = int(lane.ids.size());
            lane.ids.push_back(id);
            say(Token{m_request.requestId,
                      lane.name,
                      position,
                      id,
                      piece(id),
                      "prompt",
                      float(logprob),
                      float(before.entropy()),
                      {},
                      elapsedUs(),
                      0});
            sayTaps(lane, position);
        }
    for (Lane& lane : m_lanes) {
        lane.stages.tokenizeNs = 420'000;
        lane.stages.prefill.add(int(m_promptIds.size()), stagesOf(12'500'000, lane.key()));
        sayStages(lane);
    }
}

void Generation::sayStages(Lane& lane) const
{
    if (lane.stages != LaneStages{})
        say(Stages{m_request.requestId, lane.name, std::exchange(lane.stages, {})});
}

void Generation::step(std::int64_t stepUs)
{
    for (std::size_t i = 0; i < m_lanes.size(); ++i)
        if (m_lanes[i].reason.empty()) {
            m_options.misbehave(m_lanes[i].generated + 1);
            takeToken(m_lanes[i], i > 0 ? &m_lanes[0] : nullptr, stepUs);
        }
    if (m_lanes[0].generated % 20 == 1)
        sayMemory();
    for (Lane& lane : m_lanes)
        if (lane.generated % 4 == 0)
            sayStages(lane);
}

void Generation::sayTaps(const Lane& lane, int position)
{
    for (Tap& tap : taps(m_request.probes, lane.ids, position, lane.key())) {
        tap.requestId = m_request.requestId;
        tap.lane = lane.name;
        say(tap);
    }
}

void Generation::sayMemory() const
{
    Memory memory{m_request.requestId, 21 << 20, m_model.weightBytes, {}, {}, {}};
    for (const Lane& lane : m_lanes) {
        memory.lanes.push_back(lane.name);
        memory.laneKvBytes.push_back(std::int64_t(lane.ids.size()) * m_model.kvBytesPerToken);
        memory.laneWeightBytes.push_back(0);
    }
    say(memory);
}

void Generation::takeToken(Lane& lane, const Lane* baseline, std::int64_t stepUs)
{
    const auto distribution = next(lane.ids, lane.key());
    const int position = int(lane.ids.size());
    const std::size_t drawn = distribution.draw(m_request.sampler, position);
    const bool eos = m_options.eosAt == lane.generated + 1 && !m_request.ignoreEos;
    const std::int32_t id = eos ? 0 : distribution.ids[drawn];
    // lane A has taken this position's token already: its prefix is one shorter
    if (baseline && !lane.diverged && int(baseline->ids.size()) > position) {
        const auto a = next(std::span(baseline->ids).subspan(0, std::size_t(position)), baseline->key());
        const std::vector<float> kl{float(klDivergence(a, distribution))};
        say(Tap{m_request.requestId, lane.name, position, "kl", TensorBlob::fromFloats({1}, kl), {}});
        say(Tap{m_request.requestId, lane.name, position, "stream_distance", streamDistance(position, lane.key()), {}});
        if (baseline->ids[std::size_t(position)] != id) {
            lane.diverged = true;
            say(Divergence{m_request.requestId, lane.name, position});
        }
    }
    lane.ids.push_back(id);
    ++lane.generated;
    if (lane.generated == 1) {
        lane.ttftUs = stepUs;
    } else {
        lane.decodeUs += stepUs;
        lane.stages.decode.add(1, stagesOf(stepUs * 1000, lane.key()));
        lane.stages.probesNs += 1000 * std::int64_t(m_request.probes.size());
    }
    say(Token{m_request.requestId, lane.name, position, id, eos ? std::string() : piece(id), "generated",
              float(distribution.logprobs[drawn]), float(distribution.entropy()), distribution.top(m_request.topK),
              elapsedUs(), stepUs});
    sayTaps(lane, position);
    if (eos)
        lane.reason = "eos";
    else if (lane.generated >= m_request.maxTokens)
        lane.reason = "length";
    else if (position + 1 >= m_model.contextLength)
        lane.reason = "context";
}

void Generation::applyToggle(const SetMethods& set)
{
    if (const auto refused = refusal(set.requestId, set.methods))
        return say(*refused);
    const auto lane = std::find_if(m_lanes.begin(), m_lanes.end(), [&](const Lane& l) { return l.name == set.lane; });
    if (lane == m_lanes.end())
        return say(Unavailable{set.requestId,
                               -1,
                               std::string(errcName(Errc::InvalidParameter)),
                               fmt::format("There is no lane {}.", set.lane),
                               "Choose one that runs.",
                               {}});
    Applied applied{set.requestId,
                    m_request.requestId,
                    set.lane,
                    int(lane->ids.size()),
                    policyFor(lane->methods, set.methods, set.policy),
                    {},
                    0,
                    set.methods};
    if (applied.policy == "recompute")
        applied.costUs = std::int64_t(lane->ids.size()) * 100;
    sayStages(*lane);
    std::optional<Lane> old;
    if (applied.policy == "fork") {
        old = *lane;
        old->name = std::string(1, char('A' + m_lanes.size()));
        applied.forkLane = old->name;
    }
    lane->methods = set.methods;
    if (old)
        m_lanes.push_back(*old);
    say(applied);
}

} // namespace ls::fake
