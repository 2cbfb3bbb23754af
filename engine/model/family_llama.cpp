#include "engine/model/family.h"

#include <fmt/format.h>

namespace ls {

namespace {

Result<int> positive(const GgufFile& file, const std::string& key, std::int64_t most)
{
    LS_TRY(const std::int64_t value, file.integer(key));
    if (value < 1 || value > most)
        return Error{Errc::FileFormat,
                     fmt::format("{} is {}, which no model has.", key, value),
                     "The file is damaged, or was not written by a converter for this architecture.",
                     {}};
    return int(value);
}

Result<ModelConfig> readConfig(const GgufFile& file)
{
    constexpr int kMany = 1 << 20;
    ModelConfig config;
    config.family = "llama";
    LS_TRY(config.blockCount, positive(file, "llama.block_count", 1024));
    LS_TRY(config.width, positive(file, "llama.embedding_length", kMany));
    LS_TRY(config.headCount, positive(file, "llama.attention.head_count", 4096));
    config.kvHeadCount = config.headCount;
    if (file.has("llama.attention.head_count_kv")) {
        LS_TRY(config.kvHeadCount, positive(file, "llama.attention.head_count_kv", 4096));
    }
    LS_TRY(config.mlpWidth, positive(file, "llama.feed_forward_length", kMany));
    LS_TRY(config.trainedContext, positive(file, "llama.context_length", 1 << 26));
    config.headWidth = config.width / config.headCount;
    if (file.has("llama.attention.key_length")) {
        LS_TRY(config.headWidth, positive(file, "llama.attention.key_length", 4096));
    }
    config.rotaryWidth = config.headWidth;
    if (file.has("llama.rope.dimension_count")) {
        LS_TRY(config.rotaryWidth, positive(file, "llama.rope.dimension_count", 4096));
    }
    if (config.headCount % config.kvHeadCount != 0 || config.rotaryWidth > config.headWidth ||
        config.rotaryWidth % 2 != 0)
        return Error{Errc::FileFormat,
                     fmt::format("{} heads, {} KV heads, head width {}, {} rotated: these do not fit together.",
                                 config.headCount, config.kvHeadCount, config.headWidth, config.rotaryWidth),
                     "The file is damaged.",
                     {}};
    LS_TRY(config.normEpsilon, file.number("llama.attention.layer_norm_rms_epsilon"));
    if (file.has("llama.rope.freq_base")) {
        LS_TRY(config.rotaryBase, file.number("llama.rope.freq_base"));
    }
    if (file.has("llama.rope.scaling.type") || file.tensor("rope_freqs.weight"))
        return Error{Errc::NotSupported,
                     "This model scales its rotary embedding, which this version does not do.",
                     "Without it the numbers would be wrong, so the model is not opened.",
                     {}};
    if (config.rotaryWidth != config.headWidth)
        return Error{Errc::NotSupported,
                     "This model rotates only a part of each head, which is not tested in this family.",
                     "Without a test the numbers could be wrong, so the model is not opened.",
                     {}};
    if (file.has("llama.expert_count"))
        return Error{Errc::NotSupported,
                     "This model is a mixture of experts, which this version does not run.",
                     "Choose a dense model.",
                     {}};
    return config;
}

std::vector<TensorSpec> tensorList(const GgufFile& file, const ModelConfig& c, Weights& weights)
{
    const std::int64_t d = c.width, q = std::int64_t(c.headCount) * c.headWidth,
                       kv = std::int64_t(c.kvHeadCount) * c.headWidth;
    std::vector<TensorSpec> specs{
        {"token_embd.weight", {c.vocabSize, d}, &weights.embedding},
        {"output_norm.weight", {d}, &weights.finalNorm, 0, true},
    };
    if (file.tensor("output.weight"))
        specs.push_back({"output.weight", {c.vocabSize, d}, &weights.unembedding});
    for (int i = 0; i < c.blockCount; ++i) {
        BlockWeights& block = weights.blocks[std::size_t(i)];
        const auto add = [&](const char* part, std::vector<std::int64_t> shape, at::Tensor& to, int interleaved = 0) {
            const bool norm = shape.size() == 1;
            specs.push_back({fmt::format("blk.{}.{}.weight", i, part), std::move(shape), &to, interleaved, norm});
        };
        add("attn_norm", {d}, block.attnNorm);
        add("attn_q", {q, d}, block.wq, c.headWidth);
        add("attn_k", {kv, d}, block.wk, c.headWidth);
        add("attn_v", {kv, d}, block.wv);
        add("attn_output", {d, q}, block.wo);
        add("ffn_norm", {d}, block.mlpNorm);
        add("ffn_gate", {c.mlpWidth, d}, block.wGate);
        add("ffn_up", {c.mlpWidth, d}, block.wUp);
        add("ffn_down", {d, c.mlpWidth}, block.wDown);
    }
    return specs;
}

} // namespace

Family llamaFamily()
{
    return {"llama", readConfig, tensorList};
}

const std::vector<Family>& families()
{
    static const std::vector<Family> all{llamaFamily()};
    return all;
}

} // namespace ls
