#include "core/session/run_data.h"

#include <algorithm>

namespace ls {

namespace {

/// Views hold on to a lane between two repaints: a fork must not move the others.
constexpr std::size_t kMostLanes = 8;

/// Lanes are made by GenerationStarted and by forks; a message that names another one opens it, so nothing is lost.
LaneData& laneOf(RunData& run, const std::string& name)
{
    if (LaneData* found = run.lane(name))
        return *found;
    LaneData lane{name};
    for (const LaneSpec& spec : run.spec.lanes)
        if (spec.name == name)
            lane.methods = spec.methods;
    run.lanes.reserve(kMostLanes);
    return run.lanes.emplace_back(std::move(lane));
}

void endLanes(RunData& run, const char* reason)
{
    run.running = false;
    for (LaneData& lane : run.lanes)
        if (lane.reason.empty())
            lane.reason = reason;
}

bool applyTo(RunData& run, const GenerationStarted& started)
{
    run.running = true;
    run.renderedPrompt = started.renderedPrompt;
    run.templateTokens = started.templateTokens;
    for (const std::string& name : started.lanes)
        laneOf(run, name);
    return true;
}

bool applyTo(RunData& run, const Token& token)
{
    LaneData& lane = laneOf(run, token.lane);
    if (token.position < 0 || std::size_t(token.position) > lane.tokens.size())
        return false;
    TokenData data{token.id,      token.text, token.origin, token.logprob,
                   token.entropy, token.top,  token.timeUs, token.stepUs};
    if (std::size_t(token.position) == lane.tokens.size())
        lane.tokens.push_back(std::move(data));
    else
        lane.tokens[std::size_t(token.position)] = std::move(data);
    return true;
}

bool applyTo(RunData& run, const Tap& tap)
{
    laneOf(run, tap.lane).taps[tap.output][tap.position] = {tap.value, tap.texts};
    return true;
}

bool applyTo(RunData& run, const Applied& applied)
{
    if (applied.position < 0)
        return false; // a check while nothing ran
    if (!applied.forkLane.empty() && !run.lane(applied.forkLane)) {
        LaneData fork = laneOf(run, applied.lane).upTo(applied.position);
        fork.name = applied.forkLane;
        fork.methods = run.currentMethods(applied.lane);
        run.lanes.push_back(std::move(fork));
    }
    if (LaneData* changed = run.lane(applied.lane)) { // its means are those of the methods that run now
        changed->stages.decode = {};
        changed->stages.probesNs = 0;
    }
    run.toggles.push_back(
        {applied.lane, applied.position, applied.policy, applied.costUs, applied.methods, applied.forkLane});
    return true;
}

bool applyTo(RunData& run, const Stages& stages)
{
    LaneStages& sums = laneOf(run, stages.lane).stages;
    LaneStages more = sums;
    if (!stages.since.valid() || !(more += stages.since).valid())
        return false;
    sums = more;
    return true;
}

bool applyTo(RunData& run, const Divergence& divergence)
{
    laneOf(run, divergence.lane).divergence = divergence.position;
    return true;
}

bool applyTo(RunData& run, const Memory& memory)
{
    run.memory = memory;
    return true;
}

bool applyTo(RunData& run, const LaneDone& done)
{
    LaneData& lane = laneOf(run, done.lane);
    lane.reason = done.reason;
    lane.ttftUs = done.ttftUs;
    lane.tokensPerSecond = done.tokensPerSecond;
    return true;
}

bool applyTo(RunData& run, const GenerationDone&)
{
    run.running = false;
    return true;
}

bool applyTo(RunData& run, const Failed& failed)
{
    const Error error = failed.error();
    const bool cancelled = error.code == Errc::Cancelled;
    if (!cancelled)
        run.failure = error;
    endLanes(run, cancelled ? "stopped" : "error");
    return true;
}

template <typename Other>
bool applyTo(RunData&, const Other&)
{
    return false; // says nothing about a run
}

} // namespace

const TapValue* LaneData::tap(const std::string& output, int position) const
{
    const auto values = taps.find(output);
    if (values == taps.end())
        return nullptr;
    const auto value = values->second.find(position);
    return value == values->second.end() ? nullptr : &value->second;
}

int LaneData::promptTokens() const
{
    const auto end =
        std::find_if(tokens.begin(), tokens.end(), [](const TokenData& token) { return token.origin != "prompt"; });
    return int(end - tokens.begin());
}

std::string LaneData::text(bool generatedOnly) const
{
    std::string out;
    for (const TokenData& token : tokens)
        if (!generatedOnly || token.origin != "prompt")
            out += token.text;
    return out;
}

LaneData LaneData::upTo(int position) const
{
    LaneData out{name, methods};
    const auto count = std::min(tokens.size(), std::size_t(std::max(position, 0)));
    out.tokens.assign(tokens.begin(), tokens.begin() + std::ptrdiff_t(count));
    for (const auto& [output, values] : taps)
        for (const auto& [at, value] : values)
            if (at < position)
                out.taps[output][at] = value;
    out.stages = stages;
    if (divergence && *divergence < position)
        out.divergence = divergence;
    return out;
}

LaneData* RunData::lane(const std::string& name)
{
    return const_cast<LaneData*>(std::as_const(*this).lane(name));
}

const LaneData* RunData::lane(const std::string& name) const
{
    const auto found = std::find_if(lanes.begin(), lanes.end(), [&](const LaneData& l) { return l.name == name; });
    return found == lanes.end() ? nullptr : &*found;
}

MethodSet RunData::currentMethods(const std::string& name) const
{
    const LaneData* start = lane(name);
    MethodSet methods = start ? start->methods : MethodSet{};
    for (const ToggleData& toggle : toggles)
        if (toggle.lane == name)
            methods = toggle.methods;
    return methods;
}

bool RunData::apply(const EngineMessage& message)
{
    return std::visit([this](const auto& concrete) { return applyTo(*this, concrete); }, message);
}

} // namespace ls
