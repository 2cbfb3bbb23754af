#include "core/bounded_json.h"

#include <vector>

namespace ls {

namespace {

/// The head of a CBOR item: what it is and its number. RFC 8949, section 3.
struct Head {
    unsigned kind = 0; ///< major type, 0 to 7
    std::uint64_t number = 0;
};

class CborWalk {
public:
    explicit CborWalk(std::span<const std::uint8_t> bytes)
        : m_bytes(bytes)
    {
    }
    /// One item with everything inside it, without recursion.
    bool item()
    {
        std::vector<std::uint64_t> open{1}; // items that are still to come, per level
        while (!open.empty()) {
            if (open.back() == 0) {
                open.pop_back();
                continue;
            }
            --open.back();
            const auto head = take();
            if (!head)
                return false;
            const std::uint64_t left = m_bytes.size() - m_at;
            if (head->kind == 2 || head->kind == 3) {
                if (head->number > left)
                    return false;
                m_at += std::size_t(head->number);
            } else if (head->kind == 4 || head->kind == 5) {
                const std::uint64_t perItem = head->kind == 4 ? 1 : 2;
                if (head->number > left / perItem || open.size() > std::size_t(kDeepestJson))
                    return false;
                open.push_back(head->number * perItem);
            }
        }
        return true;
    }

private:
    std::optional<Head> take()
    {
        if (m_at == m_bytes.size())
            return {};
        const unsigned first = m_bytes[m_at++], small = first & 31u;
        Head head{first >> 5, small};
        if (small >= 28)
            return {}; // reserved, or a length that is known at the end
        const std::size_t bytes = small < 24 ? 0 : std::size_t(1) << (small - 24);
        if (m_bytes.size() - m_at < bytes)
            return {};
        if (bytes > 0)
            head.number = 0;
        for (std::size_t i = 0; i < bytes; ++i)
            head.number = head.number << 8 | m_bytes[m_at++];
        return head;
    }

    std::span<const std::uint8_t> m_bytes;
    std::size_t m_at = 0;
};

} // namespace

bool nestsTooDeep(std::string_view text)
{
    int depth = 0;
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (quoted) {
            if (c == '\\')
                ++i;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '[' || c == '{') {
            if (++depth > kDeepestJson)
                return true;
        } else if (c == ']' || c == '}') {
            --depth;
        }
    }
    return false;
}

std::optional<nlohmann::json> parseJson(std::string_view text)
{
    if (nestsTooDeep(text))
        return {};
    auto value = nlohmann::json::parse(text, nullptr, false);
    return value.is_discarded() ? std::nullopt : std::optional(std::move(value));
}

std::optional<nlohmann::json> parseCbor(std::span<const std::uint8_t> bytes)
{
    if (!CborWalk(bytes).item())
        return {};
    auto value = nlohmann::json::from_cbor(bytes.begin(), bytes.end(), true, false);
    return value.is_discarded() ? std::nullopt : std::optional(std::move(value));
}

} // namespace ls
