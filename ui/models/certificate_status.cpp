#include "ui/models/certificate_status.h"

#include "ui/shell/text.h"
#include "ui/shell/workbench.h"

#include <algorithm>

namespace ls {

CertificateStatus::CertificateStatus(Workbench* workbench, QObject* parent)
    : QObject(parent)
    , m_workbench(workbench)
{
    connect(workbench, &Workbench::modelChanged, this, &CertificateStatus::read);
    connect(workbench, &Workbench::sessionChanged, this, &CertificateStatus::read);
    connect(workbench, &Workbench::experimentChanged, this, &CertificateStatus::onExperiment);
    read();
}

void CertificateStatus::onExperiment(ExperimentData* experiment)
{
    if (experiment->kind != "certify")
        return;
    if (experiment->state == "running") {
        if (m_verdict == Verdict::Running)
            return; // its progress is the panel's
        m_verdict = Verdict::Running;
        Q_EMIT changed();
    } else {
        // the panel stores the certificate in its own answer to this signal
        QMetaObject::invokeMethod(this, &CertificateStatus::read, Qt::QueuedConnection);
    }
}

void CertificateStatus::read()
{
    m_worst = 0;
    m_firstOver.clear();
    m_madeAt.clear();
    m_problem.clear();
    const auto& model = m_workbench->model();
    if (!model) {
        m_verdict = Verdict::NoModel;
    } else if (const auto kept = loadCertificate(certificatePath(model->fingerprint, model->dtype)); kept.ok()) {
        const Certificate& certificate = kept.value();
        m_verdict = certificate.verdict == "pass"      ? Verdict::Pass
                    : certificate.verdict == "unusual" ? Verdict::Unusual
                                                       : Verdict::Fail;
        for (const CertificateSource& source : certificate.sources)
            m_worst = std::max(m_worst, worstError(source));
        m_firstOver = text::of(certificate.firstOver);
        m_madeAt = text::of(certificate.madeAt);
    } else {
        m_verdict = kept.error().code == Errc::FileNotFound ? Verdict::NotMade : Verdict::Unreadable;
        m_problem = text::sentence(kept.error());
    }
    Q_EMIT changed();
}

QString CertificateStatus::words() const
{
    const QString worst = QString::number(m_worst, 'e', 1).replace(QLatin1Char('-'), QChar(0x2212));
    switch (m_verdict) {
    case Verdict::NoModel:
        return tr("Certificate: no model");
    case Verdict::NotMade:
        return tr("Certificate: not made");
    case Verdict::Running:
        return tr("Certificate: being made");
    case Verdict::Pass:
        return tr("Certificate: ✓ passed, Δmax %1").arg(worst);
    case Verdict::Unusual:
        return tr("Certificate: △ unusual, Δmax %1").arg(worst);
    case Verdict::Fail:
        return tr("Certificate: ✗ failed, Δmax %1").arg(worst);
    case Verdict::Unreadable:
        break;
    }
    return tr("Certificate: cannot be read");
}

QString CertificateStatus::brief() const
{
    switch (m_verdict) {
    case Verdict::NoModel:
        return {};
    case Verdict::NotMade:
        return tr("parity: not checked");
    case Verdict::Running:
        return tr("parity: checking");
    case Verdict::Pass:
        return tr("parity: ✓ pass");
    case Verdict::Unusual:
        return tr("parity: △ unusual");
    case Verdict::Fail:
        return tr("parity: ✗ fail");
    case Verdict::Unreadable:
        break;
    }
    return tr("parity: unreadable");
}

QString CertificateStatus::details() const
{
    QStringList lines{words()};
    if (!m_firstOver.isEmpty())
        lines << tr("first over the bar: %1").arg(m_firstOver);
    if (!m_madeAt.isEmpty())
        lines << tr("made %1").arg(m_madeAt);
    if (m_verdict == Verdict::Unreadable)
        lines << m_problem;
    if (m_verdict == Verdict::NotMade)
        lines << tr("The model as it runs has not been compared with the second implementation.");
    lines << tr("Opens the certificate.");
    return lines.join(QLatin1Char('\n'));
}

const char* CertificateStatus::tone() const
{
    switch (m_verdict) {
    case Verdict::Pass:
        return "good";
    case Verdict::Unusual:
    case Verdict::Unreadable:
        return "warning";
    case Verdict::Fail:
        return "error";
    default:
        return "second";
    }
}

} // namespace ls
