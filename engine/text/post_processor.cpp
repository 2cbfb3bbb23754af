#include "engine/text/post_processor.h"

#include "engine/text/json_fields.h"

#include <fmt/format.h>

#include <limits>

namespace ls {

namespace {

Result<std::int32_t> idOf(const nlohmann::json& value)
{
    const auto id = value.is_number_unsigned() ? value.get<std::uint64_t>() : ~std::uint64_t(0);
    if (id > std::uint64_t(std::numeric_limits<std::int32_t>::max()))
        return Error{Errc::FileFormat, "A token id in the post-processor is not a number of a token.",
                     "The file is damaged. Fetch it again.", value.dump().substr(0, 200)};
    return std::int32_t(id);
}

/// ["</s>", 2]
Result<std::int32_t> idOfPair(const JsonFields& fields, const char* key)
{
    const nlohmann::json& pair = fields.at(key);
    if (!pair.is_array() || pair.size() != 2)
        return fields.wrong(key, "a token and its id");
    return idOf(pair[1]);
}

Result<PostProcessor> fromTemplate(const JsonFields& fields)
{
    LS_TRY(const nlohmann::json* single, fields.list("single"));
    const JsonFields known(fields.at("special_tokens"), "special_tokens");
    PostProcessor out;
    int texts = 0;
    for (const nlohmann::json& item : *single) {
        const JsonFields piece(item, "post_processor");
        if (piece.has("Sequence")) {
            const JsonFields sequence(piece.at("Sequence"), "Sequence");
            LS_TRY(const std::string name, sequence.text("id"));
            if (name != "A" || ++texts > 1)
                return Error{Errc::TokenizerUnknown,
                             "The tokenizer's template does not hold the text exactly once.",
                             "Guessing would give wrong ids, so the model is not opened.",
                             {}};
            continue;
        }
        const JsonFields special(piece.at("SpecialToken"), "SpecialToken");
        LS_TRY(const std::string name, special.text("id"));
        const JsonFields entry(known.at(name.c_str()), "special_tokens");
        LS_TRY(const nlohmann::json* ids, entry.list("ids"));
        for (const nlohmann::json& value : *ids) {
            LS_TRY(const std::int32_t id, idOf(value));
            (texts ? out.after : out.before).push_back(id);
        }
    }
    if (texts == 0)
        return Error{Errc::TokenizerUnknown,
                     "The tokenizer's template does not hold the text.",
                     "Guessing would give wrong ids, so the model is not opened.",
                     {}};
    return out;
}

} // namespace

Result<PostProcessor> PostProcessor::fromJson(const nlohmann::json& json)
{
    PostProcessor out;
    if (json.is_null())
        return out;
    const JsonFields fields(json, "post_processor");
    LS_TRY(const std::string type, fields.text("type"));
    if (type == "TemplateProcessing")
        return fromTemplate(fields);
    if (type == "BertProcessing" || type == "RobertaProcessing") {
        LS_TRY(const std::int32_t before, idOfPair(fields, "cls"));
        LS_TRY(const std::int32_t after, idOfPair(fields, "sep"));
        return PostProcessor{{before}, {after}};
    }
    if (type == "Sequence") {
        LS_TRY(const nlohmann::json* list, fields.list("processors"));
        for (const nlohmann::json& item : *list) { // each puts its tokens around those of the one before
            LS_TRY(PostProcessor next, fromJson(item));
            out.before.insert(out.before.begin(), next.before.begin(), next.before.end());
            out.after.insert(out.after.end(), next.after.begin(), next.after.end());
        }
        return out;
    }
    if (type == "ByteLevel")
        return out;
    return Error{Errc::TokenizerUnknown,
                 fmt::format("The post-processor \"{}\" is not known.", type),
                 "Guessing would give wrong ids, so the model is not opened.",
                 {}};
}

} // namespace ls
