#include "core/error.h"

#include <array>

namespace ls {

namespace {
constexpr std::array<std::pair<Errc, std::string_view>, 37> kNames{{
    {Errc::Internal, "internal"},
    {Errc::Cancelled, "cancelled"},
    {Errc::FileNotFound, "file-not-found"},
    {Errc::FileFormat, "file-format"},
    {Errc::PickleRefused, "pickle-refused"},
    {Errc::FamilyUnknown, "family-unknown"},
    {Errc::TensorMissing, "tensor-missing"},
    {Errc::TensorShape, "tensor-shape"},
    {Errc::TensorType, "tensor-type"},
    {Errc::TokenizerMissing, "tokenizer-missing"},
    {Errc::TokenizerUnknown, "tokenizer-unknown"},
    {Errc::TemplateFailed, "template-failed"},
    {Errc::ModelTooLarge, "model-too-large"},
    {Errc::ContextTooLarge, "context-too-large"},
    {Errc::PromptEmpty, "prompt-empty"},
    {Errc::PromptTooLong, "prompt-too-long"},
    {Errc::InvalidParameter, "invalid-parameter"},
    {Errc::LayerLocked, "layer-locked"},
    {Errc::MethodUnknown, "method-unknown"},
    {Errc::MethodConflict, "method-conflict"},
    {Errc::VectorWidth, "vector-width"},
    {Errc::TooFewPairs, "too-few-pairs"},
    {Errc::HookUnavailable, "hook-unavailable"},
    {Errc::NanStream, "nan-stream"},
    {Errc::EngineDied, "engine-died"},
    {Errc::EngineMissing, "engine-missing"},
    {Errc::ProtocolVersion, "protocol-version"},
    {Errc::ProtocolMessage, "protocol-message"},
    {Errc::DiskFull, "disk-full"},
    {Errc::FileNotWritable, "file-not-writable"},
    {Errc::SessionNewer, "session-newer"},
    {Errc::SessionDamaged, "session-damaged"},
    {Errc::SessionLocked, "session-locked"},
    {Errc::DataColumns, "data-columns"},
    {Errc::DataTooFew, "data-too-few"},
    {Errc::DeviceUnavailable, "device-unavailable"},
    {Errc::NotSupported, "not-supported"},
}};
} // namespace

std::string_view errcName(Errc code)
{
    for (const auto& [value, name] : kNames)
        if (value == code)
            return name;
    return "internal";
}

Errc errcFromName(std::string_view text)
{
    for (const auto& [value, name] : kNames)
        if (name == text)
            return value;
    return Errc::Internal;
}

} // namespace ls
