#include "engine/certify/certify_parts.h"

#include "engine/text/tokenizer.h"

#include <algorithm>
#include <random>

namespace ls::certify {

namespace {

struct Text {
    const char* name;
    const char* text;
};
constexpr Text kTexts[] = {
    {"prose", "The old harbour was quiet in 1923; the fishermen, tired but cheerful, mended their nets and said: "
              "\"Tomorrow we sail at dawn.\""},
    {"code", "def mean(values):\n    total = 0.0\n    for value in values:\n        total += value\n"
             "    return total / len(values)\n"},
    {"unicode", "Zürich, naïve café — 東京タワー, Привет! 🙂 3.14 €"},
};
constexpr int kLongestWindow = 1024; // keys; beyond it the float64 pass takes minutes

std::vector<std::int32_t> drawn(const Model& model, std::size_t count)
{
    std::mt19937 random(7);
    std::uniform_int_distribution<std::int32_t> id(0, model.config().vocabSize - 1);
    std::vector<std::int32_t> out(count);
    std::generate(out.begin(), out.end(), [&] { return id(random); });
    return out;
}

} // namespace

std::vector<CertifyPrompt> prompts(const Model& model)
{
    std::vector<CertifyPrompt> out;
    const auto limit = std::size_t(model.info().contextLength);
    const auto add = [&](const char* name, std::vector<std::int32_t> ids, bool detailed) {
        ids.resize(std::min(ids.size(), limit));
        if (!ids.empty())
            out.push_back({name, std::move(ids), detailed});
    };
    if (model.needsText().ok())
        for (const Text& text : kTexts) {
            auto ids = model.tokenizer().tokenize(text.text);
            const auto unknown = [&](std::int32_t id) { return id < 0 || id >= model.config().vocabSize; };
            if (ids && std::none_of(ids.value().begin(), ids.value().end(), unknown))
                add(text.name, std::move(ids).value(), true);
        }
    if (out.empty())
        add("ids", drawn(model, 24), true);
    int window = 0;
    for (const LayerConfig& layer : model.config().layers)
        window = std::max(window, layer.window);
    if (window > 0 && window <= kLongestWindow && std::size_t(window) < limit) {
        std::vector<std::int32_t> ids;
        while (ids.size() < std::size_t(window) + 32)
            ids.insert(ids.end(), out[ids.size() % out.size()].ids.begin(), out[ids.size() % out.size()].ids.end());
        ids.resize(std::size_t(window) + 32);
        add("window", std::move(ids), false);
    }
    return out;
}

CertificateCheck tokenizerCheck(const Model& model)
{
    CertificateCheck check{"tokenizer", "The tokenizer gives back the text", 0, 1, true, {}};
    if (!model.needsText().ok()) {
        check.made = false;
        check.detail = model.needsText().error().message;
        return check;
    }
    for (const Text& text : kTexts) {
        const auto ids = model.tokenizer().tokenize(text.text, false);
        std::string back = ids ? model.tokenizer().decode(ids.value()) : std::string();
        if (back.starts_with(' ')) // SentencePiece puts a space in front
            back.erase(0, 1);
        if (back == text.text)
            continue;
        check.value += 1;
        check.passed = false;
        check.detail += (check.detail.empty() ? "" : ", ") + std::string(text.name);
    }
    return check;
}

} // namespace ls::certify
