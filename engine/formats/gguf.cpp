#include "engine/formats/gguf.h"

#include "engine/formats/fingerprint.h"

#include "core/utf8.h"
#include "engine/formats/gguf_split.h"
#include "engine/formats/mapped_file.h"

#include <fmt/format.h>

#include <cstring>
#include <limits>
#include <optional>
#include <set>
#include <variant>

namespace ls {

namespace {

using nlohmann::json;

enum class Kind : std::uint32_t { U8, I8, U16, I16, U32, I32, F32, Bool, String, Array, U64, I64, F64 };

/// Types of the file format by their number; the gaps are types that were removed.
const char* typeName(std::uint32_t number)
{
    switch (number) {
    case 0:
        return "F32";
    case 1:
        return "F16";
    case 2:
        return "Q4_0";
    case 3:
        return "Q4_1";
    case 6:
        return "Q5_0";
    case 7:
        return "Q5_1";
    case 8:
        return "Q8_0";
    case 9:
        return "Q8_1";
    case 10:
        return "Q2_K";
    case 11:
        return "Q3_K";
    case 12:
        return "Q4_K";
    case 13:
        return "Q5_K";
    case 14:
        return "Q6_K";
    case 15:
        return "Q8_K";
    case 16:
        return "IQ2_XXS";
    case 17:
        return "IQ2_XS";
    case 18:
        return "IQ3_XXS";
    case 19:
        return "IQ1_S";
    case 20:
        return "IQ4_NL";
    case 21:
        return "IQ3_S";
    case 22:
        return "IQ2_S";
    case 23:
        return "IQ4_XS";
    case 24:
        return "I8";
    case 25:
        return "I16";
    case 26:
        return "I32";
    case 27:
        return "I64";
    case 28:
        return "F64";
    case 29:
        return "IQ1_M";
    case 30:
        return "BF16";
    case 39:
        return "MXFP4";
    default:
        return nullptr;
    }
}

/// Reads the header; every length is checked against the bytes that are left before anything is taken.
class Cursor {
public:
    explicit Cursor(std::span<const std::uint8_t> bytes, std::size_t offset = 0)
        : m_bytes(bytes)
        , m_offset(offset)
    {
    }
    std::size_t offset() const { return m_offset; }
    std::size_t left() const { return m_bytes.size() - m_offset; }

    Error damaged(std::string_view what) const
    {
        return {Errc::FileFormat, "The GGUF file is damaged or cut off.", "Fetch the file again and compare its size.",
                fmt::format("{} at byte {}", utf8::repaired(what), m_offset)};
    }
    template <typename T>
    Result<T> take()
    {
        if (left() < sizeof(T))
            return damaged("the file ends inside a number");
        T value;
        std::memcpy(&value, m_bytes.data() + m_offset, sizeof(T));
        m_offset += sizeof(T);
        return value;
    }
    Result<std::string_view> takeText()
    {
        LS_TRY(const auto length, take<std::uint64_t>());
        if (length > left())
            return damaged("a text is longer than the file");
        const std::string_view text(reinterpret_cast<const char*>(m_bytes.data() + m_offset), std::size_t(length));
        m_offset += std::size_t(length);
        return text;
    }
    Result<std::string> takeString()
    {
        LS_TRY(const std::string_view text, takeText());
        return std::string(text);
    }
    /// The caller has checked that so many bytes are left.
    void skip(std::size_t bytes) { m_offset += bytes; }

private:
    std::span<const std::uint8_t> m_bytes;
    std::size_t m_offset = 0;
};

/// A list stays in the file and is read when it is asked for: a vocabulary has a million entries.
struct Array {
    Kind kind = Kind::U8;
    std::uint64_t count = 0;
    std::size_t offset = 0; ///< where its items begin; all of them lie inside the file
};
struct Value {
    std::variant<std::int64_t, double, bool, std::string, Array> data;
};

std::size_t smallestSize(Kind kind)
{
    switch (kind) {
    case Kind::U8:
    case Kind::I8:
    case Kind::Bool:
        return 1;
    case Kind::U16:
    case Kind::I16:
        return 2;
    case Kind::U32:
    case Kind::I32:
    case Kind::F32:
        return 4;
    case Kind::Array:
        return 12;
    default:
        return 8;
    }
}

template <typename T>
Result<Value> takeNumber(Cursor& cursor)
{
    LS_TRY(const T value, cursor.take<T>());
    if constexpr (std::is_floating_point_v<T>) {
        return Value{double(value)};
    } else {
        if (!std::in_range<std::int64_t>(value))
            return cursor.damaged("a number is too large");
        return Value{std::int64_t(value)};
    }
}

Result<Value> takeValue(Cursor& cursor, Kind kind, int depth);

/// Walks over the items, so that a list that leaves the file is found when the file is opened.
Status skipItems(Cursor& cursor, const Array& array, int depth)
{
    const bool fixed = array.kind != Kind::String && array.kind != Kind::Array;
    if (fixed)
        cursor.skip(std::size_t(array.count) * smallestSize(array.kind));
    for (std::uint64_t i = 0; !fixed && i < array.count; ++i) {
        if (array.kind == Kind::String)
            LS_CHECK(cursor.takeText());
        else
            LS_CHECK(takeValue(cursor, Kind::Array, depth + 1));
    }
    return success();
}

Result<Value> takeValue(Cursor& cursor, Kind kind, int depth)
{
    switch (kind) {
    case Kind::U8:
        return takeNumber<std::uint8_t>(cursor);
    case Kind::I8:
        return takeNumber<std::int8_t>(cursor);
    case Kind::U16:
        return takeNumber<std::uint16_t>(cursor);
    case Kind::I16:
        return takeNumber<std::int16_t>(cursor);
    case Kind::U32:
        return takeNumber<std::uint32_t>(cursor);
    case Kind::I32:
        return takeNumber<std::int32_t>(cursor);
    case Kind::U64:
        return takeNumber<std::uint64_t>(cursor);
    case Kind::I64:
        return takeNumber<std::int64_t>(cursor);
    case Kind::F32:
        return takeNumber<float>(cursor);
    case Kind::F64:
        return takeNumber<double>(cursor);
    case Kind::Bool: {
        LS_TRY(const auto value, cursor.take<std::uint8_t>());
        return Value{value != 0};
    }
    case Kind::String: {
        LS_TRY(std::string text, cursor.takeString());
        return Value{std::move(text)};
    }
    case Kind::Array: {
        LS_TRY(const auto type, cursor.take<std::uint32_t>());
        LS_TRY(const auto count, cursor.take<std::uint64_t>());
        if (type > std::uint32_t(Kind::F64) || depth > 2)
            return cursor.damaged("an array of an unknown kind");
        if (count > cursor.left() / smallestSize(Kind(type)))
            return cursor.damaged("an array is longer than the file");
        const Array array{Kind(type), count, cursor.offset()};
        LS_CHECK(skipItems(cursor, array, depth));
        return Value{array};
    }
    }
    return cursor.damaged("a value of an unknown kind");
}

json shownValue(const Value& value, std::span<const std::uint8_t> file)
{
    constexpr std::uint64_t kLongest = 16;
    if (const auto* array = std::get_if<Array>(&value.data)) {
        json items = json::array();
        Cursor cursor(file, array->offset);
        for (std::uint64_t i = 0; i < std::min(array->count, kLongest); ++i) {
            const auto item = takeValue(cursor, array->kind, 1);
            items.push_back(item ? shownValue(item.value(), file) : json());
        }
        return array->count <= kLongest ? items : json{{"count", array->count}, {"first", items}};
    }
    return std::visit(
        [](const auto& plain) -> json {
            if constexpr (std::is_same_v<std::decay_t<decltype(plain)>, Array>)
                return nullptr;
            else if constexpr (std::is_same_v<std::decay_t<decltype(plain)>, std::string>)
                return utf8::repaired(plain); // the JSON library throws on anything else when it writes
            else
                return plain;
        },
        value.data);
}

class File final : public GgufFile {
public:
    File(std::string path, MappedFile mapped)
        : m_path(std::move(path))
        , m_mapped(std::move(mapped))
    {
    }
    Status parse();

    const std::string& path() const override { return m_path; }
    std::int64_t fileBytes() const override { return std::int64_t(m_mapped.bytes().size()); }
    const std::vector<GgufTensor>& tensors() const override { return m_tensors; }
    const GgufTensor* tensor(const std::string& name) const override
    {
        const auto found = m_byName.find(name);
        return found == m_byName.end() ? nullptr : &m_tensors[found->second];
    }
    bool has(const std::string& key) const override { return m_values.contains(key); }
    Result<std::int64_t> integer(const std::string& key) const override { return get<std::int64_t>(key, "an integer"); }
    Result<std::string> text(const std::string& key) const override { return get<std::string>(key, "a text"); }
    Result<bool> boolean(const std::string& key) const override { return get<bool>(key, "a yes or no"); }
    Result<double> number(const std::string& key) const override
    {
        if (auto whole = get<std::int64_t>(key, "a number"); whole.ok())
            return double(whole.value());
        return get<double>(key, "a number");
    }
    Result<std::vector<std::string>> texts(const std::string& key) const override { return list<std::string>(key); }
    Result<std::vector<std::int64_t>> integers(const std::string& key) const override
    {
        return list<std::int64_t>(key);
    }
    Result<std::vector<double>> numbers(const std::string& key) const override { return list<double>(key); }
    Result<std::vector<bool>> booleans(const std::string& key) const override { return list<bool>(key); }
    json metadata() const override
    {
        json out = json::object();
        for (const auto& [key, value] : m_values)
            out[utf8::repaired(key)] = shownValue(value, m_mapped.bytes());
        return out;
    }
    std::string fingerprint() const override;

private:
    Error wrongKey(const std::string& key, std::string_view type) const
    {
        return {Errc::FileFormat, fmt::format("{} is missing in the file, or is not {}.", key, type),
                "The file is damaged, or was written for another program.", m_path};
    }
    template <typename T>
    Result<T> get(const std::string& key, std::string_view type) const
    {
        const auto found = m_values.find(key);
        const T* value = found == m_values.end() ? nullptr : std::get_if<T>(&found->second.data);
        if (!value)
            return wrongKey(key, type);
        return *value;
    }
    template <typename T>
    Result<std::vector<T>> list(const std::string& key) const
    {
        const auto found = m_values.find(key);
        const Array* array = found == m_values.end() ? nullptr : std::get_if<Array>(&found->second.data);
        if (!array)
            return wrongKey(key, "a list");
        std::vector<T> out;
        out.reserve(std::size_t(array->count));
        Cursor cursor(m_mapped.bytes(), array->offset);
        for (std::uint64_t i = 0; i < array->count; ++i) {
            LS_TRY(const Value item, takeValue(cursor, array->kind, 1));
            const T* value = std::get_if<T>(&item.data);
            if (!value)
                return wrongKey(key, "a list of one kind");
            out.push_back(*value);
        }
        releasePages(m_mapped.bytes().subspan(array->offset, cursor.offset() - array->offset));
        return out;
    }
    Status parseTensors(Cursor& cursor, std::uint64_t count);

    std::string m_path;
    MappedFile m_mapped;
    std::map<std::string, Value> m_values;
    std::vector<GgufTensor> m_tensors;
    std::map<std::string, std::size_t> m_byName;
    std::size_t m_headerBytes = 0;
};

Status File::parse()
{
    const auto bytes = m_mapped.bytes();
    if (bytes.size() < 24 || std::memcmp(bytes.data(), "GGUF", 4) != 0)
        return Error{Errc::FileFormat, fmt::format("{} is not a GGUF file.", m_path),
                     "Choose a file that was written as GGUF; if it was downloaded, fetch it again.",
                     "wrong magic at byte 0"};
    Cursor cursor(bytes);
    LS_CHECK(cursor.take<std::uint32_t>());
    LS_TRY(const auto version, cursor.take<std::uint32_t>());
    if (version != 2 && version != 3)
        return Error{Errc::FileFormat,
                     fmt::format("{} is GGUF version {}; versions 2 and 3 can be read.", m_path, version),
                     version > 0xffff ? "The file was written on a big-endian machine." : "Convert the model again.",
                     {}};
    LS_TRY(const auto tensorCount, cursor.take<std::uint64_t>());
    LS_TRY(const auto valueCount, cursor.take<std::uint64_t>());
    constexpr std::size_t kSmallestValue = 13, kSmallestTensor = 24;
    if (valueCount > cursor.left() / kSmallestValue || tensorCount > cursor.left() / kSmallestTensor)
        return cursor.damaged("more entries than the file can hold");
    for (std::uint64_t i = 0; i < valueCount; ++i) {
        LS_TRY(std::string key, cursor.takeString());
        LS_TRY(const auto kind, cursor.take<std::uint32_t>());
        if (kind > std::uint32_t(Kind::F64))
            return cursor.damaged("a value of an unknown kind");
        LS_TRY(Value value, takeValue(cursor, Kind(kind), 0));
        if (!m_values.emplace(std::move(key), std::move(value)).second)
            return cursor.damaged("a key stands twice");
    }
    return parseTensors(cursor, tensorCount);
}

Status File::parseTensors(Cursor& cursor, std::uint64_t count)
{
    std::vector<std::uint64_t> offsets;
    for (std::uint64_t i = 0; i < count; ++i) {
        GgufTensor tensor;
        LS_TRY(tensor.name, cursor.takeString());
        LS_TRY(const auto dimensions, cursor.take<std::uint32_t>());
        if (dimensions > 4)
            return cursor.damaged("a tensor of more than four dimensions");
        std::int64_t values = 1;
        for (std::uint32_t d = 0; d < dimensions; ++d) {
            LS_TRY(const auto extent, cursor.take<std::uint64_t>());
            if (extent > std::uint64_t(std::numeric_limits<std::int64_t>::max() / values))
                return cursor.damaged("a tensor is too large");
            values *= std::int64_t(extent);
            tensor.shape.insert(tensor.shape.begin(), std::int64_t(extent));
            if (values == 0)
                return cursor.damaged("a tensor without values");
        }
        LS_TRY(const auto type, cursor.take<std::uint32_t>());
        LS_TRY(const auto offset, cursor.take<std::uint64_t>());
        const char* name = typeName(type);
        tensor.type = name ? name : fmt::format("type {}", type);
        offsets.push_back(offset);
        if (!m_byName.emplace(tensor.name, m_tensors.size()).second)
            return cursor.damaged("a tensor stands twice");
        m_tensors.push_back(std::move(tensor));
    }
    std::int64_t alignment = 32;
    if (has("general.alignment")) {
        LS_TRY(alignment, integer("general.alignment"));
    }
    if (alignment < 1 || alignment > 65536 || (alignment & (alignment - 1)) != 0)
        return cursor.damaged("an alignment that is no power of two");
    m_headerBytes = (cursor.offset() + std::size_t(alignment) - 1) / std::size_t(alignment) * std::size_t(alignment);
    const auto bytes = m_mapped.bytes();
    const std::size_t dataBytes = bytes.size() > m_headerBytes ? bytes.size() - m_headerBytes : 0;
    std::map<std::uint64_t, std::uint64_t> taken; // begin -> end
    for (std::size_t i = 0; i < m_tensors.size(); ++i) {
        GgufTensor& tensor = m_tensors[i];
        const QuantType* type = quantType(tensor.type);
        if (!type) // listed, but its size is unknown: opening a model that needs it fails with TensorType
            continue;
        if (tensor.shape.empty() || tensor.shape.back() % type->blockValues != 0)
            return cursor.damaged("rows of tensor " + tensor.name + " are not whole blocks");
        const std::uint64_t blocks = std::uint64_t(tensor.count()) / std::uint64_t(type->blockValues);
        if (offsets[i] % std::uint64_t(alignment) != 0 || offsets[i] > dataBytes ||
            blocks > (dataBytes - offsets[i]) / std::uint64_t(type->blockBytes))
            return cursor.damaged("tensor " + tensor.name + " lies outside the file");
        const std::uint64_t size = blocks * std::uint64_t(type->blockBytes);
        tensor.bytes = bytes.subspan(m_headerBytes + std::size_t(offsets[i]), std::size_t(size));
        const auto next = taken.lower_bound(offsets[i]);
        if ((next != taken.end() && next->first < offsets[i] + size) ||
            (next != taken.begin() && std::prev(next)->second > offsets[i]))
            return cursor.damaged("tensor " + tensor.name + " overlaps another");
        taken.emplace(offsets[i], offsets[i] + size);
    }
    return success();
}

std::string File::fingerprint() const
{
    const auto bytes = m_mapped.bytes();
    Fingerprint out(bytes.size());
    out.add(bytes.data(), std::min(m_headerBytes, bytes.size()));
    for (const GgufTensor& tensor : m_tensors)
        out.addWeights(tensor.bytes);
    return out.text();
}

} // namespace

Result<std::unique_ptr<GgufFile>> openGgufPart(const std::string& path)
{
    LS_TRY(MappedFile mapped, MappedFile::open(path));
    auto file = std::make_unique<File>(path, std::move(mapped));
    LS_CHECK(file->parse());
    return std::unique_ptr<GgufFile>(std::move(file));
}

} // namespace ls
