#include "kernels/cuda/module/decoder.h"

#include <cmath>
#include <utility>

namespace ls::cuda {

namespace {

std::string noMatrix(const char* name)
{
    return std::string("the matrix ") + name + " has another size or format than the model says";
}

} // namespace

Decoder::~Decoder()
{
    for (std::size_t i = 0; i < m_plans.size(); ++i)
        removePlan(int(i));
}

Problem Decoder::place(DeviceBuffer& buffer, const void* data, std::size_t bytes)
{
    if (!data)
        return {};
    buffer = DeviceBuffer(m_device, bytes);
    if (buffer.failed())
        return kLsCudaNoMemory;
    return m_device.copyIn(buffer.as<void>(), data, bytes) ? Problem() : m_device.error();
}

Problem Decoder::upload(DeviceMatrix& out, const LsCudaMatrix& in, std::int64_t rows, std::int64_t cols,
                        const char* name)
{
    if (in.rows != rows || in.cols != cols || !in.data || in.format < 0 || in.format >= kernels::kWeightFormats)
        return noMatrix(name);
    out.format = kernels::WeightFormat(in.format);
    const FormatSize size = formatSize(out.format);
    if (cols % size.values != 0)
        return noMatrix(name);
    out.rows = rows;
    out.cols = cols;
    if (Problem p = place(out.data, in.data, std::size_t(rows * (cols / size.values) * size.bytes)); !p.empty())
        return p;
    return place(out.bias, in.bias, std::size_t(rows) * sizeof(float));
}

Problem Decoder::loadLayer(Layer& out, const LsCudaLayer& in)
{
    const std::int64_t d = m_model.width, heads = std::int64_t(m_model.heads) * m_model.headWidth,
                       kv = std::int64_t(m_model.kvHeads) * m_model.headWidth, ff = m_model.mlpWidth;
    struct Part {
        DeviceMatrix& to;
        const LsCudaMatrix& from;
        std::int64_t rows, cols;
        const char* name;
    };
    const Part parts[] = {{out.q, in.q, heads, d, "q"}, {out.k, in.k, kv, d, "k"},
                          {out.v, in.v, kv, d, "v"},    {out.o, in.o, d, heads, "o"},
                          {out.up, in.up, ff, d, "up"}, {out.down, in.down, d, ff, "down"}};
    for (const Part& part : parts)
        if (Problem p = upload(part.to, part.from, part.rows, part.cols, part.name); !p.empty())
            return p;
    if (in.gate.data) {
        if (Problem p = upload(out.gate, in.gate, ff, d, "gate"); !p.empty())
            return p;
        if (out.gate.format != out.up.format)
            return "gate and up have different formats";
    }
    if (!in.attnNorm || !in.mlpNorm)
        return "a layer has no norm before its branches";
    if (in.window < 0 || in.rotary >= m_model.rotaryTables)
        return "a layer names a window or rotary table that does not exist";
    out.window = in.window;
    out.rotary = in.rotary;
    const std::pair<DeviceBuffer&, const float*> norms[] = {{out.attnNorm, in.attnNorm},
                                                            {out.mlpNorm, in.mlpNorm},
                                                            {out.attnPostNorm, in.attnPostNorm},
                                                            {out.mlpPostNorm, in.mlpPostNorm}};
    for (const auto& [to, from] : norms)
        if (Problem p = place(to, from, std::size_t(d) * sizeof(float)); !p.empty())
            return p;
    for (const auto& [to, from] : {std::pair<DeviceBuffer&, const float*>{out.qNorm, in.qNorm}, {out.kNorm, in.kNorm}})
        if (Problem p = place(to, from, std::size_t(m_model.headWidth) * sizeof(float)); !p.empty())
            return p;
    return {};
}

Problem Decoder::load(const LsCudaModel& model)
{
    if (model.layers < 1 || model.width < 1 || model.heads < 1 || model.kvHeads < 1 ||
        model.heads % model.kvHeads != 0 || model.headWidth < 1 || model.headWidth > kMaxHeadWidth ||
        model.mlpWidth < 1 || model.vocabulary < 1 || model.capacity < 1 || model.turned < 0 || model.turned % 2 != 0 ||
        model.turned > model.headWidth || model.cacheType < 0 || model.cacheType > 2 || model.gate < 0 ||
        model.gate > 2 || model.residualScale == 0 || model.logitScale == 0 || !model.layer || !model.finalNorm)
        return "the sizes of the model contradict each other";
    m_model = model;
    m_layers.resize(std::size_t(model.layers));
    for (int l = 0; l < model.layers; ++l)
        if (Problem p = loadLayer(m_layers[std::size_t(l)], model.layer[l]); !p.empty())
            return "layer " + std::to_string(l) + ": " + p;
    if (Problem p = upload(m_embedding, model.embedding, model.vocabulary, model.width, "embedding"); !p.empty())
        return p;
    if (model.output.data)
        if (Problem p = upload(m_output, model.output, model.vocabulary, model.width, "output"); !p.empty())
            return p;
    if (Problem p = place(m_finalNorm, model.finalNorm, std::size_t(model.width) * sizeof(float)); !p.empty())
        return p;
    m_cosines.resize(std::size_t(model.rotaryTables));
    m_sines.resize(std::size_t(model.rotaryTables));
    const std::size_t table = std::size_t(model.capacity) * std::size_t(model.turned / 2) * sizeof(float);
    for (int t = 0; t < model.rotaryTables; ++t) {
        if (Problem p = place(m_cosines[std::size_t(t)], model.cosines[t], table); !p.empty())
            return p;
        if (Problem p = place(m_sines[std::size_t(t)], model.sines[t], table); !p.empty())
            return p;
    }
    return reserve();
}

Problem Decoder::reserve()
{
    const std::size_t n = kPromptChunk, d = std::size_t(m_model.width), ff = std::size_t(m_model.mlpWidth);
    const std::size_t heads = std::size_t(m_model.heads * m_model.headWidth),
                      kv = std::size_t(m_model.kvHeads * m_model.headWidth);
    std::size_t partials = 0;
    for (std::int64_t bucket = 1; bucket <= m_model.capacity;
         bucket = bucket < m_model.capacity ? bucketFor(bucket + 1, m_model.capacity) : bucket + 1)
        for (int tokens = 1; tokens <= kMaxStep; ++tokens)
            partials = std::max(partials, std::size_t(decodeScratch(shape(), bucket, tokens)));
    struct Need {
        DeviceBuffer& buffer;
        std::size_t floats;
    };
    const std::size_t tile = std::max(std::max(d, heads), ff); // columns of a tile of weights
    const Need needs[] = {{m_ids, n},
                          {m_stream, n * d},
                          {m_normed, n * d},
                          {m_q, n * heads},
                          {m_k, n * kv},
                          {m_v, n * kv},
                          {m_z, n * heads},
                          {m_act, n * ff},
                          {m_pre, n * ff},
                          {m_branch, n * d},
                          {m_logits, std::size_t(kMaxStep) * std::size_t(m_model.vocabulary)},
                          {m_partials, partials},
                          {m_tile, tile * 1024}};
    for (const Need& need : needs) {
        need.buffer = DeviceBuffer(m_device, need.floats * sizeof(float));
        if (need.buffer.failed())
            return kLsCudaNoMemory;
    }
    return {};
}

Problem Decoder::checked(const LsCudaPlan& plan) const
{
    if (m_layers.empty())
        return "no model is loaded";
    bool negative = plan.editCount < 0 || plan.tapCount < 0;
    for (int l = 0; l < m_model.layers; ++l)
        negative = negative || (plan.sinks && plan.sinks[l] < 0) || (plan.windows && plan.windows[l] < 0);
    if (negative)
        return "a number of the plan is negative";
    for (int i = 0; i < plan.editCount; ++i)
        if (plan.edits[i].layer < 0 || plan.edits[i].layer >= m_model.layers || !plan.edits[i].vector ||
            plan.edits[i].kind < 0 || plan.edits[i].kind > 1)
            return "edit " + std::to_string(i) + " names a layer or kind that does not exist";
    for (int i = 0; i < plan.tapCount; ++i)
        if (plan.taps[i].layer < -1 || plan.taps[i].layer >= m_model.layers || plan.taps[i].kind < 0 ||
            plan.taps[i].kind > 2 || plan.taps[i].directionCount < 0 ||
            (plan.taps[i].directionCount > 0 && !plan.taps[i].directions) ||
            (1 + std::int64_t(plan.taps[i].directionCount)) * kMaxStep > std::int64_t(kPromptChunk) * m_model.width)
            return "tap " + std::to_string(i) + " names a layer or kind that does not exist";
    return {};
}

Problem Decoder::addPlan(const LsCudaPlan& in, int& number)
{
    if (Problem p = checked(in); !p.empty())
        return p;
    auto made = std::make_unique<Plan>();
    Plan& plan = *made;
    const std::size_t layers = m_layers.size(), row = std::size_t(m_model.width) * sizeof(float);
    plan.attention.assign(layers, 1);
    plan.mlp.assign(layers, 1);
    if (in.attentionRuns)
        plan.attention.assign(in.attentionRuns, in.attentionRuns + layers);
    if (in.mlpRuns)
        plan.mlp.assign(in.mlpRuns, in.mlpRuns + layers);
    for (std::size_t l = 0; l < layers; ++l) {
        plan.sinks.push_back(in.sinks ? in.sinks[l] : 0);
        plan.windows.push_back(in.windows ? in.windows[l] : m_layers[l].window);
    }
    std::vector<std::int32_t> grows;
    for (std::uint8_t& runs : plan.attention)
        grows.push_back(runs = runs ? 1 : 0);
    if (Problem p = place(plan.grows, grows.data(), 4 * layers); !p.empty())
        return p;
    for (int i = 0; i < in.editCount; ++i) {
        Edit edit{in.edits[i].layer, in.edits[i].kind, {}, {}};
        const std::int32_t range[] = {in.edits[i].from, in.edits[i].to};
        if (Problem p = place(edit.vector, in.edits[i].vector, row); !p.empty())
            return p;
        if (Problem p = place(edit.range, range, sizeof range); !p.empty())
            return p;
        plan.edits.push_back(std::move(edit));
    }
    plan.slotBytes = sizeof(RingHeader);
    for (int i = 0; i < in.tapCount; ++i) {
        const LsCudaTap& from = in.taps[i];
        Tap tap{from.layer, from.kind, from.directionCount, {}, plan.slotBytes};
        if (Problem p = place(tap.directions, from.directions, row * std::size_t(from.directionCount)); !p.empty())
            return p;
        const std::int64_t values = from.kind == 2 ? 1 + from.directionCount : m_model.width;
        plan.slotBytes += (kMaxStep * values * (from.kind == 1 ? 2 : 4) + 15) / 16 * 16;
        plan.taps.push_back(std::move(tap));
    }
    if (!plan.taps.empty()) {
        const std::size_t bytes = std::size_t(plan.slotBytes) * kRingSlots;
        const std::vector<std::uint8_t> zeros(bytes, 0);
        if (Problem p = place(plan.ring, zeros.data(), bytes); !p.empty())
            return p;
        plan.host = m_device.allocateHost(std::size_t(plan.slotBytes) + sizeof(RingHeader));
        if (!plan.host)
            return "no memory that the device can copy to";
    }
    number = putInto(m_plans, std::move(made));
    return {};
}

Problem Decoder::removePlan(int number)
{
    if (!planAt(number))
        return "there is no such plan";
    forgetRecordings(-1, number);
    if (void* host = planAt(number)->host)
        m_device.releaseHost(host);
    m_plans[std::size_t(number)].reset();
    return {};
}

Problem Decoder::setSampling(const LsCudaSampling& sampling)
{
    if (!std::isfinite(sampling.temperature) || sampling.temperature < 0 || sampling.topK < 0 ||
        !(sampling.topP > 0 && sampling.topP <= 1))
        return "temperature, top-k or top-p is out of range";
    m_sampling = sampling;
    m_recordings.clear(); // they draw the old way
    return {};
}

} // namespace ls::cuda
