#include "engine/text/unicode.h"

#include <unicode/normalizer2.h>
#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/utext.h>

#include <memory>

namespace ls {

namespace {

Error icuFailed(UErrorCode code)
{
    return {Errc::Internal, "The Unicode library does not work.", "Install the ICU library of your system again.",
            u_errorName(code)};
}

bool isAsciiPunctuation(char32_t c)
{
    return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126);
}

std::uint32_t category(char32_t c)
{
    return U_GET_GC_MASK(static_cast<UChar32>(c));
}

} // namespace

char32_t nextCharacter(std::string_view text, std::size_t& at)
{
    const auto byte = [&](std::size_t i) { return char32_t(static_cast<unsigned char>(text[at + i])); };
    const std::size_t length = characterLength(text, at);
    char32_t c = byte(0);
    if (length == 2)
        c = (c & 0x1F) << 6 | (byte(1) & 0x3F);
    else if (length == 3)
        c = (c & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    else if (length == 4)
        c = (c & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
    at += length;
    return c;
}

std::size_t characterLength(std::string_view text, std::size_t at)
{
    const auto lead = static_cast<unsigned char>(text[at]);
    return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

void appendCharacter(std::string& out, char32_t c)
{
    if (c < 0x80) {
        out += char(c);
        return;
    }
    if (c < 0x800) {
        out += char(0xC0 | c >> 6);
    } else {
        if (c < 0x10000) {
            out += char(0xE0 | c >> 12);
        } else {
            out += char(0xF0 | c >> 18);
            out += char(0x80 | (c >> 12 & 0x3F));
        }
        out += char(0x80 | (c >> 6 & 0x3F));
    }
    out += char(0x80 | (c & 0x3F));
}

bool isWhitespace(char32_t c)
{
    return u_isUWhiteSpace(static_cast<UChar32>(c));
}

bool isWordCharacter(char32_t c)
{
    return (category(c) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) || u_isUAlphabetic(static_cast<UChar32>(c)) ||
           u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_JOIN_CONTROL);
}

bool isNumeric(char32_t c)
{
    return category(c) & U_GC_N_MASK;
}

bool isPunctuation(char32_t c)
{
    return isAsciiPunctuation(c) || (category(c) & U_GC_P_MASK);
}

bool isMark(char32_t c)
{
    return category(c) & U_GC_M_MASK;
}

Result<std::string> normalised(std::string_view text, NormalForm form)
{
    UErrorCode code = U_ZERO_ERROR;
    const icu::Normalizer2* normalizer = form == NormalForm::C    ? icu::Normalizer2::getNFCInstance(code)
                                         : form == NormalForm::D  ? icu::Normalizer2::getNFDInstance(code)
                                         : form == NormalForm::KC ? icu::Normalizer2::getNFKCInstance(code)
                                                                  : icu::Normalizer2::getNFKDInstance(code);
    std::string out;
    icu::StringByteSink<std::string> sink(&out, std::int32_t(text.size()));
    if (U_SUCCESS(code))
        normalizer->normalizeUTF8(0, icu::StringPiece(text.data(), std::int32_t(text.size())), sink, nullptr, code);
    if (U_FAILURE(code))
        return icuFailed(code);
    return out;
}

std::string lowered(std::string_view text)
{
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const char32_t c = nextCharacter(text, at);
        if (c == U'\u0130') // the only character whose lower case is two
            out += "i\xCC\x87";
        else
            appendCharacter(out, char32_t(u_tolower(static_cast<UChar32>(c))));
    }
    return out;
}

Status forEachGrapheme(std::string_view text, const std::function<void(std::string_view)>& onCluster)
{
    UErrorCode code = U_ZERO_ERROR;
    const std::unique_ptr<UBreakIterator, decltype(&ubrk_close)> breaks(
        ubrk_open(UBRK_CHARACTER, "", nullptr, 0, &code), &ubrk_close);
    UText* opened = utext_openUTF8(nullptr, text.data(), std::int64_t(text.size()), &code);
    const std::unique_ptr<UText, decltype(&utext_close)> view(opened, &utext_close);
    if (U_SUCCESS(code))
        ubrk_setUText(breaks.get(), view.get(), &code);
    if (U_FAILURE(code))
        return icuFailed(code);
    std::int32_t from = ubrk_first(breaks.get());
    for (std::int32_t to = ubrk_next(breaks.get()); to != UBRK_DONE; to = ubrk_next(breaks.get())) {
        onCluster(text.substr(std::size_t(from), std::size_t(to - from)));
        from = to;
    }
    return success();
}

} // namespace ls
