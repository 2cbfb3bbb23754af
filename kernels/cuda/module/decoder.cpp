#include "kernels/cuda/module/decoder.h"

#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/rotary_store.h"
#include "kernels/cuda/sampling.h"

#include <algorithm>
#include <cstring>

#define LS_LAUNCH(expression)                                                                                          \
    if (const Launch launched = (expression); launched != Launch::Ok)                                                  \
    return launched

namespace ls::cuda {

namespace {

const char* const kNoSequence = "no sequence is selected";

} // namespace

std::int64_t bucketFor(std::int64_t length, std::int64_t capacity)
{
    std::int64_t bucket = 256;
    while (bucket < length)
        bucket *= 2;
    return std::min(bucket, capacity);
}

MatvecMatrix Decoder::matrixOf(const DeviceMatrix& matrix, float* out, bool add) const
{
    return {matrix.format, matrix.data.as<std::uint8_t>(), matrix.rows, out, matrix.rows, add, matrix.bias.as<float>()};
}

CacheMemory Decoder::cacheOf(int layer) const
{
    return {kernels::CacheType(m_model.cacheType), m_now->keys[std::size_t(layer)].as<void>(),
            m_now->values[std::size_t(layer)].as<void>(), std::int64_t(m_now->capacity) * m_model.headWidth,
            m_now->capacity};
}

RotaryStore Decoder::rotaryOf(int index, int tokens) const
{
    const Layer& layer = m_layers[std::size_t(index)];
    const std::int64_t heads = std::int64_t(m_model.heads) * m_model.headWidth,
                       kv = std::int64_t(m_model.kvHeads) * m_model.headWidth;
    RotaryStore rotary{m_q.as<float>(), m_k.as<float>(), m_v.as<float>(),  heads, kv, kv, tokens,
                       m_model.heads,   m_model.kvHeads, m_model.headWidth};
    if (layer.rotary >= 0) {
        rotary.turned = m_model.turned;
        rotary.cosines = m_cosines[std::size_t(layer.rotary)].as<float>();
        rotary.sines = m_sines[std::size_t(layer.rotary)].as<float>();
        rotary.position = m_now->position.as<std::int32_t>();
    }
    rotary.qNorm = layer.qNorm.as<float>();
    rotary.kNorm = layer.kNorm.as<float>();
    rotary.epsilon = m_model.normEpsilon;
    rotary.cache = cacheOf(index);
    rotary.firstRow = m_now->lengths.as<std::int32_t>() + index;
    return rotary;
}

HeadLayout Decoder::shape() const
{
    return {m_model.heads, m_model.kvHeads, m_model.headWidth, m_model.attentionScale, m_model.scoreCap};
}

Problem Decoder::problemOf(Launch result, const char* what) const
{
    if (result == Launch::Ok)
        return {};
    return std::string(what) + ": " + launchName(result) + (result == Launch::Failed ? ": " + launchError() : "");
}

const Decoder::Plan* Decoder::planAt(int number) const
{
    return number >= 0 && std::size_t(number) < m_plans.size() ? m_plans[std::size_t(number)].get() : nullptr;
}

Problem Decoder::run(int plan, std::span<const std::int32_t> tokens, const LsCudaOutputs& outputs)
{
    if (!planAt(plan))
        return "there is no such plan";
    if (!m_now)
        return kNoSequence;
    if (tokens.empty())
        return {};
    for (const Tap& tap : planAt(plan)->taps)
        if (outputs.taps && tap.kind != 0)
            return "only rows in float32 are handed out at once";
    if (std::int64_t(m_now->length) + std::int64_t(tokens.size()) > m_now->capacity)
        return "the sequence is longer than the cache";
    if (windowOverGap(*planAt(plan), tokens.size()))
        return kLsCudaGap;
    for (const std::int32_t token : tokens)
        if (token < 0 || token >= m_model.vocabulary)
            return "token " + std::to_string(token) + " is not in the vocabulary";
    if (tokens.size() > std::size_t(kMaxStep))
        return prompt(*planAt(plan), tokens, outputs);
    if (!m_device.copyIn(m_ids.as<void>(), tokens.data(), tokens.size() * sizeof(std::int32_t)))
        return m_device.error();
    if (Problem p = step(plan, int(tokens.size()), Source::Host); !p.empty())
        return p;
    if (outputs.taps && !planAt(plan)->taps.empty())
        if (Problem p = stepTaps(plan, tokens.size(), outputs.taps); !p.empty())
            return p;
    return outputs.logits ? rowLogits(int(tokens.size()), outputs.logits) : Problem();
}

/// Whether a window hides other keys than those it would hide if it counted positions.
bool Decoder::windowOverGap(const Plan& plan, std::size_t tokens) const
{
    for (std::size_t l = 0; l < m_layers.size(); ++l) {
        const int window = plan.windows[l];
        if (plan.attention[l] && window > 0 && m_now->rows[l].size() != std::size_t(m_now->length) &&
            std::size_t(m_now->length) + tokens > std::size_t(window))
            return true;
    }
    return false;
}

Problem Decoder::stepTaps(int plan, std::size_t tokens, float* out)
{
    std::vector<std::uint8_t> bytes(std::size_t(tapBytes(plan)));
    std::int64_t step = -1;
    if (Problem p = readTaps(plan, step, bytes); !p.empty())
        return p;
    const std::size_t values = tokens * std::size_t(m_model.width);
    for (std::size_t i = 0; i < planAt(plan)->taps.size(); ++i)
        std::memcpy(out + i * values, bytes.data() + tapOffset(plan, int(i)), values * sizeof(float));
    return {};
}

Problem Decoder::generate(int plan, int steps)
{
    if (!planAt(plan))
        return "there is no such plan";
    if (!m_now)
        return kNoSequence;
    if (m_now->drawn == 0)
        return "nothing was drawn yet";
    if (std::int64_t(m_now->length) + steps > m_now->capacity)
        return "the sequence is longer than the cache";
    if (windowOverGap(*planAt(plan), std::size_t(std::max(steps, 0))))
        return kLsCudaGap;
    for (int i = 0; i < steps; ++i)
        if (Problem p = step(plan, 1, Source::Drawn); !p.empty())
            return p;
    return {};
}

Problem Decoder::step(int number, int tokens, Source source)
{
    const Plan& plan = *planAt(number);
    std::size_t longest = 0;
    for (const auto& rows : m_now->rows)
        longest = std::max(longest, rows.size());
    const std::int64_t bucket = bucketFor(std::int64_t(longest) + tokens, m_model.capacity);
    std::unique_ptr<Recording>& recording = m_recordings[{m_nowNumber, number, tokens, int(source), bucket}];
    if (!recording) {
        if (!m_device.beginRecording())
            return m_device.error();
        const Launch result = launchStep(plan, tokens, source, bucket);
        recording = m_device.endRecording();
        if (result != Launch::Ok || !recording) {
            m_recordings.erase({m_nowNumber, number, tokens, int(source), bucket});
            return result != Launch::Ok ? problemOf(result, "a step") : m_device.error();
        }
        ++m_recorded;
    }
    if (!m_device.replay(*recording))
        return m_device.error();
    grew(plan, tokens);
    ++m_now->steps;
    ++m_now->drawn;
    return {};
}

void Decoder::grew(const Plan& plan, int tokens)
{
    for (std::size_t l = 0; l < m_now->rows.size(); ++l)
        for (int i = 0; plan.attention[l] && i < tokens; ++i)
            m_now->rows[l].push_back(m_now->length + i);
    m_now->length += tokens;
}

Launch Decoder::launchStep(const Plan& plan, int tokens, Source source, std::int64_t bucket)
{
    const Stream stream = m_device.stream();
    auto* stepNumber = m_now->step.as<std::int64_t>();
    const Ring ring{plan.ring.as<std::uint8_t>(), plan.slotBytes, kRingSlots, stepNumber};
    if (!plan.taps.empty())
        LS_LAUNCH(beginStep(ring, stream));
    const std::int32_t* ids = source == Source::Host ? m_ids.as<std::int32_t>() : m_now->next.as<std::int32_t>();
    LS_LAUNCH(decodeRows({m_embedding.format, m_embedding.data.as<std::uint8_t>(), m_embedding.rows, m_embedding.cols,
                          ids, tokens, m_model.embeddingScale, m_stream.as<float>(), m_model.width},
                         stream));
    LS_LAUNCH(taps(plan, -1, tokens));
    for (int l = 0; l < m_model.layers; ++l) {
        if (plan.attention[std::size_t(l)])
            LS_LAUNCH(attention(plan, l, tokens, bucket));
        if (plan.mlp[std::size_t(l)])
            LS_LAUNCH(mlp(m_layers[std::size_t(l)], tokens));
        LS_LAUNCH(edits(plan, l, tokens));
        LS_LAUNCH(taps(plan, l, tokens));
    }
    LS_LAUNCH(vocabulary(tokens));
    LS_LAUNCH(draw());
    StepEnd end{tokens, m_now->lengths.as<std::int32_t>(), plan.grows.as<std::int32_t>(), m_model.layers,
                m_now->position.as<std::int32_t>()};
    end.step = plan.taps.empty() ? stepNumber : nullptr;
    end.drawn = m_now->next.as<std::int32_t>();
    end.history = m_now->history.as<std::int32_t>();
    end.historyCount = m_now->historyCount.as<std::int32_t>();
    end.historySize = kHistory;
    LS_LAUNCH(endStep(end, stream));
    return plan.taps.empty() ? Launch::Ok : finishStep(ring, stepNumber, stream);
}

Launch Decoder::attention(const Plan& plan, int index, int tokens, std::int64_t bucket)
{
    const Layer& layer = m_layers[std::size_t(index)];
    const Stream stream = m_device.stream();
    const std::int64_t heads = std::int64_t(m_model.heads) * m_model.headWidth;
    const MatvecInput in{m_stream.as<float>(), tokens, m_model.width, m_model.width, layer.attnNorm.as<float>(),
                         m_model.normEpsilon};
    const MatvecMatrix qkv[] = {matrixOf(layer.q, m_q.as<float>()), matrixOf(layer.k, m_k.as<float>()),
                                matrixOf(layer.v, m_v.as<float>())};
    LS_LAUNCH(multiply(in, qkv, 3, stream));

    LS_LAUNCH(rotateAndStore(rotaryOf(index, tokens), stream));

    DecodeAttention job;
    job.shape = shape();
    job.q = m_q.as<float>();
    job.qStride = job.outStride = heads;
    job.queries = tokens;
    job.cache = cacheOf(index);
    job.visible.entries = m_now->lengths.as<std::int32_t>() + index;
    job.visible.more = 1;
    job.visible.window = plan.windows[std::size_t(index)];
    job.visible.sinks = plan.sinks[std::size_t(index)];
    job.visible.maxKeys = bucket;
    job.partials = m_partials.as<float>();
    job.out = m_z.as<float>();
    LS_LAUNCH(decodeAttention(job, stream));
    return branchEnd(layer.o, layer.attnPostNorm, m_z.as<float>(), tokens);
}

Launch Decoder::mlp(const Layer& layer, int tokens)
{
    const Stream stream = m_device.stream();
    const auto kind = kernels::Gate(m_model.gate);
    const MatvecInput in{m_stream.as<float>(), tokens, m_model.width, m_model.width, layer.mlpNorm.as<float>(),
                         m_model.normEpsilon};
    const MatvecMatrix up = matrixOf(layer.up, m_act.as<float>());
    if (layer.gate.exists()) {
        LS_LAUNCH(
            multiplyGated(in, kind, matrixOf(layer.gate, nullptr), up, m_act.as<float>(), m_model.mlpWidth, stream));
    } else {
        LS_LAUNCH(multiply(in, &up, 1, stream));
        LS_LAUNCH(gateValues(kind, m_act.as<float>(), nullptr, m_act.as<float>(),
                             std::int64_t(tokens) * m_model.mlpWidth, stream));
    }
    return branchEnd(layer.down, layer.mlpPostNorm, m_act.as<float>(), tokens);
}

/// The last product of a branch, into the stream.
Launch Decoder::branchEnd(const DeviceMatrix& matrix, const DeviceBuffer& norm, const float* x, int tokens)
{
    const Stream stream = m_device.stream();
    const MatvecInput in{x, tokens, matrix.cols, matrix.cols};
    if (!norm.as<float>() && m_model.residualScale == 1.0f) {
        const MatvecMatrix add = matrixOf(matrix, m_stream.as<float>(), true);
        return multiply(in, &add, 1, stream);
    }
    const MatvecMatrix into = matrixOf(matrix, m_branch.as<float>());
    LS_LAUNCH(multiply(in, &into, 1, stream));
    return addBranch(norm, tokens);
}

/// The stream plus what is in m_branch, normed and scaled as the model says.
Launch Decoder::addBranch(const DeviceBuffer& norm, int tokens)
{
    const Stream stream = m_device.stream();
    const std::int64_t d = m_model.width;
    const bool scaled = m_model.residualScale != 1.0f;
    if (norm.as<float>()) {
        float* into = scaled ? m_branch.as<float>() : m_stream.as<float>();
        LS_LAUNCH(normRows(
            {m_branch.as<float>(), norm.as<float>(), into, tokens, d, d, d, m_model.normEpsilon, !scaled}, stream));
        if (!scaled)
            return Launch::Ok;
    }
    return addValues(m_branch.as<float>(), m_model.residualScale, m_stream.as<float>(), tokens * d, stream);
}

Launch Decoder::edits(const Plan& plan, int layer, int tokens)
{
    const Stream stream = m_device.stream();
    const std::int64_t d = m_model.width;
    for (const Edit& edit : plan.edits) {
        if (edit.layer != layer)
            continue;
        const float* vector = edit.vector.as<float>();
        LS_LAUNCH(edit.kind == 0 ? addToRows(vector, m_stream.as<float>(), tokens, d, d,
                                             m_now->position.as<std::int32_t>(), edit.range.as<std::int32_t>(), stream)
                                 : removeDirection(vector, m_stream.as<float>(), tokens, d, d, stream));
    }
    return Launch::Ok;
}

Launch Decoder::taps(const Plan& plan, int layer, int tokens)
{
    const Stream stream = m_device.stream();
    const std::int64_t d = m_model.width;
    const Ring ring{plan.ring.as<std::uint8_t>(), plan.slotBytes, kRingSlots, m_now->step.as<std::int64_t>()};
    for (const Tap& tap : plan.taps) {
        if (tap.layer != layer)
            continue;
        if (tap.kind < 2) {
            LS_LAUNCH(copyTap(ring, tap.offset, tap.kind == 0 ? TapType::F32 : TapType::BF16, m_stream.as<float>(),
                              tokens, d, d, stream));
            continue;
        }
        const std::int64_t values = 1 + tap.directionCount; // reduced first: a few numbers go into the ring
        LS_LAUNCH(reduceTap({m_stream.as<float>(), tokens, d, d, tap.directions.as<float>(), tap.directionCount,
                             m_branch.as<float>(), values},
                            stream));
        LS_LAUNCH(copyTap(ring, tap.offset, TapType::F32, m_branch.as<float>(), tokens, values, values, stream));
    }
    return Launch::Ok;
}

Launch Decoder::vocabulary(int tokens)
{
    const Stream stream = m_device.stream();
    const DeviceMatrix& output = m_output.exists() ? m_output : m_embedding;
    // Only the last token's logits are asked for.
    const MatvecInput in{m_stream.as<float>() + std::int64_t(tokens - 1) * m_model.width,
                         1,
                         m_model.width,
                         m_model.width,
                         m_finalNorm.as<float>(),
                         m_model.normEpsilon};
    const MatvecMatrix matrix = matrixOf(output, m_logits.as<float>());
    LS_LAUNCH(multiply(in, &matrix, 1, stream));
    if (m_model.logitScale != 1.0f)
        LS_LAUNCH(scaleValues(m_model.logitScale, m_logits.as<float>(), m_model.vocabulary, stream));
    return m_model.logitCap > 0 ? capValues(m_model.logitCap, m_logits.as<float>(), m_model.vocabulary, stream)
                                : Launch::Ok;
}

Launch Decoder::draw()
{
    Sampling job{m_logits.as<float>(),   1,
                 m_model.vocabulary,     m_model.vocabulary,
                 m_sampling.temperature, m_sampling.topK,
                 m_sampling.topP,        m_sampling.seed};
    job.step = m_now->step.as<std::int64_t>();
    job.tokens = m_now->next.as<std::int32_t>();
    return sampleTokens(job, m_device.stream());
}

Problem Decoder::drawn(std::span<std::int32_t> out)
{
    if (!m_now || std::int64_t(out.size()) > std::min<std::int64_t>(m_now->drawn, kHistory))
        return "fewer tokens were drawn";
    std::vector<std::int32_t> history(kHistory);
    if (!m_device.copyOut(history.data(), m_now->history.as<void>(), history.size() * sizeof(std::int32_t)))
        return m_device.error();
    for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = history[(std::size_t(m_now->drawn) - out.size() + i) % kHistory];
    return {};
}

Problem Decoder::logits(std::span<float> out)
{
    if (out.size() != std::size_t(m_model.vocabulary) || length() == 0)
        return "there are no such logits";
    return m_device.copyOut(out.data(), m_logits.as<void>(), out.size_bytes()) ? Problem() : m_device.error();
}

std::int64_t Decoder::tapBytes(int plan) const
{
    return m_plans.at(std::size_t(plan))->slotBytes - std::int64_t(sizeof(RingHeader));
}

std::int64_t Decoder::tapOffset(int plan, int tap) const
{
    return m_plans.at(std::size_t(plan))->taps.at(std::size_t(tap)).offset - std::int64_t(sizeof(RingHeader));
}

Problem Decoder::readTaps(int number, std::int64_t& step, std::span<std::uint8_t> out)
{
    if (!planAt(number) || planAt(number)->taps.empty() || std::int64_t(out.size()) != tapBytes(number))
        return "there are no such taps";
    if (!m_now || m_now->steps == 0)
        return "no step has run";
    const Plan& plan = *planAt(number);
    step = m_now->steps - 1;
    const std::uint8_t* slot = plan.ring.as<std::uint8_t>() + step % kRingSlots * plan.slotBytes;
    auto* host = static_cast<std::uint8_t*>(plan.host);
    // The header again behind the taps: a writer that came round meanwhile has changed it.
    if (!m_device.copyBeside(host, slot, std::size_t(plan.slotBytes)) ||
        !m_device.copyBeside(host + plan.slotBytes, slot, sizeof(RingHeader)) || !m_device.waitBeside())
        return m_device.error();
    RingHeader before, after;
    std::memcpy(&before, host, sizeof before);
    std::memcpy(&after, host + plan.slotBytes, sizeof after);
    if (before.begun != step + 1 || before.finished != step + 1 || after.begun != step + 1)
        return "the step was overwritten, or another plan made it";
    std::memcpy(out.data(), host + sizeof(RingHeader), out.size());
    return {};
}

} // namespace ls::cuda
