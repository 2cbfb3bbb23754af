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
/// token in memory of the device, so that a step is recorded once for each plan and bucket of lengths and then
/// replayed.
namespace ls::cuda {

/// Empty: fine. Else what went wrong, in words.
using Problem = std::string;

class Decoder {
public:
    static constexpr int kMaxStep = 8; ///< tokens of a recorded step

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
    Problem setSampling(const LsCudaSampling& sampling);

    /// The next tokens of the sequence: up to kMaxStep as one recorded step, more as a prompt (in chunks). Afterwards
    /// the next token is drawn from the last one's logits.
    Problem run(int plan, std::span<const std::int32_t> tokens);
    /// Runs `steps` times the token that was drawn last, without the host in between.
    Problem generate(int plan, int steps);
    /// Tokens drawn so far, the last `out.size()` of them; waits for the device.
    Problem drawn(std::span<std::int32_t> out);
    /// Of the last token that ran, [vocabulary]; waits for the device.
    Problem logits(std::span<float> out);
    /// Forgets the sequence; plans stay.
    Problem restart();

    /// Bytes of a step's taps under a plan, and where tap i begins in them. A tap of rows holds kMaxStep rows.
    std::int64_t tapBytes(int plan) const;
    std::int64_t tapOffset(int plan, int tap) const;
    /// Copies the taps of the last finished step of this plan into `out` (tapBytes), beside launches that follow.
    /// Problem "the step was overwritten" if the writer was faster.
    Problem readTaps(int plan, std::int64_t& step, std::span<std::uint8_t> out);

    int length() const { return m_length; }       ///< tokens that ran
    int recordings() const { return m_recorded; } ///< steps recorded so far, for tests
    std::int64_t rowsOf(int layer) const { return m_rows[std::size_t(layer)]; }

private:
    struct DeviceMatrix {
        kernels::WeightFormat format = kernels::WeightFormat::F32;
        std::int64_t rows = 0, cols = 0;
        DeviceBuffer data, bias;
        bool exists() const { return rows > 0; }
    };
    struct Layer {
        DeviceMatrix q, k, v, o, gate, up, down;
        DeviceBuffer attnNorm, mlpNorm, attnPostNorm, mlpPostNorm, qNorm, kNorm, keys, values;
        int window = 0, rotary = -1;
    };
    struct Edit {
        int layer = 0, kind = 0;
        DeviceBuffer vector, from;
    };
    struct Tap {
        int layer = 0, kind = 0, directionCount = 0;
        DeviceBuffer directions;
        std::int64_t offset = 0;
    };
    struct Plan {
        std::vector<std::uint8_t> attention, mlp;
        int sinks = 0, window = 0;
        std::vector<Edit> edits;
        std::vector<Tap> taps;
        std::int64_t slotBytes = 0;
        DeviceBuffer ring, grows;
        void* host = nullptr; // a slot and its header once more, pinned
    };
    enum class Source { Host, Drawn }; // where a step's tokens come from

    Problem place(DeviceBuffer& buffer, const void* data, std::size_t bytes);
    Problem upload(DeviceMatrix& out, const LsCudaMatrix& in, std::int64_t rows, std::int64_t cols, const char* name);
    Problem loadLayer(Layer& out, const LsCudaLayer& in);
    Problem reserve();
    Problem checked(const LsCudaPlan& plan) const;

    Problem step(int plan, int tokens, Source source);
    Launch launchStep(const Plan& plan, int tokens, Source source, std::int64_t bucket);
    Launch attention(const Plan& plan, const Layer& layer, int index, int tokens, std::int64_t bucket);
    Launch mlp(const Layer& layer, int tokens);
    Launch branchEnd(const DeviceMatrix& matrix, const DeviceBuffer& norm, const float* in, int tokens);
    Launch addBranch(const DeviceBuffer& norm, int tokens);
    Launch editsAndTaps(const Plan& plan, int layer, int tokens);
    Launch vocabulary(int tokens);
    Launch draw();
    void grew(const Plan& plan, int tokens);

    Problem prompt(const Plan& plan, std::span<const std::int32_t> tokens); // decoder_prompt.cpp
    Problem promptLayer(const Plan& plan, int index, int tokens);
    Problem promptProduct(const DeviceMatrix& matrix, const float* x, float* out, int tokens);
    Problem promptBranchEnd(const DeviceMatrix& matrix, const DeviceBuffer& norm, const float* x, int tokens);

    MatvecMatrix matrixOf(const DeviceMatrix& matrix, float* out, bool add = false) const;
    CacheMemory cacheOf(const Layer& layer) const;
    RotaryStore rotaryOf(const Layer& layer, int tokens, const std::int32_t* firstRow) const;
    HeadLayout shape() const;
    Problem problemOf(Launch result, const char* what) const;

    Device& m_device;
    LsCudaModel m_model{}; // sizes and numbers; its pointers are not used after load
    std::vector<Layer> m_layers;
    DeviceMatrix m_embedding, m_output;
    DeviceBuffer m_finalNorm;
    std::vector<DeviceBuffer> m_cosines, m_sines;
    std::vector<Plan> m_plans;
    LsCudaSampling m_sampling{0, 0, 1, 0};

    // of a step or a chunk of a prompt
    DeviceBuffer m_ids, m_stream, m_normed, m_q, m_k, m_v, m_z, m_act, m_pre, m_branch, m_logits, m_partials, m_tile;
    // counters
    DeviceBuffer m_lengths, m_position, m_step, m_next, m_history, m_historyCount;
    std::vector<std::int64_t> m_rows; // what m_lengths holds, known without asking
    int m_length = 0;
    std::int64_t m_drawn = 0, m_steps = 0;

    std::map<std::tuple<int, int, int, std::int64_t>, std::unique_ptr<Recording>>
        m_recordings; // plan, tokens, source, bucket
    int m_recorded = 0;
};

/// Lengths up to this are served by one recording: powers of two from 256 on, and the capacity.
std::int64_t bucketFor(std::int64_t length, std::int64_t capacity);

inline constexpr int kPromptChunk = 256;
inline constexpr int kRingSlots = 16;
inline constexpr int kHistory = 4096;

} // namespace ls::cuda
