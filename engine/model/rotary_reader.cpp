#include "engine/model/rotary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ls {

namespace {

constexpr double kLargest = 1e12; // of any base, factor or context

Error unknownKind(const std::string& kind)
{
    return {Errc::NotSupported,
            fmt::format("This model scales its rotary embedding in a way (\"{}\") that is not known here.", kind),
            "Without it the numbers would be wrong, so the model is not opened.",
            {}};
}

Status checkDivisors(const RotarySettings& s, const ConfigReader& reader, const std::string& what)
{
    const bool good = int(s.divisors.size()) == s.width / 2 &&
                      std::all_of(s.divisors.begin(), s.divisors.end(), [](double d) { return d > 0 && d < kLargest; });
    if (good)
        return success();
    return reader.wrong({what, what}, fmt::format("must be {} positive numbers", s.width / 2));
}

/// Object of config.json that holds the parameters, with a dot behind; empty without one.
std::string folderObject(const ConfigReader& reader, bool sliding)
{
    const std::string nested = sliding ? "rope_parameters.sliding_attention" : "rope_parameters.full_attention";
    for (const std::string& name : {nested, std::string("rope_parameters"), std::string("rope_scaling")})
        if (reader.has({name, {}}))
            return name + ".";
    return {};
}

Status readFolderScaling(const ConfigReader& reader, const std::string& object, const ModelConfig& config,
                         int contextLength, RotarySettings& s)
{
    const auto key = [&](const char* name) { return Key{object + name, {}}; };
    const auto number = [&](const char* name, double& to) -> Status {
        LS_TRY(to, reader.number(key(name), 0, kLargest, to));
        return success();
    };
    LS_TRY(s.kind, reader.text(key("rope_type"), ""));
    if (s.kind.empty()) {
        LS_TRY(s.kind, reader.text(key("type"), "default")); // older files
    }
    if (s.kind == "su")
        s.kind = "longrope";
    if (s.kind == "default")
        return success();
    if (s.kind != "linear" && s.kind != "llama3" && s.kind != "yarn" && s.kind != "longrope")
        return unknownKind(s.kind);
    s.originalContext = config.trainedContext;
    LS_CHECK(number("original_max_position_embeddings", s.originalContext));
    const Key original{"original_max_position_embeddings", {}};
    LS_TRY(s.originalContext, reader.number(original, 2, kLargest, s.originalContext)); // phi3 has it outside
    if (s.originalContext < 2)
        return reader.wrong(key("original_max_position_embeddings"), "is too small");
    if (reader.has(key("factor")) || s.kind == "linear" || s.kind == "llama3") {
        LS_TRY(s.factor, reader.number(key("factor"), 1e-3, kLargest));
    } else {
        s.factor = config.trainedContext / s.originalContext;
    }
    LS_CHECK(number("attention_factor", s.magnitude));
    if (s.kind == "llama3") {
        LS_TRY(s.lowFrequency, reader.number(key("low_freq_factor"), 1e-6, kLargest));
        LS_TRY(s.highFrequency, reader.number(key("high_freq_factor"), 1e-6, kLargest));
        if (s.highFrequency <= s.lowFrequency)
            return reader.wrong(key("high_freq_factor"), "must be larger than low_freq_factor");
    } else if (s.kind == "yarn") {
        LS_TRY(s.betaFast, reader.number(key("beta_fast"), 1e-6, kLargest, s.betaFast));
        LS_TRY(s.betaSlow, reader.number(key("beta_slow"), 1e-6, kLargest, s.betaSlow));
        LS_CHECK(number("mscale", s.magnitudeScale));
        LS_CHECK(number("mscale_all_dim", s.magnitudeScaleAll));
        LS_TRY(s.truncate, reader.flag(key("truncate"), true));
    } else if (s.kind == "longrope") {
        const char* list = contextLength > s.originalContext ? "long_factor" : "short_factor";
        LS_TRY(s.divisors, reader.numbers(key(list)));
        LS_CHECK(checkDivisors(s, reader, object + list));
    }
    return success();
}

Result<std::vector<double>> ggufDivisors(const ConfigReader& reader, const std::string& name)
{
    const StoredTensor* tensor = reader.file().tensor(name);
    if (!tensor || tensor->type != "F32" || tensor->shape.size() != 1)
        return Error{Errc::TensorMissing, fmt::format("The tensor {} is missing or no list of numbers.", name),
                     "Fetch the file again; if it was converted, convert it again.", reader.file().path()};
    std::vector<float> values(std::size_t(tensor->count()));
    LS_CHECK(dequantise("F32", tensor->bytes, values));
    return std::vector<double>(values.begin(), values.end());
}

Status readGgufScaling(const ConfigReader& reader, const ModelConfig& config, int contextLength, RotarySettings& s)
{
    const auto key = [](const char* name) { return Key{{}, std::string("rope.") + name}; };
    LS_TRY(s.kind, reader.text(key("scaling.type"), "none"));
    s.originalContext = config.trainedContext;
    LS_TRY(s.originalContext, reader.number(key("scaling.original_context_length"), 2, kLargest, s.originalContext));
    if (reader.has(key("scale_linear"))) // files of 2023
        return unknownKind("rope.scale_linear");
    if (reader.file().tensor("rope_factors_short.weight") || reader.file().tensor("rope_factors_long.weight"))
        s.kind = "longrope"; // converters of phi3 do not always name it
    if (s.kind == "none" && reader.file().tensor("rope_freqs.weight"))
        s.kind = "factors";
    if (s.kind == "none") {
        s.kind = "default";
        return success();
    }
    s.factor = config.trainedContext / s.originalContext;
    if (s.kind == "factors") {
        LS_TRY(s.divisors, ggufDivisors(reader, "rope_freqs.weight"));
        return checkDivisors(s, reader, "rope_freqs.weight");
    }
    if (s.kind == "longrope") {
        LS_TRY(s.magnitude, reader.number(key("scaling.attn_factor"), 0, kLargest, 0.0));
        const std::string name =
            contextLength > s.originalContext ? "rope_factors_long.weight" : "rope_factors_short.weight";
        LS_TRY(s.divisors, ggufDivisors(reader, name));
        return checkDivisors(s, reader, name);
    }
    if (s.kind != "linear" && s.kind != "yarn")
        return unknownKind(s.kind);
    LS_TRY(s.factor, reader.number(key("scaling.factor"), 1e-3, kLargest));
    for (const char* rare : {"scaling.yarn_ext_factor", "scaling.yarn_attn_factor", "scaling.yarn_log_multiplier"})
        if (reader.has(key(rare)))
            return unknownKind(s.kind + ", " + rare);
    // Converters write the usual 1 + 0.1 ln(factor) here, or 1 for it; programs do not agree on what else means.
    LS_TRY(const double magnitude, reader.number(key("scaling.attn_factor"), 0, kLargest, 1.0));
    const double usual = s.kind == "yarn" && s.factor > 1 ? 1 + 0.1 * std::log(s.factor) : 1;
    if (std::abs(magnitude - 1) > 1e-4 && std::abs(magnitude - usual) > 1e-4)
        return unknownKind(fmt::format("{}, scaling.attn_factor {}", s.kind, magnitude));
    LS_TRY(s.betaFast, reader.number(key("scaling.yarn_beta_fast"), 1e-6, kLargest, s.betaFast));
    LS_TRY(s.betaSlow, reader.number(key("scaling.yarn_beta_slow"), 1e-6, kLargest, s.betaSlow));
    s.truncate = !s.ggufUntruncated;
    return success();
}

Result<int> rotatedWidth(const Family& family, const ConfigReader& reader, const ModelConfig& config,
                         const std::string& object)
{
    int width = config.headWidth;
    if (reader.isFolder()) {
        LS_TRY(double fraction, reader.number({family.folderFraction, {}}, 0, 1, family.rotaryFraction));
        if (!object.empty()) {
            LS_TRY(fraction, reader.number({object + "partial_rotary_factor", {}}, 0, 1, fraction));
        }
        if (fraction != 1 && !family.partialRotary) // the reference ignores it there, others may not
            return Error{Errc::NotSupported,
                         fmt::format("The {} of {} says that {} of a head is rotated, which this family does not do.",
                                     family.folderFraction, family.name, fraction),
                         "Without knowing what is meant the numbers may be wrong, so the model is not opened.",
                         {}};
        width = int(config.headWidth * fraction);
    } else {
        const Key key{{}, "rope.dimension_count"};
        LS_TRY(width, reader.count(key, 2, config.headWidth, config.headWidth));
    }
    if (width < 2 || width % 2 != 0)
        return Error{Errc::FileFormat,
                     fmt::format("{} of {} dimensions of a head are rotated: that must be an even number.", width,
                                 config.headWidth),
                     "The file is damaged. Fetch the model again.",
                     {}};
    return width;
}

} // namespace

Result<RotarySettings> readRotary(const Family& family, const ConfigReader& reader, const ModelConfig& config,
                                  bool sliding, int contextLength)
{
    RotarySettings s;
    s.ggufUntruncated = family.yarnUntruncatedInGguf;
    s.base = sliding && family.slidingRotaryBase ? *family.slidingRotaryBase : family.rotaryBase;
    const std::string object = reader.isFolder() ? folderObject(reader, sliding) : std::string();
    LS_TRY(s.width, rotatedWidth(family, reader, config, object));
    if (!reader.isFolder()) {
        const bool own = sliding && family.slidingRotaryBase;
        if (!own) {
            LS_TRY(s.base, reader.number({{}, "rope.freq_base"}, 1.0, kLargest, s.base));
        }
        if (sliding) {
            LS_TRY(s.base, reader.number({{}, "rope.freq_base_swa"}, 1.0, kLargest, s.base));
        }
        if (!sliding || !family.slidingLayersUnscaled)
            LS_CHECK(readGgufScaling(reader, config, contextLength, s));
        return s;
    }
    const bool own = sliding && family.slidingRotaryBase;
    LS_TRY(s.base, reader.number({own ? "rope_local_base_freq" : family.folderBase, {}}, 1.0, kLargest, s.base));
    const bool nested = object.ends_with("_attention.");
    if (!object.empty() && (nested || !own)) {
        LS_TRY(s.base, reader.number({object + "rope_theta", {}}, 1.0, kLargest, s.base));
    }
    if (!object.empty() && (nested || !sliding || !family.slidingLayersUnscaled))
        LS_CHECK(readFolderScaling(reader, object, config, contextLength, s));
    return s;
}

} // namespace ls
