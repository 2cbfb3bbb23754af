#pragma once

#include "core/error.h"

#include <functional>
#include <memory>
#include <string_view>

namespace ls {

/// A PCRE2 pattern with full Unicode classes.
class Regex {
public:
    static Result<Regex> compile(std::string_view pattern);
    Regex(Regex&&) noexcept;
    ~Regex();
    /// Calls onPiece for every match and every stretch between matches, in order (what the tokenizers library calls
    /// "isolated"). `text` must be UTF-8.
    void split(std::string_view text, const std::function<void(std::string_view)>& onPiece) const;

private:
    struct Code;
    explicit Regex(std::unique_ptr<Code> code);
    std::unique_ptr<Code> m_code;
};

} // namespace ls
