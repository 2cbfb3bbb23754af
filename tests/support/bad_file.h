#pragma once

#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>

/// Hand-made files, right and wrong ones.
namespace ls::test {

/// Little-endian bytes, appended one after the other.
class Bytes {
public:
    template <typename T>
    Bytes& number(T value)
    {
        char raw[sizeof(T)];
        std::memcpy(raw, &value, sizeof(T));
        m_bytes.append(raw, sizeof(T));
        return *this;
    }
    Bytes& raw(std::string_view bytes)
    {
        m_bytes += bytes;
        return *this;
    }
    /// With a 64-bit length in front.
    Bytes& text(std::string_view bytes) { return number(std::uint64_t(bytes.size())).raw(bytes); }
    Bytes& padTo(std::size_t multiple)
    {
        while (m_bytes.size() % multiple)
            m_bytes += '\0';
        return *this;
    }
    const std::string& all() const { return m_bytes; }

private:
    std::string m_bytes;
};

inline void writeFile(const std::string& path, std::string_view bytes)
{
    std::ofstream(path, std::ios::binary | std::ios::trunc).write(bytes.data(), std::streamsize(bytes.size()));
}

} // namespace ls::test
