#pragma once

#include "core/protocol/messages.h"

#include <span>

/// Messages to bytes and back: a CBOR map {"type": ..., fields...}.
namespace ls {

std::vector<std::uint8_t> encode(const ClientMessage& message);
std::vector<std::uint8_t> encode(const EngineMessage& message);
/// Errors: ProtocolMessage for bytes that are no CBOR map, an unknown type, a field of another type, a tensor whose
/// bytes do not fit its shape.
Result<ClientMessage> decodeClientMessage(std::span<const std::uint8_t> bytes);
Result<EngineMessage> decodeEngineMessage(std::span<const std::uint8_t> bytes);
/// One line for logs and recordings; long strings and tensors are shortened.
std::string logLine(const ClientMessage& message);
std::string logLine(const EngineMessage& message);
const char* typeName(const ClientMessage& message);
const char* typeName(const EngineMessage& message);
/// The request a message belongs to; 0 for messages that belong to none.
std::uint32_t requestIdOf(const EngineMessage& message);

} // namespace ls
