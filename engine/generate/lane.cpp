#include "engine/generate/lane.h"

#include <algorithm>

namespace ls {

namespace {

constexpr int kRerunPiece = 256; // positions of one call when a prefix runs again: bounds the memory of taps

} // namespace

Lane::Lane(const GenerationSettings& settings, std::string name, std::unique_ptr<Sequence> sequence,
           std::vector<std::int32_t> promptIds, std::vector<LiveProbePtr> probes, bool comparesStreams)
    : m_settings(settings)
    , m_name(std::move(name))
    , m_sequence(std::move(sequence))
    , m_ids(std::move(promptIds))
    , m_decoder(settings.model->tokenizer())
    , m_sampler(settings.request.sampler)
    , m_probes(std::move(probes))
    , m_comparesStreams(comparesStreams)
{
    for (const LiveProbePtr& probe : m_probes)
        m_taps.want(probe->sites(*settings.model));
    if (comparesStreams)
        m_taps.want(streamSites(*settings.model));
    m_stages.tokenizeNs = settings.tokenizeNs;
}

Lane::Lane(const Lane& other, std::string name, std::unique_ptr<Sequence> sequence)
    : diverged(other.diverged)
    , streams(other.streams)
    , streamsFirst(other.streamsFirst)
    , m_settings(other.m_settings)
    , m_name(std::move(name))
    , m_sequence(std::move(sequence))
    , m_ids(other.m_ids)
    , m_decoder(other.m_decoder)
    , m_sampler(other.m_sampler)
    , m_comparesStreams(other.m_comparesStreams)
    , m_taps(other.m_taps)
    , m_logits(other.m_logits)
    , m_logprobs(other.m_logprobs)
    , m_reported(other.m_reported)
    , m_generated(other.m_generated)
    , m_step(other.m_step)
    , m_readNs(other.m_readNs)
    , m_ttftUs(other.m_ttftUs)
    , m_decodeUs(other.m_decodeUs)
    , m_decodeSteps(other.m_decodeSteps)
    , m_changed(other.m_changed)
{
    for (const LiveProbePtr& probe : other.m_probes)
        m_probes.push_back(probe->clone());
}

Result<std::unique_ptr<Lane>> Lane::fork(std::string name) const
{
    LS_TRY(auto sequence, m_sequence->clone());
    return std::unique_ptr<Lane>(new Lane(*this, std::move(name), std::move(sequence)));
}

Result<at::Tensor> Lane::run(Sequence& sequence, int begin, int end, bool allLogits, bool taps)
{
    ForwardInput input;
    input.ids = std::span(m_ids).subspan(std::size_t(begin), std::size_t(end - begin));
    input.promptLength = m_settings.promptLength;
    input.allLogits = allLogits;
    input.taps = m_taps.empty() || !taps ? nullptr : &m_taps;
    input.interrupted = m_settings.interrupted;
    input.clock = &m_clock;
    auto logits = sequence.run(input);
    if (!logits)
        m_taps.take(); // what a broken call left
    return logits;
}

void Lane::readTaps(int begin, int end)
{
    if (m_taps.empty())
        return;
    StepView view{*m_settings.model,
                  m_name,
                  begin,
                  end - begin,
                  m_settings.promptLength,
                  std::span(m_ids).first(std::size_t(end))};
    view.taps = m_taps.take();
    view.interrupted = m_settings.interrupted;
    view.emit = [&](int position, std::string output, TensorBlob value, std::vector<std::string> texts) {
        // a toggle runs old positions again; they were read when their tokens were made, only the newest is new
        if (position >= m_reported || position == length() - 1)
            m_settings.emit(Tap{m_settings.request.requestId, m_name, position, std::move(output), std::move(value),
                                std::move(texts)});
    };
    for (const LiveProbePtr& probe : m_probes)
        probe->onStep(view);
    if (m_comparesStreams) {
        streams = stackStreams(view.taps, m_settings.model->config().blockCount);
        streamsFirst = begin;
    }
    m_reported = std::max(m_reported, end);
}

void Lane::setNext(const at::Tensor& logits, const at::Tensor& logprobs)
{
    m_logits = logits.clone(); // a row of a larger tensor must not keep all of it
    m_logprobs = logprobs.clone();
}

void Lane::sendToken(std::int32_t id, int position, const char* origin, std::span<const float> logprobs,
                     std::int64_t stepUs, bool last)
{
    Token token{m_settings.request.requestId, m_name, position, id, m_decoder.push(id), origin};
    if (last)
        token.text += m_decoder.flush();
    if (!logprobs.empty()) {
        token.logprob = logprobs[std::size_t(id)];
        token.entropy = float(entropyOf(logprobs));
        token.top = topCandidates(logprobs, m_settings.request.topK, m_settings.model->tokenizer());
    }
    token.timeUs = m_settings.elapsedUs();
    token.stepUs = stepUs;
    m_settings.emit(std::move(token));
}

Status Lane::prefill(int count)
{
    const int begin = m_sequence->length(), end = std::min(begin + count, m_settings.promptLength);
    m_clock.start();
    LS_TRY(const at::Tensor logits, run(*m_sequence, begin, end, true)); // [count, vocab]
    const StageTimes times = m_clock.stop();
    m_step += times;
    m_stages.prefill.add(end - begin, times);
    const at::Tensor logprobs = logProbabilities(logits);
    for (int position = begin; position < end; ++position) {
        std::span<const float> before; // the distribution this token would have been drawn from
        if (position > begin)
            before = floatsOf(logprobs.select(0, position - begin - 1));
        else if (m_logprobs.defined())
            before = floatsOf(m_logprobs);
        sendToken(m_ids[std::size_t(position)], position, "prompt", before, 0, false);
    }
    setNext(logits.select(0, end - begin - 1), logprobs.select(0, end - begin - 1));
    readTaps(begin, end);
    if (prefilled())
        sendStages();
    return success();
}

void Lane::takeToken()
{
    m_clock.start(&StageTimes::sampling);
    const std::int32_t id = m_sampler.take(floatsOf(m_logits));
    m_step += m_clock.stop();
    const std::int64_t stepUs = m_step.sum() / 1000;
    m_ids.push_back(id);
    ++m_generated;
    if (m_generated == 1) {
        m_ttftUs = stepUs;
    } else if (!m_changed) {
        m_decodeUs += stepUs;
        ++m_decodeSteps;
        m_stages.decode.add(1, m_step);
        m_stages.probesNs += m_readNs;
    }
    const auto& stops = m_settings.model->config().stopIds;
    if (!m_settings.request.ignoreEos && std::find(stops.begin(), stops.end(), id) != stops.end())
        m_reason = "eos";
    else if (m_generated >= m_settings.request.maxTokens)
        m_reason = "length";
    else if (length() >= m_settings.model->info().contextLength)
        m_reason = "context";
    sendToken(id, length() - 1, "generated", floatsOf(m_logprobs), stepUs, ending());
    m_step = {};
    m_readNs = 0;
    m_changed = false;
}

Status Lane::runLast()
{
    m_clock.start();
    LS_TRY(const at::Tensor logits, run(*m_sequence, length() - 1, length(), false));
    m_step += m_clock.stop();
    setNext(logits.select(0, 0), logProbabilities(logits).select(0, 0));
    if (m_taps.empty())
        return success();
    m_clock.start();
    readTaps(length() - 1, length());
    m_readNs += m_clock.stop().sum();
    return success();
}

Result<std::int64_t> Lane::change(PlanPtr plan, int from)
{
    m_clock.start();
    const bool whole = from == 0; // then the old sequence waits untouched until the new one is complete
    const PlanPtr old = m_sequence->plan();
    std::unique_ptr<Sequence> fresh;
    if (whole) {
        LS_TRY(fresh, m_sequence->another(std::move(plan)));
    } else {
        LS_CHECK(m_sequence->setPlan(std::move(plan)));
        LS_CHECK(m_sequence->truncate(from));
    }
    Sequence& next = whole ? *fresh : *m_sequence;
    // Old positions were read when their tokens were made; probing them again would cost more than running them.
    const int unread = std::max(from, std::min(m_reported, length() - 1));
    at::Tensor last;
    for (int begin = from, end = 0; begin < length(); begin = end) {
        end = std::min(begin + kRerunPiece, begin < unread ? unread : length());
        auto logits = run(next, begin, end, false, begin >= unread);
        if (!logits) {
            if (!whole) { // the position that was cut off, again under the old plan
                LS_CHECK(m_sequence->setPlan(old));
                LS_CHECK(m_sequence->truncate(from));
                LS_TRY(last, run(*m_sequence, from, length(), false));
                m_taps.take();
            }
            return logits.error();
        }
        last = logits.value();
        if (begin >= unread)
            readTaps(begin, end);
    }
    if (whole)
        m_sequence = std::move(fresh);
    setNext(last.select(0, 0), logProbabilities(last).select(0, 0));
    const std::int64_t cost = m_clock.stop().sum();
    m_step.other += cost;
    m_changed = true;
    return cost / 1000;
}

void Lane::sendStages()
{
    if (m_stages != LaneStages{})
        m_settings.emit(Stages{m_settings.request.requestId, m_name, std::exchange(m_stages, {})});
}

void Lane::finish(const std::string& reason)
{
    if (m_done)
        return;
    m_done = true;
    sendStages();
    const double rate = m_decodeUs > 0 ? 1e6 * m_decodeSteps / double(m_decodeUs) : 0.0;
    m_settings.emit(LaneDone{m_settings.request.requestId, m_name, reason, m_generated, m_ttftUs, rate});
}

} // namespace ls
