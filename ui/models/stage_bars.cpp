#include "ui/models/stage_bars.h"

#include "ui/shell/text.h"

#include <QCoreApplication>
#include <QStringList>

#include <algorithm>
#include <set>

namespace ls {

namespace {

QString tr(const char* text)
{
    return QCoreApplication::translate("StageBars", text);
}

double ms(std::int64_t ns)
{
    return double(ns) * 1e-6;
}

/// Two digits that count, or whole.
QString shortMs(double value)
{
    return text::number(value, value < 0.1 ? 3 : value < 1 ? 2 : value < 100 ? 1 : 0);
}

/// "A 41.2, B 33.0": `ns` of the lanes that have some, in ms; empty if none has.
template <typename Value>
QString byLane(const RunData& run, const Value& ns)
{
    QStringList out;
    for (const LaneData& lane : run.lanes)
        if (const double value = ms(ns(lane.stages, lane)); value > 0)
            out << text::of(lane.name) + QLatin1Char(' ') + shortMs(value);
    return out.join(QStringLiteral(", "));
}

/// "23" where all lanes have as many, else "A 23, B 11".
template <typename Count>
QString counts(const RunData& run, const Count& count)
{
    QStringList each;
    std::set<std::int64_t> different;
    for (const LaneData& lane : run.lanes)
        if (const std::int64_t value = count(lane.stages); value > 0) {
            different.insert(value);
            each << QStringLiteral("%1 %2").arg(text::of(lane.name)).arg(value);
        }
    return different.size() == 1 ? QString::number(*different.begin()) : each.join(QStringLiteral(", "));
}

} // namespace

std::vector<StageBar> stageBars(const RunData& run)
{
    std::vector<StageBar> out;
    for (const LaneData& lane : run.lanes) {
        const StageSums& decode = lane.stages.decode;
        if (decode.tokens <= 0)
            continue;
        StageBar bar;
        bar.lane = text::of(lane.name);
        bar.steps = decode.tokens;
        for (std::size_t i = 0; i < kStages.size(); ++i)
            bar.ms[i] = ms(decode.ns.*kStages[i].stage) / double(decode.tokens);
        bar.total = ms(decode.ns.sum()) / double(decode.tokens);
        out.push_back(bar);
    }
    return out;
}

QString stageTitle(std::size_t stage)
{
    const QString titles[] = {tr("embed"),   tr("QKV"),      tr("attention"), tr("output"), tr("MLP"),
                              tr("unembed"), tr("sampling"), tr("hooks"),     tr("other")};
    static_assert(std::size(titles) == kStages.size());
    return titles[stage];
}

theme::Role stageRole(std::size_t stage)
{
    using theme::Role;
    constexpr std::array roles{Role::Warning, Role::LaneA, Role::LaneC, Role::LaneD,       Role::LaneB,
                               Role::Accent,  Role::Good,  Role::Error, Role::StrongBorder};
    static_assert(roles.size() == kStages.size());
    return roles[stage];
}

QString stageNote(const RunData& run)
{
    QStringList out;
    const auto say = [&out](const QString& pattern, const QStringList& values) {
        if (values.contains(QString()))
            return; // not measured
        QString words = pattern;
        for (const QString& value : values)
            words = words.arg(value);
        out << words;
    };
    std::int64_t tokenize = 0;
    for (const LaneData& lane : run.lanes)
        tokenize = std::max(tokenize, lane.stages.tokenizeNs);
    say(tr("Tokenise %1 ms."), {tokenize > 0 ? shortMs(ms(tokenize)) : QString()});
    say(tr("Prefill of %1 tokens %2 ms."),
        {counts(run, [](const LaneStages& stages) { return stages.prefill.tokens; }),
         byLane(run, [](const LaneStages& stages, const LaneData&) { return stages.prefill.ns.sum(); })});
    say(tr("First token %1 ms."),
        {byLane(run, [](const LaneStages&, const LaneData& lane) { return 1000 * lane.ttftUs; })});
    say(run.toggles.empty() ? tr("Mean of %1 steps.")
                            : tr("Mean of %1 steps, of a switched lane since its last switch."),
        {counts(run, [](const LaneStages& stages) { return stages.decode.tokens; })});
    say(tr("Probes beside each step %1 ms."), {byLane(run, [](const LaneStages& stages, const LaneData&) {
            return stages.probesNs / std::max<std::int64_t>(1, stages.decode.tokens);
        })});
    return out.join(QLatin1Char(' '));
}

QString stageTable(const RunData& run)
{
    const auto exact = [](double value) { return QString::number(value, 'g', 9); };
    QStringList head{QStringLiteral("lane"), QStringLiteral("what"), QStringLiteral("tokens"), QStringLiteral("unit")};
    for (const NamedStage& stage : kStages)
        head << QLatin1String(stage.key);
    QString out = (head << QStringLiteral("total")).join(QLatin1Char('\t')) + QLatin1Char('\n');
    const auto line = [&](const LaneData& lane, const char* what, std::int64_t tokens, const char* unit,
                          const StageTimes* times, double total, double scale) {
        QStringList cells{text::of(lane.name), QLatin1String(what), QString::number(tokens), QLatin1String(unit)};
        for (const NamedStage& stage : kStages)
            cells << (times ? exact(ms(times->*stage.stage) * scale) : QString());
        out += (cells << exact(total * scale)).join(QLatin1Char('\t')) + QLatin1Char('\n');
    };
    for (const LaneData& lane : run.lanes) {
        const auto& [tokenize, prefill, decode, probes] = lane.stages;
        const double each = decode.tokens > 0 ? 1 / double(decode.tokens) : 0;
        if (decode.tokens > 0)
            line(lane, "decode", decode.tokens, "ms per token", &decode.ns, ms(decode.ns.sum()), each);
        if (probes > 0 && decode.tokens > 0)
            line(lane, "probes beside the steps", decode.tokens, "ms per token", nullptr, ms(probes), each);
        if (prefill.tokens > 0)
            line(lane, "prefill", prefill.tokens, "ms", &prefill.ns, ms(prefill.ns.sum()), 1);
        if (tokenize > 0)
            line(lane, "tokenise", prefill.tokens, "ms", nullptr, ms(tokenize), 1);
    }
    return out;
}

} // namespace ls
