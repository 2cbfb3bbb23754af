#include "core/data/word_classes.h"
#include "core/report/report_parts.h"
#include "core/stats/summary.h"

#include <algorithm>
#include <array>
#include <cmath>

/// Sections that look inside: contextualisation, safety, logit lens.
namespace ls::report {

namespace {

using Layers = std::vector<double>;

constexpr const char* kGroupNames[] = {"punctuation", "function", "content"};
constexpr const char* kGroupColors[] = {"#B04F0C", "#0F7F74", "#5A6778"};

Layers floatsOf(const LaneData& lane, const std::string& output, int position)
{
    const TapValue* tap = lane.tap(output, position);
    if (!tap)
        return {};
    const auto values = tap->value.floats();
    return {values.begin(), values.end()};
}

bool isSink(const LaneData& lane, int position)
{
    const Layers sink = floatsOf(lane, "contextualisation.sink", position);
    return !sink.empty() && sink[0] > 0.5;
}

/// 0 punctuation, 1 function, 2 content, -1 none.
std::vector<int> groupsOf(const LaneData& lane)
{
    std::vector<std::string> texts;
    for (const TokenData& token : lane.tokens)
        texts.push_back(token.text);
    std::vector<int> out;
    for (const WordGroup group : tokenGroups(texts))
        out.push_back(group == WordGroup::None ? -1 : int(group));
    return out;
}

/// A token inside a sentence: line breaks become visible.
std::string visible(const std::string& token)
{
    std::string out;
    for (const char c : token)
        out += c == '\n' ? std::string("⏎") : std::string(1, c);
    return out;
}

std::string layerName(std::size_t layer)
{
    return layer == 0 ? std::string("embedding") : fmt::format("block {}", layer - 1);
}

/// One map of all positions, cut into strips that can be read; the scale is that of the whole.
void addMaps(const LaneData& lane, const std::string& output, const std::string& title, const std::string& label,
             const std::string& caption, Section& section)
{
    constexpr std::size_t kStrip = 64, kLongest = 256;
    std::vector<Layers> columns(lane.tokens.size());
    std::size_t layers = 0;
    double low = INFINITY, high = -INFINITY;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        if (isSink(lane, int(i)))
            continue; // hatched: a sink holds no content of its own
        columns[i] = floatsOf(lane, output, int(i));
        layers = std::max(layers, columns[i].size());
        for (const double value : columns[i])
            if (std::isfinite(value)) {
                low = std::min(low, value);
                high = std::max(high, value);
            }
    }
    if (!(low <= high))
        return;
    const std::size_t strip = columns.size() > kLongest ? (columns.size() + 3) / 4 : kStrip;
    for (std::size_t first = 0; first < columns.size(); first += strip) {
        const std::size_t last = std::min(columns.size(), first + strip);
        svg::HeatMap map{{}, {}, {}, "token", "", label, int(first), std::pair{low, high}, strip};
        for (std::size_t layer = layers; layer-- > 0;) { // blocks from the bottom up
            map.rowLabels.push_back(layerName(layer));
            Layers& row = map.values.emplace_back();
            for (std::size_t i = first; i < last; ++i)
                row.push_back(layer < columns[i].size() ? columns[i][layer] : kNone);
        }
        for (std::size_t i = first; i < last && strip <= kStrip; ++i)
            map.columnLabels.push_back(lane.tokens[i].text);
        section.blocks.emplace_back(
            Figure{fmt::format("{}, lane {}, tokens {} to {}", title, lane.name, first, last - 1), svg::heatMap(map),
                   last == columns.size() ? caption : std::string()});
    }
}

/// The metrics "prefix/<layer>" as one line with its band.
svg::Series seriesOf(const Measured* measured, const std::string& prefix, const std::string& name, const char* color)
{
    svg::Series series{name, color, {}, {}, {}, {}};
    for (int layer = 0; measured; ++layer) {
        const Metric* m = measured->find(fmt::format("{}/{}", prefix, layer), "A");
        if (!m && layer > 0)
            break; // the embedding may lack a value, the others do not
        if (!m)
            continue;
        series.x.push_back(layer - 1);
        series.y.push_back(m->value);
        series.low.push_back(m->low.value_or(kNone));
        series.high.push_back(m->high.value_or(kNone));
    }
    return series;
}

void addGroupsHere(const LaneData& lane, Table& table)
{
    const std::vector<int> groups = groupsOf(lane);
    for (const char* output : {"contextualisation.c", "contextualisation.gain"}) {
        std::array<std::vector<double>, 3> values;
        for (std::size_t i = 0; i < lane.tokens.size(); ++i) {
            const Layers layers = floatsOf(lane, output, int(i));
            if (groups[i] < 0 || layers.size() < 2 || isSink(lane, int(i)))
                continue;
            double sum = 0; // mean over the blocks; entry 0 is the embedding
            for (std::size_t l = 1; l < layers.size(); ++l)
                sum += layers[l];
            if (std::isfinite(sum))
                values[std::size_t(groups[i])].push_back(sum / double(layers.size() - 1));
        }
        for (std::size_t g = 0; g < 3; ++g)
            table.rows.push_back(
                {lane.name, std::string(output).substr(18), kGroupNames[g], mean(values[g]), double(values[g].size())});
    }
}

void addCorpus(const Measured* corpus, Section& section)
{
    svg::LinePlot plot{{}, "block (−1 = embedding)", "score c", {}};
    Table table{"contextualisation-corpus",
                "Corpus: means by block with 95 % intervals over fragments",
                {"after", "punctuation", "function words", "content words"},
                {}};
    std::size_t layers = 0;
    for (std::size_t g = 0; g < 3; ++g) {
        auto series =
            seriesOf(corpus, std::string("contextualisation/") + kGroupNames[g], kGroupNames[g], kGroupColors[g]);
        layers = std::max(layers, series.x.empty() ? 0 : std::size_t(series.x.back()) + 2);
        if (!series.x.empty())
            plot.series.push_back(std::move(series));
    }
    for (std::size_t layer = 0; layer < layers; ++layer) {
        std::vector<Cell> row{layerName(layer)};
        for (const char* group : kGroupNames)
            row.push_back(withInterval(corpus->find(fmt::format("contextualisation/{}/{}", group, layer), "A")));
        table.rows.push_back(std::move(row));
    }
    if (plot.series.empty())
        return;
    section.blocks.emplace_back(
        Figure{"Groups on the corpus", svg::lines(plot), "Band: 95 % interval over fragments."});
    section.blocks.emplace_back(std::move(table));
}

} // namespace

Section contextualisation(const Context& context)
{
    Section section{"contextualisation", "Punctuation and context", {}};
    if (context.run) {
        Table groups{"contextualisation-groups",
                     "This prompt, mean of the blocks: descriptive",
                     {"lane", "measure", "group", "mean", "tokens"},
                     {}};
        Table cells{"contextualisation",
                    "Every token and block",
                    {"lane", "position", "text", "sink", "layer (0 = embedding)", "c", "gain"},
                    {},
                    true};
        for (const LaneData& lane : context.run->lanes) {
            if (!lane.taps.contains("contextualisation.c"))
                continue;
            addGroupsHere(lane, groups);
            for (std::size_t i = 0; i < lane.tokens.size(); ++i) {
                const Layers c = floatsOf(lane, "contextualisation.c", int(i));
                const Layers gain = floatsOf(lane, "contextualisation.gain", int(i));
                for (std::size_t layer = 0; layer < c.size(); ++layer)
                    cells.rows.push_back({lane.name, double(i), lane.tokens[i].text, double(isSink(lane, int(i))),
                                          double(layer), c[layer], layer < gain.size() ? gain[layer] : kNone});
            }
        }
        if (!groups.rows.empty())
            section.blocks.emplace_back(std::move(groups));
        for (const LaneData& lane : context.run->lanes)
            addMaps(lane, "contextualisation.c", "Score c", "score c",
                    "Hatched: no value (before the window is full, or a sink token). One prompt: descriptive.",
                    section);
        if (!cells.rows.empty())
            section.blocks.emplace_back(std::move(cells));
    }
    if (const Measured* corpus = context.newest("contextualisation_corpus"))
        addCorpus(corpus, section);
    return section;
}

Section safety(const Context& context)
{
    Section section{"safety", "Safety state", {}};
    if (const Measured* fit = context.newest("fit_safety")) {
        auto series = seriesOf(fit, "safety_auroc", "held-out half", "#2459A6");
        Table table{"safety-auroc",
                    "AUROC of the held-out half of XSTest by layer",
                    {"after", "AUROC", "low", "high", "prompts"},
                    {}};
        for (std::size_t layer = 0; layer < series.x.size(); ++layer)
            if (const Metric* m = fit->find(fmt::format("safety_auroc/{}", layer), "A"))
                table.rows.push_back(
                    {layerName(layer), m->value, m->low.value_or(kNone), m->high.value_or(kNone), double(m->n)});
        if (!series.x.empty())
            section.blocks.emplace_back(Figure{
                "AUROC on the held-out half", svg::lines({{std::move(series)}, "block (−1 = embedding)", "AUROC", 0.5}),
                "Band: 95 % interval; dashed: chance. Every layer is listed, none was chosen on these data."});
        if (!table.rows.empty())
            section.blocks.emplace_back(std::move(table));
    }
    if (!context.run)
        return section;
    svg::LinePlot byBlock{{}, "block (−1 = embedding)", "score (train sd)", 0.0};
    svg::LinePlot byToken{{}, "position (token)", "score after the last block (sd)", 0.0};
    Table cells{"safety-scores",
                "Every token and layer",
                {"lane", "position", "layer (0 = embedding)", "score (sd)"},
                {},
                true};
    for (const LaneData& lane : context.run->lanes) {
        const auto taps = lane.taps.find("safety.score");
        if (taps == lane.taps.end())
            continue;
        svg::Series prompt{"lane " + lane.name, laneColor(lane.name), {}, {}, {}, {}};
        for (const double value : floatsOf(lane, "safety.score", lane.promptTokens() - 1)) {
            prompt.x.push_back(double(prompt.x.size()) - 1);
            prompt.y.push_back(value);
        }
        if (!prompt.x.empty())
            byBlock.series.push_back(std::move(prompt));
        svg::Series line{"lane " + lane.name, laneColor(lane.name), {}, {}, {}, {}};
        for (const auto& [position, tap] : taps->second) {
            const auto values = tap.value.floats();
            for (std::size_t layer = 0; layer < values.size(); ++layer)
                cells.rows.push_back({lane.name, double(position), double(layer), double(values[layer])});
            line.x.push_back(position);
            line.y.push_back(values.empty() ? kNone : double(values.back()));
        }
        byToken.series.push_back(std::move(line));
    }
    if (!byBlock.series.empty())
        section.blocks.emplace_back(
            Figure{"Score of the last prompt token by block", svg::lines(byBlock), "Plus = harmful."});
    if (!byToken.series.empty())
        section.blocks.emplace_back(Figure{"Score by token", svg::lines(byToken),
                                           "Plus = harmful. A separation of prompts, not a verdict on this text."});
    if (!cells.rows.empty())
        section.blocks.emplace_back(std::move(cells));
    return section;
}

Section lens(const Context& context)
{
    Section section{"lens", "Logit lens of the last token", {}};
    if (!context.run)
        return section;
    Table cells{
        "lens",
        "Every token and block",
        {"lane", "position", "layer (0 = embedding)", "top token", "probability", "entropy (nats)", "stream norm"},
        {},
        true};
    for (const LaneData& lane : context.run->lanes) {
        const auto found = lane.taps.find("lens.ids");
        if (found == lane.taps.end() || found->second.empty())
            continue;
        for (const auto& [position, ids] : found->second) {
            const Layers probs = floatsOf(lane, "lens.probs", position);
            if (ids.value.shape.size() != 2 || ids.value.shape[0] < 1 || ids.value.shape[1] < 1)
                continue;
            const auto width = std::size_t(ids.value.shape[1]), layers = std::size_t(ids.value.shape[0]);
            const bool last = position == found->second.rbegin()->first;
            const Layers entropy = floatsOf(lane, "lens.entropy", position),
                         norm = floatsOf(lane, "resid_norm", position);
            Table table{"lens-" + lane.name,
                        fmt::format("Lane {}, position {}", lane.name, position),
                        {"after", "top tokens (probability)", "first probability", "entropy (nats)", "stream norm"},
                        {}};
            for (std::size_t l = 0; l < layers && (l + 1) * width <= probs.size(); ++l) {
                std::string top;
                for (std::size_t k = 0; last && k < width && l * width + k < ids.texts.size(); ++k) {
                    const std::string& word = ids.texts[l * width + k];
                    top += fmt::format("{}“{}” {:.3f}", k ? ", " : "", visible(word), probs[l * width + k]);
                }
                const Cell entropyHere(l < entropy.size() ? entropy[l] : kNone),
                    normHere(l < norm.size() ? norm[l] : kNone);
                cells.rows.push_back({lane.name, double(position), double(l),
                                      l * width < ids.texts.size() ? ids.texts[l * width] : std::string(),
                                      probs[l * width], entropyHere, normHere});
                if (last)
                    table.rows.push_back({layerName(l), top, probs[l * width], entropyHere, normHere});
            }
            if (!table.rows.empty())
                section.blocks.emplace_back(std::move(table));
        }
    }
    if (!cells.rows.empty())
        section.blocks.emplace_back(std::move(cells));
    return section;
}

} // namespace ls::report
