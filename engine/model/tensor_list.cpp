#include "engine/model/tensor_list.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace ls {

namespace {

using Shape = std::vector<std::int64_t>;
using Target = TensorSpec::Target;

bool isModelWide(Role role)
{
    return role <= Role::Unembedding;
}

bool ofExperts(Role role)
{
    return role >= Role::Gate;
}

/// Where a tensor goes: one matrix or vector, or several that the file keeps in one.
std::vector<Target> targetsOf(Role role, const ModelConfig& c, Weights& w, BlockWeights& b)
{
    const std::int64_t d = c.width, q = std::int64_t(c.headCount) * c.headWidth,
                       kv = std::int64_t(c.kvHeadCount) * c.headWidth, ff = c.mlpWidth;
    const auto stacked = [&](Shape shape) {
        if (c.expertCount > 0)
            shape.insert(shape.begin(), c.expertCount);
        return shape;
    };
    const bool whole = c.qkNorm == QkNorm::Whole;
    switch (role) {
    case Role::Embedding:
        return {{&w.embedding, {c.vocabSize, d}}};
    case Role::Positions:
        return {{&w.positions, {c.positionCount, d}}};
    case Role::FinalNorm:
        return {{&w.finalNorm.weight, {d}}};
    case Role::FinalNormBias:
        return {{&w.finalNorm.bias, {d}}};
    case Role::Unembedding:
        return {{&w.unembedding, {c.vocabSize, d}}};
    case Role::AttnNorm:
        return {{&b.attnNorm.weight, {d}}};
    case Role::AttnNormBias:
        return {{&b.attnNorm.bias, {d}}};
    case Role::AttnPostNorm:
        return {{&b.attnPostNorm.weight, {d}}};
    case Role::MlpNorm:
        return {{&b.mlpNorm.weight, {d}}};
    case Role::MlpNormBias:
        return {{&b.mlpNorm.bias, {d}}};
    case Role::MlpPostNorm:
        return {{&b.mlpPostNorm.weight, {d}}};
    case Role::QNorm:
        return {{&b.qNorm.weight, {whole ? q : c.headWidth}}};
    case Role::KNorm:
        return {{&b.kNorm.weight, {whole ? kv : c.headWidth}}};
    case Role::Q:
        return {{&b.wq, {q, d}}};
    case Role::K:
        return {{&b.wk, {kv, d}}};
    case Role::V:
        return {{&b.wv, {kv, d}}};
    case Role::Qkv:
        return {{&b.wq, {q, d}}, {&b.wk, {kv, d}}, {&b.wv, {kv, d}}};
    case Role::QBias:
        return {{&b.bq, {q}}};
    case Role::KBias:
        return {{&b.bk, {kv}}};
    case Role::VBias:
        return {{&b.bv, {kv}}};
    case Role::QkvBias:
        return {{&b.bq, {q}}, {&b.bk, {kv}}, {&b.bv, {kv}}};
    case Role::O:
        return {{&b.wo, {d, q}}};
    case Role::OBias:
        return {{&b.bo, {d}}};
    case Role::Sinks:
        return {{&b.sinks, {c.headCount}}};
    case Role::Router:
        return {{&b.router, {c.expertCount, d}}};
    case Role::RouterBias:
        return {{&b.routerBias, {c.expertCount}}};
    case Role::Gate:
        return {{&b.wGate, stacked({ff, d})}};
    case Role::Up:
        return {{&b.wUp, stacked({ff, d})}};
    case Role::GateUp:
        return {{&b.wGate, stacked({ff, d})}, {&b.wUp, stacked({ff, d})}};
    case Role::Down:
        return {{&b.wDown, stacked({d, ff})}};
    case Role::GateBias:
        return {{&b.bGate, stacked({ff})}};
    case Role::UpBias:
        return {{&b.bUp, stacked({ff})}};
    case Role::GateUpBias:
        return {{&b.bGate, stacked({ff})}, {&b.bUp, stacked({ff})}};
    case Role::DownBias:
        return {{&b.bDown, stacked({d})}};
    }
    return {};
}

bool isMatrix(Role role)
{
    switch (role) {
    case Role::Embedding:
    case Role::Unembedding:
    case Role::Q:
    case Role::K:
    case Role::V:
    case Role::Qkv:
    case Role::O:
    case Role::Gate:
    case Role::Up:
    case Role::GateUp:
    case Role::Down:
        return true;
    default:
        return false;
    }
}

bool isNorm(Role role)
{
    switch (role) {
    case Role::FinalNorm:
    case Role::AttnNorm:
    case Role::AttnPostNorm:
    case Role::MlpNorm:
    case Role::MlpPostNorm:
    case Role::QNorm:
    case Role::KNorm:
        return true;
    default:
        return false;
    }
}

class Lister {
public:
    Lister(const Family& family, const ModelFile& file, const ModelConfig& config, Weights& weights)
        : m_family(family)
        , m_file(file)
        , m_config(config)
        , m_weights(weights)
    {
    }
    Result<std::vector<TensorSpec>> run()
    {
        BlockWeights none;
        for (const TensorRule& rule : m_family.tensors.all()) {
            if (isModelWide(rule.role))
                LS_CHECK(addRule(rule, 0, none));
        }
        m_weights.blocks.resize(std::size_t(m_config.blockCount));
        for (int block = 0; block < m_config.blockCount; ++block)
            for (const TensorRule& rule : m_family.tensors.all())
                if (!isModelWide(rule.role))
                    LS_CHECK(addRule(rule, block, m_weights.blocks[std::size_t(block)]));
        LS_CHECK(checkUnused());
        return std::move(m_specs);
    }

private:
    Status addRule(const TensorRule& rule, int block, BlockWeights& weights)
    {
        const std::string& pattern = m_file.gguf() ? rule.gguf : rule.folder;
        if (pattern.empty()) // this format keeps it in another tensor
            return success();
        if (rule.role == Role::Unembedding && m_config.tiedEmbedding) {
            m_used.insert(pattern); // some files repeat the embedding
            return success();
        }
        const bool perExpert =
            m_file.folder() && ofExperts(rule.role) && pattern.find("{}", pattern.find("{}") + 2) != std::string::npos;
        const int experts = perExpert ? m_config.expertCount : 1;
        for (int expert = 0; expert < experts; ++expert) {
            const std::string name = fmt::format(fmt::runtime(pattern), block, expert);
            const StoredTensor* tensor = findTensor(m_family, m_file, name);
            const bool required = rule.required || promised(rule.role);
            if (!tensor && !required)
                return success();
            if (!tensor)
                return Error{Errc::TensorMissing, fmt::format("The tensor {} is missing.", name),
                             "Fetch the model again; if it was converted, convert it again.", m_file.path()};
            TensorSpec spec{tensor};
            const bool blocks = tensor->type == "MXFP4_SPLIT"; // always [out, in]
            spec.layout = m_file.gguf() ? rule.ggufLayout : rule.folderLayout;
            spec.transposed = m_file.folder() && rule.folderTransposed && !blocks;
            spec.keepFloat32 = !isMatrix(rule.role);
            spec.elementwise = spec.keepFloat32 && rule.role != Role::Router && rule.role != Role::Positions;
            spec.addOne = m_file.folder() && m_family.folderNormsAddOne && isNorm(rule.role);
            spec.onlyLookedUp = rule.role == Role::Embedding && !m_config.tiedEmbedding;
            spec.headWidth = m_config.headWidth;
            spec.targets = targetsOf(rule.role, m_config, m_weights, weights);
            LS_CHECK(checkShape(spec, perExpert));
            if (perExpert)
                spec.firstRow = expert * (spec.rowsOf(spec.targets[0]) / m_config.expertCount);
            m_used.insert(tensor->name);
            m_specs.push_back(std::move(spec));
        }
        return success();
    }

    /// An optional tensor that the file says it has. The unembedding is asked for only where it is not tied.
    bool promised(Role role) const
    {
        if (role == Role::Unembedding)
            return true;
        const bool attention = role == Role::QBias || role == Role::KBias || role == Role::VBias || role == Role::OBias;
        const bool mlp = role == Role::GateBias || role == Role::UpBias || role == Role::DownBias;
        if (!m_file.folder() || !(attention || mlp))
            return false;
        const auto& config = m_file.folder()->config();
        const auto flag = config.find(attention ? "attention_bias" : "mlp_bias");
        return flag != config.end() && flag->is_boolean() && flag->get<bool>();
    }

    Status checkShape(const TensorSpec& spec, bool perExpert) const
    {
        Shape expected = spec.targets[0].shape;
        if (perExpert)
            expected.erase(expected.begin());
        const std::size_t rowAxis = expected.size() - (spec.elementwise ? 1 : 2);
        for (std::size_t i = 1; i < spec.targets.size(); ++i)
            expected[rowAxis] += spec.targets[i].shape[rowAxis];
        if (spec.transposed)
            std::swap(expected[expected.size() - 1], expected[expected.size() - 2]);
        if (spec.source->shape == expected)
            return success();
        return Error{Errc::TensorShape,
                     fmt::format("The tensor {} is [{}], the configuration asks for [{}].", spec.source->name,
                                 fmt::join(spec.source->shape, ", "), fmt::join(expected, ", ")),
                     "Configuration and weights do not belong together. Fetch the model again.", m_file.path()};
    }

    /// A tensor that nothing uses is a part of the model that would be left out in silence.
    Status checkUnused() const
    {
        static const std::vector<std::string> kTables{"rotary_emb.inv_freq", "rope_freqs.weight",
                                                      "rope_factors_long.weight", "rope_factors_short.weight"};
        const auto ends = [](const std::string& name, const std::vector<std::string>& endings) {
            return std::any_of(endings.begin(), endings.end(), [&](const auto& end) { return name.ends_with(end); });
        };
        for (const StoredTensor& tensor : m_file.tensors())
            if (!m_used.contains(tensor.name) && !ends(tensor.name, kTables) && !ends(tensor.name, m_family.ignored))
                return Error{Errc::NotSupported,
                             fmt::format("The model has a tensor {} that models of the family {} do not have.",
                                         tensor.name, m_family.name),
                             "Without it the numbers could be wrong, so the model is not opened.", m_file.path()};
        return success();
    }

    const Family& m_family;
    const ModelFile& m_file;
    const ModelConfig& m_config;
    Weights& m_weights;
    std::vector<TensorSpec> m_specs;
    std::set<std::string> m_used;
};

} // namespace

std::int64_t TensorSpec::rowsOf(const Target& target) const
{
    std::int64_t values = 1;
    for (const std::int64_t extent : target.shape)
        values *= extent;
    return values / width();
}

Result<std::vector<TensorSpec>> listTensors(const Family& family, const ModelFile& file, const ModelConfig& config,
                                            Weights& weights)
{
    return Lister(family, file, config, weights).run();
}

} // namespace ls
