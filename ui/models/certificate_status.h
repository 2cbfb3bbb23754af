#pragma once

#include "core/certificate/certificate.h"

#include <QObject>
#include <QString>

namespace ls {

class Workbench;
struct ExperimentData;

/// In one line what is known of the parity of the model in view: the newest certificate kept for its file and dtype.
class CertificateStatus : public QObject {
    Q_OBJECT
public:
    enum class Verdict { NoModel, NotMade, Running, Pass, Unusual, Fail, Unreadable };
    explicit CertificateStatus(Workbench* workbench, QObject* parent = nullptr);
    Verdict verdict() const { return m_verdict; }
    QString words() const;    ///< "Certificate: passed, largest error 2.1e-06"
    QString brief() const;    ///< "parity: pass"
    QString details() const;  ///< what the verdict is of, and what to do
    const char* tone() const; ///< role of a label: "good", "error", "warning" or "second"

Q_SIGNALS:
    void changed();

private:
    void read();
    void onExperiment(ExperimentData* experiment);
    Workbench* m_workbench;
    Verdict m_verdict = Verdict::NoModel;
    std::string m_of; ///< fingerprint and dtype that were read
    double m_worst = 0;
    QString m_firstOver, m_madeAt, m_problem;
};

} // namespace ls
