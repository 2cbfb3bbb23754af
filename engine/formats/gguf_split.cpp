#include "engine/formats/gguf_split.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <optional>
#include <unordered_map>

namespace ls {

namespace {

/// "NAME-00002-of-00003.gguf"
struct PartName {
    std::string stem; ///< "NAME"
    int count = 0;

    std::string part(int index) const { return fmt::format("{}-{:05}-of-{:05}.gguf", stem, index + 1, count); }
    static std::optional<PartName> parse(const std::string& path)
    {
        constexpr std::size_t kTail = std::string_view("-00001-of-00001.gguf").size();
        if (path.size() <= kTail)
            return std::nullopt;
        const std::string_view tail = std::string_view(path).substr(path.size() - kTail);
        const std::string_view pattern = "-#####-of-#####.gguf";
        for (std::size_t i = 0; i < kTail; ++i)
            if (pattern[i] == '#' ? (tail[i] < '0' || tail[i] > '9') : tail[i] != pattern[i])
                return std::nullopt;
        return PartName{path.substr(0, path.size() - kTail), std::stoi(std::string(tail.substr(10, 5)))};
    }
};

/// The parts as one file: metadata of the first, tensors of all.
class SplitFile final : public GgufFile {
public:
    SplitFile(std::string path, std::vector<std::unique_ptr<GgufFile>> parts)
        : m_path(std::move(path))
        , m_parts(std::move(parts))
    {
    }
    Status join()
    {
        for (const auto& part : m_parts)
            for (const StoredTensor& tensor : part->tensors()) {
                if (!m_byName.emplace(tensor.name, m_tensors.size()).second)
                    return Error{Errc::FileFormat, "Two parts of the model hold the same tensor.",
                                 "Fetch the files again, all of the same model.", tensor.name};
                m_tensors.push_back(tensor);
            }
        return success();
    }

    const std::string& path() const override { return m_path; }
    std::int64_t fileBytes() const override
    {
        std::int64_t bytes = 0;
        for (const auto& part : m_parts)
            bytes += part->fileBytes();
        return bytes;
    }
    const std::vector<StoredTensor>& tensors() const override { return m_tensors; }
    const StoredTensor* tensor(const std::string& name) const override
    {
        const auto found = m_byName.find(name);
        return found == m_byName.end() ? nullptr : &m_tensors[found->second];
    }
    bool has(const std::string& key) const override { return first().has(key); }
    Result<std::int64_t> integer(const std::string& key) const override { return first().integer(key); }
    Result<double> number(const std::string& key) const override { return first().number(key); }
    Result<std::string> text(const std::string& key) const override { return first().text(key); }
    Result<bool> boolean(const std::string& key) const override { return first().boolean(key); }
    Result<std::vector<std::string>> texts(const std::string& key) const override { return first().texts(key); }
    Result<std::vector<std::int64_t>> integers(const std::string& key) const override { return first().integers(key); }
    Result<std::vector<double>> numbers(const std::string& key) const override { return first().numbers(key); }
    Result<std::vector<bool>> booleans(const std::string& key) const override { return first().booleans(key); }
    nlohmann::json metadata() const override { return first().metadata(); }
    std::string fingerprint() const override
    {
        std::string all;
        for (const auto& part : m_parts)
            all += part->fingerprint();
        const bool sampled = all.find('~') != all.npos;
        return fmt::format("{:016x}{}", XXH3_64bits(all.data(), all.size()), sampled ? "~" : "");
    }

private:
    const GgufFile& first() const { return *m_parts.front(); }

    std::string m_path;
    std::vector<std::unique_ptr<GgufFile>> m_parts;
    std::vector<StoredTensor> m_tensors;
    std::unordered_map<std::string, std::size_t> m_byName;
};

Status checkPart(const GgufFile& part, int index, int count)
{
    LS_TRY(const std::int64_t number, part.integer("split.no"));
    LS_TRY(const std::int64_t all, part.integer("split.count"));
    if (number == index && all == count)
        return success();
    return Error{Errc::FileFormat,
                 fmt::format("{} says that it is part {} of {}.", part.path(), number + 1, all),
                 "Fetch the files again and keep their names.",
                 {}};
}

} // namespace

Result<std::unique_ptr<GgufFile>> GgufFile::open(const std::string& path)
{
    const auto name = PartName::parse(path);
    if (!name || name->count < 2)
        return openGgufPart(path);
    std::vector<std::unique_ptr<GgufFile>> parts;
    for (int i = 0; i < name->count; ++i) {
        auto part = openGgufPart(name->part(i));
        if (!part && part.error().code == Errc::FileNotFound)
            return Error{Errc::FileNotFound, fmt::format("Part {} of {} of the model is missing.", i + 1, name->count),
                         "Put all parts into one folder.", name->part(i)};
        if (!part)
            return part.error();
        parts.push_back(std::move(part).value());
        LS_CHECK(checkPart(*parts.back(), i, name->count));
    }
    auto file = std::make_unique<SplitFile>(name->part(0), std::move(parts));
    LS_CHECK(file->join());
    return std::unique_ptr<GgufFile>(std::move(file));
}

} // namespace ls
