#pragma once

#include "kernels/cuda/decode_attention.h"
#include "kernels/cuda/matvec.h"
#include "kernels/cuda/module/description.h"
#include "kernels/cuda/module/device.h"
#include "kernels/cuda/rotary_store.h"
#include "kernels/cuda/taps.h"

#include <map>
#include <span>
#include <tuple>
#include <vector>

/// The decode step of a model on a device: which kernels in which order, with everything that changes from token to
/// token in memory of the device, so that a step is recorded once for each sequence, plan and bucket of lengths and
/// then replayed.
namespace ls::cuda {

/// Empty: fine. Else what went wrong, in words.
using Problem = std::string;

class Decoder {
public:
    static constexpr int kMaxStep = kLsCudaStep; ///< tokens of a recorded step

    /// The device must outlive the decoder. Weights are copied to it as they are.
    explicit Decoder(Device& device)
        : m_device(device)
    {
    }
    ~Decoder();
    Decoder(const Decoder&) = delete;
    Decoder& operator=(const Decoder&) = delete;

    Problem load(const LsCudaModel& model); ///< once
    /// Checks and keeps a plan; `number` is what the other functions name it by.
    Problem addPlan(const LsCudaPlan& plan, int& number);
    Problem removePlan(int plan);
    Problem setSampling(const LsCudaSampling& sampling);

    /// Keys, values and counters of one more sequence of at most `room` tokens, which is selected: what follows runs,
    /// asks and forgets in the selected one. A copy has all tokens of the other.
    Problem addSequence(int room, int& number);
    Problem copySequence(int from, int& number);
    Problem removeSequence(int number); ///< of the selected one: none is selected then
    Problem select(int number);

    /// The next tokens of the sequence: up to kMaxStep as one recorded step, more as a prompt (in chunks). Afterwards
    /// the next token is drawn from the last one's logits. With outputs it waits for the device. After a problem in a
    /// prompt the sequence has to be truncated.
    Problem run(int plan, std::span<const std::int32_t> tokens, const LsCudaOutputs& outputs = {});
    /// Runs `steps` times the token that was drawn last, without the host in between.
    Problem generate(int plan, int steps);
    /// Tokens drawn so far, the last `out.size()` of them; waits for the device.
    Problem drawn(std::span<std::int32_t> out);
    /// Of the last token that ran, [vocabulary]; waits for the device.
    Problem logits(std::span<float> out);
    /// Forgets the tokens; plans and sequences stay.
    Problem restart();
    /// Forgets all but the first `length` tokens. What was drawn cannot be asked for or run any more.
    Problem truncate(int length);

    /// Bytes of a step's taps under a plan, and where tap i begins in them. A tap of rows holds kMaxStep rows.
    std::int64_t tapBytes(int plan) const;
    std::int64_t tapOffset(int plan, int tap) const;
    /// Copies the taps of the last finished step of this plan into `out` (tapBytes), beside launches that follow.
    /// Problem "the step was overwritten" if the writer was faster.
    Problem readTaps(int plan, std::int64_t& step, std::span<std::uint8_t> out);

    int length() const { return m_now ? m_now->length : 0; } ///< tokens that ran
    int recordings() const { return m_recorded; }            ///< steps recorded so far, for tests
    std::int64_t rowsOf(int layer) const { return std::int64_t(m_now->rows[std::size_t(layer)].size()); }

private:
    struct DeviceMatrix {
        kernels::WeightFormat format = kernels::WeightFormat::F32;
        std::int64_t rows = 0, cols = 0;
        DeviceBuffer data, bias;
        bool exists() const { return rows > 0; }
    };
    struct Layer {
        DeviceMatrix q, k, v, o, gate, up, down;
        DeviceBuffer attnNorm, mlpNorm, attnPostNorm, mlpPostNorm, qNorm, kNorm;
        int window = 0, rotary = -1;
    };
    struct Edit {
        int layer = 0, kind = 0;
        DeviceBuffer vector, range;
    };
    struct Tap {
        int layer = 0, kind = 0, directionCount = 0;
        DeviceBuffer directions;
        std::int64_t offset = 0;
    };
    struct Plan {
        std::vector<std::uint8_t> attention, mlp;
        std::vector<int> sinks, windows; // [layer]
        std::vector<Edit> edits;
        std::vector<Tap> taps;
        std::int64_t slotBytes = 0;
        DeviceBuffer ring, grows;
        void* host = nullptr; // a slot and its header once more, pinned
    };
    /// Of a sequence: keys and values [layer], counters that the kernels move on, and what the host knows of them.
    struct Sequence {
        int capacity = 0;
        std::vector<DeviceBuffer> keys, values;
        DeviceBuffer lengths, position, step, next, history, historyCount;
        std::vector<std::vector<std::int32_t>> rows; // [layer] the positions of its rows: what `lengths` counts
        int length = 0;
        std::int64_t drawn = 0, steps = 0;
    };
    enum class Source { Host, Drawn }; // where a step's tokens come from

    Problem place(DeviceBuffer& buffer, const void* data, std::size_t bytes);
    Problem upload(DeviceMatrix& out, const LsCudaMatrix& in, std::int64_t rows, std::int64_t cols, const char* name);
    Problem loadLayer(Layer& out, const LsCudaLayer& in);
    Problem reserve();
    Problem setCounters();                         // of the selected sequence, from what the host knows
    void forgetRecordings(int sequence, int plan); // -1: of all
    const Plan* planAt(int number) const;
    Problem checked(const LsCudaPlan& plan) const;

    Problem step(int plan, int tokens, Source source);
    Launch launchStep(const Plan& plan, int tokens, Source source, std::int64_t bucket);
    Launch attention(const Plan& plan, int index, int tokens, std::int64_t bucket);
    Launch mlp(const Layer& layer, int tokens);
    Launch branchEnd(const DeviceMatrix& matrix, const DeviceBuffer& norm, const float* in, int tokens);
    Launch addBranch(const DeviceBuffer& norm, int tokens);
    Launch edits(const Plan& plan, int layer, int tokens);
    Launch taps(const Plan& plan, int layer, int tokens);
    Launch vocabulary(int tokens);
    Launch draw();
    void grew(const Plan& plan, int tokens);

    bool windowOverGap(const Plan& plan, std::size_t tokens) const;
    Problem stepTaps(int plan, std::size_t tokens, float* out);
    Problem prompt(const Plan& plan, std::span<const std::int32_t> tokens, LsCudaOutputs out); // decoder_prompt.cpp
    Problem promptTaps(const Plan& plan, int layer, int tokens, std::size_t stride, float* out);
    Problem rowLogits(int tokens, float* out); // of the rows that are in m_stream
    Problem promptLayer(const Plan& plan, int index, int tokens);
    Problem promptProduct(const DeviceMatrix& matrix, const float* x, float* out, int tokens);
    Problem promptBranchEnd(const DeviceMatrix& matrix, const DeviceBuffer& norm, const float* x, int tokens);

    MatvecMatrix matrixOf(const DeviceMatrix& matrix, float* out, bool add = false) const;
    CacheMemory cacheOf(int layer) const;
    RotaryStore rotaryOf(int layer, int tokens) const;
    HeadLayout shape() const;
    Problem problemOf(Launch result, const char* what) const;

    Device& m_device;
    LsCudaModel m_model{}; // sizes and numbers; its pointers are not used after load
    std::vector<Layer> m_layers;
    DeviceMatrix m_embedding, m_output;
    DeviceBuffer m_finalNorm;
    std::vector<DeviceBuffer> m_cosines, m_sines;
    std::vector<std::unique_ptr<Plan>> m_plans;         // null: removed
    std::vector<std::unique_ptr<Sequence>> m_sequences; // null: removed
    Sequence* m_now = nullptr;                          // the selected one
    int m_nowNumber = -1;
    LsCudaSampling m_sampling{0, 0, 1, 0};

    // of a step or a chunk of a prompt
    DeviceBuffer m_ids, m_stream, m_normed, m_q, m_k, m_v, m_z, m_act, m_pre, m_branch, m_logits, m_partials, m_tile;
    DeviceBuffer m_rowLogits; // [m_logitRows, vocabulary], made when all logits are first asked for
    int m_logitRows = 0;

    std::map<std::tuple<int, int, int, int, std::int64_t>, std::unique_ptr<Recording>>
        m_recordings; // sequence, plan, tokens, source, bucket
    int m_recorded = 0;
};

/// Into the first free place; its number.
template <class T>
int putInto(std::vector<std::unique_ptr<T>>& places, std::unique_ptr<T> item)
{
    std::size_t i = 0;
    while (i < places.size() && places[i])
        ++i;
    if (i == places.size())
        places.emplace_back();
    places[i] = std::move(item);
    return int(i);
}

/// Lengths up to this are served by one recording: powers of two from 256 on, and the capacity.
std::int64_t bucketFor(std::int64_t length, std::int64_t capacity);

inline constexpr int kPromptChunk = 256;
inline constexpr int kRingSlots = 16;
inline constexpr int kHistory = 4096;

} // namespace ls::cuda
