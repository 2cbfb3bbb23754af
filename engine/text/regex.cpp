#include "engine/text/regex.h"

#include "engine/text/regex_dialect.h"
#include "engine/text/unicode.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <chrono>

namespace ls {

namespace {

constexpr std::size_t kLongestPattern = 1 << 16;
/// One call searches so far: a pattern that is slow at every place is noticed between calls.
constexpr std::size_t kWindow = 256;
constexpr std::uint32_t kSteps = 100'000;
constexpr std::uint32_t kStepsPerByte = 4; // a long run of spaces is gone back over once
constexpr std::uint32_t kHeapKiB = 64 << 10;

std::string messageOf(int number)
{
    std::array<PCRE2_UCHAR, 200> text{};
    pcre2_get_error_message(number, text.data(), text.size());
    return reinterpret_cast<const char*>(text.data());
}

template <auto Free>
struct Freed {
    template <typename T>
    void operator()(T* pointer) const
    {
        Free(pointer);
    }
};
using CompileContext = std::unique_ptr<pcre2_compile_context, Freed<pcre2_compile_context_free>>;
using MatchContext = std::unique_ptr<pcre2_match_context, Freed<pcre2_match_context_free>>;
using MatchData = std::unique_ptr<pcre2_match_data, Freed<pcre2_match_data_free>>;
using JitStack = std::unique_ptr<pcre2_jit_stack, Freed<pcre2_jit_stack_free>>;

/// One run over one text. Contexts are not shared between threads, the code is.
class Search {
public:
    Search(const pcre2_code* code, std::string_view text)
        : m_code(code)
        , m_text(text)
        , m_match(pcre2_match_data_create_from_pattern(code, nullptr))
        , m_context(pcre2_match_context_create(nullptr))
        , m_deadline(std::chrono::steady_clock::now() + std::chrono::seconds(2) +
                     std::chrono::microseconds(2 * text.size()))
    {
        pcre2_set_heap_limit(m_context.get(), kHeapKiB);
    }

    /// 1 = found, 0 = no more, negative = PCRE2's error.
    int next(std::size_t from)
    {
        while (true) {
            const auto rest = std::uint32_t(std::min<std::size_t>(m_text.size() - from, 1u << 28));
            pcre2_set_match_limit(m_context.get(), kSteps + kStepsPerByte * rest);
            std::size_t last = std::min(from + kWindow, m_text.size());
            while (last < m_text.size() && (static_cast<unsigned char>(m_text[last]) & 0xC0) == 0x80)
                ++last;
            pcre2_set_offset_limit(m_context.get(), last);
            int found = match(from, 0);
            if (found == PCRE2_ERROR_JIT_STACKLIMIT)
                found = withMoreStack(from);
            if (found != PCRE2_ERROR_NOMATCH)
                return found < 0 ? found : 1;
            if (last == m_text.size())
                return 0;
            if (late())
                return PCRE2_ERROR_MATCHLIMIT;
            from = last;
        }
    }
    bool late() { return ++m_calls % 64 == 0 && std::chrono::steady_clock::now() > m_deadline; }
    const PCRE2_SIZE* range() const { return pcre2_get_ovector_pointer(m_match.get()); }

private:
    int match(std::size_t from, std::uint32_t options)
    {
        return pcre2_match(m_code, reinterpret_cast<PCRE2_SPTR>(m_text.data()), m_text.size(), from,
                           options | PCRE2_NO_UTF_CHECK, m_match.get(), m_context.get());
    }
    int withMoreStack(std::size_t from)
    {
        if (!m_stack) {
            m_stack.reset(pcre2_jit_stack_create(32 << 10, std::size_t(kHeapKiB) << 10, nullptr));
            pcre2_jit_stack_assign(m_context.get(), nullptr, m_stack.get());
        }
        return match(from, 0);
    }

    const pcre2_code* m_code;
    std::string_view m_text;
    MatchData m_match;
    MatchContext m_context;
    JitStack m_stack;
    std::chrono::steady_clock::time_point m_deadline;
    unsigned m_calls = 0;
};

} // namespace

struct Regex::Code {
    std::unique_ptr<pcre2_code, Freed<pcre2_code_free>> code;
};

Regex::Regex(std::unique_ptr<Code> code)
    : m_code(std::move(code))
{
}
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

Result<Regex> Regex::compile(std::string_view pattern)
{
    LS_TRY(const std::string translated, toPcre2(pattern));
    const CompileContext context(pcre2_compile_context_create(nullptr));
    pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
    pcre2_set_max_pattern_length(context.get(), kLongestPattern);
    int number = 0;
    PCRE2_SIZE offset = 0;
    auto code = std::make_unique<Code>();
    code->code.reset(
        pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C | PCRE2_USE_OFFSET_LIMIT,
                      &number, &offset, context.get()));
    if (!code->code)
        return Error{Errc::TokenizerUnknown, "The tokenizer's pattern cannot be read.",
                     "Guessing would give wrong ids, so the model is not opened.",
                     messageOf(number) + ": " + std::string(pattern.substr(0, 500))};
    pcre2_jit_compile(code->code.get(), PCRE2_JIT_COMPLETE); // without it matching is only slower
    return Regex(std::move(code));
}

Status Regex::forEachMatch(std::string_view text, const std::function<void(std::size_t, std::size_t)>& onMatch) const
{
    constexpr std::size_t kNone = ~std::size_t(0);
    Search search(m_code->code.get(), text);
    std::size_t from = 0, lastEnd = kNone;
    while (from <= text.size()) {
        int found = search.next(from);
        if (found > 0 && search.late())
            found = PCRE2_ERROR_MATCHLIMIT;
        if (found < 0)
            return Error{Errc::FileFormat, "The tokenizer's pattern takes too long on this text.",
                         "The pattern goes back and forth without end: fetch the tokenizer from its source again.",
                         messageOf(found)};
        if (found == 0)
            break;
        const std::size_t begin = search.range()[0], end = search.range()[1];
        if (begin == end && end == lastEnd) { // no empty match right behind a match
            from = end + (end < text.size() ? characterLength(text, end) : 1);
            continue;
        }
        if (begin < from || begin > end) // \K in a lookaround
            return Error{Errc::TokenizerUnknown,
                         "The tokenizer's pattern matches backwards.",
                         "Guessing would give wrong ids, so the text is not tokenised.",
                         {}};
        onMatch(begin, end);
        from = lastEnd = end;
    }
    return success();
}

} // namespace ls
