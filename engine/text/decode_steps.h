#pragma once

#include "engine/text/decoder.h"
#include "engine/text/metaspace.h"

namespace ls {

std::unique_ptr<DecodeStep> decodeByteLevel();
std::unique_ptr<DecodeStep> decodeByteFallback();
std::unique_ptr<DecodeStep> decodeFuse();
/// `what` is not empty.
std::unique_ptr<DecodeStep> decodeReplace(std::string what, std::string by);
std::unique_ptr<DecodeStep> decodeMetaspace(const Metaspace& metaspace);
/// Takes away at most `start` characters `content` from the start of every token, and `stop` from its end; of the whole
/// text where `fused`.
std::unique_ptr<DecodeStep> decodeStrip(std::string content, std::size_t start, std::size_t stop, bool fused);
/// Without a decoder: spaces between tokens.
std::unique_ptr<DecodeStep> decodeJoin();
/// Waits for the end and hands the whole text to the step.
std::unique_ptr<DecodeStep> decodeWhole(std::unique_ptr<DecodeStep> step);

} // namespace ls
