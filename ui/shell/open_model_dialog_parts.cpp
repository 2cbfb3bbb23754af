#include "ui/shell/open_model_dialog.h"

#include "ui/panels/tensor_browser.h"

#include <QComboBox>
#include <QCompleter>
#include <QFileSystemModel>
#include <QFormLayout>
#include <QFrame>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QProgressBar>
#include <QPushButton>
#include <QSpinBox>
#include <QTabWidget>
#include <QTableWidget>
#include <QVBoxLayout>

/// What the dialog consists of.
namespace ls {

namespace {

void name(QWidget* widget, const char* id, const QString& label)
{
    widget->setObjectName(QLatin1String(id));
    widget->setAccessibleName(label);
}

QPushButton* button(const char* id, const QString& title, const QString& label)
{
    auto* made = new QPushButton(title);
    name(made, id, label);
    made->setAutoDefault(false); // Return in the path reads the headers
    return made;
}

QLabel* words(const char* id, const QString& label, const char* role)
{
    auto* made = new QLabel;
    name(made, id, label);
    made->setProperty("role", role);
    made->setWordWrap(true);
    made->setTextInteractionFlags(Qt::TextSelectableByMouse);
    return made;
}

} // namespace

QWidget* OpenModelDialog::buildPath()
{
    auto* body = new QWidget;
    body->setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Maximum); // the tensors get what is left
    auto* column = new QVBoxLayout(body);
    column->setContentsMargins(0, 0, 0, 0);
    auto* row = new QHBoxLayout;
    m_path = new QLineEdit;
    name(m_path, "open.path", tr("Model file or folder"));
    m_path->setPlaceholderText(tr("GGUF file, or folder with config.json and safetensors"));
    m_path->setClearButtonEnabled(true);
    m_path->setAcceptDrops(false);            // a file dropped on it is for the dialog
    auto* files = new QFileSystemModel(this); // lists folders on a thread of its own
    files->setRootPath(QString());
    auto* completer = new QCompleter(files, this);
    completer->setCaseSensitivity(Qt::CaseSensitive);
    m_path->setCompleter(completer);
    auto* file = button("open.browse", tr("File…"), tr("Choose a model file"));
    file->setToolTip(tr("A GGUF file; of a split model any part"));
    auto* folder = button("open.browseFolder", tr("Folder…"), tr("Choose a model folder"));
    folder->setToolTip(tr("A folder with config.json and safetensors, as the Hugging Face hub keeps models"));
    row->addWidget(m_path, 1);
    row->addWidget(file);
    row->addWidget(folder);
    column->addLayout(row);
    m_problem = words("open.problem", tr("Why it cannot be opened"), "error");
    column->addWidget(m_problem);
    auto* found = new QHBoxLayout;
    m_facts = words("open.facts", tr("What the file holds"), "");
    m_facts->setMinimumHeight(118); // the choices below stay where they are
    m_facts->setAlignment(Qt::AlignLeft | Qt::AlignTop);
    m_stopReading = button("open.stopReading", tr("Stop"), tr("Stop reading the headers"));
    found->addWidget(m_facts, 1);
    found->addWidget(m_stopReading, 0, Qt::AlignTop);
    column->addLayout(found);

    connect(file, &QPushButton::clicked, this, [this] { browse(false); });
    connect(folder, &QPushButton::clicked, this, [this] { browse(true); });
    connect(m_path, &QLineEdit::textEdited, this, [this] {
        pathChanged();
        m_typing.start();
    });
    connect(m_path, &QLineEdit::textChanged, this, [this] {
        if (m_inspected) // cleared or set by a completion
            pathChanged();
    });
    connect(m_path, &QLineEdit::editingFinished, this, &OpenModelDialog::inspect);
    connect(completer, qOverload<const QString&>(&QCompleter::activated), this, [this] { m_typing.start(); });
    return body;
}

QWidget* OpenModelDialog::buildChoices()
{
    auto* body = new QFrame;
    body->setProperty("panel", true);
    body->setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Maximum);
    auto* form = new QFormLayout(body);
    form->setContentsMargins(12, 10, 12, 10);
    form->setVerticalSpacing(6);
    form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    m_device = new QComboBox;
    name(m_device, "open.device", tr("Device"));
    m_deviceNote = words("open.deviceNote", tr("Why a device cannot be used"), "third");
    m_dtype = new QComboBox;
    name(m_dtype, "open.dtype", tr("Run as"));
    for (QComboBox* combo : {m_device, m_dtype}) { // their texts come later
        combo->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
        combo->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
        combo->setMinimumContentsLength(30);
    }
    m_context = new QSpinBox;
    name(m_context, "open.context", tr("Context"));
    m_context->setRange(0, 1 << 20);
    m_context->setSpecialValueText(tr("as trained"));
    m_context->setSingleStep(512);
    m_context->setSuffix(tr(" tokens"));
    m_context->setToolTip(tr("The KV cache grows up to this many tokens. Each lane has its own."));
    m_memory = new QProgressBar;
    name(m_memory, "open.memoryBar", tr("Memory needed of what is free"));
    m_memory->setRange(0, 1000);
    m_memory->setTextVisible(false);
    m_verdict = words("open.verdict", tr("Whether it fits"), "second");
    m_useDtype = button("open.useDtype", {}, tr("Run as what fits"));
    m_useContext = button("open.useContext", {}, tr("Use a context that fits"));
    auto* waysOut = new QHBoxLayout;
    waysOut->addStretch(1);
    waysOut->addWidget(m_useContext);
    waysOut->addWidget(m_useDtype);
    form->addRow(tr("Device"), m_device);
    form->addRow(QString(), m_deviceNote);
    form->addRow(tr("Run as"), m_dtype);
    form->addRow(tr("Context"), m_context);
    form->addRow(tr("Memory"), m_memory);
    form->addRow(QString(), m_verdict);
    form->addRow(QString(), waysOut);

    connect(m_device, &QComboBox::currentIndexChanged, this, &OpenModelDialog::fillDtypes);
    connect(m_dtype, &QComboBox::currentIndexChanged, this, &OpenModelDialog::showFit);
    connect(m_context, &QSpinBox::valueChanged, this, &OpenModelDialog::fillDtypes);
    connect(m_useDtype, &QPushButton::clicked, this,
            [this] { m_dtype->setCurrentIndex(m_dtype->findData(m_fit.wayOutDtype)); });
    connect(m_useContext, &QPushButton::clicked, this, [this] { m_context->setValue(m_fit.wayOutContext); });
    return body;
}

QWidget* OpenModelDialog::buildContents()
{
    auto* tabs = new QTabWidget;
    name(tabs, "open.tabs", tr("What the file holds, in full"));
    m_tensors = new TensorBrowser(QStringLiteral("open"));
    m_metadata = new QTableWidget(0, 2);
    name(m_metadata, "open.metadata", tr("Metadata"));
    m_metadata->setHorizontalHeaderLabels({tr("Key"), tr("Value")});
    m_metadata->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_metadata->setTabKeyNavigation(false);
    m_metadata->setShowGrid(false);
    m_metadata->setWordWrap(false);
    m_metadata->horizontalHeader()->setStretchLastSection(true);
    m_metadata->horizontalHeader()->resizeSection(0, 260);
    m_metadata->verticalHeader()->hide();
    m_metadata->verticalHeader()->setDefaultSectionSize(21);
    tabs->addTab(m_tensors, tr("Tensors"));
    tabs->addTab(m_metadata, tr("Metadata"));
    return tabs;
}

QWidget* OpenModelDialog::buildButtons()
{
    auto* body = new QWidget;
    auto* row = new QHBoxLayout(body);
    row->setContentsMargins(0, 0, 0, 0);
    m_reason = words("open.reason", tr("Why Open is off"), "second");
    m_load = button("open.load", tr("Open"), tr("Open the model"));
    m_load->setProperty("primary", true);
    m_load->setAutoDefault(true);
    m_load->setDefault(true); // Return in the path reads the headers first, then opens
    auto* cancel = button("open.cancel", tr("Cancel"), tr("Cancel"));
    row->addWidget(m_reason, 1);
    row->addWidget(cancel);
    row->addWidget(m_load);
    connect(cancel, &QPushButton::clicked, this, &QWidget::close);
    connect(m_load, &QPushButton::clicked, this, &OpenModelDialog::load);
    return body;
}

} // namespace ls
