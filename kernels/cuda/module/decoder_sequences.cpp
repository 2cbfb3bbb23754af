#include "kernels/cuda/module/decoder.h"

#include <algorithm>

/// Sequences: what each keeps on the device, and going back in one.
namespace ls::cuda {

Problem Decoder::addSequence(int room, int& number)
{
    if (m_layers.empty())
        return "no model is loaded";
    if (room < 1 || room > m_model.capacity)
        return "a sequence has room for 1 to " + std::to_string(m_model.capacity) + " tokens";
    auto made = std::make_unique<Sequence>();
    made->capacity = room;
    const std::size_t layers = m_layers.size();
    const std::size_t bytes = std::size_t(m_model.kvHeads) * std::size_t(m_model.headWidth) * std::size_t(room) *
                              (m_model.cacheType == 0 ? 4 : 2);
    bool fits = true;
    const auto place = [&](std::size_t size) {
        DeviceBuffer buffer = fits ? DeviceBuffer(m_device, size) : DeviceBuffer();
        fits = fits && !buffer.failed();
        return buffer;
    };
    for (std::size_t l = 0; l < layers; ++l) {
        made->keys.push_back(place(bytes));
        made->values.push_back(place(bytes));
    }
    made->lengths = place(4 * layers);
    made->position = place(4);
    made->step = place(8);
    made->next = place(4);
    made->history = place(4 * kHistory);
    made->historyCount = place(4);
    if (!fits)
        return kLsCudaNoMemory;
    made->rows.resize(layers);
    number = putInto(m_sequences, std::move(made));
    Problem problem = select(number);
    if (problem.empty())
        problem = restart();
    if (!problem.empty())
        removeSequence(number); // the caller has none
    return problem;
}

Problem Decoder::copySequence(int from, int& number)
{
    if (from < 0 || std::size_t(from) >= m_sequences.size() || !m_sequences[std::size_t(from)])
        return "there is no such sequence";
    if (Problem p = addSequence(m_sequences[std::size_t(from)]->capacity, number); !p.empty())
        return p;
    const Sequence& old = *m_sequences[std::size_t(from)];
    const std::size_t bytes = std::size_t(m_model.kvHeads) * std::size_t(m_model.headWidth) *
                              std::size_t(old.capacity) * (m_model.cacheType == 0 ? 4 : 2);
    bool done = true;
    const auto copy = [&](const DeviceBuffer& to, const DeviceBuffer& of, std::size_t size) {
        done = done && m_device.copyOn(to.as<void>(), of.as<void>(), size);
    };
    for (std::size_t l = 0; l < m_layers.size(); ++l) {
        copy(m_now->keys[l], old.keys[l], bytes);
        copy(m_now->values[l], old.values[l], bytes);
    }
    copy(m_now->next, old.next, 4);
    copy(m_now->history, old.history, 4 * kHistory);
    m_now->rows = old.rows;
    m_now->length = old.length;
    m_now->drawn = old.drawn;
    m_now->steps = old.steps;
    if (!done) {
        const Problem problem = m_device.error();
        removeSequence(number);
        return problem;
    }
    Problem problem = setCounters();
    if (!problem.empty())
        removeSequence(number);
    return problem;
}

Problem Decoder::removeSequence(int number)
{
    if (number < 0 || std::size_t(number) >= m_sequences.size() || !m_sequences[std::size_t(number)])
        return "there is no such sequence";
    forgetRecordings(number, -1);
    if (number == m_nowNumber) {
        m_now = nullptr;
        m_nowNumber = -1;
    }
    m_sequences[std::size_t(number)].reset();
    return {};
}

Problem Decoder::select(int number)
{
    if (number < 0 || std::size_t(number) >= m_sequences.size() || !m_sequences[std::size_t(number)])
        return "there is no such sequence";
    m_now = m_sequences[std::size_t(number)].get();
    m_nowNumber = number;
    return {};
}

Problem Decoder::restart()
{
    if (!m_now)
        return "no sequence is selected";
    m_now->steps = 0;
    return truncate(0);
}

Problem Decoder::truncate(int length)
{
    if (!m_now)
        return "no sequence is selected";
    if (length < 0)
        return "a length is negative";
    for (auto& rows : m_now->rows)
        rows.erase(std::lower_bound(rows.begin(), rows.end(), length), rows.end());
    m_now->length = std::min(m_now->length, length);
    m_now->drawn = 0;
    return setCounters();
}

Problem Decoder::setCounters()
{
    std::vector<std::int32_t> lengths;
    for (const auto& rows : m_now->rows)
        lengths.push_back(std::int32_t(rows.size()));
    const auto position = std::int32_t(m_now->length), drawn = std::int32_t(m_now->drawn);
    const bool done = m_device.copyIn(m_now->lengths.as<void>(), lengths.data(), 4 * lengths.size()) &&
                      m_device.copyIn(m_now->position.as<void>(), &position, 4) &&
                      m_device.copyIn(m_now->step.as<void>(), &m_now->steps, 8) &&
                      m_device.copyIn(m_now->historyCount.as<void>(), &drawn, 4);
    return done ? Problem() : m_device.error();
}

void Decoder::forgetRecordings(int sequence, int plan)
{
    std::erase_if(m_recordings, [&](const auto& entry) {
        return (sequence < 0 || std::get<0>(entry.first) == sequence) && (plan < 0 || std::get<1>(entry.first) == plan);
    });
}

} // namespace ls::cuda
