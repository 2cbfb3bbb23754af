#include "core/data/vector_writer.h"

#include "core/data/whole_file.h"

#include <nlohmann/json.hpp>

#include <bit>
#include <limits>
#include <set>

namespace ls {

namespace {

static_assert(std::endian::native == std::endian::little, "both formats are little-endian");

Error unusable(std::string message)
{
    return {Errc::InvalidParameter, std::move(message), "The file was not written.", {}};
}

/// Little-endian values one after the other, as GGUF has them.
class Bytes {
public:
    template <typename T>
    void number(T value)
    {
        m_text.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    void text(const std::string& value)
    {
        number(std::uint64_t(value.size()));
        m_text += value;
    }
    void floats(const std::vector<float>& values)
    {
        m_text.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
    }
    void pad(std::size_t alignment) { m_text.resize((m_text.size() + alignment - 1) / alignment * alignment, '\0'); }
    const std::string& all() const { return m_text; }

private:
    std::string m_text;
};

constexpr std::size_t kAlignment = 32; // the default of the format; no key says otherwise

std::size_t aligned(std::size_t bytes)
{
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

/// The safetensors name of a dtype of ours, and its width; null for any other.
const char* safetensorsName(const std::string& dtype, std::uint64_t& width)
{
    width = dtype == "u8" ? 1 : 4;
    return dtype == "f32" ? "F32" : dtype == "i32" ? "I32" : dtype == "u8" ? "U8" : nullptr;
}

/// Bytes that shape and width ask for; nothing if an extent is negative or the product too large to exist.
bool expectedBytes(const TensorBlob& tensor, std::uint64_t width, std::uint64_t& bytes)
{
    bytes = width;
    for (const std::int64_t extent : tensor.shape) {
        if (extent < 0 || (extent > 0 && bytes > std::numeric_limits<std::uint64_t>::max() / std::uint64_t(extent)))
            return false;
        bytes *= std::uint64_t(extent);
    }
    return true;
}

} // namespace

Status writeControlVector(const std::string& path, const std::string& modelHint,
                          const std::map<int, std::vector<float>>& directions)
{
    if (directions.empty())
        return unusable("There is no direction to write.");
    const std::size_t width = directions.begin()->second.size();
    for (const auto& [layer, values] : directions) {
        if (layer < 1)
            return unusable("Control vectors begin at layer 1: direction." + std::to_string(layer) +
                            " cannot be written.");
        if (values.empty() || values.size() != width)
            return unusable("The directions have different widths, or none.");
    }
    constexpr std::uint32_t kVersion = 3, kUint32 = 4, kString = 8, kF32 = 0, kDimensions = 1;
    constexpr std::uint64_t kKeys = 3;
    Bytes out;
    for (const char letter : {'G', 'G', 'U', 'F'})
        out.number(letter);
    out.number(kVersion);
    out.number(std::uint64_t(directions.size()));
    out.number(kKeys);
    out.text("general.architecture");
    out.number(kString);
    out.text("controlvector");
    out.text("controlvector.model_hint");
    out.number(kString);
    out.text(modelHint);
    out.text("controlvector.layer_count"); // uint32 as repeng writes it; readers take int32, too
    out.number(kUint32);
    out.number(std::uint32_t(directions.size()));
    std::uint64_t offset = 0;
    for (const auto& [layer, values] : directions) {
        out.text("direction." + std::to_string(layer));
        out.number(kDimensions);
        out.number(std::uint64_t(width));
        out.number(kF32);
        out.number(offset);
        offset += aligned(width * sizeof(float));
    }
    out.pad(kAlignment);
    for (const auto& [layer, values] : directions) {
        out.floats(values);
        out.pad(kAlignment);
    }
    return writeWholeFile(path, out.all());
}

Status writeSafetensors(const std::string& path, const std::vector<std::pair<std::string, TensorBlob>>& tensors,
                        const std::map<std::string, std::string>& metadata)
{
    nlohmann::ordered_json header = nlohmann::ordered_json::object();
    if (!metadata.empty())
        header["__metadata__"] = metadata;
    std::uint64_t offset = 0;
    std::set<std::string> names{"__metadata__"};
    for (const auto& [name, tensor] : tensors) {
        std::uint64_t width = 0, bytes = 0;
        const char* dtype = safetensorsName(tensor.dtype, width);
        if (!dtype)
            return unusable(name + " has the type " + tensor.dtype + ", which this writer does not know.");
        if (!expectedBytes(tensor, width, bytes) || bytes != tensor.bytes.size())
            return unusable(name + " has another number of bytes than its shape says.");
        if (!names.insert(name).second)
            return unusable("Two tensors are called " + name + ".");
        header[name] = {{"dtype", dtype}, {"shape", tensor.shape}, {"data_offsets", {offset, offset + bytes}}};
        offset += bytes;
    }
    // Broken UTF-8 in a name becomes U+FFFD: dump() would throw.
    std::string text = header.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    constexpr std::size_t kHeaderAlignment = 8; // readers map the file: tensors begin at a multiple of 8
    text.resize((text.size() + kHeaderAlignment - 1) / kHeaderAlignment * kHeaderAlignment, ' ');
    const std::uint64_t length = text.size();
    std::string all(reinterpret_cast<const char*>(&length), sizeof length);
    all.reserve(all.size() + text.size() + offset);
    all += text;
    for (const auto& [name, tensor] : tensors)
        all.append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
    return writeWholeFile(path, all);
}

} // namespace ls
