#include "ui/shell/open_model_dialog.h"

#include "core/json_value.h"
#include "ui/client/engine_client.h"
#include "ui/models/model_inspection.h"
#include "ui/panels/tensor_browser.h"
#include "ui/shell/dropped_path.h"
#include "ui/shell/recent_list.h"
#include "ui/shell/text.h"
#include "ui/shell/theme.h"
#include "ui/shell/workbench.h"

#include <QComboBox>
#include <QDragEnterEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QLabel>
#include <QLineEdit>
#include <QMimeData>
#include <QProgressBar>
#include <QPushButton>
#include <QSpinBox>
#include <QTableWidget>
#include <QVBoxLayout>

namespace ls {

namespace {

constexpr int kTypingMs = 500; // after the last key the headers are read
constexpr int kSlowMs = 700;   // then the dialog says what it waits for

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
        const auto& [key, value] = rows[std::size_t(i)];
        table->setItem(i, 0, new QTableWidgetItem(key));
        table->setItem(i, 1, new QTableWidgetItem(value));
        table->item(i, 1)->setToolTip(value);
    }
}

} // namespace

OpenModelDialog::OpenModelDialog(Workbench* workbench, QWidget* parent)
    : QDialog(parent)
    , m_workbench(workbench)
    , m_inspection(new ModelInspection(workbench, this))
    , m_recent(new RecentList(QStringLiteral("open"), false))
{
    setObjectName(QStringLiteral("dialog.openModel"));
    setAccessibleName(tr("Open model"));
    setWindowTitle(tr("Open model"));
    setAttribute(Qt::WA_DeleteOnClose);
    setAcceptDrops(true);
    setMinimumSize(760, 660); // long reasons are whole
    resize(960, 700);
    auto* row = new QHBoxLayout(this);
    row->setSpacing(14);
    auto* left = new QVBoxLayout;
    auto* recentTitle = new QLabel(tr("Recent models"));
    recentTitle->setProperty("role", "title");
    left->addWidget(recentTitle);
    left->addWidget(m_recent, 1);
    m_recent->setFixedWidth(230);
    row->addLayout(left);
    auto* right = new QVBoxLayout;
    right->setSpacing(8);
    right->addWidget(buildPath());
    right->addWidget(buildChoices());
    right->addWidget(buildContents(), 1);
    right->addWidget(buildButtons());
    row->addLayout(right, 1);

    m_typing.setSingleShot(true);
    m_typing.setInterval(kTypingMs);
    m_slow.setSingleShot(true);
    m_slow.setInterval(kSlowMs);
    connect(&m_typing, &QTimer::timeout, this, &OpenModelDialog::inspect);
    connect(&m_slow, &QTimer::timeout, this, [this] {
        m_facts->setText(tr("Still reading the headers. The engine finishes what it is doing first."));
        m_stopReading->show();
    });
    connect(m_stopReading, &QPushButton::clicked, this, [this] {
        m_inspection->cancel();
        setBusy(false);
        m_facts->setText(tr("Reading was stopped. Press Return in the path to read again."));
        showButton();
    });
    connect(m_recent, &RecentList::chosen, this, &OpenModelDialog::setPath);
    connect(m_inspection, &ModelInspection::found, this, &OpenModelDialog::show);
    connect(m_inspection, &ModelInspection::failed, this, &OpenModelDialog::showError);
    EngineClient* client = workbench->client();
    connect(client, &EngineClient::stateChanged, this, &OpenModelDialog::fillDevices);
    if (client->state() == EngineClient::State::Stopped || client->state() == EngineClient::State::Died)
        client->start();
    fillDevices();
    pathChanged();
    m_path->setFocus();
}

OpenModelDialog::~OpenModelDialog()
{
    m_path->disconnect(this); // losing the focus on the way out would read headers once more
}

void OpenModelDialog::setPath(const QString& path)
{
    m_path->setText(path);
    pathChanged();
    inspect();
}

void OpenModelDialog::browse(bool folder)
{
    const QFileInfo now(m_path->text());
    auto* dialog = folder ? new QFileDialog(this, tr("Open model folder"), now.path())
                          : new QFileDialog(this, tr("Open model file"), now.path(),
                                            tr("Models (*.gguf *.safetensors config.json);;All files (*)"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(folder ? QFileDialog::Directory : QFileDialog::ExistingFile);
    dialog->setOption(QFileDialog::ShowDirsOnly, folder);
    connect(dialog, &QFileDialog::fileSelected, this, &OpenModelDialog::setPath);
    dialog->open();
}

void OpenModelDialog::pathChanged()
{
    m_inspection->cancel();
    m_typing.stop();
    setBusy(false);
    m_inspected = false;
    m_error.reset();
    m_info = nullptr;
    m_found = {};
    m_tensors->setTensors({});
    m_metadata->setRowCount(0);
    m_problem->hide();
    m_facts->setText(m_path->text().trimmed().isEmpty()
                         ? tr("Choose a GGUF file, or a folder with config.json and safetensors. Files and folders can "
                              "be dropped here.")
                         : QString());
    fillDtypes();
}

void OpenModelDialog::inspect()
{
    m_typing.stop();
    const QString path = m_path->text().trimmed();
    if (path.isEmpty() || m_inspected || (m_inspection->asking() && m_inspection->path() == path))
        return;
    setBusy(true);
    m_error.reset();
    m_problem->hide();
    m_facts->setText(tr("Reading the headers…"));
    m_inspection->ask(path);
    showButton();
}

void OpenModelDialog::setBusy(bool busy)
{
    if (busy)
        m_slow.start();
    else
        m_slow.stop();
    m_stopReading->hide();
}

void OpenModelDialog::show(const nlohmann::json& info)
{
    setBusy(false);
    m_info = info;
    m_found = modelFacts(info);
    m_error = m_found.refusal; // what the file holds stays in view
    m_inspected = true;
    std::vector<std::pair<QString, QString>> rows;
    flatten(info, {}, rows);
    fill(m_metadata, rows);
    m_tensors->setTensors(valueOr(info, "tensors", nlohmann::json::array()));
    if (!m_found.trainedContext)
        m_context->setSpecialValueText(tr("as trained"));
    else
        m_context->setSpecialValueText(tr("as trained: %1").arg(m_found.trainedContext));
    fillDevices();
    fillDtypes();
    showFacts();
}

void OpenModelDialog::showError(const Error& error)
{
    setBusy(false);
    m_error = error;
    m_inspected = true;
    m_facts->clear();
    showFacts();
    showButton();
}

void OpenModelDialog::showFacts()
{
    m_problem->setVisible(m_error.has_value());
    if (m_error) {
        m_problem->setText(
            QStringLiteral("<b>%1</b> %2")
                .arg(text::of(m_error->message).toHtmlEscaped(), text::of(m_error->hint).toHtmlEscaped()));
        m_problem->setToolTip(text::of(m_error->detail));
    }
    if (!m_info.is_object())
        return;
    const QString second = theme::color(theme::Role::TextSecond).name();
    const auto rows = factRows(m_found);
    const std::size_t half = (rows.size() + 1) / 2;
    QString html;
    for (std::size_t i = 0; i < half; ++i) { // two columns of facts: the dialog stays low
        html += QStringLiteral("<tr>");
        for (const std::size_t at : {i, i + half})
            if (at < rows.size())
                html += QStringLiteral("<td style=\"color:%1; padding-right:10px\">%2</td>"
                                       "<td style=\"padding-right:22px\">%3</td>")
                            .arg(second, rows[at].first.toHtmlEscaped(), rows[at].second.toHtmlEscaped());
        html += QStringLiteral("</tr>");
    }
    m_facts->setText(QStringLiteral("<table cellspacing=\"0\">%1</table>").arg(html));
    QStringList spoken;
    for (const auto& [label, value] : rows)
        spoken << label + QLatin1Char(' ') + value;
    m_facts->setAccessibleDescription(spoken.join(QStringLiteral("; ")));
}

void OpenModelDialog::load()
{
    if (!m_load->isEnabled())
        return;
    Q_EMIT accepted(m_path->text().trimmed(), m_device->currentData().toString(), m_dtype->currentData().toString(),
                    m_context->value());
    close();
}

void OpenModelDialog::dragEnterEvent(QDragEnterEvent* event)
{
    if (!droppedPath(event->mimeData()).isEmpty())
        event->acceptProposedAction();
}

void OpenModelDialog::dropEvent(QDropEvent* event)
{
    const QString path = droppedPath(event->mimeData());
    if (path.isEmpty())
        return;
    event->acceptProposedAction();
    if (path.endsWith(QLatin1String(".lsdb"), Qt::CaseInsensitive)) {
        close();
        Q_EMIT sessionDropped(path);
        return;
    }
    setPath(path);
}

void OpenModelDialog::changeEvent(QEvent* event)
{
    QDialog::changeEvent(event);
    if (event->type() == QEvent::PaletteChange && m_inspected)
        showFacts(); // the text holds colours
}

} // namespace ls
