#include "engine/formats/mapped_file.h"
#include "engine/model/family.h"
#include "engine/model/rotary.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace ls {

namespace {

constexpr int kMany = 1 << 20;

Error notTested(const std::string& what)
{
    return {Errc::NotSupported,
            fmt::format("This model {}, for which there are no reference values.", what),
            "Without them the numbers could be wrong, so the model is not opened.",
            {}};
}

Status readSizes(const Family& family, const ConfigReader& reader, ModelConfig& c)
{
    const FolderKeys& keys = family.keys;
    LS_TRY(c.blockCount, reader.count({keys.blocks, "block_count"}, 1, 1024));
    LS_TRY(c.width, reader.count({keys.width, "embedding_length"}, 1, kMany));
    LS_TRY(c.headCount, reader.count({keys.heads, "attention.head_count"}, 1, 4096));
    LS_TRY(c.kvHeadCount, reader.count({keys.kvHeads, "attention.head_count_kv"}, 1, 4096, c.headCount));
    LS_TRY(c.mlpWidth, reader.count({keys.mlpWidth, "feed_forward_length"}, 1, kMany, 4 * c.width));
    LS_TRY(c.trainedContext, reader.count({keys.context, "context_length"}, 1, 1 << 28));
    c.defaultContext = c.trainedContext;
    const Key headWidth{keys.headWidth, "attention.key_length"};
    if (!reader.has(headWidth) && c.width % c.headCount != 0)
        return reader.wrong({keys.heads, "attention.head_count"},
                            fmt::format("is {}, which does not divide the width {}", c.headCount, c.width));
    LS_TRY(c.headWidth, reader.count(headWidth, 1, 4096, c.width / c.headCount));
    LS_TRY(const int valueWidth, reader.count({{}, "attention.value_length"}, 1, 4096, c.headWidth));
    if (valueWidth != c.headWidth)
        return notTested("has values of another width than its keys");
    if (c.headCount % c.kvHeadCount != 0)
        return reader.wrong({keys.kvHeads, "attention.head_count_kv"},
                            fmt::format("is {}, which does not divide {} heads", c.kvHeadCount, c.headCount));
    const char* epsilon =
        family.norm == NormKind::Rms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon";
    LS_TRY(c.normEpsilon, reader.number({keys.normEpsilon, epsilon}, 0, 1));
    return success();
}

Status readExperts(const Family& family, const ConfigReader& reader, ModelConfig& c)
{
    if (family.expertCount.empty())
        return success();
    const bool older = !reader.has({family.expertCount, "expert_count"}); // folders written before transformers 5
    LS_TRY(c.expertCount, reader.count({older ? "num_experts" : family.expertCount, "expert_count"}, 1, 4096));
    LS_TRY(c.expertsUsed, reader.count({"num_experts_per_tok", "expert_used_count"}, 1, c.expertCount));
    LS_TRY(c.mlpWidth, reader.count({family.expertWidth, "expert_feed_forward_length"}, 1, kMany, c.mlpWidth));
    return success();
}

Status readActivation(const Family& family, const ConfigReader& reader, ModelConfig& c)
{
    c.activation = family.activation;
    c.gated = family.gated;
    if (!reader.isFolder())
        return success();
    const Key key{family.keys.activation, {}};
    LS_TRY(const std::string name, reader.text(key, ""));
    if (name.empty())
        return success();
    const bool tanh = name == "gelu_new" || name == "gelu_pytorch_tanh" || name == "gelu_fast";
    if (family.activationInFile && (tanh || name == "gelu")) {
        c.activation = tanh ? Activation::GeluTanh : Activation::Gelu;
        return success();
    }
    const bool usual = family.activation == Activation::GeluTanh ? tanh : name == "silu" || name == "swish";
    if (usual && !family.activationInFile)
        return success();
    return notTested(fmt::format("has the activation \"{}\"", name));
}

/// Which layers see only a window. The list of the file counts; without one, the family's rule.
Result<std::vector<bool>> slidingLayers(const Family& family, const ConfigReader& reader, const ModelConfig& c)
{
    const auto blocks = std::size_t(c.blockCount);
    std::vector<bool> slides(blocks);
    const Key types{"layer_types", {}}, pattern{{}, "attention.sliding_window_pattern"};
    if (reader.has(types)) {
        LS_TRY(const auto names, reader.texts(types));
        if (names.size() != blocks)
            return reader.wrong(types, fmt::format("has {} entries for {} blocks", names.size(), blocks));
        for (std::size_t i = 0; i < blocks; ++i) {
            if (names[i] != "full_attention" && names[i] != "sliding_attention")
                return notTested(fmt::format("has a layer of the type \"{}\"", names[i]));
            slides[i] = names[i] == "sliding_attention";
        }
        return slides;
    }
    if (reader.has(pattern)) {
        LS_TRY(const auto flags, reader.flags(pattern));
        if (flags.size() != blocks)
            return reader.wrong(pattern, fmt::format("has {} entries for {} blocks", flags.size(), blocks));
        return flags;
    }
    LS_TRY(const int fullEvery, reader.count({"sliding_window_pattern", {}}, 1, kMany, family.fullEvery));
    int first = 0;
    if (!family.slidingFromLayer.empty()) {
        LS_TRY(first, reader.count({family.slidingFromLayer, {}}, 0, kMany, 0));
    }
    for (int i = first; i < c.blockCount; ++i)
        slides[std::size_t(i)] = fullEvery == 0 || (i + 1) % fullEvery != 0;
    return slides;
}

Status readLayers(const Family& family, const ConfigReader& reader, int contextLength, ModelConfig& c)
{
    c.layers.assign(std::size_t(c.blockCount), {});
    std::vector<bool> slides(c.layers.size());
    LS_TRY(int window, reader.count({"sliding_window", "attention.sliding_window"}, 0, 1 << 28, 0));
    if (!family.slidingSwitch.empty() && reader.isFolder()) {
        LS_TRY(const bool on, reader.flag({family.slidingSwitch, {}}, false));
        window = on ? window : 0;
    }
    if (window > 0 && !family.slides)
        return notTested("has a sliding window");
    if (window > 0) {
        LS_TRY(slides, slidingLayers(family, reader, c));
    }
    for (std::size_t i = 0; i < slides.size(); ++i)
        c.layers[i].window = slides[i] ? window : 0;
    if (!family.rotary)
        return success();

    LS_TRY(const RotarySettings full, readRotary(family, reader, c, false, contextLength));
    LS_TRY(const RotarySettings sliding, readRotary(family, reader, c, true, contextLength));
    c.rotaryWidth = full.width;
    c.rotaryBase = full.base;
    if (sliding.width != full.width)
        return notTested("rotates a different part of the heads in layers with a window");
    c.rotaries = {rotaryTable(full)};
    if (const RotaryTable other = rotaryTable(sliding); !(other == c.rotaries[0]))
        c.rotaries.push_back(other);
    if (full.kind == "longrope" && contextLength <= 0) // the factors in use are those for the original context
        c.defaultContext = int(std::min<double>(full.originalContext, c.trainedContext));
    const auto rotated = [&](std::size_t i) {
        return family.noRotaryEvery == 0 || (int(i) + 1) % family.noRotaryEvery != 0;
    };
    for (std::size_t i = 0; i < c.layers.size(); ++i)
        if (rotated(i))
            c.layers[i].rotary = slides[i] ? int(c.rotaries.size()) - 1 : 0;
    return success();
}

/// Rows of the embedding decide: tokenizers and configurations are sometimes padded, sometimes not.
Result<int> readVocabSize(const Family& family, const ModelFile& file)
{
    const auto rule = std::find_if(family.tensors.all().begin(), family.tensors.all().end(),
                                   [](const TensorRule& r) { return r.role == Role::Embedding; });
    const StoredTensor* tensor = findTensor(family, file, file.gguf() ? rule->gguf : rule->folder);
    if (!tensor)
        return Error{Errc::TensorMissing,
                     fmt::format("The tensor {} is missing.", file.gguf() ? rule->gguf : rule->folder),
                     "Fetch the file again; if it was converted, convert it again.", file.path()};
    if (tensor->shape.size() != 2 || tensor->shape[0] < 1 || tensor->shape[0] > (1 << 26))
        return Error{Errc::TensorShape, fmt::format("The tensor {} is no table of tokens.", tensor->name),
                     "Fetch the file again.", file.path()};
    return int(tensor->shape[0]);
}

bool sameBytes(const StoredTensor& a, const StoredTensor& b)
{
    const bool same = a.type == b.type && a.shape == b.shape && std::ranges::equal(a.bytes, b.bytes);
    releasePages(a.bytes);
    releasePages(b.bytes);
    return same;
}

/// GGUF leaves the second matrix out. A folder says so, and may hold a copy nevertheless; one that differs from the
/// embedding is used, as the reference does.
Result<bool> readTied(const Family& family, const ConfigReader& reader)
{
    const auto rule = std::find_if(family.tensors.all().begin(), family.tensors.all().end(),
                                   [](const TensorRule& r) { return r.role == Role::Unembedding; });
    if (!reader.isFolder())
        return !reader.file().tensor(rule->gguf);
    LS_TRY(const bool tied, reader.flag({"tie_word_embeddings", {}}, family.tiedByDefault));
    const auto embedding = std::find_if(family.tensors.all().begin(), family.tensors.all().end(),
                                        [](const TensorRule& r) { return r.role == Role::Embedding; });
    const StoredTensor* first = findTensor(family, reader.file(), embedding->folder);
    const StoredTensor* own = findTensor(family, reader.file(), rule->folder);
    return tied && !(first && own && !sameBytes(*first, *own));
}

} // namespace

const StoredTensor* findTensor(const Family& family, const ModelFile& file, const std::string& name)
{
    if (const StoredTensor* tensor = file.tensor(name))
        return tensor;
    if (!file.folder() || family.optionalPrefix.empty() || !name.starts_with(family.optionalPrefix))
        return nullptr;
    return file.tensor(name.substr(family.optionalPrefix.size()));
}

Result<const Family*> familyOf(const ModelFile& file)
{
    LS_TRY(const std::string architecture, file.architecture());
    const auto hasKey = [&](const std::string& key) {
        const std::string name = architecture + "." + key;
        if (!file.gguf()->has(name))
            return false;
        const auto value = file.gguf()->integer(name);
        return !value || value.value() != 0;
    };
    std::vector<std::string> known;
    for (const Family& family : allFamilies()) {
        known.push_back(family.name);
        const auto& names = file.gguf() ? family.architectures : family.modelTypes;
        if (std::find(names.begin(), names.end(), architecture) == names.end())
            continue;
        if (file.gguf() && ((!family.ggufWith.empty() && !hasKey(family.ggufWith)) ||
                            (!family.ggufWithout.empty() && hasKey(family.ggufWithout))))
            continue;
        return &family;
    }
    return Error{Errc::FamilyUnknown, fmt::format("The architecture \"{}\" is not supported.", architecture),
                 fmt::format("Supported: {}.", fmt::join(known, ", ")), file.path()};
}

Result<ModelConfig> readConfig(const Family& family, const ModelFile& file, int contextLength)
{
    LS_TRY(const std::string architecture, file.architecture());
    const ConfigReader reader(file, architecture);
    ModelConfig c;
    c.family = family.name;
    c.norm = family.norm;
    c.qkNorm = family.qkNorm;
    c.parallelResidual = family.parallelResidual;
    for (const OnlyTested& setting : family.onlyTested) {
        LS_TRY(const bool value, reader.flag(setting.key, setting.allowed));
        if (value != setting.allowed)
            return notTested(setting.what);
    }
    if (reader.has({"quantization_config", {}})) {
        LS_TRY(const std::string method, reader.text({"quantization_config.quant_method", {}}, "unknown"));
        if (method != "mxfp4")
            return Error{
                Errc::NotSupported,
                fmt::format("The weights of this folder are quantised in a way (\"{}\") that is not read.", method),
                "Choose the folder with the original weights, or a GGUF file.", file.path()};
    }
    LS_CHECK(readSizes(family, reader, c));
    LS_CHECK(readExperts(family, reader, c));
    LS_CHECK(readActivation(family, reader, c));
    LS_CHECK(readLayers(family, reader, contextLength, c));
    LS_TRY(c.vocabSize, readVocabSize(family, file));
    LS_TRY(c.tiedEmbedding, readTied(family, reader));
    c.attentionScale = 1.0 / std::sqrt(double(c.headWidth));
    const auto& rules = family.tensors.all();
    const auto has = [&](Role role) {
        return std::any_of(rules.begin(), rules.end(), [&](const TensorRule& rule) { return rule.role == role; });
    };
    c.attentionSinks = has(Role::Sinks);
    c.positionCount = has(Role::Positions) ? c.trainedContext : 0;
    if (family.finish)
        LS_CHECK(family.finish(reader, c));
    if (c.positionCount > 0 && contextLength > c.positionCount)
        return Error{Errc::ContextTooLarge,
                     fmt::format("The model has embeddings for {} positions, {} were asked for.", c.positionCount,
                                 contextLength),
                     "Choose a shorter context.",
                     {}};
    return c;
}

} // namespace ls
