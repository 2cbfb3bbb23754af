#include "ui/models/model_facts.h"

#include "core/json_value.h"
#include "ui/shell/text.h"

#include <QCoreApplication>
#include <QLocale>

#include <algorithm>
#include <map>

namespace ls {

namespace {

using nlohmann::json;

constexpr double kTight = 0.9; // of what is free
constexpr int kShortest = 256; // tokens; a shorter context is no way out

QString tr(const char* text)
{
    return QCoreApplication::translate("ModelFacts", text);
}

QString textOf(const json& object, const char* key)
{
    return text::of(valueOr(object, key, std::string()));
}

void addTypes(const json& tensors, ModelFacts& facts)
{
    std::map<std::string, StoredType> types;
    for (const json& tensor : tensors) {
        const std::string name = valueOr(tensor, "type", std::string("?"));
        StoredType& type = types[name];
        type.name = text::of(name);
        ++type.tensors;
        type.bytes += std::max<std::int64_t>(0, valueOr(tensor, "bytes", std::int64_t(0)));
    }
    for (auto& [name, type] : types)
        facts.types.push_back(type);
    std::stable_sort(facts.types.begin(), facts.types.end(),
                     [](const StoredType& a, const StoredType& b) { return a.bytes > b.bytes; });
}

/// Rows {dtype, weight_bytes, context, kv_bytes}: the longest context gives the bytes of a token.
void addNeeds(const json& memory, ModelFacts& facts)
{
    std::map<QString, int> longest;
    for (const json& row : memory) {
        const QString dtype = textOf(row, "dtype");
        const int context = valueOr(row, "context", 0);
        if (dtype.isEmpty())
            continue;
        auto need = std::find_if(facts.needs.begin(), facts.needs.end(),
                                 [&](const DtypeNeed& each) { return each.dtype == dtype; });
        if (need == facts.needs.end())
            need = facts.needs.insert(facts.needs.end(), DtypeNeed{dtype});
        need->weightBytes = std::max<std::int64_t>(0, valueOr(row, "weight_bytes", std::int64_t(0)));
        need->converted = textOf(row, "converted");
        if (context > longest[dtype]) {
            longest[dtype] = context;
            need->kvBytesPerToken = std::max(0.0, valueOr(row, "kv_bytes", 0.0)) / context;
        }
    }
}

QString tokens(int count)
{
    return QLocale().toString(count);
}

/// "bfloat16 7.6 GiB; as in the file 4.9 GiB": dtypes that fit, the widest first.
QStringList fitting(const ModelFacts& facts, int context, std::int64_t free)
{
    QStringList out;
    for (const DtypeNeed& need : facts.needs)
        if (need.bytes(context) <= free)
            out << tr("%1: %2").arg(dtypeTitle(need.dtype), text::bytes(need.bytes(context)));
    return out;
}

} // namespace

const DtypeNeed* ModelFacts::need(const QString& dtype) const
{
    const auto found =
        std::find_if(needs.begin(), needs.end(), [&](const DtypeNeed& each) { return each.dtype == dtype; });
    return found == needs.end() ? nullptr : &*found;
}

QString ModelFacts::quantisation() const
{
    double all = 0;
    for (const StoredType& type : types)
        all += double(type.bytes);
    QStringList out;
    for (const StoredType& type : types) {
        const double percent = all > 0 ? 100 * double(type.bytes) / all : 0;
        out << (types.size() == 1 ? type.name
                : percent < 0.5   ? tr("%1 < 1 %").arg(type.name)
                                  : tr("%1 %2 %").arg(type.name, text::number(percent, 0)));
    }
    return out.join(QStringLiteral(", "));
}

ModelFacts modelFacts(const json& info)
{
    ModelFacts facts;
    const json card = valueOr(info, "card", json::object()), config = valueOr(info, "config", json::object());
    facts.name = textOf(card, "name");
    facts.licence = textOf(card, "licence");
    facts.licenceFrom = textOf(card, "licence_from");
    facts.tokenizer = textOf(card, "tokenizer");
    facts.description = textOf(card, "description");
    facts.chatTemplate = valueOr(card, "chat_template", false);
    facts.family = textOf(info, "family");
    facts.fingerprint = textOf(info, "fingerprint");
    facts.parameters = valueOr(info, "parameters", std::int64_t(0));
    facts.fileBytes = valueOr(info, "file_bytes", std::int64_t(0));
    facts.blocks = valueOr(config, "block_count", 0);
    facts.width = valueOr(config, "width", 0);
    facts.heads = valueOr(config, "head_count", 0);
    facts.kvHeads = valueOr(config, "kv_head_count", 0);
    facts.headWidth = valueOr(config, "head_width", 0);
    facts.vocabulary = valueOr(config, "vocab_size", 0);
    facts.trainedContext = valueOr(config, "trained_context", 0);
    const json tensors = valueOr(info, "tensors", json::array());
    if (tensors.is_array()) {
        facts.tensors = int(tensors.size());
        addTypes(tensors, facts);
    }
    if (const json memory = valueOr(info, "memory", json::array()); memory.is_array())
        addNeeds(memory, facts);
    if (info.is_object() && info.contains("unsupported"))
        facts.refusal = Error{Errc::NotSupported,
                              valueOr(info, "unsupported", std::string()),
                              valueOr(info, "unsupported_hint", std::string()),
                              {}};
    return facts;
}

QString dtypeTitle(const QString& dtype)
{
    if (dtype == QLatin1String("float32"))
        return tr("float32 (exact)");
    if (dtype == QLatin1String("bfloat16"))
        return tr("bfloat16 (half the memory)");
    if (dtype == QLatin1String("quantised"))
        return tr("as in the file (quantised)");
    return dtype;
}

QString parameterCount(std::int64_t count)
{
    if (count >= 1'000'000'000)
        return tr("%1 B").arg(text::number(double(count) / 1e9, 2));
    if (count >= 1'000'000)
        return tr("%1 M").arg(text::number(double(count) / 1e6, 1));
    return QLocale().toString(qlonglong(count));
}

Fit fitOf(const ModelFacts& facts, const QString& dtype, int context, std::int64_t free)
{
    Fit fit;
    const DtypeNeed* need = facts.need(dtype);
    if (!need)
        return fit;
    const QString title = dtypeTitle(dtype), needed = text::bytes(need->bytes(context));
    if (free <= 0) {
        fit.sentence = tr("%1 needs %2; how much is free on this device is not known.").arg(title, needed);
        return fit;
    }
    fit.share = double(need->bytes(context)) / double(free);
    const QString there = text::bytes(free);
    if (fit.share <= 1) {
        fit.verdict = fit.share > kTight ? Fit::Verdict::Tight : Fit::Verdict::Fits;
        fit.sentence = (fit.share > kTight ? tr("%1 needs %2, %3 are free: tight.") : tr("%1 needs %2, %3 are free."))
                           .arg(title, needed, there);
        return fit;
    }
    const bool weightsFit = need->weightBytes < free;
    fit.verdict = weightsFit ? Fit::Verdict::ContextTooLarge : Fit::Verdict::TooLarge;
    fit.sentence = tr("%1 needs %2, only %3 are free.").arg(title, needed, there);
    if (weightsFit && need->kvBytesPerToken > 0) {
        const auto most = std::int64_t(double(free - need->weightBytes) / need->kvBytesPerToken);
        int shorter = kShortest; // a power of two reads well
        while (std::int64_t(shorter) * 2 <= std::min<std::int64_t>(most, context))
            shorter *= 2;
        if (most >= kShortest && shorter < context) {
            fit.wayOutContext = shorter;
            fit.sentence += QLatin1Char(' ') + tr("It fits with a context of %1 tokens.").arg(tokens(shorter));
        }
    }
    const QStringList others = fitting(facts, context, free);
    for (const DtypeNeed& each : facts.needs)
        if (fit.wayOutDtype.isEmpty() && each.bytes(context) <= free)
            fit.wayOutDtype = each.dtype;
    if (!others.isEmpty()) {
        fit.sentence += QLatin1Char(' ') + tr("Would fit: %1.").arg(others.join(QStringLiteral("; ")));
    } else if (fit.wayOutContext == 0) {
        const auto least = std::min_element(facts.needs.begin(), facts.needs.end(), [&](const auto& a, const auto& b) {
            return a.bytes(kShortest) < b.bytes(kShortest);
        });
        fit.sentence += QLatin1Char(' ') + tr("Nothing fits: the least is %1 with %2.")
                                               .arg(dtypeTitle(least->dtype), text::bytes(least->bytes(kShortest)));
    }
    return fit;
}

std::vector<std::pair<QString, QString>> factRows(const ModelFacts& facts)
{
    const auto pair = [](int a, int b) { return QStringLiteral("%1 / %2").arg(a).arg(b); };
    std::vector<std::pair<QString, QString>> rows{{tr("name"), facts.name}, {tr("family"), facts.family}};
    if (facts.parameters > 0)
        rows.emplace_back(tr("parameters"), parameterCount(facts.parameters));
    if (facts.blocks > 0) {
        rows.emplace_back(tr("blocks × width"), QStringLiteral("%1 × %2").arg(facts.blocks).arg(facts.width));
        rows.emplace_back(tr("heads / KV heads"), pair(facts.heads, facts.kvHeads));
        rows.emplace_back(tr("vocabulary"), tokens(facts.vocabulary));
        rows.emplace_back(tr("trained context"), tr("%1 tokens").arg(tokens(facts.trainedContext)));
    }
    rows.emplace_back(tr("stored as"), facts.quantisation());
    if (facts.fileBytes > 0)
        rows.emplace_back(tr("in the file"),
                          tr("%1 in %2 tensors").arg(text::bytes(facts.fileBytes)).arg(facts.tensors));
    rows.emplace_back(tr("tokenizer"), facts.tokenizer.isEmpty() ? tr("none: prompts as ids only") : facts.tokenizer);
    rows.emplace_back(tr("chat template"), facts.chatTemplate ? tr("yes") : tr("none: plain text"));
    rows.emplace_back(tr("licence"), facts.licence.isEmpty() ? tr("not stated") : facts.licence);
    rows.emplace_back(tr("fingerprint"), facts.fingerprint);
    std::erase_if(rows, [](const auto& row) { return row.second.isEmpty(); });
    return rows;
}

} // namespace ls
