#pragma once

#include "tests/support/bad_file.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <vector>

/// A GGUF file taken apart, to be written again with one thing wrong.
namespace ls::test {

struct GgufDraft {
    struct Key {
        std::string name;
        std::uint32_t kind = 0;
        std::string value; ///< as in the file, without the kind
    };
    struct Tensor {
        std::string name;
        std::vector<std::uint64_t> extents; ///< fastest first, as in the file
        std::uint32_t type = 0;
        std::string data;
        std::int64_t place = -1; ///< offset to write; -1: where the data is
    };
    std::string magic = "GGUF";
    std::uint32_t version = 3;
    std::vector<Key> keys;
    std::vector<Tensor> tensors;
    std::int64_t claimedKeys = -1, claimedTensors = -1; ///< counts to write; -1: the true ones
    std::size_t alignment = 32;                         ///< of the data; the key general.alignment is not looked at

    static GgufDraft read(const std::string& path);

    Key& key(const std::string& name)
    {
        return *std::find_if(keys.begin(), keys.end(), [&](const Key& k) { return k.name == name; });
    }
    Tensor& tensor(const std::string& name)
    {
        return *std::find_if(tensors.begin(), tensors.end(), [&](const Tensor& t) { return t.name == name; });
    }
    void set(const std::string& name, std::uint32_t kind, const std::string& value)
    {
        remove(name);
        keys.push_back({name, kind, value});
    }
    void remove(const std::string& name)
    {
        std::erase_if(keys, [&](const Key& k) { return k.name == name; });
    }
    /// The file; `marks` gets the place where each section begins.
    std::string bytes(std::map<std::string, std::size_t>* marks = nullptr) const;
};

namespace detail {

class GgufWalk {
public:
    explicit GgufWalk(const std::string& bytes)
        : m_bytes(bytes)
    {
    }
    template <typename T>
    T number()
    {
        T value;
        std::memcpy(&value, take(sizeof value).data(), sizeof value);
        return value;
    }
    std::string text() { return std::string(take(std::size_t(number<std::uint64_t>()))); }
    std::string_view take(std::size_t size)
    {
        if (size > m_bytes.size() - at)
            throw std::runtime_error("the good file of a test is cut off");
        at += size;
        return std::string_view(m_bytes).substr(at - size, size);
    }
    void skip(std::uint32_t kind)
    {
        constexpr std::size_t kSizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
        if (kind == 8) {
            text();
        } else if (kind == 9) {
            const auto inner = number<std::uint32_t>();
            for (auto count = number<std::uint64_t>(); count > 0; --count)
                skip(inner);
        } else {
            take(kSizes[kind]);
        }
    }
    std::size_t at = 0;

private:
    const std::string& m_bytes;
};

} // namespace detail

inline GgufDraft GgufDraft::read(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    detail::GgufWalk walk(bytes);
    GgufDraft draft;
    draft.magic = walk.take(4);
    draft.version = walk.number<std::uint32_t>();
    draft.tensors.resize(std::size_t(walk.number<std::uint64_t>()));
    draft.keys.resize(std::size_t(walk.number<std::uint64_t>()));
    for (Key& key : draft.keys) {
        key.name = walk.text();
        key.kind = walk.number<std::uint32_t>();
        const std::size_t begin = walk.at;
        walk.skip(key.kind);
        key.value = bytes.substr(begin, walk.at - begin);
    }
    std::vector<std::size_t> offsets;
    for (Tensor& tensor : draft.tensors) {
        tensor.name = walk.text();
        tensor.extents.resize(walk.number<std::uint32_t>());
        for (std::uint64_t& extent : tensor.extents)
            extent = walk.number<std::uint64_t>();
        tensor.type = walk.number<std::uint32_t>();
        offsets.push_back(std::size_t(walk.number<std::uint64_t>()));
    }
    const std::size_t data = (walk.at + draft.alignment - 1) / draft.alignment * draft.alignment;
    for (std::size_t i = 0; i < offsets.size(); ++i) { // tensors stand in the order of their offsets
        const std::size_t end = i + 1 < offsets.size() ? offsets[i + 1] : bytes.size() - data;
        draft.tensors[i].data = bytes.substr(data + offsets[i], end - offsets[i]);
    }
    return draft;
}

inline std::string GgufDraft::bytes(std::map<std::string, std::size_t>* marks) const
{
    Bytes out;
    const auto mark = [&](const std::string& name) {
        if (marks)
            (*marks)[name] = out.all().size();
    };
    out.raw(magic).number(version);
    mark("number of tensors");
    out.number(claimedTensors < 0 ? std::uint64_t(tensors.size()) : std::uint64_t(claimedTensors));
    mark("number of keys");
    out.number(claimedKeys < 0 ? std::uint64_t(keys.size()) : std::uint64_t(claimedKeys));
    for (const Key& key : keys) {
        mark("key " + key.name);
        out.text(key.name);
        mark("kind of " + key.name);
        out.number(key.kind);
        mark("value of " + key.name);
        out.raw(key.value);
    }
    std::size_t at = 0;
    std::vector<std::size_t> places;
    for (const Tensor& tensor : tensors) {
        mark("tensor " + tensor.name);
        out.text(tensor.name);
        mark("dimensions of " + tensor.name);
        out.number(std::uint32_t(tensor.extents.size()));
        for (const std::uint64_t extent : tensor.extents)
            out.number(extent);
        mark("type of " + tensor.name);
        out.number(tensor.type);
        mark("offset of " + tensor.name);
        out.number(tensor.place < 0 ? std::uint64_t(at) : std::uint64_t(tensor.place));
        places.push_back(at);
        at = (at + tensor.data.size() + alignment - 1) / alignment * alignment;
    }
    mark("padding");
    out.padTo(alignment);
    const std::size_t data = out.all().size();
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        while (out.all().size() < data + places[i])
            out.raw(std::string_view("\0", 1));
        mark("data of " + tensors[i].name);
        out.raw(tensors[i].data);
    }
    return out.all();
}

} // namespace ls::test
