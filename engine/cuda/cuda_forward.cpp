#include "engine/cuda/cuda_forward.h"

#include "engine/cuda/cuda_description.h"
#include "engine/cuda/cuda_module.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

namespace ls {

namespace {

/// The model on the device.
class Decoder {
public:
    static Result<std::shared_ptr<Decoder>> open(int device, std::shared_ptr<const Model> model)
    {
        LS_TRY(const auto described, CudaModel::of(model, model->info().contextLength));
        std::array<char, 512> problem{};
        const CudaFunctions& f = cudaState().functions;
        LsCudaDecoder* handle = f.open(device, &described->description(), problem.data(), problem.size());
        if (handle)
            return std::make_shared<Decoder>(std::move(model), handle);
        const std::string words = problem.data();
        if (words.find(kLsCudaNoMemory) != std::string::npos)
            return Error{Errc::ModelTooLarge, fmt::format("{} does not fit on the device.", model->info().name),
                         "Open it as quantised or with a smaller context, or on the CPU.", words};
        return Error{Errc::DeviceUnavailable, "The model could not be copied to the device.", "Open it on the CPU.",
                     words};
    }
    Decoder(std::shared_ptr<const Model> model, LsCudaDecoder* handle)
        : m_model(std::move(model))
        , m_handle(handle)
    {
    }
    ~Decoder() { f().close(m_handle); }
    Decoder(const Decoder&) = delete;
    Decoder& operator=(const Decoder&) = delete;

    const Model& model() const { return *m_model; }
    LsCudaDecoder* handle() const { return m_handle; }
    static const CudaFunctions& f() { return cudaState().functions; }
    /// Of a function's result.
    Status status(int result) const
    {
        if (result == 0)
            return success();
        const std::string words = f().problem(m_handle);
        if (words.find(kLsCudaNoMemory) != std::string::npos)
            return Error{Errc::ContextTooLarge, "The device has too little memory for keys and values.",
                         "Ask for fewer tokens or lanes, or open the model on the CPU.", words};
        if (words == kLsCudaGap)
            return Error{Errc::NotSupported,
                         "The CUDA module cannot run a window of attention over tokens that its layer skipped.",
                         "Choose the cache policy recompute, or run it on the CPU.",
                         {}};
        return Error{Errc::DeviceUnavailable, "The CUDA device refused to go on.",
                     "Open the model again, or on the CPU.", words};
    }

private:
    std::shared_ptr<const Model> m_model;
    LsCudaDecoder* m_handle;
};

bool allFinite(const at::Tensor& values)
{
    const float* data = values.const_data_ptr<float>();
    bool good = true;
    for (std::int64_t i = 0; i < values.numel(); ++i)
        good &= std::abs(data[i]) <= std::numeric_limits<float>::max();
    return good;
}

class CudaSequence final : public Sequence {
public:
    static Result<std::unique_ptr<Sequence>> make(std::shared_ptr<Decoder> decoder, PlanPtr plan, int room)
    {
        LS_CHECK(CudaPlan::of(plan));
        int number = -1;
        LS_CHECK(decoder->status(decoder->f().addSequence(decoder->handle(), room, &number)));
        return std::unique_ptr<Sequence>(new CudaSequence(std::move(decoder), std::move(plan), room, number));
    }
    ~CudaSequence() override
    {
        forgetPlans();
        f().removeSequence(m_decoder->handle(), m_number);
    }

    const PlanPtr& plan() const override { return m_plan; }
    int length() const override { return m_length; }
    /// All of it is reserved when the sequence is made.
    std::int64_t bytes() const override { return m_room * m_decoder->model().info().kvBytesPerToken; }

    Status truncate(int length) override
    {
        LS_CHECK(select());
        LS_CHECK(m_decoder->status(f().truncate(m_decoder->handle(), length)));
        m_length = std::min(m_length, length);
        return success();
    }
    Status setPlan(PlanPtr plan) override
    {
        LS_CHECK(CudaPlan::of(plan));
        forgetPlans();
        m_plan = std::move(plan);
        return success();
    }
    Result<std::unique_ptr<Sequence>> another(PlanPtr plan) const override
    {
        return make(m_decoder, std::move(plan), m_room);
    }
    Result<std::unique_ptr<Sequence>> clone() const override
    {
        int number = -1;
        LS_CHECK(m_decoder->status(f().copySequence(m_decoder->handle(), m_number, &number)));
        auto copy = std::unique_ptr<CudaSequence>(new CudaSequence(m_decoder, m_plan, m_room, number));
        copy->m_length = m_length;
        return std::unique_ptr<Sequence>(std::move(copy));
    }

    Result<at::Tensor> run(const ForwardInput& input) override
    {
        const Model& model = m_decoder->model();
        LS_CHECK(checkInput(model, input.ids, m_length));
        if (m_length + std::int64_t(input.ids.size()) > m_room)
            return Error{Errc::ContextTooLarge,
                         fmt::format("This sequence has room for {} tokens.", m_room),
                         "Ask for more tokens from the start.",
                         {}};
        LS_TRY(const bool streams, wantsStreams(input.taps));
        const int prompt = std::clamp(input.promptLength - m_length, 0, int(input.ids.size()));
        if (prompt == 0 || prompt == int(input.ids.size()) || !attendsInPhases(*m_plan))
            return runPart(input, streams);
        const int before = m_length; // rows of prompt and of generated tokens, one after the other
        ForwardInput part = input;
        part.ids = input.ids.first(std::size_t(prompt));
        LS_TRY(const at::Tensor first, runPart(part, streams));
        part.ids = input.ids.subspan(std::size_t(prompt));
        const auto second = runPart(part, streams);
        if (!second) {
            LS_CHECK(truncate(before));
            return second.error();
        }
        return input.allLogits ? at::cat({first, second.value()}) : second.value();
    }

private:
    CudaSequence(std::shared_ptr<Decoder> decoder, PlanPtr plan, int room, int number)
        : m_decoder(std::move(decoder))
        , m_plan(std::move(plan))
        , m_room(room)
        , m_number(number)
    {
    }

    static const CudaFunctions& f() { return Decoder::f(); }
    Status select() { return m_decoder->status(f().select(m_decoder->handle(), m_number)); }

    /// Tokens that are all of the prompt, all generated, or treated alike.
    Result<at::Tensor> runPart(const ForwardInput& input, bool streams)
    {
        const Model& model = m_decoder->model();
        if (input.interrupted && input.ids.size() > 1 && input.interrupted())
            return Error{Errc::Cancelled, "Stopped.", {}, {}};
        LS_TRY(const int plan, planNumber({input.promptLength, m_length >= input.promptLength, streams}));
        LS_CHECK(select());
        const auto n = std::int64_t(input.ids.size());
        const ModelConfig& config = model.config();
        at::Tensor logits = at::empty({input.allLogits ? n : 1, config.vocabSize}, at::kFloat), taps;
        LsCudaOutputs outputs{};
        if (input.allLogits)
            outputs.logits = logits.data_ptr<float>();
        if (streams) {
            taps = at::empty({config.blockCount + 1, n, config.width}, at::kFloat);
            outputs.taps = taps.data_ptr<float>();
        }
        Status status = m_decoder->status(f().run(m_decoder->handle(), plan, input.ids.data(), int(n), &outputs));
        if (status.ok() && !input.allLogits)
            status = m_decoder->status(f().logits(m_decoder->handle(), logits.data_ptr<float>(), config.vocabSize));
        if (status.ok() && !allFinite(logits)) // as a stream that is not finite makes them
            status = Error{Errc::NanStream, "The residual stream is no longer finite.",
                           "Undo the last change, or halve the strength.",
                           fmt::format("positions {} to {}", m_length, m_length + n - 1)};
        if (!status.ok()) {
            if (const Status back = truncate(m_length); !back.ok())
                return back.error(); // the device has failed altogether
            return status.error();
        }
        const int first = std::exchange(m_length, m_length + int(n));
        for (int l = -1; streams && l < config.blockCount; ++l)
            if (const HookPoint point = streamPoint(l); input.taps->wants(point))
                input.taps->onTap(point, taps.select(0, l + 1), first);
        return logits;
    }

    static HookPoint streamPoint(int layer)
    {
        return layer < 0 ? HookPoint{Site::Embed, -1} : HookPoint{Site::ResidPost, layer};
    }
    /// HookUnavailable for what else is wanted.
    Result<bool> wantsStreams(TapSink* taps) const
    {
        bool streams = false;
        for (int site = 0; taps && site <= int(Site::Logits); ++site) {
            for (int l = -1; l < m_decoder->model().config().blockCount; ++l) {
                const HookPoint point{Site(site), l};
                if (!taps->wants(point))
                    continue;
                if (point != streamPoint(l))
                    return Error{Errc::HookUnavailable,
                                 fmt::format("The CUDA module cannot show {}.", hookName(point)),
                                 "Open the model on the CPU, or leave out the probe that reads it.",
                                 {}};
                streams = true;
            }
        }
        return streams;
    }
    /// The plan is described to the module when it first runs, because only then the length of the prompt is known.
    Result<int> planNumber(CudaPass pass)
    {
        pass.generated = pass.generated || !attendsInPhases(*m_plan); // one plan is enough then
        int& number = m_plans[(pass.streams ? 1 : 0) + (pass.generated ? 2 : 0)];
        if (pass.promptLength != m_promptLength)
            forgetPlans();
        if (number < 0) {
            LS_TRY(const auto described, CudaPlan::of(m_plan, pass));
            LS_CHECK(m_decoder->status(f().addPlan(m_decoder->handle(), &described->description(), &number)));
            m_promptLength = pass.promptLength;
        }
        return number;
    }
    void forgetPlans()
    {
        for (int& number : m_plans)
            if (number >= 0)
                f().removePlan(m_decoder->handle(), std::exchange(number, -1));
    }

    std::shared_ptr<Decoder> m_decoder;
    PlanPtr m_plan;
    int m_room, m_number;
    int m_length = 0;
    std::array<int, 4> m_plans{-1, -1, -1, -1}; // of the module: [taps of the streams + 2 * generated tokens]
    int m_promptLength = 0;
};

class CudaForwardDevice final : public ForwardDevice {
public:
    explicit CudaForwardDevice(std::shared_ptr<Decoder> decoder)
        : m_decoder(std::move(decoder))
    {
    }
    Status check(const PlanPtr& plan) const override
    {
        LS_CHECK(CudaPlan::of(plan));
        return success();
    }
    Result<std::unique_ptr<Sequence>> sequence(PlanPtr plan, int room) override
    {
        return CudaSequence::make(m_decoder, std::move(plan), room);
    }

private:
    std::shared_ptr<Decoder> m_decoder;
};

} // namespace

Result<std::shared_ptr<ForwardDevice>> openCudaForward(const std::string& device, std::shared_ptr<const Model> model)
{
    LS_TRY(const int number, cudaDeviceNumber(device));
    LS_TRY(auto decoder, Decoder::open(number, std::move(model)));
    return std::shared_ptr<ForwardDevice>(std::make_shared<CudaForwardDevice>(std::move(decoder)));
}

} // namespace ls
