#include "kernels/cuda/module/abi.h"

#include "kernels/cuda/module/decoder.h"
#include "kernels/cuda/module/make_device.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <stdexcept>

struct LsCudaDecoder {
    explicit LsCudaDecoder(std::unique_ptr<ls::cuda::Device> own)
        : device(std::move(own))
        , decoder(*device)
    {
    }
    std::unique_ptr<ls::cuda::Device> device;
    ls::cuda::Decoder decoder;
    std::string problem;
};

namespace {

/// Nothing may be thrown across the boundary: what the standard library throws becomes words.
template <class Body>
int guarded(LsCudaDecoder* decoder, const Body& body)
{
    try {
        decoder->problem = body(decoder->decoder);
    } catch (const std::exception& error) {
        decoder->problem = error.what();
    }
    return decoder->problem.empty() ? 0 : 1;
}

void say(const std::string& words, char* problem, std::size_t room)
{
    if (room == 0)
        return;
    const std::size_t count = std::min(room - 1, words.size());
    std::memcpy(problem, words.data(), count);
    problem[count] = '\0';
}

} // namespace

extern "C" {

int lsCudaAbi()
{
    return kLsCudaAbi;
}

int lsCudaDevices(LsCudaDevice* out, int room)
{
    return ls::cuda::listDevices(out, room);
}

LsCudaDecoder* lsCudaOpen(int device, const LsCudaModel* model, char* problem, std::size_t room)
{
    try {
        std::string words;
        auto own = ls::cuda::makeDevice(device, words);
        if (!own) {
            say(words, problem, room);
            return nullptr;
        }
        auto decoder = std::make_unique<LsCudaDecoder>(std::move(own));
        words = decoder->decoder.load(*model);
        say(words, problem, room);
        return words.empty() ? decoder.release() : nullptr;
    } catch (const std::exception& error) {
        say(error.what(), problem, room);
        return nullptr;
    }
}

void lsCudaClose(LsCudaDecoder* decoder)
{
    delete decoder;
}

const char* lsCudaProblem(const LsCudaDecoder* decoder)
{
    return decoder->problem.c_str();
}

int lsCudaAddPlan(LsCudaDecoder* decoder, const LsCudaPlan* plan, int* number)
{
    return guarded(decoder, [&](auto& d) { return d.addPlan(*plan, *number); });
}

int lsCudaRemovePlan(LsCudaDecoder* decoder, int plan)
{
    return guarded(decoder, [&](auto& d) { return d.removePlan(plan); });
}

int lsCudaAddSequence(LsCudaDecoder* decoder, int room, int* number)
{
    return guarded(decoder, [&](auto& d) { return d.addSequence(room, *number); });
}

int lsCudaCopySequence(LsCudaDecoder* decoder, int from, int* number)
{
    return guarded(decoder, [&](auto& d) { return d.copySequence(from, *number); });
}

int lsCudaRemoveSequence(LsCudaDecoder* decoder, int sequence)
{
    return guarded(decoder, [&](auto& d) { return d.removeSequence(sequence); });
}

int lsCudaSelect(LsCudaDecoder* decoder, int sequence)
{
    return guarded(decoder, [&](auto& d) { return d.select(sequence); });
}

int lsCudaTruncate(LsCudaDecoder* decoder, int length)
{
    return guarded(decoder, [&](auto& d) { return d.truncate(length); });
}

int lsCudaSetSampling(LsCudaDecoder* decoder, const LsCudaSampling* sampling)
{
    return guarded(decoder, [&](auto& d) { return d.setSampling(*sampling); });
}

int lsCudaRun(LsCudaDecoder* decoder, int plan, const std::int32_t* tokens, int count, const LsCudaOutputs* outputs)
{
    return guarded(decoder, [&](auto& d) {
        return d.run(plan, {tokens, std::size_t(std::max(count, 0))}, outputs ? *outputs : LsCudaOutputs());
    });
}

int lsCudaGenerate(LsCudaDecoder* decoder, int plan, int steps)
{
    return guarded(decoder, [&](auto& d) { return d.generate(plan, steps); });
}

int lsCudaDrawn(LsCudaDecoder* decoder, std::int32_t* tokens, int count)
{
    return guarded(decoder, [&](auto& d) { return d.drawn({tokens, std::size_t(std::max(count, 0))}); });
}

int lsCudaLogits(LsCudaDecoder* decoder, float* logits, int count)
{
    return guarded(decoder, [&](auto& d) { return d.logits({logits, std::size_t(std::max(count, 0))}); });
}

int lsCudaRestart(LsCudaDecoder* decoder)
{
    return guarded(decoder, [&](auto& d) { return d.restart(); });
}

int lsCudaTapBytes(LsCudaDecoder* decoder, int plan, std::int64_t* bytes)
{
    return guarded(decoder, [&](auto& d) {
        *bytes = d.tapBytes(plan);
        return std::string();
    });
}

int lsCudaTapOffset(LsCudaDecoder* decoder, int plan, int tap, std::int64_t* offset)
{
    return guarded(decoder, [&](auto& d) {
        *offset = d.tapOffset(plan, tap);
        return std::string();
    });
}

int lsCudaReadTaps(LsCudaDecoder* decoder, int plan, std::int64_t* step, std::uint8_t* out, std::int64_t bytes)
{
    return guarded(decoder, [&](auto& d) {
        return d.readTaps(plan, *step, {out, std::size_t(std::max<std::int64_t>(bytes, 0))});
    });
}

} // extern "C"
