#include "ui/panels/steering_panel.h"

#include "core/data/whole_file.h"
#include "core/json_value.h"
#include "ui/client/engine_client.h"
#include "ui/panels/steering_pairs.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/text.h"
#include "ui/shell/workbench.h"

#include <QCheckBox>
#include <QFile>
#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QStyle>
#include <QTabWidget>
#include <QTableWidget>
#include <QVBoxLayout>

#include <cmath>

namespace ls {

namespace {

constexpr const char* kKind = "build_steering";
constexpr const char* kProperty = "steering.studio"; ///< of the session: pairs and settings

enum Column { Name, Blocks, Norm, Halves, HeldOut, PairCount, Source, StateColumn, ColumnCount };

double resultOf(const ExperimentData& experiment, const char* key)
{
    return experiment.result.is_object() && experiment.result.contains(key) && experiment.result[key].is_number()
               ? experiment.result[key].get<double>()
               : std::nan("");
}

QString blocksText(const std::vector<int>& blocks)
{
    if (blocks.empty())
        return SteeringPanel::tr("one for all");
    if (blocks.size() > 1 && blocks.back() - blocks.front() == int(blocks.size()) - 1)
        return QStringLiteral("%1–%2").arg(blocks.front()).arg(blocks.back());
    QStringList out;
    for (const int block : blocks)
        out << QString::number(block);
    return out.join(QStringLiteral(", "));
}

} // namespace

SteeringPanel::SteeringPanel(Workbench* workbench, QWidget* parent)
    : Panel(QStringLiteral("steering"), tr("Steering studio"), workbench, parent)
    , m_tabs(new QTabWidget)
{
    setHelp(tr("A steering vector is the difference between the means of the residual stream over positive and over "
               "negative texts, after one block and at the last token of each text. Cosine of halves: the vectors of "
               "two halves of the pairs against each other; near 1 is stable. Held-out accuracy: share of texts of the "
               "other half on the right side of the midpoint; .5 is chance. Both say that the texts differ there, not "
               "that steering works: look at the KL and at the text."));
    m_tabs->setObjectName(QStringLiteral("steer.tabs"));
    m_tabs->setAccessibleName(tr("Steering studio"));
    m_tabs->setDocumentMode(true);
    m_tabs->addTab(buildVectors(), tr("Vectors"));
    m_tabs->addTab(buildPairs(), tr("Build from pairs"));
    setContent(m_tabs);
    const auto later = [this] { RepaintClock::instance().markDirty(this, [this] { refresh(); }); };
    connect(workbench, &Workbench::experimentChanged, this, &SteeringPanel::onExperiment);
    connect(workbench, &Workbench::experimentChanged, this, [later](const ExperimentData* experiment) {
        if (experiment->kind == kKind)
            later();
    });
    for (const auto signal : {&Workbench::deskChanged, &Workbench::modelChanged, &Workbench::generationStateChanged})
        connect(workbench, signal, this, later);
    connect(workbench, &Workbench::sessionChanged, this, [this, later] {
        readSession();
        later();
    });
    readSession();
    refresh();
}

QWidget* SteeringPanel::buildVectors()
{
    auto* page = new QWidget;
    m_table = new QTableWidget(0, ColumnCount);
    m_table->setObjectName(QStringLiteral("steer.vectors"));
    m_table->setAccessibleName(tr("Steering vectors of this session"));
    m_table->setHorizontalHeaderLabels({tr("Vector"), tr("Blocks"), tr("norm"), tr("cos halves"), tr("held-out"),
                                        tr("pairs"), tr("Source"), tr("State")});
    m_table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setSelectionMode(QAbstractItemView::SingleSelection);
    m_table->setTabKeyNavigation(false);
    m_table->verticalHeader()->hide();
    m_table->verticalHeader()->setDefaultSectionSize(23);
    m_table->horizontalHeader()->setSectionResizeMode(QHeaderView::ResizeToContents);
    m_table->horizontalHeader()->setSectionResizeMode(Source, QHeaderView::Stretch);
    m_table->horizontalHeader()->setHighlightSections(false);
    const auto button = [](const char* name, const QString& title, const QString& tip) {
        auto* made = new QPushButton(title);
        made->setObjectName(QLatin1String(name));
        made->setAccessibleName(tip);
        made->setToolTip(tip);
        return made;
    };
    m_import = button("steer.import", tr("Import…"), tr("Import a control-vector GGUF or a safetensors file"));
    m_export =
        button("steer.exportVector", tr("Export vector…"), tr("Save the selected vector as control-vector GGUF"));
    m_use = button("steer.use", tr("Use on card"), tr("Put the selected vector into the steering card, strength 1"));
    m_use->setProperty("primary", true);
    m_message = new QLabel;
    m_message->setObjectName(QStringLiteral("steer.message"));
    m_message->setAccessibleName(tr("Message"));
    m_message->setWordWrap(true);
    m_message->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    auto* row = new QHBoxLayout;
    row->addWidget(m_import);
    row->addWidget(m_export);
    row->addWidget(m_message, 1);
    row->addWidget(m_use);
    auto* column = new QVBoxLayout(page);
    column->setContentsMargins(8, 6, 8, 8);
    column->addWidget(m_table, 1);
    column->addLayout(row);
    connect(m_import, &QPushButton::clicked, this, &SteeringPanel::import);
    connect(m_export, &QPushButton::clicked, this, &SteeringPanel::exportVector);
    connect(m_use, &QPushButton::clicked, this, &SteeringPanel::useOnCard);
    connect(m_table, &QTableWidget::itemSelectionChanged, this, &SteeringPanel::refreshButtons);
    connect(m_table, &QTableWidget::itemActivated, this, [this] {
        if (m_use->isEnabled())
            useOnCard();
    });
    return page;
}

QWidget* SteeringPanel::buildPairs()
{
    auto* page = new QWidget;
    m_pairs = new PairsEditor;
    m_name = new QLineEdit;
    m_name->setObjectName(QStringLiteral("steer.name"));
    m_name->setAccessibleName(tr("Name of the vector"));
    m_name->setPlaceholderText(tr("name"));
    m_name->setMaximumWidth(150);
    m_layer = new QSpinBox;
    m_layer->setObjectName(QStringLiteral("steer.layer"));
    m_layer->setAccessibleName(tr("Block"));
    m_layer->setToolTip(tr("The stream is read after this block, at the last token of each text"));
    m_layer->setPrefix(tr("block "));
    m_layer->setRange(1, 1023);
    m_template = new QCheckBox(tr("chat template"));
    m_template->setObjectName(QStringLiteral("steer.template"));
    m_template->setAccessibleName(tr("Put each text into the chat template"));
    m_template->setChecked(true);
    m_build = new QPushButton(tr("Build"));
    m_build->setObjectName(QStringLiteral("steer.build"));
    m_build->setAccessibleName(tr("Build a vector from the pairs"));
    m_build->setProperty("primary", true);
    m_buildNote = new QLabel;
    m_buildNote->setObjectName(QStringLiteral("steer.result"));
    m_buildNote->setAccessibleName(tr("Result"));
    m_buildNote->setProperty("role", "second");
    m_buildMessage = new QLabel;
    m_buildMessage->setObjectName(QStringLiteral("steer.problem"));
    m_buildMessage->setAccessibleName(tr("Problem"));
    m_buildMessage->setWordWrap(true);
    m_buildMessage->hide();
    auto* row = new QHBoxLayout;
    row->setSpacing(8);
    row->addWidget(m_name);
    row->addWidget(m_layer);
    auto* pooling = new QLabel(tr("last token"));
    pooling->setProperty("role", "second");
    row->addWidget(pooling);
    row->addWidget(m_template);
    row->addStretch(1);
    row->addWidget(m_build);
    auto* column = new QVBoxLayout(page);
    column->setContentsMargins(8, 6, 8, 8);
    column->setSpacing(4);
    column->addWidget(m_pairs, 1);
    column->addLayout(row);
    column->addWidget(m_buildNote);
    column->addWidget(m_buildMessage);
    connect(m_build, &QPushButton::clicked, this, &SteeringPanel::build);
    connect(m_pairs, &PairsEditor::edited, this, [this] {
        say({}, "second");
        storePairs();
    });
    connect(m_pairs, &PairsEditor::problem, this, &SteeringPanel::fail);
    connect(m_layer, &QSpinBox::valueChanged, this, [this] {
        m_layerChosen = true;
        storePairs();
    });
    connect(m_template, &QCheckBox::toggled, this, &SteeringPanel::storePairs);
    connect(m_name, &QLineEdit::editingFinished, this, &SteeringPanel::storePairs);
    return page;
}

void SteeringPanel::readSession()
{
    Session* session = workbench()->session();
    const auto stored = session ? session->property(kProperty) : nlohmann::json();
    const QSignalBlocker quietLayer(m_layer), quietTemplate(m_template);
    m_pairs->setPairs(stored.is_object() ? pairsFromJson(valueOr(stored, "pairs", nlohmann::json::array())) : Pairs{});
    m_layerChosen = stored.is_object() && stored.contains("layer") && stored["layer"].is_number_integer();
    if (m_layerChosen)
        m_layer->setValue(stored["layer"].get<int>());
    if (stored.is_object()) {
        m_template->setChecked(valueOr(stored, "template", true));
        m_name->setText(text::of(valueOr(stored, "name", std::string())));
    }
    say({}, "second");
}

void SteeringPanel::storePairs()
{
    if (Session* session = workbench()->session())
        session->setProperty(kProperty, {{"pairs", pairsToJson(m_pairs->pairs())},
                                         {"layer", m_layer->value()},
                                         {"template", m_template->isChecked()},
                                         {"name", m_name->text().toStdString()}});
}

void SteeringPanel::refresh()
{
    const auto& model = workbench()->model();
    if (model) {
        const QSignalBlocker quiet(m_layer);
        m_layer->setRange(1, std::max(1, model->blockCount - 1)); // a control vector has no direction.0
        if (!m_layerChosen)
            m_layer->setValue(model->blockCount / 2);
        m_template->setEnabled(model->hasChatTemplate);
        m_template->setToolTip(model->hasChatTemplate ? QString() : tr("This model has no chat template."));
    }
    const ExperimentData* last = workbench()->latestExperiment(QLatin1String(kKind));
    const bool running = last && last->state == "running";
    m_build->setText(running ? tr("Stop") : tr("Build"));
    m_build->setEnabled(workbench()->client()->model().has_value());
    m_build->setToolTip(m_build->isEnabled() ? QString() : tr("Open a model first."));
    if (running)
        m_buildNote->setText(last->total > 0
                                 ? tr("Reading text %1 of %2. Generating goes first.").arg(last->done).arg(last->total)
                                 : tr("Waiting for the engine."));
    else if (last && last->state == "done")
        m_buildNote->setText(tr("Block %1: norm %2 · cosine of halves %3 · held-out accuracy %4")
                                 .arg(valueOr(last->params, "layer", 0))
                                 .arg(text::number(resultOf(*last, "norm"), 3),
                                      text::number(resultOf(*last, "cosine_halves"), 3),
                                      text::number(resultOf(*last, "held_out_accuracy"), 3)));
    else if (last && last->failure)
        m_buildNote->setText(text::sentence(*last->failure));
    else
        m_buildNote->setText(tr("The vector is mean(positive) − mean(negative)."));
    fillTable();
    // Pairs can be typed without a model; there is always something to show.
    setState(running ? State::Live : State::Captured);
}

void SteeringPanel::fillTable()
{
    const QString before = selected() ? selected()->path : QString();
    const int rowBefore = m_table->currentRow();
    m_vectors = workbench()->session() ? steering::vectorsOf(*workbench()->session()) : std::vector<steering::Vector>{};
    const auto& model = workbench()->model();
    const QSignalBlocker quiet(m_table);
    m_table->setRowCount(int(m_vectors.size()));
    int select = -1;
    for (int row = 0; row < int(m_vectors.size()); ++row) {
        const steering::Vector& vector = m_vectors[std::size_t(row)];
        const ExperimentData* built = vector.experiment;
        QString state = steering::useOf(workbench()->desk(), vector.path);
        if (built && built->state != "done")
            state = built->state == "running" ? tr("building") : text::of(built->state);
        else if (vector.problem)
            state = vector.problem->code == Errc::FileNotFound ? tr("file missing") : tr("unusable");
        else if (model && vector.width != model->width)
            state = tr("width %1").arg(vector.width);
        const auto number = [built](const char* key) {
            return built ? text::number(resultOf(*built, key), 3) : QStringLiteral("—");
        };
        const QString source =
            built ? (valueOr(built->params, "template", false) ? tr("pairs, chat") : tr("pairs, text")) : vector.path;
        const QString cells[ColumnCount] = {
            vector.name,
            blocksText(vector.blocks),
            number("norm"),
            number("cosine_halves"),
            number("held_out_accuracy"),
            built ? QString::number(valueOr(built->params, "positive", nlohmann::json::array()).size())
                  : QStringLiteral("—"),
            source,
            state};
        for (int column = 0; column < ColumnCount; ++column) {
            auto* item = new QTableWidgetItem(cells[column]);
            item->setToolTip(vector.problem ? text::sentence(*vector.problem) : vector.path);
            const bool right = column >= Norm && column <= PairCount;
            item->setTextAlignment((right ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
            m_table->setItem(row, column, item);
        }
        if (!before.isEmpty() && vector.path == before)
            select = row;
    }
    if (select < 0)
        select = before.isEmpty() || rowBefore < 0 ? int(m_vectors.size()) - 1
                                                   : std::min(rowBefore, int(m_vectors.size()) - 1);
    if (select >= 0)
        m_table->selectRow(select);
    refreshButtons();
}

const steering::Vector* SteeringPanel::selected() const
{
    const int row = m_table->currentRow();
    return row >= 0 && row < int(m_vectors.size()) ? &m_vectors[std::size_t(row)] : nullptr;
}

void SteeringPanel::refreshButtons()
{
    const steering::Vector* vector = selected();
    const bool whole = vector && !vector->path.isEmpty() &&
                       (!vector->experiment || vector->experiment->state == "done") &&
                       (!vector->problem || vector->problem->code == Errc::FileNotFound);
    if (m_vectors.empty() && m_message->text().isEmpty())
        say(tr("No vectors yet: build one from pairs, or import a file."), "second");
    m_use->setEnabled(whole);
    m_export->setEnabled(whole);
    m_use->setToolTip(whole ? tr("Put the selected vector into the steering card, strength 1")
                            : tr("Build or import a vector, then select it."));
}

void SteeringPanel::build()
{
    ExperimentData* last = workbench()->latestExperiment(QLatin1String(kKind));
    if (last && last->state == "running") {
        workbench()->cancelExperiment(last);
        return;
    }
    if (const Status status = m_pairs->check(); !status)
        return fail(status.error());
    say({}, "second");
    nlohmann::json positive = nlohmann::json::array(), negative = nlohmann::json::array();
    for (const auto& [p, n] : m_pairs->pairs()) {
        positive.push_back(p.toStdString());
        negative.push_back(n.toStdString());
    }
    storePairs();
    workbench()->runExperiment(QLatin1String(kKind),
                               {{"name", m_name->text().trimmed().toStdString()},
                                {"positive", positive},
                                {"negative", negative},
                                {"layer", m_layer->value()},
                                {"site", "resid_post"},
                                {"pooling", "last"},
                                {"template", m_template->isChecked() && m_template->isEnabled()}});
}

void SteeringPanel::onExperiment(ExperimentData* experiment)
{
    if (experiment->kind != kKind)
        return;
    if (experiment->state == "done") {
        const auto& model = workbench()->model();
        const auto saved =
            steering::saveBuilt(*workbench()->session(), *experiment, model ? text::of(model->family) : QString());
        if (!saved)
            return fail(saved.error());
        fillTable();
        m_table->selectRow(int(std::find_if(m_vectors.begin(), m_vectors.end(),
                                            [&](const steering::Vector& v) { return v.experiment == experiment; }) -
                               m_vectors.begin()));
        m_tabs->setCurrentIndex(0);
        say(tr("Built. Saved as %1.").arg(QFileInfo(saved.value()).fileName()), "good");
    } else if (experiment->failure) {
        fail(*experiment->failure);
    }
}

void SteeringPanel::import()
{
    auto* dialog = new QFileDialog(this, tr("Import vector"), {}, tr("Vectors (*.gguf *.safetensors)"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setObjectName(QStringLiteral("steer.importDialog"));
    dialog->setFileMode(QFileDialog::ExistingFile);
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& path) {
        if (!workbench()->session() || workbench()->session()->readOnly())
            if (const Status status = workbench()->newSession({}); !status)
                return fail(status.error());
        const auto& model = workbench()->model();
        if (const Status status = steering::import(*workbench()->session(), path, model ? model->width : 0); !status)
            return fail(status.error());
        say(tr("Imported %1.").arg(QFileInfo(path).fileName()), "good");
        m_table->setCurrentCell(-1, -1);
        fillTable();
    });
    dialog->open();
}

void SteeringPanel::exportVector()
{
    const steering::Vector* vector = selected();
    if (!vector)
        return;
    if (const Status status = steering::restore(*workbench()->session(), *vector); !status)
        return fail(status.error());
    auto* dialog = new QFileDialog(this, tr("Export vector"), vector->name + QStringLiteral(".gguf"),
                                   tr("Control vector (*.gguf)"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setObjectName(QStringLiteral("steer.exportDialog"));
    dialog->setAcceptMode(QFileDialog::AcceptSave);
    dialog->setDefaultSuffix(QFileInfo(vector->path).suffix());
    connect(dialog, &QFileDialog::fileSelected, this, [this, from = vector->path](const QString& path) {
        QFile source(from);
        if (!source.open(QIODevice::ReadOnly))
            return fail({Errc::FileNotFound, tr("%1 cannot be read.").arg(from).toStdString(),
                         tr("Build or import it again.").toStdString(), source.errorString().toStdString()});
        const QByteArray bytes = source.readAll();
        if (const Status status =
                writeWholeFile(path.toStdString(), std::string_view(bytes.constData(), std::size_t(bytes.size())));
            !status)
            return fail(status.error());
        say(tr("Exported %1.").arg(QFileInfo(path).fileName()), "good");
    });
    dialog->open();
}

void SteeringPanel::useOnCard()
{
    const steering::Vector* vector = selected();
    if (!vector)
        return;
    if (const Status status = steering::restore(*workbench()->session(), *vector); !status)
        return fail(status.error());
    const auto& model = workbench()->model();
    const auto header = readVectorHeader(vector->path.toStdString());
    if (!header)
        return fail(header.error());
    if (model)
        if (const Status status = checkVectorWidth(vector->path.toStdString(), header.value(), model->width); !status)
            return fail(status.error());
    say(tr("%1 is on the steering card; its switch turns it on.").arg(vector->name), "good");
    workbench()->changeDesk(tr("Use %1 on the steering card").arg(vector->name),
                            steering::deskWith(workbench()->desk(), *vector, m_layer->value()));
}

void SteeringPanel::say(const QString& text, const char* role)
{
    for (QLabel* label : {m_message, m_buildMessage}) {
        label->setText(text);
        label->setProperty("role", role);
        label->style()->unpolish(label);
        label->style()->polish(label);
    }
    m_buildMessage->setVisible(!text.isEmpty() && QLatin1String(role) == QLatin1String("error"));
}

void SteeringPanel::fail(const Error& error)
{
    say(text::sentence(error), "error");
    const QString code = text::of(errcName(error.code));
    m_message->setToolTip(code);
    m_buildMessage->setToolTip(code);
}

QString SteeringPanel::tableAsTsv() const
{
    QString tsv = QStringLiteral("vector\tblocks\tnorm\tcosine of halves\theld-out accuracy\tpairs\tpath\n");
    for (const steering::Vector& vector : m_vectors) {
        const auto number = [&vector](const char* key) {
            const double value = vector.experiment ? resultOf(*vector.experiment, key) : std::nan("");
            return std::isfinite(value) ? QString::number(value, 'g', 17) : QString();
        };
        tsv += QStringList{vector.name,
                           blocksText(vector.blocks),
                           number("norm"),
                           number("cosine_halves"),
                           number("held_out_accuracy"),
                           vector.experiment
                               ? QString::number(
                                     valueOr(vector.experiment->params, "positive", nlohmann::json::array()).size())
                               : QString(),
                           vector.path}
                   .join(QLatin1Char('\t')) +
               QLatin1Char('\n');
    }
    return tsv;
}

} // namespace ls
