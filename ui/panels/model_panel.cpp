#include "ui/panels/model_panel.h"

#include "core/json_value.h"
#include "ui/models/certificate_status.h"
#include "ui/models/layer_model.h"
#include "ui/models/model_inspection.h"
#include "ui/models/run_values.h"
#include "ui/panels/layer_delegates.h"
#include "ui/panels/tensor_browser.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/text.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QScrollArea>
#include <QTabWidget>
#include <QTreeView>
#include <QVBoxLayout>

#include <cmath>

namespace ls {

ModelPanel::ModelPanel(Workbench* workbench, QWidget* parent)
    : Panel(QStringLiteral("model"), tr("Model & layers"), workbench, parent)
    , m_model(new LayerModel(workbench, this))
    , m_tree(new QTreeView)
    , m_measure(new QComboBox)
    , m_facts(new QLabel)
    , m_inspection(new ModelInspection(workbench, this))
    , m_certificate(new CertificateStatus(workbench, this))
    , m_tabs(new QTabWidget)
    , m_card(new QLabel)
    , m_tensors(new TensorBrowser(QStringLiteral("model")))
    , m_toCertificate(new QPushButton)
{
    setHelp(tr("One row per block. The cells show what lane B runs: filled = in full, crossed out = skipped, bars = "
               "sparse attention, low bar = pruned, + = a direction is added or removed. The bar shows the chosen "
               "measure at the selected (else newest) token."));
    auto* body = new QWidget;
    auto* column = new QVBoxLayout(body);
    column->setContentsMargins(8, 8, 8, 8);
    auto* row = new QHBoxLayout;
    auto* caption = new QLabel(tr("Bar shows"));
    caption->setProperty("role", "second");
    m_measure->setObjectName(QStringLiteral("model.measure"));
    m_measure->setAccessibleName(tr("What the bar shows"));
    m_measure->addItem(tr("residual norm"), QStringLiteral("norm"));
    m_measure->addItem(tr("contextualisation c"), QStringLiteral("contextualisation"));
    m_measure->addItem(tr("lens entropy (nats)"), QStringLiteral("entropy"));
    m_measure->addItem(tr("safety score (sd)"), QStringLiteral("safety"));
    m_measure->addItem(tr("1 − cosine to A"), QStringLiteral("distance"));
    row->addWidget(caption);
    row->addWidget(m_measure, 1);
    column->addLayout(row);
    m_tree->setObjectName(QStringLiteral("model.tree"));
    m_tree->setAccessibleName(tr("Blocks of the model"));
    m_tree->setRootIsDecorated(false);
    m_tree->setUniformRowHeights(true);
    m_tree->setModel(m_model);
    m_tree->setItemDelegateForColumn(LayerModel::StripColumn, new StripDelegate(m_tree));
    m_tree->setItemDelegateForColumn(LayerModel::BarColumn, new BarDelegate(m_tree));
    m_tree->header()->setSectionResizeMode(QHeaderView::Fixed);
    m_tree->header()->setStretchLastSection(true);
    m_tree->header()->resizeSection(LayerModel::NameColumn, 74);
    m_tree->header()->resizeSection(LayerModel::StripColumn, 88);
    column->addWidget(m_tree, 1);
    m_facts->setObjectName(QStringLiteral("model.selection"));
    m_facts->setAccessibleName(tr("Facts about the selection"));
    m_facts->setTextFormat(Qt::RichText);
    m_facts->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_facts->setWordWrap(true);
    column->addWidget(m_facts);
    m_tabs->setObjectName(QStringLiteral("model.tabs"));
    m_tabs->setAccessibleName(tr("Layers, model card or tensors"));
    m_tabs->setDocumentMode(true);
    m_tabs->addTab(body, tr("Layers"));
    m_tabs->addTab(buildCard(), tr("Card"));
    m_tabs->addTab(m_tensors, tr("Tensors"));
    m_tensors->setContentsMargins(8, 2, 8, 8);
    setContent(m_tabs);
    m_toCertificate->setObjectName(QStringLiteral("model.certificate"));
    m_toCertificate->setFlat(true);
    setFooter(m_toCertificate);
    connect(m_toCertificate, &QPushButton::clicked, this, &ModelPanel::certificateRequested);
    connect(m_certificate, &CertificateStatus::changed, this, &ModelPanel::showCertificate);
    connect(m_tabs, &QTabWidget::currentChanged, this, &ModelPanel::inspect);
    connect(m_inspection, &ModelInspection::found, this, &ModelPanel::showCard);
    connect(m_inspection, &ModelInspection::failed, this, [this](const Error& error) {
        m_inspected.clear(); // tried again when the tab is next shown
        m_card->setText(text::sentence(error).toHtmlEscaped());
        m_tensors->setTensors({});
    });

    connect(m_measure, &QComboBox::currentIndexChanged, this,
            [this] { m_model->setMeasure(m_measure->currentData().toString()); });
    connect(m_tree, &QTreeView::clicked, this, [this](const QModelIndex& index) {
        const int block = index.data(LayerModel::BlockRole).toInt();
        Selection selection = this->workbench()->selection();
        const bool isBlock = block >= 0 && index.row() < m_model->rowCount() - 1;
        selection.block = isBlock ? block : -1;
        this->workbench()->select(selection);
    });
    const auto later = [this] { RepaintClock::instance().markDirty(this, [this] { refresh(); }); };
    for (const auto signal : {&Workbench::modelChanged, &Workbench::runChanged, &Workbench::deskChanged,
                              &Workbench::selectionChanged, &Workbench::generationStateChanged})
        connect(workbench, signal, this, later);
    connect(workbench, &Workbench::runAppended, this, later);
    showCertificate();
    refresh();
}

QWidget* ModelPanel::buildCard()
{
    m_card->setObjectName(QStringLiteral("model.card"));
    m_card->setAccessibleName(tr("Model card"));
    m_card->setTextFormat(Qt::RichText);
    m_card->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    m_card->setWordWrap(true);
    m_card->setAlignment(Qt::AlignTop);
    m_card->setContentsMargins(8, 8, 8, 8);
    auto* scroll = new QScrollArea;
    scroll->setWidget(m_card);
    scroll->setWidgetResizable(true);
    m_card->setAutoFillBackground(false); // as the panel
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    scroll->setFocusPolicy(Qt::NoFocus);
    return scroll;
}

/// The headers are read when a tab first needs them, and once per model file.
void ModelPanel::inspect()
{
    const auto& model = workbench()->model();
    if (!model || m_tabs->currentIndex() == 0 || m_inspected == model->fingerprint + model->path)
        return;
    m_inspected = model->fingerprint + model->path;
    m_card->setText(tr("Reading the headers…"));
    m_tensors->setTensors({});
    m_inspection->ask(text::of(model->path));
}

void ModelPanel::showCard(const nlohmann::json& info)
{
    m_found = modelFacts(info);
    m_tensors->setTensors(valueOr(info, "tensors", nlohmann::json::array()));
    QString rows;
    for (const auto& [label, value] : factRows(m_found))
        rows += QStringLiteral("<tr><td style='padding-right:10px'>%1</td><td>%2</td></tr>")
                    .arg(label.toHtmlEscaped(), value.toHtmlEscaped());
    const auto& model = workbench()->model();
    QString note;
    if (model && text::of(model->fingerprint) != m_found.fingerprint)
        note =
            QStringLiteral("<p><b>%1</b></p>")
                .arg(
                    tr("The file has changed since this model was opened: this is what it holds now.").toHtmlEscaped());
    if (!m_found.description.isEmpty())
        note += QStringLiteral("<p>%1</p>").arg(m_found.description.toHtmlEscaped());
    if (!m_found.licenceFrom.isEmpty())
        note +=
            QStringLiteral("<p>%1</p>").arg(tr("Licence as stated in %1.").arg(m_found.licenceFrom).toHtmlEscaped());
    m_card->setText(QStringLiteral("<table width='100%'>%1</table>%2").arg(rows, note));
}

void ModelPanel::showCertificate()
{
    m_toCertificate->setText(m_certificate->words());
    m_toCertificate->setAccessibleName(m_certificate->words());
    m_toCertificate->setToolTip(m_certificate->details());
    m_toCertificate->setVisible(m_certificate->verdict() != CertificateStatus::Verdict::NoModel);
}

void ModelPanel::refresh()
{
    m_model->refresh();
    const auto& model = workbench()->model();
    inspect();
    if (!model) {
        setState(State::Empty, tr("Open a model with File > Open model."));
        return;
    }
    setState(workbench()->generating() ? State::Live : State::Captured);
    const int block = workbench()->selection().block;
    const QModelIndex row = m_model->index(m_model->rowOfBlock(block), 0);
    if (block >= 0 && m_tree->currentIndex().row() != row.row())
        m_tree->setCurrentIndex(row);
    showFacts();
}

void ModelPanel::showFacts()
{
    const ModelInfo& model = *workbench()->model();
    QString rows;
    const auto add = [&rows](const QString& name, const QString& value) {
        rows += QStringLiteral("<tr><td style='padding-right:12px'>%1</td><td align='right'>%2</td></tr>")
                    .arg(name.toHtmlEscaped(), value.toHtmlEscaped());
    };
    const Selection& selection = workbench()->selection();
    const RunData* run = workbench()->run();
    const LaneData* lane = run ? run->lane(selection.lane.toStdString()) : nullptr;
    const int position = lane ? (selection.position >= 0 ? selection.position : int(lane->tokens.size()) - 1) : -1;
    if (lane && position >= 0 && position < int(lane->tokens.size())) {
        const TokenData& token = lane->tokens[std::size_t(position)];
        rows += QStringLiteral("<tr><td colspan='2'><b>%1</b></td></tr>")
                    .arg(tr("Lane %1, token %2 “%3”")
                             .arg(selection.lane)
                             .arg(position)
                             .arg(text::token(token.text))
                             .toHtmlEscaped());
        add(tr("log-probability"), tr("%1 nats").arg(text::number(double(token.logprob), 2)));
        const std::pair<QString, QString> kinds[] = {{tr("contextualisation c"), QStringLiteral("contextualisation")},
                                                     {tr("safety score"), QStringLiteral("safety")}};
        for (const auto& [title, kind] : kinds)
            if (const double value = values::ofToken(*lane, kind, position, selection.block); std::isfinite(value))
                add(selection.block >= 0 ? tr("%1, block %2").arg(title).arg(selection.block) : title,
                    text::number(value, 2));
    }
    rows += QStringLiteral("<tr><td colspan='2'><b>%1</b></td></tr>").arg(text::of(model.name).toHtmlEscaped());
    add(tr("blocks × width"), QStringLiteral("%1 × %2").arg(model.blockCount).arg(model.width));
    add(tr("heads / KV heads"), QStringLiteral("%1 / %2").arg(model.headCount).arg(model.kvHeadCount));
    add(tr("parameters"), tr("%1 M").arg(double(model.parameterCount) / 1e6, 0, 'f', 1));
    add(tr("stored, run as"), QStringLiteral("%1, %2").arg(text::of(model.storedType), text::of(model.dtype)));
    m_facts->setText(QStringLiteral("<table width='100%'>%1</table>").arg(rows));
}

QString ModelPanel::tableAsTsv() const
{
    if (m_tabs->currentWidget() == m_tensors)
        return m_tensors->asTsv();
    if (m_tabs->currentIndex() == 1) {
        QString card;
        for (const auto& [label, value] : factRows(m_found))
            card += label + QLatin1Char('\t') + value + QLatin1Char('\n');
        return card;
    }
    QString tsv = QStringLiteral("layer\t%1\n").arg(m_measure->currentData().toString());
    for (int row = 0; row < m_model->rowCount(); ++row) {
        const double value = m_model->index(row, LayerModel::BarColumn).data(LayerModel::ValueRole).toDouble();
        tsv += m_model->index(row, 0).data().toString() + QLatin1Char('\t') +
               (std::isfinite(value) ? QString::number(value, 'g', 9) : QString()) + QLatin1Char('\n');
    }
    return tsv;
}

} // namespace ls
