#pragma once

#include "core/protocol/client_messages.h"
#include "core/protocol/engine_messages.h"
#include "core/protocol/generation_messages.h"

#include <variant>

/// Every message between a client (desktop, cli) and the engine, defined once. Encoding, decoding, equality and the
/// log line come from fields(): (key in the CBOR map, member). Unknown keys are ignored, missing ones keep defaults.
///
/// `requestId` is chosen by the client, unique per connection, and stands in every answer to that request.
/// `position` is the absolute place in the sequence: 0 is the first prompt token.
namespace ls {

using ClientMessage = std::variant<Hello, OpenModel, InspectModel, Generate, SetMethods, Cancel, Pause, TokenizeText,
                                   RenderChat, Capture, RunExperiment, Shutdown>;
using EngineMessage = std::variant<Ready, Progress, ModelReady, ModelClosed, Inspected, Failed, GenerationStarted,
                                   Token, Tap, Applied, Unavailable, Stages, Divergence, Memory, LaneDone,
                                   GenerationDone, Tokenized, Rendered, Tensor, ExperimentRow, ExperimentDone>;

} // namespace ls
