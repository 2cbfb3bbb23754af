#include "ui/shell/open_model_dialog.h"

#include "core/json_value.h"
#include "ui/client/engine_client.h"
#include "ui/shell/text.h"
#include "ui/shell/workbench.h"

#include <QComboBox>
#include <QDialogButtonBox>
#include <QFileDialog>
#include <QFileInfo>
#include <QFormLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QProgressBar>
#include <QPushButton>
#include <QSpinBox>
#include <QTabWidget>
#include <QTableWidget>
#include <QVBoxLayout>

#include <algorithm>

namespace ls {

namespace {

/// Every plain value of the engine's answer as a row; nested objects by dotted name.
void flatten(const nlohmann::json& json, const QString& prefix, std::vector<std::pair<QString, QString>>& rows)
{
    for (const auto& [key, value] : json.items()) {
        const QString name =
            prefix.isEmpty() ? QString::fromStdString(key) : prefix + QLatin1Char('.') + QString::fromStdString(key);
        if (value.is_object())
            flatten(value, name, rows);
        else if (value.is_string())
            rows.emplace_back(name, QString::fromStdString(value.get<std::string>()).left(400));
        else if (!value.is_array() && !value.is_null())
            rows.emplace_back(name, QString::fromStdString(dumped(value)));
    }
}

void fill(QTableWidget* table, const std::vector<std::pair<QString, QString>>& rows)
{
    table->setRowCount(int(rows.size()));
    for (int i = 0; i < int(rows.size()); ++i) {
        table->setItem(i, 0, new QTableWidgetItem(rows[std::size_t(i)].first));
        table->setItem(i, 1, new QTableWidgetItem(rows[std::size_t(i)].second));
    }
}

} // namespace

OpenModelDialog::OpenModelDialog(Workbench* workbench, QWidget* parent)
    : QDialog(parent)
    , m_workbench(workbench)
    , m_path(new QLineEdit)
    , m_device(new QComboBox)
    , m_dtype(new QComboBox)
    , m_context(new QSpinBox)
    , m_facts(new QLabel)
    , m_verdict(new QLabel)
    , m_memory(new QProgressBar)
    , m_tensors(new QTableWidget(0, 4))
{
    setObjectName(QStringLiteral("dialog.openModel"));
    setWindowTitle(tr("Open model"));
    setAttribute(Qt::WA_DeleteOnClose);
    resize(680, 560);
    const auto name = [](QWidget* widget, const char* id, const QString& label) {
        widget->setObjectName(QLatin1String(id));
        widget->setAccessibleName(label);
    };
    name(m_path, "open.path", tr("Model file or folder"));
    name(m_device, "open.device", tr("Device"));
    name(m_dtype, "open.dtype", tr("Run as"));
    name(m_context, "open.context", tr("Context"));
    m_facts->setObjectName(QStringLiteral("open.facts"));
    name(m_memory, "open.memoryBar", tr("Memory needed of what is free"));
    name(m_verdict, "open.verdict", tr("Whether it fits"));
    name(m_tensors, "open.tensors", tr("Tensors"));
    auto* browseButton = new QPushButton(tr("Browse…"));
    name(browseButton, "open.browse", tr("Browse for a model"));
    auto* pathRow = new QHBoxLayout;
    pathRow->addWidget(m_path, 1);
    pathRow->addWidget(browseButton);
    m_path->setPlaceholderText(tr("GGUF file"));
    m_dtype->addItem(tr("float32 (exact)"), QStringLiteral("float32"));
    m_dtype->addItem(tr("bfloat16 (half the memory)"), QStringLiteral("bfloat16"));
    m_context->setRange(0, 1 << 20);
    m_context->setSpecialValueText(tr("as trained"));
    m_context->setSingleStep(512);
    m_context->setSuffix(tr(" tokens"));
    m_memory->setRange(0, 1000);
    m_memory->setTextVisible(false);
    m_verdict->setWordWrap(true);
    m_facts->setWordWrap(true);
    m_facts->setTextInteractionFlags(Qt::TextSelectableByMouse);
    auto* form = new QFormLayout;
    form->addRow(tr("Model"), pathRow);
    form->addRow(QString(), m_facts);
    form->addRow(tr("Device"), m_device);
    form->addRow(tr("Run as"), m_dtype);
    form->addRow(tr("Context"), m_context);
    form->addRow(tr("Memory"), m_memory);
    form->addRow(QString(), m_verdict);
    auto* tabs = new QTabWidget;
    name(tabs, "open.tabs", tr("What the file holds"));
    auto* metadata = new QTableWidget(0, 2);
    name(metadata, "open.metadata", tr("Metadata"));
    metadata->setHorizontalHeaderLabels({tr("Key"), tr("Value")});
    m_tensors->setHorizontalHeaderLabels({tr("Tensor"), tr("Shape"), tr("Type"), tr("Bytes")});
    for (QTableWidget* table : {metadata, m_tensors}) {
        table->setEditTriggers(QAbstractItemView::NoEditTriggers);
        table->horizontalHeader()->setStretchLastSection(true);
        table->horizontalHeader()->resizeSection(0, 240);
        table->verticalHeader()->hide();
        table->verticalHeader()->setDefaultSectionSize(21);
    }
    tabs->addTab(metadata, tr("Metadata"));
    tabs->addTab(m_tensors, tr("Tensors"));
    auto* buttons = new QDialogButtonBox;
    m_load = buttons->addButton(tr("Load"), QDialogButtonBox::AcceptRole);
    name(m_load, "open.load", tr("Load the model"));
    m_load->setProperty("primary", true);
    m_load->setEnabled(false);
    auto* cancel = buttons->addButton(tr("Cancel"), QDialogButtonBox::RejectRole);
    name(cancel, "open.cancel", tr("Cancel"));
    auto* column = new QVBoxLayout(this);
    column->addLayout(form);
    column->addWidget(tabs, 1);
    column->addWidget(buttons);

    connect(browseButton, &QPushButton::clicked, this, &OpenModelDialog::browse);
    connect(m_path, &QLineEdit::editingFinished, this, &OpenModelDialog::inspect);
    connect(buttons, &QDialogButtonBox::rejected, this, &QWidget::close);
    connect(buttons, &QDialogButtonBox::accepted, this, [this] {
        Q_EMIT accepted(m_path->text(), m_device->currentData().toString(), m_dtype->currentData().toString(),
                        m_context->value());
        close();
    });
    for (QComboBox* combo : {m_device, m_dtype})
        connect(combo, &QComboBox::currentIndexChanged, this, &OpenModelDialog::showMemory);
    connect(m_context, &QSpinBox::valueChanged, this, &OpenModelDialog::showMemory);
    EngineClient* client = workbench->client();
    connect(client, &EngineClient::stateChanged, this, &OpenModelDialog::fillDevices);
    connect(client, &EngineClient::died, this, &OpenModelDialog::showError);
    connect(client, &EngineClient::message, this, [this](const EngineMessage& message) {
        if (const auto* found = std::get_if<Inspected>(&message); found && found->requestId == m_request)
            show(found->info);
        else if (const auto* failure = std::get_if<Failed>(&message); failure && failure->requestId == m_request)
            showError(failure->error());
    });
    if (client->state() == EngineClient::State::Stopped || client->state() == EngineClient::State::Died)
        client->start();
    fillDevices();
}

void OpenModelDialog::setPath(const QString& path)
{
    m_path->setText(path);
    inspect();
}

void OpenModelDialog::browse()
{
    auto* dialog =
        new QFileDialog(this, tr("Open model"), QFileInfo(m_path->text()).path(), tr("Models (*.gguf);;All files (*)"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(QFileDialog::ExistingFile);
    connect(dialog, &QFileDialog::fileSelected, this, &OpenModelDialog::setPath);
    dialog->open();
}

void OpenModelDialog::inspect()
{
    m_load->setEnabled(false);
    m_info = nullptr;
    if (m_path->text().isEmpty())
        return;
    m_request = m_workbench->client()->nextRequestId();
    m_facts->setText(tr("Reading the headers…"));
    m_facts->setProperty("role", "second");
    if (!m_workbench->client()->send(InspectModel{m_request, m_path->text().toStdString()}))
        showError({Errc::EngineDied,
                   tr("The engine is not running.").toStdString(),
                   tr("Close this window and restart it.").toStdString(),
                   {}});
}

void OpenModelDialog::fillDevices()
{
    const auto& ready = m_workbench->client()->ready();
    if (!ready)
        return;
    const QString chosen = m_device->currentData().toString();
    m_device->clear();
    for (const DeviceInfo& info : ready->devices) {
        const QString line = info.available
                                 ? tr("%1 · %2 free").arg(text::of(info.title), text::bytes(info.freeBytes))
                                 : tr("%1 · not available: %2").arg(text::of(info.title), text::of(info.reason));
        m_device->addItem(line, text::of(info.id));
        m_device->setItemData(m_device->count() - 1, text::of(info.reason), Qt::ToolTipRole);
    }
    m_device->setCurrentIndex(std::max(0, m_device->findData(chosen)));
    showMemory();
}

void OpenModelDialog::show(const nlohmann::json& info)
{
    m_info = info;
    std::vector<std::pair<QString, QString>> rows;
    flatten(info, {}, rows);
    fill(findChild<QTableWidget*>(QStringLiteral("open.metadata")), rows);
    const nlohmann::json tensors = valueOr(info, "tensors", nlohmann::json::array());
    m_tensors->setRowCount(int(tensors.size()));
    std::map<std::string, int> types;
    for (int i = 0; i < int(tensors.size()); ++i) {
        const nlohmann::json& tensor = tensors[std::size_t(i)];
        const std::string type = valueOr(tensor, "type", std::string());
        ++types[type];
        m_tensors->setItem(i, 0, new QTableWidgetItem(text::of(valueOr(tensor, "name", std::string()))));
        m_tensors->setItem(i, 1, new QTableWidgetItem(text::of(dumped(valueOr(tensor, "shape", nlohmann::json())))));
        m_tensors->setItem(i, 2, new QTableWidgetItem(text::of(type)));
        m_tensors->setItem(i, 3, new QTableWidgetItem(QString::number(valueOr(tensor, "bytes", std::int64_t(0)))));
    }
    QStringList kinds;
    for (const auto& [type, count] : types)
        kinds << tr("%1 × %2").arg(count).arg(text::of(type));
    m_facts->setText(tr("%1, %2 tensors (%3)")
                         .arg(text::of(valueOr(info, "family", std::string("?"))))
                         .arg(tensors.size())
                         .arg(kinds.join(QStringLiteral(", "))));
    showMemory();
    if (info.contains("unsupported")) { // what the file holds stays in view
        showError({Errc::NotSupported,
                   valueOr(info, "unsupported", std::string()),
                   valueOr(info, "unsupported_hint", std::string()),
                   {}});
        return;
    }
    m_load->setEnabled(true);
    m_load->setFocus();
}

void OpenModelDialog::showError(const Error& error)
{
    m_facts->setText(text::sentence(error));
    m_facts->setToolTip(text::of(error.detail));
    m_load->setEnabled(false);
}

void OpenModelDialog::showMemory()
{
    if (!m_info.is_object() || !m_info.contains("tensors")) {
        m_verdict->clear();
        m_memory->setValue(0);
        return;
    }
    const int width = m_dtype->currentIndex() == 0 ? 4 : 2;
    std::int64_t weights = 0;
    for (const auto& tensor : m_info["tensors"]) {
        std::int64_t count = 1;
        for (const auto& extent : valueOr(tensor, "shape", nlohmann::json::array()))
            count *= extent.is_number() ? extent.get<std::int64_t>() : 1;
        weights += count * width;
    }
    std::int64_t available = 0;
    if (const auto& ready = m_workbench->client()->ready())
        for (const DeviceInfo& info : ready->devices)
            if (text::of(info.id) == m_device->currentData().toString())
                available = info.freeBytes;
    if (available <= 0) {
        m_verdict->setText(tr("Weights need %1; free memory of this device is not known.").arg(text::bytes(weights)));
        return;
    }
    m_memory->setValue(int(std::min<double>(1000, 1000.0 * double(weights) / double(available))));
    m_memory->setToolTip(tr("weights: %1 bytes; free: %2 bytes").arg(weights).arg(available));
    const double share = double(weights) / double(available);
    m_verdict->setText(tr("Weights %1 of %2 free (KV cache grows on demand): %3")
                           .arg(text::bytes(weights), text::bytes(available),
                                share > 1     ? tr("does not fit. Run as bfloat16, or free memory.")
                                : share > 0.9 ? tr("tight.")
                                              : tr("fits.")));
}

} // namespace ls
