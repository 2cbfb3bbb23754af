#pragma once

#include "core/error.h"

#include <functional>
#include <memory>
#include <string_view>

namespace ls {

/// A pattern of a tokenizer, run by PCRE2 with full Unicode classes.
class Regex {
public:
    /// `pattern` in the syntax of tokenizer.json (see toPcre2). Error: TokenizerUnknown.
    static Result<Regex> compile(std::string_view pattern);
    Regex(Regex&&) noexcept;
    Regex& operator=(Regex&&) noexcept;
    ~Regex();
    /// Calls onMatch(begin, end) for every match in order; matches do not overlap, and an empty one is reported unless
    /// it touches the match before. `text` must be UTF-8.
    /// Error: FileFormat when the pattern backtracks without end (steps and time are limited).
    Status forEachMatch(std::string_view text, const std::function<void(std::size_t, std::size_t)>& onMatch) const;

private:
    struct Code;
    explicit Regex(std::unique_ptr<Code> code);
    std::unique_ptr<Code> m_code;
};

} // namespace ls
