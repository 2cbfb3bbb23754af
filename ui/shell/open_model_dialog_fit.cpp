#include "ui/shell/open_model_dialog.h"

#include "core/json_value.h"
#include "ui/client/engine_client.h"
#include "ui/models/model_inspection.h"
#include "ui/shell/text.h"
#include "ui/shell/theme.h"
#include "ui/shell/workbench.h"

#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QLocale>
#include <QProgressBar>
#include <QPushButton>
#include <QSignalBlocker>
#include <QSpinBox>
#include <QStandardItemModel>
#include <QStyle>

#include <algorithm>

/// Device, dtype and context of the model that is about to be opened, and whether that fits.
namespace ls {

namespace {

void setEnabledItem(QComboBox* combo, int index, bool enabled)
{
    if (auto* model = qobject_cast<QStandardItemModel*>(combo->model()))
        model->item(index)->setEnabled(enabled);
}

void setRole(QWidget* widget, const char* role)
{
    if (widget->property("role").toString() == QLatin1String(role))
        return;
    widget->setProperty("role", role);
    widget->style()->unpolish(widget);
    widget->style()->polish(widget);
}

} // namespace

void OpenModelDialog::fillDevices()
{
    const auto& ready = m_workbench->client()->ready();
    if (!ready)
        return showButton();
    const QString chosen = m_device->currentData().toString();
    QStringList reasons;
    {
        const QSignalBlocker quiet(m_device);
        m_device->clear();
        for (const DeviceInfo& info : ready->devices) {
            const QString title = text::of(info.title);
            m_device->addItem(info.available ? title : tr("%1 · not available").arg(title), text::of(info.id));
            setEnabledItem(m_device, m_device->count() - 1, info.available);
            m_device->setItemData(m_device->count() - 1, text::of(info.reason), Qt::ToolTipRole);
            if (!info.available && !info.reason.empty())
                reasons << tr("%1: %2").arg(title, text::of(info.reason));
        }
        int index = m_device->findData(chosen);
        for (int i = 0; index < 0 && i < m_device->count(); ++i)
            if (ready->devices[std::size_t(i)].available)
                index = i;
        m_device->setCurrentIndex(std::max(0, index));
    }
    m_deviceNote->setText(tr("Not available: %1.").arg(reasons.join(QStringLiteral("; "))));
    m_deviceNote->setVisible(!reasons.isEmpty());
    fillDtypes();
}

const DeviceInfo* OpenModelDialog::device() const
{
    if (const auto& ready = m_workbench->client()->ready())
        for (const DeviceInfo& info : ready->devices)
            if (text::of(info.id) == m_device->currentData().toString())
                return &info;
    return nullptr;
}

std::int64_t OpenModelDialog::freeBytes() const
{
    const DeviceInfo* chosen = device();
    if (!chosen)
        return 0;
    // As of the inspection; when the engine started much else may have been open.
    const std::int64_t free = valueOr(valueOr(m_info, "free_bytes", nlohmann::json::object()), chosen->id.c_str(),
                                      std::int64_t(chosen->freeBytes));
    const auto& open = m_workbench->client()->model();
    return free > 0 && open && open->device == chosen->id ? free + open->weightBytes : free;
}

int OpenModelDialog::context() const
{
    return m_context->value() > 0 ? m_context->value() : m_found.trainedContext;
}

/// The dtypes the engine reports, each with what it needs; those that do not fit say so.
void OpenModelDialog::fillDtypes()
{
    const std::int64_t free = freeBytes();
    QString chosen = m_dtype->currentData().toString();
    {
        const QSignalBlocker quiet(m_dtype);
        const bool first = m_dtype->count() == 0;
        m_dtype->clear();
        for (const DtypeNeed& need : m_found.needs) {
            const std::int64_t bytes = need.bytes(context());
            const bool fits = free <= 0 || bytes <= free;
            const QString line = tr("%1 · %2").arg(dtypeTitle(need.dtype), text::bytes(bytes));
            m_dtype->addItem(fits ? line : tr("%1 · does not fit").arg(line), need.dtype);
            const int row = m_dtype->count() - 1;
            m_dtype->setItemData(row,
                                 tr("weights: %1 bytes\nKV cache at %2 tokens, one lane: %3 bytes")
                                         .arg(need.weightBytes)
                                         .arg(context())
                                         .arg(bytes - need.weightBytes) +
                                     (need.converted.isEmpty() ? QString() : tr("\nconverted: %1").arg(need.converted)),
                                 Qt::ToolTipRole);
            if (!fits)
                m_dtype->setItemData(row, theme::color(theme::Role::Error), Qt::ForegroundRole);
            if (first && fits && chosen.isEmpty())
                chosen = need.dtype; // the most exact one that fits
        }
        m_dtype->setCurrentIndex(std::max(0, m_dtype->findData(chosen)));
    }
    m_dtype->setEnabled(m_dtype->count() > 0);
    showFit();
}

void OpenModelDialog::showFit()
{
    const QString dtype = m_dtype->currentData().toString();
    m_fit = m_found.needs.empty() ? Fit{} : fitOf(m_found, dtype, context(), freeBytes());
    m_verdict->setText(m_fit.sentence);
    m_verdict->setVisible(!m_fit.sentence.isEmpty());
    const bool over = m_fit.verdict == Fit::Verdict::TooLarge || m_fit.verdict == Fit::Verdict::ContextTooLarge;
    setRole(m_verdict, over ? "error" : "second");
    m_verdict->setMinimumHeight(over ? 3 * m_verdict->fontMetrics().lineSpacing() : 0); // what would fit takes lines
    m_memory->setValue(int(std::min(1.0, m_fit.share) * 1000));
    if (const DtypeNeed* need = m_found.need(dtype)) {
        const std::int64_t kv = need->bytes(context()) - need->weightBytes;
        m_memory->setToolTip(tr("weights: %1 bytes\nKV cache at %2 tokens, one lane: %3 bytes\nfree: %4 bytes")
                                 .arg(need->weightBytes)
                                 .arg(context())
                                 .arg(kv)
                                 .arg(freeBytes()));
        m_verdict->setToolTip(m_memory->toolTip());
        m_memory->setAccessibleDescription(m_fit.sentence);
    } else {
        m_memory->setToolTip({});
    }
    m_useDtype->setVisible(!m_fit.wayOutDtype.isEmpty());
    m_useDtype->setText(tr("Run as %1").arg(dtypeTitle(m_fit.wayOutDtype)));
    m_useContext->setVisible(m_fit.wayOutContext > 0);
    m_useContext->setText(tr("Context %1").arg(QLocale().toString(m_fit.wayOutContext)));
    showButton();
}

void OpenModelDialog::showButton()
{
    const DeviceInfo* chosen = device();
    QString reason;
    if (m_path->text().trimmed().isEmpty())
        reason = tr("No model is chosen.");
    else if (m_inspection->asking())
        reason = tr("The headers are being read.");
    else if (m_error)
        reason = tr("This model cannot be opened; the reason stands above.");
    else if (!m_inspected)
        reason = tr("The headers have not been read yet.");
    else if (!chosen)
        reason = tr("The engine is starting.");
    else if (!chosen->available)
        reason = tr("%1 is not available: %2.").arg(text::of(chosen->title), text::of(chosen->reason));
    else if (m_fit.verdict == Fit::Verdict::TooLarge)
        reason = tr("The weights do not fit into what is free.");
    m_reason->setText(reason);
    m_load->setEnabled(reason.isEmpty());
    m_load->setToolTip(reason);
}

} // namespace ls
