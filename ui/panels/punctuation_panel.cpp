#include "ui/panels/punctuation_panel.h"

#include "core/data/datasets.h"
#include "core/data/word_classes.h"
#include "core/json_value.h"
#include "core/stats/bootstrap.h"
#include "ui/client/engine_client.h"
#include "ui/models/run_values.h"
#include "ui/plots/plot.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/text.h"
#include "ui/shell/theme.h"
#include "ui/shell/workbench.h"

#include <QComboBox>
#include <QLabel>
#include <QPushButton>
#include <QSplitter>
#include <QVBoxLayout>

#include <array>
#include <cmath>

namespace ls {

namespace {

/// 0 none, 1 punctuation, 2 function words, 3 content words: of the tokens of a lane.
std::vector<int> groupsOf(const LaneData& lane)
{
    std::vector<std::string> texts;
    for (const TokenData& token : lane.tokens)
        texts.push_back(token.text);
    std::vector<int> groups;
    for (const WordGroup group : tokenGroups(texts))
        groups.push_back(group == WordGroup::None ? 0 : int(group) + 1);
    return groups;
}

/// One block's value, or the mean over all blocks; entry 0 of a tap is the embedding.
double valueOf(const std::vector<float>& values, int block)
{
    if (block >= 0)
        return std::size_t(block) + 1 < values.size() ? double(values[std::size_t(block) + 1]) : std::nan("");
    double sum = 0;
    for (std::size_t i = 1; i < values.size(); ++i)
        sum += double(values[i]);
    return values.size() > 1 ? sum / double(values.size() - 1) : std::nan("");
}

} // namespace

PunctuationPanel::PunctuationPanel(Workbench* workbench, QWidget* parent)
    : Panel(QStringLiteral("punctuation"), tr("Punctuation & context"), workbench, parent)
    , m_map(new HeatMap(QStringLiteral("punct.map"), tr("Contextualisation by block and token")))
    , m_groups(plots::make(QStringLiteral("punct.groups"), tr("Means of punctuation, function and content words")))
    , m_measure(new QComboBox)
    , m_note(new QLabel)
    , m_corpus(new QPushButton(tr("Run on corpus")))
{
    setHelp(tr("How much of the recent context can be read from a token's stream after each block (c, 0 to 1), and by "
               "how much a block raises it (gain). Hatched: tokens before the window is full, and sink tokens, which "
               "are left out of every mean. Means of one prompt are descriptive; intervals come from Run on corpus, "
               "with paragraphs as units."));
    m_measure->setObjectName(QStringLiteral("punct.measure"));
    m_measure->setAccessibleName(tr("Measure"));
    m_measure->addItem(tr("contextualisation c"), QStringLiteral("contextualisation.c"));
    m_measure->addItem(tr("gain"), QStringLiteral("contextualisation.gain"));
    addOption(m_measure);
    m_corpus->setObjectName(QStringLiteral("punct.corpus"));
    m_corpus->setAccessibleName(tr("Run on corpus"));
    m_corpus->setToolTip(tr("60 paragraphs of WikiText-2: means with intervals"));
    m_note->setWordWrap(true);
    m_note->setProperty("role", "third");
    m_map->setAxisTitles({}, tr("block"));
    m_groups->yAxis->grid()->setVisible(false);
    auto* side = new QWidget;
    auto* column = new QVBoxLayout(side);
    column->setContentsMargins(0, 4, 4, 4);
    column->addWidget(m_groups, 1);
    column->addWidget(m_note);
    column->addWidget(m_corpus, 0, Qt::AlignLeft);
    auto* splitter = new QSplitter;
    splitter->addWidget(m_map);
    splitter->addWidget(side);
    splitter->setStretchFactor(0, 3);
    splitter->setStretchFactor(1, 1);
    splitter->setSizes({520, 230});
    splitter->setChildrenCollapsible(false);
    setContent(splitter);
    setState(State::Empty, tr("Generate to see how much context each token holds."));

    connect(m_corpus, &QPushButton::clicked, this, &PunctuationPanel::runCorpus);
    connect(this, &Panel::actionRequested, this, [this] { calibrate(true); });
    connect(m_map, &HeatMap::cellClicked, this, [this](int token, int layer) {
        Selection selection = this->workbench()->selection();
        selection.position = token;
        selection.block = layer - 1;
        this->workbench()->select(selection);
    });
    const auto later = [this] { RepaintClock::instance().markDirty(this, [this] { refresh(); }); };
    connect(this, &Panel::themeChanged, this, later);
    connect(m_measure, &QComboBox::currentIndexChanged, this, later);
    connect(workbench, &Workbench::runAppended, this, later);
    connect(workbench, &Workbench::experimentChanged, this, later);
    for (const auto signal : {&Workbench::runChanged, &Workbench::selectionChanged, &Workbench::generationStateChanged})
        connect(workbench, signal, this, later);
    connect(workbench, &Workbench::modelChanged, this, [this] { calibrate(false); });
}

std::string PunctuationPanel::output() const
{
    return m_measure->currentData().toString().toStdString();
}

void PunctuationPanel::calibrate(bool asked)
{
    const auto& model = workbench()->client()->model();
    // The engine measures on the CPU alone; asked for, it says so.
    if (!model || (!asked && (m_calibrated == model->fingerprint || model->device != "cpu")))
        return;
    // By itself only into a session that can be written: a read-only one stays in view.
    if (!asked && (!workbench()->session() || workbench()->session()->readOnly()))
        return;
    m_calibrated = model->fingerprint;
    workbench()->runExperiment(QStringLiteral("calibrate_contextualisation"), calibrationParams());
}

void PunctuationPanel::runCorpus()
{
    ExperimentData* last = workbench()->latestExperiment(QStringLiteral("contextualisation_corpus"));
    if (last && last->state == "running")
        workbench()->cancelExperiment(last);
    else
        workbench()->runExperiment(QStringLiteral("contextualisation_corpus"), calibrationParams());
}

void PunctuationPanel::refresh()
{
    const RunData* run = workbench()->run();
    const Selection& selection = workbench()->selection();
    const LaneData* lane = run ? run->lane(selection.lane.toStdString()) : nullptr;
    const auto taps =
        lane ? lane->taps.find(output()) : std::map<std::string, std::map<int, TapValue>>::const_iterator{};
    if (!lane || taps == lane->taps.end() || taps->second.empty()) {
        const ExperimentData* fit = workbench()->latestExperiment(QStringLiteral("calibrate_contextualisation"));
        if (fit && fit->state == "running")
            setState(
                State::Loading,
                tr("Calibrating on 60 paragraphs: %1 of %2. Generating goes first.").arg(fit->done).arg(fit->total));
        else if (fit && fit->failure)
            setState(State::Error, text::sentence(*fit->failure), tr("Calibrate again"));
        else if (run && !run->lanes.empty())
            setState(State::Unavailable, tr("This run has no contextualisation: it was made before the calibration."),
                     workbench()->client()->model() ? tr("Calibrate") : QString());
        else
            setState(State::Empty, tr("Generate to see how much context each token holds."));
        return;
    }
    const int columns = int(lane->tokens.size());
    std::vector<std::vector<float>> cells(std::size_t(columns), std::vector<float>{});
    int rows = 0;
    QStringList names;
    for (int i = 0; i < columns; ++i) {
        const auto tap = taps->second.find(i);
        if (tap != taps->second.end())
            cells[std::size_t(i)] = tap->second.value.floats();
        const auto sink = values::tap(*lane, "contextualisation.sink", i);
        if (!sink.empty() && sink[0] > 0.5F)
            cells[std::size_t(i)].clear(); // hatched: a sink holds no content of its own
        rows = std::max(rows, int(cells[std::size_t(i)].size()));
        names << text::token(lane->tokens[std::size_t(i)].text);
    }
    QStringList layers{tr("emb")};
    for (int block = 0; block + 1 < rows; ++block)
        layers << QString::number(block);
    m_map->setData(cells, names, layers, groupsOf(*lane), m_measure->currentText());
    m_map->setCrosshair(selection.position, selection.block >= 0 ? selection.block + 1 : -1);
    if (selection.position >= 0 && selection.position < columns)
        m_map->setAccessibleDescription(
            tr("%1, block %2, token %3 %4: %5")
                .arg(m_measure->currentText())
                .arg(selection.block)
                .arg(selection.position)
                .arg(names[selection.position])
                .arg(valueOf(cells[std::size_t(selection.position)], selection.block), 0, 'f', 2));
    showGroups();
    setState(run->running ? State::Live : State::Captured);
}

void PunctuationPanel::showGroups()
{
    const RunData* run = workbench()->run();
    const LaneData* lane = run->lane(workbench()->selection().lane.toStdString());
    const int block = workbench()->selection().block;
    const std::vector<int> groups = groupsOf(*lane);
    std::array<std::vector<double>, 3> here;
    for (const auto& [position, tap] : lane->taps.at(output())) {
        const auto sink = values::tap(*lane, "contextualisation.sink", position);
        const int group = std::size_t(position) < groups.size() ? groups[std::size_t(position)] : 0;
        const double value = valueOf(tap.value.floats(), block);
        if (group > 0 && std::isfinite(value) && (sink.empty() || sink[0] < 0.5F))
            here[std::size_t(group) - 1].push_back(value);
    }
    // Corpus: sums per fragment and class; a group's mean is the ratio of sums, fragments are the units.
    std::array<std::map<int, std::pair<double, double>>, 3> corpus;
    const ExperimentData* experiment = workbench()->latestExperiment(QStringLiteral("contextualisation_corpus"));
    const bool running = experiment && experiment->state == "running";
    const char* key = output() == "contextualisation.c" ? "sum_c" : "sum_gain";
    if (experiment)
        for (const auto& row : experiment->rows) {
            const WordGroup group = wordGroup(wordClassFromName(valueOr(row, "class", std::string())));
            const int g = group == WordGroup::Punctuation ? 0 : group == WordGroup::Function ? 1 : 2;
            if (group == WordGroup::None || !row.contains(key) || !row[key].is_array())
                continue;
            std::vector<float> sums;
            for (const auto& sum : row[key])
                sums.push_back(sum.is_number() ? sum.get<float>() : std::nanf(""));
            const double sum = valueOf(sums, block);
            if (!std::isfinite(sum))
                continue;
            auto& entry = corpus[std::size_t(g)][valueOr(row, "fragment", 0)];
            entry.first += sum;
            entry.second += valueOr(row, "n", 0.0);
        }
    m_groups->clearPlottables();
    plots::style(m_groups);
    auto ticker = QSharedPointer<QCPAxisTickerText>::create();
    const QString titles[] = {tr("punctuation"), tr("function"), tr("content")};
    const theme::Role roles[] = {theme::Role::LaneB, theme::Role::LaneC, theme::Role::LaneA};
    for (int g = 0; g < 3; ++g) {
        const int y = 2 - g;
        const double value = mean(here[std::size_t(g)]);
        ticker->addTick(y, tr("%1\nn = %2").arg(titles[g]).arg(here[std::size_t(g)].size()));
        QCPGraph* dot = m_groups->addGraph();
        dot->setLineStyle(QCPGraph::lsNone);
        dot->setScatterStyle({QCPScatterStyle::ssCircle, theme::color(roles[g]), Qt::transparent, 8});
        if (std::isfinite(value))
            dot->addData(value, y);
        std::vector<double> sums, counts;
        for (const auto& [fragment, entry] : corpus[std::size_t(g)]) {
            sums.push_back(entry.first);
            counts.push_back(entry.second);
        }
        if (const auto estimate = bootstrapRatio(sums, counts)) {
            QCPGraph* whole = m_groups->addGraph();
            whole->setLineStyle(QCPGraph::lsLine);
            whole->setPen(QPen(theme::color(roles[g]), 2));
            whole->setScatterStyle({QCPScatterStyle::ssDisc, 4});
            whole->setData({estimate.value().low, estimate.value().value, estimate.value().high},
                           {y - 0.25, y - 0.25, y - 0.25}, true);
        }
    }
    m_groups->yAxis->setTicker(ticker);
    const QString measure = output() == "contextualisation.c" ? tr("c") : tr("gain"); // the plot is narrow
    m_groups->xAxis->setLabel(block >= 0 ? tr("%1, block %2").arg(measure).arg(block)
                                         : tr("%1, mean of blocks").arg(measure));
    m_groups->rescaleAxes();
    m_groups->xAxis->scaleRange(1.3);
    m_groups->xAxis->ticker()->setTickCount(2);
    m_groups->yAxis->setRange(-0.6, 2.6);
    m_groups->replot(QCustomPlot::rpQueuedReplot);
    m_note->setText(
        running                             ? tr("Corpus: %1 of %2").arg(experiment->done).arg(experiment->total)
        : experiment && experiment->failure ? text::sentence(*experiment->failure)
        : experiment && !experiment->rows.empty()
            ? tr("Ring: this prompt, descriptive. Bar: corpus, 95 % interval over %1 paragraphs.").arg(corpus[2].size())
            : tr("Ring: mean of this prompt, descriptive."));
    m_corpus->setText(running ? tr("Stop") : tr("Run on corpus"));
    m_corpus->setEnabled(workbench()->client()->model().has_value());
}

QString PunctuationPanel::tableAsTsv() const
{
    const RunData* run = workbench()->run();
    const LaneData* lane = run ? run->lane(workbench()->selection().lane.toStdString()) : nullptr;
    const auto taps =
        lane ? lane->taps.find(output()) : std::map<std::string, std::map<int, TapValue>>::const_iterator{};
    if (!lane || taps == lane->taps.end())
        return {};
    QString tsv = QStringLiteral("token\ttext\tsink\tlayer (0 = embed)\t%1\n").arg(text::of(output()));
    for (const auto& [position, tap] : taps->second) {
        const auto floats = tap.value.floats();
        const auto sink = values::tap(*lane, "contextualisation.sink", position);
        for (std::size_t layer = 0; layer < floats.size(); ++layer)
            tsv += QStringLiteral("%1\t%2\t%3\t%4\t%5\n")
                       .arg(position)
                       .arg(text::token(lane->tokens[std::size_t(position)].text))
                       .arg(!sink.empty() && sink[0] > 0.5F ? 1 : 0)
                       .arg(layer)
                       .arg(double(floats[layer]), 0, 'g', 7);
    }
    return tsv;
}

} // namespace ls
