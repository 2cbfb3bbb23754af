#include "ui/shell/main_window.h"

#include "ui/client/engine_client.h"
#include "ui/models/certificate_status.h"
#include "ui/models/run_values.h"
#include "ui/shell/text.h"
#include "ui/shell/workbench.h"

#include <QFileInfo>
#include <QLabel>
#include <QStatusBar>
#include <QStyle>
#include <QToolButton>

#include <cmath>

namespace ls {

void MainWindow::refreshStatus()
{
    const auto& model = m_workbench->model();
    const EngineClient* client = m_workbench->client();
    m_statusModel->setText(model ? tr("%1 · %2").arg(text::of(model->name), text::of(model->dtype)) : QString());
    QString device, reason;
    if (client->ready())
        for (const DeviceInfo& info : client->ready()->devices) {
            if (model && info.id == model->device)
                device = text::of(info.title);
            if (!info.available || (info.id == "cpu" && !info.reason.empty()))
                reason = text::of(info.reason);
        }
    m_statusDevice->setText(device);
    const bool narrow = width() < 1400;
    m_fallback->setText(narrow ? tr("CPU: %1").arg(statusBar()->fontMetrics().elidedText(reason, Qt::ElideRight, 190))
                               : tr("CPU because: %1").arg(reason));
    m_fallback->setToolTip(tr("Running on the CPU because: %1").arg(reason));
    const bool fallback = !reason.isEmpty() && model && model->device == "cpu";
    m_fallback->setVisible(fallback);
    m_statusDevice->setToolTip(device);
    m_statusDevice->setVisible(!(narrow && fallback)); // the chip names it
    const RunData* run = m_workbench->run();
    m_memory->setText(run && run->memory
                          ? tr("weights %1 · resident %2")
                                .arg(text::bytes(run->memory->weightBytes), text::bytes(run->memory->rssBytes))
                          : QString());
    m_memory->setToolTip(m_memory->text());
    if (narrow && run && run->memory)
        m_memory->setText(tr("resident %1").arg(text::bytes(run->memory->rssBytes)));
    QStringList rates;
    if (run)
        for (const LaneData& lane : run->lanes)
            if (const double rate = values::tokensPerSecond(*run, lane); std::isfinite(rate))
                rates << tr("%1 %2 tok/s · TTFT %3 ms")
                             .arg(text::of(lane.name), text::number(rate, 1),
                                  text::number(double(lane.ttftUs) / 1000, 0));
    m_rates->setToolTip(rates.isEmpty() ? QString()
                                        : rates.join(QLatin1Char('\n')) + QLatin1Char('\n') + values::rateNote(*run));
    if (width() < 1400) // TTFT moves into the tooltip
        for (QString& rate : rates)
            rate = rate.section(QStringLiteral(" · "), 0, 0);
    m_rates->setText(rates.join(QStringLiteral("   ")));
    m_parity->setText(m_certificate->brief());
    m_parity->setAccessibleName(m_certificate->words());
    m_parity->setToolTip(m_certificate->details());
    m_parity->setVisible(!m_parity->text().isEmpty());
    if (const QString tone = QLatin1String(m_certificate->tone()); m_parity->property("tone").toString() != tone) {
        m_parity->setProperty("tone", tone);
        m_parity->style()->unpolish(m_parity);
        m_parity->style()->polish(m_parity);
    }
    const Session* session = m_workbench->session();
    const QString name = session ? QFileInfo(text::of(session->path())).fileName() : QString();
    m_saved->setText(width() < 1400 ? statusBar()->fontMetrics().elidedText(name, Qt::ElideMiddle, 110) : name);
    m_saved->setToolTip(session ? text::of(session->path()) : QString());
}

} // namespace ls
