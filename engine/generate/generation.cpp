#include "engine/generate/generation.h"

#include "engine/server/process_info.h"

#include <ATen/ops/linalg_vector_norm.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <set>

namespace ls {

namespace {

constexpr std::array kLaneNames{"A", "B", "C", "D"};
constexpr std::int64_t kMemoryUs = 1'000'000, kStagesUs = 100'000; // between two messages

/// Positions of one prefill piece: the logits of a piece stay within 32 MB.
int promptPiece(const Model& model)
{
    return std::clamp(int((8 << 20) / std::max(model.config().vocabSize, 1)), 16, 512);
}

Error invalid(std::string message, std::string hint)
{
    return {Errc::InvalidParameter, std::move(message), std::move(hint), {}};
}

Status checkRequest(const Generate& request)
{
    LS_CHECK(Sampler::check(request.sampler));
    if (request.maxTokens < 1)
        return invalid("At least one token must be asked for.", "Set the number of tokens to 1 or more.");
    if (request.topK < 0 || request.topK > 100)
        return invalid(fmt::format("{} candidates per token are not possible.", request.topK), "Choose 0 to 100.");
    std::set<std::string> names;
    for (const LaneSpec& lane : request.lanes)
        if (std::find(kLaneNames.begin(), kLaneNames.end(), lane.name) == kLaneNames.end() ||
            !names.insert(lane.name).second)
            return invalid(fmt::format("\"{}\" is no lane, or stands there twice.", lane.name), "Lanes are A to D.");
    return names.empty() ? invalid("There is no lane.", "Ask for lane A at least.") : success();
}

Result<std::vector<LiveProbePtr>> makeProbes(const std::shared_ptr<const Model>& model, const Generate& request)
{
    std::vector<LiveProbePtr> probes;
    for (const std::string& id : request.probes) {
        const ProbeRegistry::Create* create = ProbeRegistry::instance().find(id);
        if (!create)
            return invalid(fmt::format("There is no probe \"{}\".", id),
                           fmt::format("Known: {}.", fmt::join(ProbeRegistry::instance().ids(), ", ")));
        LS_TRY(LiveProbePtr probe, (*create)(model));
        if (probe)
            probes.push_back(std::move(probe));
    }
    return probes;
}

Unavailable unavailable(std::uint32_t requestId, const PlanError& refused)
{
    const Error& error = refused.error;
    return {requestId, refused.method, std::string(errcName(error.code)), error.message, error.hint, error.detail};
}

/// Keep: what the cache holds is what the new plan would have written, or may differ only in what is read.
bool rewritesHistory(const ForwardPlan& plan)
{
    return plan.changes() == Changes::Residual || plan.changes() == Changes::Cache;
}

bool knownPolicy(const std::string& policy)
{
    return policy == "auto" || policy == "keep" || policy == "recompute" || policy == "fork";
}

/// A plan that the device runs. Its refusal names the method that it refuses alone, where there is one.
std::variant<PlanPtr, PlanError> planOn(const ForwardDevice& device, const std::shared_ptr<const Model>& model,
                                        const MethodSet& methods)
{
    auto plan = compilePlan(model, methods);
    if (std::holds_alternative<PlanError>(plan))
        return plan;
    const Status status = device.check(std::get<PlanPtr>(plan));
    if (status.ok())
        return plan;
    for (std::size_t i = 0; i < methods.size(); ++i) {
        const auto alone = compilePlan(model, {methods[i]});
        if (std::holds_alternative<PlanPtr>(alone) && !device.check(std::get<PlanPtr>(alone)).ok())
            return PlanError{int(i), device.check(std::get<PlanPtr>(alone)).error()};
    }
    return PlanError{-1, status.error()};
}

std::variant<PlanPtr, PlanError> planFor(const ForwardDevice& device, const std::shared_ptr<const Model>& model,
                                         const SetMethods& message)
{
    if (!knownPolicy(message.policy))
        return PlanError{-1, invalid(fmt::format("There is no cache policy \"{}\".", message.policy),
                                     "Choose auto, keep, recompute or fork.")};
    return planOn(device, model, message.methods);
}

} // namespace

EngineMessage checkMethods(const std::shared_ptr<const Model>& model, const ForwardDevice& device,
                           const SetMethods& message)
{
    auto plan = planFor(device, model, message);
    if (const auto* refused = std::get_if<PlanError>(&plan))
        return unavailable(message.requestId, *refused);
    return Applied{message.requestId, 0, message.lane, -1, message.policy, {}, 0, message.methods};
}

Result<std::unique_ptr<Generation>> Generation::start(std::shared_ptr<const Model> model,
                                                      std::shared_ptr<ForwardDevice> device, const Generate& request,
                                                      Emit emit, std::function<bool()> interrupted)
{
    LS_CHECK(checkRequest(request));
    StageClock clock;
    clock.start();
    LS_TRY(const Prompt prompt, preparePrompt(*model, request.prompt));
    const std::int64_t tokenizeNs = request.prompt.ids.empty() ? clock.stop().sum() : 0;
    std::unique_ptr<Generation> self(new Generation);
    const auto start = std::chrono::steady_clock::now();
    const auto elapsed = [start] {
        return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start).count();
    };
    self->m_settings = {model,  device, request, int(prompt.ids.size()), std::move(emit), std::move(interrupted),
                        elapsed};
    self->m_settings.tokenizeNs = tokenizeNs;
    const std::int64_t longest = std::int64_t(prompt.ids.size()) + request.maxTokens;
    const int room = int(std::min<std::int64_t>(longest, model->info().contextLength));
    GenerationStarted started{request.requestId, {}, int(prompt.ids.size()), prompt.templateTokens, prompt.rendered};
    const bool hasBaseline =
        std::any_of(request.lanes.begin(), request.lanes.end(), [](const LaneSpec& lane) { return lane.name == "A"; });
    for (const LaneSpec& lane : request.lanes) {
        auto plan = planOn(*device, model, lane.methods);
        if (auto* refused = std::get_if<PlanError>(&plan)) {
            refused->error.detail += fmt::format(" (lane {}, method {})", lane.name, refused->method);
            return refused->error;
        }
        LS_TRY(auto probes, makeProbes(model, request));
        LS_TRY(auto sequence, device->sequence(std::get<PlanPtr>(plan), room));
        self->m_lanes.push_back(std::make_unique<Lane>(self->m_settings, lane.name, std::move(sequence), prompt.ids,
                                                       std::move(probes), hasBaseline && request.lanes.size() > 1));
        started.lanes.push_back(lane.name);
    }
    self->m_settings.emit(std::move(started));
    self->sendMemory(true);
    return self;
}

bool Generation::done() const
{
    return std::all_of(m_lanes.begin(), m_lanes.end(), [](const auto& lane) { return lane->done(); });
}

Lane* Generation::find(const std::string& name)
{
    const auto found =
        std::find_if(m_lanes.begin(), m_lanes.end(), [&](const auto& lane) { return lane->name() == name; });
    return found == m_lanes.end() ? nullptr : found->get();
}

Status Generation::step()
{
    const bool reading = !m_lanes.back()->prefilled(); // the last lane of the round is the last to be ready
    LS_CHECK(reading ? readPrompt() : makeTokens());
    if (m_lanes.back()->prefilled())
        for (const Toggle& toggle : std::exchange(m_waiting, {}))
            applyToggle(toggle);
    sendStages();
    sendMemory(done());
    return success();
}

Status Generation::readPrompt()
{
    for (const auto& lane : m_lanes) {
        LS_CHECK(lane->prefill(promptPiece(*m_settings.model)));
        compareStreams(*lane);
    }
    return success();
}

Status Generation::makeTokens()
{
    for (const auto& lane : m_lanes) // every distribution is compared before any lane moves on
        if (!lane->done())
            compareDistributions(*lane);
    for (const auto& lane : m_lanes)
        if (!lane->done())
            lane->takeToken();
    const Lane* base = baseline();
    for (const auto& lane : m_lanes) {
        if (!base || base->done() || lane->done() || lane->diverged || lane->lastId() == base->lastId())
            continue;
        lane->diverged = true;
        m_settings.emit(Divergence{requestId(), lane->name(), lane->length() - 1});
    }
    for (const auto& lane : m_lanes) {
        if (lane->done() || lane->ending())
            continue;
        if (m_settings.interrupted && m_settings.interrupted())
            return Error{Errc::Cancelled, "Stopped.", {}, {}};
        LS_CHECK(lane->runLast());
        compareStreams(*lane);
    }
    for (const auto& lane : m_lanes)
        if (lane->ending())
            lane->finish();
    return success();
}

void Generation::compareDistributions(const Lane& lane)
{
    const Lane* base = baseline();
    if (!base || base == &lane || base->done() || lane.diverged)
        return;
    const auto kl = float(klDivergence(base->logprobs(), lane.logprobs()));
    m_settings.emit(Tap{requestId(), lane.name(), lane.length(), "kl", TensorBlob::fromFloats({1}, {&kl, 1}), {}});
}

void Generation::compareStreams(const Lane& lane, int onlyPosition)
{
    const Lane* base = baseline();
    if (!base || base == &lane || lane.diverged || !base->streams.defined() || !lane.streams.defined())
        return;
    for (std::int64_t i = 0; i < lane.streams.size(1); ++i) {
        const std::int64_t position = lane.streamsFirst + i, other = position - base->streamsFirst;
        if (other < 0 || other >= base->streams.size(1) || (onlyPosition >= 0 && position != onlyPosition))
            continue;
        const at::Tensor a = base->streams.select(1, other).to(at::kDouble),
                         b = lane.streams.select(1, i).to(at::kDouble);
        const auto norms =
            at::linalg_vector_norm(a, 2, at::IntArrayRef{1}).mul(at::linalg_vector_norm(b, 2, at::IntArrayRef{1}));
        const at::Tensor distance = a.mul(b).sum(1).div(norms).neg().add(1.0);
        m_settings.emit(Tap{requestId(), lane.name(), int(position), "stream_distance", toBlob(distance), {}});
    }
}

bool Generation::setMethods(const SetMethods& message)
{
    Lane* lane = find(message.lane);
    if (!lane || lane->done())
        return false;
    auto plan = planFor(*m_settings.device, m_settings.model, message);
    if (const auto* refused = std::get_if<PlanError>(&plan)) {
        m_settings.emit(unavailable(message.requestId, *refused));
        return true;
    }
    const Toggle toggle{message, std::get<PlanPtr>(plan)};
    if (!m_lanes.back()->prefilled())
        m_waiting.push_back(toggle);
    else
        applyToggle(toggle);
    return true;
}

void Generation::applyToggle(const Toggle& toggle)
{
    const SetMethods& message = toggle.message;
    Lane& lane = *find(message.lane);
    const auto refuse = [&](Error error) { m_settings.emit(unavailable(message.requestId, {-1, std::move(error)})); };
    const bool history = rewritesHistory(lane.plan()) || rewritesHistory(*toggle.plan);
    const bool recompute = message.policy == "recompute" || (message.policy != "keep" && history);
    lane.sendStages(); // of the old set, so that what follows is all of the new one
    std::unique_ptr<Lane> old;
    if (message.policy == "fork") {
        const auto free =
            std::find_if(kLaneNames.begin(), kLaneNames.end(), [&](const char* name) { return find(name) == nullptr; });
        if (free == kLaneNames.end())
            return refuse(invalid("Four lanes are the most.", "Choose keep or recompute."));
        auto forked = lane.fork(*free);
        if (!forked)
            return refuse(forked.error());
        old = std::move(forked).value();
    }
    const int position = lane.length();
    auto cost = lane.change(toggle.plan, recompute ? 0 : position - 1);
    if (!cost)
        return refuse(cost.error());
    const std::string used = old ? "fork" : recompute ? "recompute" : "keep";
    m_settings.emit(Applied{message.requestId, requestId(), lane.name(), position, used, old ? old->name() : "",
                            cost.value(), message.methods});
    compareStreams(lane, position - 1);
    if (old)
        m_lanes.push_back(std::move(old));
}

void Generation::stop(const std::string& reason)
{
    for (const auto& lane : m_lanes)
        lane->finish(reason);
    sendMemory(true);
}

void Generation::sendStages()
{
    const std::int64_t now = m_settings.elapsedUs();
    if (now - m_stagesSentUs < kStagesUs)
        return;
    m_stagesSentUs = now;
    for (const auto& lane : m_lanes) // together: views draw them once
        lane->sendStages();
}

void Generation::sendMemory(bool always)
{
    const std::int64_t now = m_settings.elapsedUs();
    if (!always && now - m_memorySentUs < kMemoryUs)
        return;
    m_memorySentUs = now;
    Memory memory{requestId(), residentBytes(), m_settings.model->info().weightBytes};
    for (const auto& lane : m_lanes) {
        memory.lanes.push_back(lane->name());
        memory.laneKvBytes.push_back(lane->cacheBytes());
        memory.laneWeightBytes.push_back(lane->plan().ownWeightBytes());
    }
    m_settings.emit(std::move(memory));
}

} // namespace ls
