#include "engine/text/byte_trie.h"

namespace ls {

void ByteTrie::add(std::string_view text, std::int32_t id)
{
    if (text.empty())
        return;
    const auto newNode = [&](unsigned char byte, std::int32_t sibling) {
        m_nodes.push_back({-1, -1, sibling, byte});
        return std::int32_t(m_nodes.size()) - 1;
    };
    std::int32_t& root = m_roots[static_cast<unsigned char>(text[0])];
    if (root < 0)
        root = newNode(static_cast<unsigned char>(text[0]), -1);
    std::int32_t node = root;
    for (const char c : text.substr(1)) {
        const auto byte = static_cast<unsigned char>(c);
        std::int32_t next = child(node, byte);
        if (next < 0) {
            next = newNode(byte, m_nodes[std::size_t(node)].firstChild);
            m_nodes[std::size_t(node)].firstChild = next;
        }
        node = next;
    }
    m_nodes[std::size_t(node)].id = id;
}

} // namespace ls
