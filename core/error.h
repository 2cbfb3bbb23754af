#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>

/// Expected failures are values: a message for the person, a hint for the next step, a detail for the log.
namespace ls {

/// One code per cause; docs/errors/<name>.md explains each (name = errcName(code)).
enum class Errc {
    Internal,          ///< our own mistake, or an exception of a library
    Cancelled,         ///< the user asked for it; never shown as a failure
    FileNotFound,      ///< path does not exist or cannot be read
    FileFormat,        ///< not what its name says: wrong magic, truncated, lying lengths
    PickleRefused,     ///< .bin / .pt: opening runs code
    FamilyUnknown,     ///< architecture we do not know
    TensorMissing,     ///< a tensor the family needs is absent
    TensorShape,       ///< a tensor has another shape than the configuration says
    TensorType,        ///< a tensor type this build cannot read
    TokenizerMissing,  ///< no vocabulary
    TokenizerUnknown,  ///< vocabulary of a kind we do not know
    TemplateFailed,    ///< chat template cannot be rendered
    ModelTooLarge,     ///< weights do not fit
    ContextTooLarge,   ///< KV cache does not fit, or context beyond what the model was trained for
    PromptEmpty,       ///< nothing to run
    PromptTooLong,     ///< prompt longer than the context
    InvalidParameter,  ///< a method or command parameter is out of range
    LayerLocked,       ///< first and last block always run
    MethodUnknown,     ///< no such method id
    MethodConflict,    ///< two methods exclude each other
    VectorWidth,       ///< steering vector of another width
    TooFewPairs,       ///< not enough contrast pairs
    HookUnavailable,   ///< no such site in this model or plan
    NanStream,         ///< NaN or infinity in the residual stream
    EngineDied,        ///< the engine process ended by itself
    EngineMissing,     ///< the engine program cannot be started
    ProtocolVersion,   ///< programs of different versions
    ProtocolMessage,   ///< damaged or unknown message
    DiskFull,          ///< cannot write: no space
    FileNotWritable,   ///< cannot write: read-only, no permission
    SessionNewer,      ///< session file of a newer schema
    SessionDamaged,    ///< session file is not a database or fails its check
    SessionLocked,     ///< session file is open in another window
    DataColumns,       ///< a data file lacks a column
    DataTooFew,        ///< not enough items for the statistic asked for
    DeviceUnavailable, ///< no such device, or its module cannot be loaded
    NotSupported,      ///< a valid request this build cannot serve
};

/// "pickle-refused": the name in messages, documents and the protocol.
std::string_view errcName(Errc code);
/// Errc::Internal for an unknown name.
Errc errcFromName(std::string_view name);

struct Error {
    Errc code = Errc::Internal;
    std::string message; ///< what happened: "concise.gguf has width 576, this model has 2 048."
    std::string hint;    ///< what to do: "Choose another vector, or build one for this model."
    std::string detail;  ///< for the log and "Copy details": path, errno text, offsets
    bool operator==(const Error&) const = default;
};

/// A value or the reason why there is none.
template <typename T>
class [[nodiscard]] Result {
public:
    Result(T value)
        : m_data(std::in_place_index<0>, std::move(value))
    {
    }
    Result(Error error)
        : m_data(std::in_place_index<1>, std::move(error))
    {
    }

    explicit operator bool() const { return m_data.index() == 0; }
    bool ok() const { return m_data.index() == 0; }
    T& value() & { return std::get<0>(m_data); }
    const T& value() const& { return std::get<0>(m_data); }
    T&& value() && { return std::get<0>(std::move(m_data)); }
    const Error& error() const { return std::get<1>(m_data); }

private:
    std::variant<T, Error> m_data;
};

struct Success {
    bool operator==(const Success&) const = default;
};
using Status = Result<Success>;
inline Status success()
{
    return Success{};
}

} // namespace ls

#define LS_CONCAT_IMPL(a, b) a##b
#define LS_CONCAT(a, b) LS_CONCAT_IMPL(a, b)
/// LS_TRY(auto file, openFile(path)); declares the value, or returns the error from the enclosing function.
#define LS_TRY(declaration, expression)                                                                                \
    auto LS_CONCAT(lsResult, __LINE__) = (expression);                                                                 \
    if (!LS_CONCAT(lsResult, __LINE__))                                                                                \
        return LS_CONCAT(lsResult, __LINE__).error();                                                                  \
    declaration = std::move(LS_CONCAT(lsResult, __LINE__)).value()
/// LS_CHECK(status); returns the error from the enclosing function.
#define LS_CHECK(expression)                                                                                           \
    do {                                                                                                               \
        if (auto lsStatus = (expression); !lsStatus)                                                                   \
            return lsStatus.error();                                                                                   \
    } while (false)
