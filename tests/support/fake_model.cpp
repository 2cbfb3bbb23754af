#include "tests/support/fake_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>

namespace ls::fake {

namespace {

constexpr int kFirstByte = 3; // after <|endoftext|>, <|im_start|>, <|im_end|>
constexpr int kFirstWord = kFirstByte + 256;
constexpr int kCandidates = 40;

const std::vector<std::string>& words()
{
    static const std::vector<std::string> list{
        " the",   " of",    " a",       " to",      " and",   " in",     " is",      " it",    " that",   " water",
        " city",  " light", " river",   " stone",   " small", " large",  " old",     " new",   " house",  " tree",
        " moves", " grows", " sees",    " holds",   " under", " over",   " near",    " with",  " from",   " by",
        " model", " layer", " token",   " head",    " word",  " Paris",  " France",  " True",  " False",  ".",
        ",",      "!",      "?",        ":",        ";",      "\n",      "The",      "Water",  " A",      " B",
        " C",     " D",     " capital", " because", " while", " slowly", " quickly", " never", " always", " one",
        " two",   " three", " warm",    " cold"};
    return list;
}

float noise(std::uint64_t hash)
{
    return float(unit(hash) - 0.5);
}

} // namespace

std::uint64_t mix(std::uint64_t a, std::uint64_t b)
{
    std::uint64_t x = a * 0xbf58476d1ce4e5b9ull ^ (b + 0x94d049bb133111ebull); // splitmix64's finaliser
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

double unit(std::uint64_t hash)
{
    return double(hash >> 11) / 9007199254740992.0; // 2^53
}

ModelInfo modelInfo(const OpenModel& request)
{
    ModelInfo info;
    info.path = request.path;
    info.name = "Fake-" + std::filesystem::path(request.path).stem().string();
    info.family = "fake";
    info.storedType = "F32";
    info.dtype = request.dtype;
    info.device = request.device;
    info.license = "none: these numbers mean nothing";
    info.fingerprint = fmt::format("{:016x}", mix(1));
    info.tokenizerFingerprint = fmt::format("{:016x}", mix(2));
    info.templateFingerprint = fmt::format("{:016x}", mix(3));
    info.blockCount = kBlocks;
    info.width = kWidth;
    info.headCount = kHeads;
    info.kvHeadCount = kHeads;
    info.headWidth = kWidth / kHeads;
    info.mlpWidth = 3 * kWidth;
    info.vocabSize = kFirstWord + int(words().size());
    info.contextLength = request.contextLength > 0 ? request.contextLength : kContext;
    info.trainedContext = kContext;
    info.parameterCount = 123456;
    info.weightBytes = 4 * info.parameterCount;
    info.fileBytes = info.weightBytes;
    info.kvBytesPerToken = 2 * kBlocks * kWidth * 4;
    info.hasChatTemplate = true;
    return info;
}

std::vector<std::int32_t> encode(const std::string& text)
{
    std::vector<std::int32_t> ids;
    for (std::size_t i = 0; i < text.size();) {
        std::size_t length = 0, best = 0;
        for (std::size_t w = 0; w < words().size(); ++w) {
            const std::string& word = words()[w];
            if (word.size() > length && text.compare(i, word.size(), word) == 0) {
                length = word.size();
                best = w;
            }
        }
        const std::vector<std::string> special{"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
        std::size_t s = 0;
        while (s < special.size() && text.compare(i, special[s].size(), special[s]) != 0)
            ++s;
        if (s < special.size()) {
            ids.push_back(std::int32_t(s));
            i += special[s].size();
        } else if (length > 0) {
            ids.push_back(kFirstWord + std::int32_t(best));
            i += length;
        } else {
            ids.push_back(kFirstByte + std::uint8_t(text[i++]));
        }
    }
    return ids;
}

bool known(std::int32_t id)
{
    return id >= 0 && id < kFirstWord + std::int32_t(words().size());
}

std::string piece(std::int32_t id)
{
    if (!known(id))
        return {};
    if (id < kFirstByte)
        return std::vector<std::string>{"<|endoftext|>", "<|im_start|>", "<|im_end|>"}[std::size_t(id)];
    if (id < kFirstWord)
        return std::string(1, char(id - kFirstByte));
    return words()[std::size_t(id - kFirstWord)];
}

std::string decode(std::span<const std::int32_t> ids)
{
    std::string text;
    for (const std::int32_t id : ids)
        text += piece(id);
    return text;
}

StageTimes stagesOf(std::int64_t ns, std::uint64_t key)
{
    StageTimes out;
    out.embed = ns / 100;
    out.qkv = ns * 18 / 100;
    out.attention = ns * (key == 0 ? 20 : 8) / 100;
    out.output = ns * 9 / 100;
    out.mlp = ns * 38 / 100;
    out.unembed = ns * 10 / 100;
    out.sampling = ns * 2 / 100;
    out.hooks = key == 0 ? 0 : ns * 3 / 100;
    out.other = ns - out.sum();
    return out;
}

std::uint64_t methodKey(const MethodSet& methods)
{
    if (methods.empty())
        return 0;
    std::uint64_t key = 1;
    for (const char c : toJson(methods).dump())
        key = mix(key, std::uint64_t(std::uint8_t(c)));
    return key | 1;
}

double Distribution::entropy() const
{
    double sum = 0;
    for (const double logprob : logprobs)
        sum -= std::exp(logprob) * logprob;
    return sum;
}

std::size_t Distribution::argmax() const
{
    return std::size_t(std::max_element(logprobs.begin(), logprobs.end()) - logprobs.begin());
}

std::size_t Distribution::draw(const SamplerSpec& sampler, int position) const
{
    if (sampler.temperature <= 0)
        return argmax();
    double total = 0;
    std::vector<double> weights;
    for (const double logprob : logprobs)
        total += weights.emplace_back(std::exp(logprob / sampler.temperature));
    double left = unit(mix(sampler.seed, std::uint64_t(position))) * total;
    std::size_t i = 0;
    while (i + 1 < weights.size() && (left -= weights[i]) > 0)
        ++i;
    return i;
}

std::vector<TopCandidate> Distribution::top(int k) const
{
    std::vector<TopCandidate> all;
    for (std::size_t i = 0; i < ids.size(); ++i)
        all.push_back({ids[i], piece(ids[i]), float(logprobs[i])});
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.logprob > b.logprob; });
    all.resize(std::min(all.size(), std::size_t(std::max(0, k))));
    return all;
}

double Distribution::logprob(std::int32_t id) const
{
    const auto found = std::find(ids.begin(), ids.end(), id);
    return found == ids.end() ? -12.0 : logprobs[std::size_t(found - ids.begin())];
}

Distribution next(std::span<const std::int32_t> ids, std::uint64_t key)
{
    std::uint64_t state = mix(ids.size());
    for (std::size_t i = ids.size() > 3 ? ids.size() - 3 : 0; i < ids.size(); ++i)
        state = mix(state, std::uint64_t(ids[i]));
    std::map<std::int32_t, double> logits;
    for (int i = 0; i < kCandidates; ++i) {
        const auto id = std::int32_t(kFirstWord + mix(state, std::uint64_t(i)) % words().size());
        const double dense = 6.0 * unit(mix(state, 1000 + std::uint64_t(id)));
        logits[id] = dense + (key ? 0.3 * noise(mix(mix(state, key), std::uint64_t(id))) : 0.0);
    }
    Distribution out;
    double sum = 0;
    for (const auto& [id, logit] : logits)
        sum += std::exp(logit);
    for (const auto& [id, logit] : logits) {
        out.ids.push_back(id);
        out.logprobs.push_back(logit - std::log(sum));
    }
    return out;
}

double klDivergence(const Distribution& a, const Distribution& b)
{
    double sum = 0;
    for (std::size_t i = 0; i < a.ids.size(); ++i)
        sum += std::exp(a.logprobs[i]) * (a.logprobs[i] - b.logprob(a.ids[i]));
    return std::max(0.0, sum);
}

std::vector<Tap> taps(const std::vector<std::string>& probes, std::span<const std::int32_t> ids, int position,
                      std::uint64_t key)
{
    constexpr int kRows = kBlocks + 1, kTop = 5;
    const auto has = [&](const char* probe) { return std::find(probes.begin(), probes.end(), probe) != probes.end(); };
    const auto prefix = ids.subspan(0, std::size_t(position) + 1);
    const std::uint64_t state = mix(mix(std::uint64_t(prefix.back()), std::uint64_t(position)), key);
    const auto perLayer = [&](std::uint64_t salt, auto&& value) {
        std::vector<float> row;
        for (int l = 0; l < kRows; ++l)
            row.push_back(float(value(l, noise(mix(state, salt * 100 + std::uint64_t(l))))));
        return TensorBlob::fromFloats({kRows}, row);
    };
    const auto nan = std::numeric_limits<float>::quiet_NaN();
    const std::string text = piece(prefix.back());
    const bool mark = text == "." || text == "," || text == "!" || text == "?" || text == ":" || text == ";";
    std::vector<Tap> out;
    const auto add = [&](std::string output, TensorBlob value, std::vector<std::string> texts = {}) {
        out.push_back({0, {}, position, std::move(output), std::move(value), std::move(texts)});
    };
    if (has("layer_norms"))
        add("resid_norm", perLayer(1, [&](int l, float n) {
                const double usual = 1.5 + 0.6 * l + 0.3 * n;
                return position == 0 && l >= 3 ? 100.0 * usual : usual; // a sink, as real models have
            }));
    if (has("logit_lens")) {
        std::vector<std::int32_t> lensIds;
        std::vector<std::string> texts;
        std::vector<float> probs, entropy;
        for (int l = 0; l < kRows; ++l) {
            const Distribution at = l == kBlocks ? next(prefix, key) : next(prefix, mix(key, std::uint64_t(l)) | 1);
            for (const TopCandidate& candidate : at.top(kTop)) {
                lensIds.push_back(candidate.id);
                texts.push_back(candidate.text);
                probs.push_back(std::exp(candidate.logprob));
            }
            entropy.push_back(float(at.entropy() + 0.5 * (kBlocks - l)));
        }
        add("lens.ids", TensorBlob::fromInts({kRows, kTop}, lensIds), texts);
        add("lens.probs", TensorBlob::fromFloats({kRows, kTop}, probs));
        add("lens.entropy", TensorBlob::fromFloats({kRows}, entropy));
    }
    if (has("contextualisation")) {
        const bool empty = position < 4;
        const float sink = position == 0 ? 1.0f : 0.0f;
        add("contextualisation.c", perLayer(2, [&](int l, float n) {
                return empty ? nan : 0.35f + 0.05f * float(l) + (mark ? 0.15f : 0.0f) + 0.1f * n;
            }));
        add("contextualisation.gain",
            perLayer(3, [&](int l, float n) { return empty ? nan : 0.02f * float(l) + 0.05f * n; }));
        add("contextualisation.sink", TensorBlob::fromFloats({1}, std::vector{sink}));
    }
    if (has("safety"))
        add("safety.score", perLayer(4, [&](int l, float n) { return -0.8 + 0.1 * l + 2.0 * n; }));
    return out;
}

TensorBlob streamDistance(int position, std::uint64_t key)
{
    std::vector<float> row;
    for (int l = 0; l <= kBlocks; ++l)
        row.push_back(key && l >= 2
                          ? float(0.05 * l + 0.02 * unit(mix(mix(key, std::uint64_t(position)), std::uint64_t(l))))
                          : 0.0f);
    return TensorBlob::fromFloats({kBlocks + 1}, row);
}

std::vector<std::string> sites()
{
    std::vector<std::string> names{"embed"};
    for (int l = 0; l < kBlocks; ++l)
        for (const char* site : {"resid_pre", "attn_out", "resid_mid", "mlp_out", "resid_post"})
            names.push_back(fmt::format("blocks.{}.{}", l, site));
    names.push_back("final_norm");
    names.push_back("logits");
    return names;
}

TensorBlob siteValue(const std::string& site, std::span<const std::int32_t> ids, std::uint64_t key)
{
    const auto all = sites();
    if (std::find(all.begin(), all.end(), site) == all.end())
        return {};
    std::uint64_t salt = key;
    for (const char c : site)
        salt = mix(salt, std::uint64_t(std::uint8_t(c)));
    const int columns = site == "logits" ? modelInfo({}).vocabSize : kWidth;
    std::vector<float> values;
    for (std::size_t row = 0; row < ids.size(); ++row)
        for (int column = 0; column < columns; ++column)
            values.push_back(noise(mix(mix(salt, std::uint64_t(ids[row])), row * 4096 + std::uint64_t(column))));
    return TensorBlob::fromFloats({std::int64_t(ids.size()), columns}, values);
}

} // namespace ls::fake
