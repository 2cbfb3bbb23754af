#include "core/protocol/codec.h"

#include "core/bounded_json.h"
#include "core/protocol/fields.h"

#include <fmt/format.h>

#include <algorithm>

namespace ls {

namespace {

using nlohmann::json;

std::int64_t dtypeWidth(const std::string& dtype)
{
    if (dtype == "f32" || dtype == "i32")
        return 4;
    return dtype == "u8" ? 1 : 0;
}

/// Long strings, tensors and lists are shortened: a log line is for reading.
json shortened(const json& value)
{
    constexpr std::size_t kLongest = 60;
    if (value.is_string() && value.get_ref<const std::string&>().size() > kLongest)
        return fmt::format("<{} characters>", value.get_ref<const std::string&>().size());
    if (value.is_binary())
        return fmt::format("<{} bytes>", value.get_binary().size());
    if (value.is_array() && value.size() > 8)
        return fmt::format("<{} items>", value.size());
    if (value.is_structured()) {
        json out = value;
        for (auto& item : out)
            item = shortened(item);
        return out;
    }
    return value;
}

template <typename Variant>
std::vector<std::uint8_t> encodeAny(const Variant& message)
{
    return std::visit(
        [](const auto& concrete) {
            json out = fields::toJson(concrete);
            out["type"] = concrete.kType;
            return json::to_cbor(out);
        },
        message);
}

template <typename Variant, std::size_t... I>
Variant decodeType(const std::string& type, const json& body, std::index_sequence<I...>)
{
    Variant out;
    const auto attempt = [&]<std::size_t N>(std::integral_constant<std::size_t, N>) {
        using Message = std::variant_alternative_t<N, Variant>;
        if (type != Message::kType)
            return false;
        Message message;
        fields::fromJson(body, message, Message::kType);
        out = std::move(message);
        return true;
    };
    if (!(attempt(std::integral_constant<std::size_t, I>{}) || ...))
        throw fields::DecodeError{"unknown message type \"" + type + "\""};
    return out;
}

template <typename Variant>
Result<Variant> decodeAny(std::span<const std::uint8_t> bytes)
{
    const auto damaged = [](std::string why) {
        return Error{Errc::ProtocolMessage, "The engine and the client do not understand each other.",
                     "Start both from the same installation.", std::move(why)};
    };
    const auto body = parseCbor(bytes);
    if (!body || !body->is_object())
        return damaged("message is no CBOR map");
    const auto type = body->find("type");
    if (type == body->end() || !type->is_string())
        return damaged("message without a type");
    try {
        return decodeType<Variant>(*type, *body, std::make_index_sequence<std::variant_size_v<Variant>>{});
    } catch (const fields::DecodeError& error) {
        return damaged(error.what);
    }
}

template <typename Variant>
std::string logLineAny(const Variant& message)
{
    return std::visit(
        [](const auto& concrete) {
            const json body = shortened(fields::toJson(concrete));
            return fmt::format("{} {}", concrete.kType, body.dump(-1, ' ', false, json::error_handler_t::replace));
        },
        message);
}

} // namespace

namespace fields {

json tensorToJson(const TensorBlob& blob)
{
    return json{{"dtype", blob.dtype}, {"shape", blob.shape}, {"data", json::binary(blob.bytes)}};
}

TensorBlob tensorFromJson(const json& value)
{
    TensorBlob blob;
    if (!value.is_object() || !value.contains("data") || !value.contains("shape") || !value.contains("dtype"))
        throw DecodeError{"tensor without dtype, shape or data"};
    fromJson(value["dtype"], blob.dtype, "dtype");
    fromJson(value["shape"], blob.shape, "shape");
    if (!value["data"].is_binary())
        throw DecodeError{"tensor data is not binary"};
    blob.bytes = value["data"].get_binary();
    std::int64_t count = dtypeWidth(blob.dtype);
    for (const std::int64_t extent : blob.shape) {
        // the bytes are already here, so any true product is at most their number: larger ones are lies, not overflow
        if (extent < 0 || (extent > 0 && count > std::int64_t(kMaxMessageBytes) / extent))
            throw DecodeError{"tensor shape does not fit its data"};
        count *= extent;
    }
    if (dtypeWidth(blob.dtype) == 0 || count != std::int64_t(blob.bytes.size()))
        throw DecodeError{"tensor shape does not fit its data"};
    return blob;
}

nlohmann::ordered_json orderedFromJson(const json& value, const char* name)
{
    using nlohmann::ordered_json;
    if (!value.is_string())
        return ordered_json(value);
    constexpr int kDeepest = 500; // values are copied and written recursively
    bool tooDeep = false;
    const auto watch = [&](int depth, ordered_json::parse_event_t, ordered_json&) {
        tooDeep = tooDeep || depth > kDeepest;
        return !tooDeep;
    };
    ordered_json out = ordered_json::parse(value.get_ref<const std::string&>(), watch, false);
    if (out.is_discarded() || tooDeep)
        throw DecodeError{std::string(name) + " is no JSON text"};
    return out;
}

} // namespace fields

std::vector<std::uint8_t> encode(const ClientMessage& message)
{
    return encodeAny(message);
}

std::vector<std::uint8_t> encode(const EngineMessage& message)
{
    return encodeAny(message);
}

Result<ClientMessage> decodeClientMessage(std::span<const std::uint8_t> bytes)
{
    return decodeAny<ClientMessage>(bytes);
}

Result<EngineMessage> decodeEngineMessage(std::span<const std::uint8_t> bytes)
{
    return decodeAny<EngineMessage>(bytes);
}

std::string logLine(const ClientMessage& message)
{
    return logLineAny(message);
}

std::string logLine(const EngineMessage& message)
{
    return logLineAny(message);
}

const char* typeName(const ClientMessage& message)
{
    return std::visit([](const auto& concrete) { return concrete.kType; }, message);
}

const char* typeName(const EngineMessage& message)
{
    return std::visit([](const auto& concrete) { return concrete.kType; }, message);
}

std::uint32_t requestIdOf(const EngineMessage& message)
{
    return std::visit(
        [](const auto& concrete) -> std::uint32_t {
            if constexpr (requires { concrete.requestId; })
                return concrete.requestId;
            else
                return 0;
        },
        message);
}

} // namespace ls
