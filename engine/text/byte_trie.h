#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace ls {

/// Texts and their ids, byte by byte. A node's children are a list from the child added last.
class ByteTrie {
public:
    /// Of equal texts the last counts; an empty text is left out.
    void add(std::string_view text, std::int32_t id);
    /// onPrefix(bytes, id) for every text that `text` begins with, shortest first.
    template <typename F>
    void forEachPrefix(std::string_view text, F&& onPrefix) const
    {
        std::int32_t node = text.empty() ? -1 : m_roots[static_cast<unsigned char>(text[0])];
        for (std::size_t i = 1; node >= 0; ++i) {
            if (const std::int32_t id = m_nodes[std::size_t(node)].id; id >= 0)
                onPrefix(i, id);
            node = i < text.size() ? child(node, static_cast<unsigned char>(text[i])) : -1;
        }
    }

private:
    struct Node {
        std::int32_t id = -1, firstChild = -1, sibling = -1;
        unsigned char byte = 0;
    };
    std::int32_t child(std::int32_t node, unsigned char byte) const
    {
        std::int32_t next = m_nodes[std::size_t(node)].firstChild;
        while (next >= 0 && m_nodes[std::size_t(next)].byte != byte)
            next = m_nodes[std::size_t(next)].sibling;
        return next;
    }

    std::vector<Node> m_nodes;
    std::vector<std::int32_t> m_roots = std::vector<std::int32_t>(256, -1);
};

} // namespace ls
