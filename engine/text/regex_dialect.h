#pragma once

#include "core/error.h"

#include <string>
#include <string_view>

namespace ls {

/// A pattern in the syntax of tokenizer.json (Oniguruma, Ruby flavour) in PCRE2's syntax, matching the same texts when
/// compiled with UTF, UCP and MULTILINE. Constructs that mean something else in PCRE2 and have no equal are refused
/// with TokenizerUnknown: nested and intersected classes, options in mid-pattern, verbs. One difference stays: without
/// regard to case, Oniguruma also lets one character match several ("ß" and "ss"), PCRE2 does not.
Result<std::string> toPcre2(std::string_view pattern);
/// A pattern that matches `text` literally.
std::string literalPattern(std::string_view text);

} // namespace ls
