#include "engine/text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>

namespace ls {

struct Regex::Code {
    pcre2_code* code = nullptr;
    ~Code() { pcre2_code_free(code); }
};

Regex::Regex(std::unique_ptr<Code> code)
    : m_code(std::move(code))
{
}
Regex::Regex(Regex&&) noexcept = default;
Regex::~Regex() = default;

Result<Regex> Regex::compile(std::string_view pattern)
{
    int number = 0;
    PCRE2_SIZE offset = 0;
    auto code = std::make_unique<Code>();
    code->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), PCRE2_UTF | PCRE2_UCP,
                               &number, &offset, nullptr);
    if (!code->code) {
        std::array<PCRE2_UCHAR, 200> text{};
        pcre2_get_error_message(number, text.data(), text.size());
        return Error{Errc::TokenizerUnknown, "The tokenizer's pattern cannot be read.",
                     "Guessing would give wrong ids, so the model is not opened.",
                     reinterpret_cast<const char*>(text.data())};
    }
    pcre2_jit_compile(code->code, PCRE2_JIT_COMPLETE); // without it matching is only slower
    return Regex(std::move(code));
}

void Regex::split(std::string_view text, const std::function<void(std::string_view)>& onPiece) const
{
    pcre2_match_data* match = pcre2_match_data_create_from_pattern(m_code->code, nullptr);
    std::size_t done = 0, from = 0;
    while (from < text.size() && pcre2_match(m_code->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                                             PCRE2_NO_UTF_CHECK, match, nullptr) > 0) {
        const PCRE2_SIZE* range = pcre2_get_ovector_pointer(match);
        const std::size_t begin = range[0], end = range[1];
        if (end == begin) { // an empty match splits nothing
            do {
                ++from;
            } while (from < text.size() && (static_cast<unsigned char>(text[from]) & 0xC0) == 0x80);
            continue;
        }
        if (begin > done)
            onPiece(text.substr(done, begin - done));
        onPiece(text.substr(begin, end - begin));
        done = from = end;
    }
    pcre2_match_data_free(match);
    if (done < text.size())
        onPiece(text.substr(done));
}

} // namespace ls
