#include "engine/text/tokenizer_file.h"

#include <fmt/format.h>

namespace ls {

namespace {

using nlohmann::json;

/// Receives the file value by value.
class Reader final : public nlohmann::json_sax<json> {
public:
    explicit Reader(TokenizerFile& file)
        : m_file(file)
    {
    }
    Error error() const
    {
        return {Errc::FileFormat, m_message.empty() ? "The tokenizer is not a JSON object." : m_message,
                "The file is damaged. Fetch it again.", m_detail};
    }

    bool null() override { return value(nullptr); }
    bool boolean(bool given) override { return value(given); }
    bool number_integer(number_integer_t given) override { return number(given); }
    bool number_unsigned(number_unsigned_t given) override { return number(given); }
    bool number_float(number_float_t given, const string_t&) override { return number(given); }
    bool binary(binary_t&) override { return refuse("The tokenizer is not text."); }
    bool string(string_t& given) override
    {
        if (m_part == Part::Merges && m_level == 1)
            return addMerge(given);
        if (m_part != Part::Rest && m_level == 2) {
            m_texts.push_back(std::move(given));
            return m_texts.size() <= 2 || wrongEntry();
        }
        return value(std::move(given));
    }
    bool key(string_t& name) override
    {
        m_key = std::move(name);
        if (m_open.size() == 1)
            m_steps = 0;
        return true;
    }
    bool start_object(std::size_t) override
    {
        if (m_part == Part::Rest && isModelKey("vocab"))
            return enter(Part::Vocabulary);
        // Every step costs a pass over every text.
        if (m_open.size() > 1 && m_open[1].first != "added_tokens" && ++m_steps > TokenizerFile::kMostSteps)
            return refuse(fmt::format("A part of the tokenizer has more than {} steps.", TokenizerFile::kMostSteps));
        return open(json::object());
    }
    bool start_array(std::size_t) override
    {
        if (m_part == Part::Rest && isModelKey("vocab"))
            return enter(Part::Scored);
        if (m_part == Part::Rest && isModelKey("merges"))
            return enter(Part::Merges);
        if (m_part == Part::Vocabulary || m_level == 2)
            return wrongEntry();
        if (m_part != Part::Rest) {
            ++m_level;
            m_texts.clear();
            m_hasScore = false;
            return true;
        }
        return open(json::array());
    }
    bool end_object() override { return m_part == Part::Rest ? close() : leave(); }
    bool end_array() override
    {
        if (m_part == Part::Rest)
            return close();
        if (m_level == 1)
            return leave();
        --m_level;
        if (m_part == Part::Scored && m_texts.size() == 1 && m_hasScore)
            m_file.scored.emplace_back(std::move(m_texts[0]), m_score);
        else if (m_part == Part::Merges && m_texts.size() == 2 && !m_hasScore)
            m_file.merges.emplace_back(std::move(m_texts[0]), std::move(m_texts[1]));
        else
            return wrongEntry();
        return true;
    }
    bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) override
    {
        m_detail = error.what();
        return refuse(fmt::format("The tokenizer is not valid JSON at byte {}.", position));
    }

private:
    enum class Part { Rest, Vocabulary, Scored, Merges };

    bool refuse(std::string message)
    {
        m_message = std::move(message);
        return false;
    }
    bool wrongEntry()
    {
        return refuse(m_part == Part::Merges ? "An entry of the tokenizer's merges is not a pair of texts."
                                             : "An entry of the tokenizer's vocabulary is not a token.");
    }
    bool isModelKey(const char* name) const
    {
        return m_open.size() == 2 && m_open[1].first == "model" && m_open[1].second->is_object() && m_key == name;
    }
    bool enter(Part part)
    {
        const bool again =
            part == Part::Merges ? std::exchange(m_file.hasMerges, true) : std::exchange(m_hadVocabulary, true);
        if (again)
            return refuse("The tokenizer has two vocabularies.");
        m_part = part;
        m_level = 1;
        return true;
    }
    bool leave()
    {
        m_part = Part::Rest;
        m_level = 0;
        return true;
    }
    /// "a b"; the first line of old files names a version.
    bool addMerge(const std::string& text)
    {
        const std::size_t space = text.find(' ');
        if (text.starts_with("#version"))
            return true;
        if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos)
            return wrongEntry();
        m_file.merges.emplace_back(text.substr(0, space), text.substr(space + 1));
        return true;
    }
    template <typename T>
    bool number(T given)
    {
        if (m_part == Part::Vocabulary) {
            if (!std::is_integral_v<T> || double(given) > 2e9 || double(given) < 0)
                return refuse(fmt::format("The token id {} is out of range.", given));
            m_file.tokens.emplace_back(std::move(m_key), std::int64_t(given));
            return true;
        }
        if (m_part == Part::Scored && m_level == 2 && m_texts.size() == 1 && !m_hasScore) {
            m_score = double(given);
            return m_hasScore = true;
        }
        return value(given);
    }
    template <typename T>
    bool value(T&& given)
    {
        if (m_part != Part::Rest)
            return wrongEntry();
        return !m_open.empty() && put(json(std::forward<T>(given)));
    }
    json* put(json given)
    {
        json& parent = *m_open.back().second;
        if (parent.is_array())
            return &parent.emplace_back(std::move(given));
        return &(parent[m_key] = std::move(given));
    }
    bool open(json container)
    {
        if (m_part != Part::Rest)
            return wrongEntry();
        if (m_open.size() >= TokenizerFile::kDeepest)
            return refuse("The tokenizer's JSON is nested too deeply.");
        if (m_open.empty()) {
            if (!container.is_object())
                return false;
            m_file.rest = std::move(container);
            m_open.emplace_back("", &m_file.rest);
            return true;
        }
        json& parent = *m_open.back().second;
        if (parent.is_object() && parent.contains(m_key))
            return refuse(fmt::format("The tokenizer's JSON has \"{}\" twice.", m_key));
        std::string name = parent.is_object() ? m_key : std::string();
        json* place = put(std::move(container));
        m_open.emplace_back(std::move(name), place);
        return true;
    }
    bool close()
    {
        m_open.pop_back();
        return true;
    }

    TokenizerFile& m_file;
    std::vector<std::pair<std::string, json*>> m_open; // containers from the outside in, with their keys
    Part m_part = Part::Rest;
    int m_level = 0; // inside m_part
    int m_steps = 0;
    std::string m_key, m_message, m_detail;
    std::vector<std::string> m_texts; // of the entry being read
    double m_score = 0;
    bool m_hasScore = false, m_hadVocabulary = false;
};

} // namespace

Result<TokenizerFile> TokenizerFile::parse(std::string_view json)
{
    TokenizerFile file;
    Reader reader(file);
    if (!nlohmann::json::sax_parse(json, &reader))
        return reader.error();
    return file;
}

} // namespace ls
