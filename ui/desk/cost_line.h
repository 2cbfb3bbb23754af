#pragma once

#include <QString>
#include <QWidget>

#include <array>
#include <optional>

class QLabel;
class QPushButton;

namespace ls {

/// One cost with its interval and origin; without low and high nothing is claimed.
struct Cost {
    double value = 0;
    std::optional<double> low, high;
    int n = 0;
    QString origin; ///< live | measured | stale; empty: nothing known
    QString note;   ///< tooltip: what it was measured on
};
/// Change of decode rate in %, memory in bytes, KL in nats per token, accuracy in points.
struct Costs {
    Cost tokps, memory, kl, accuracy;
};

/// The four cells: value over interval. objectNames <prefix>.tokps .memory .kl .accuracy, .measure for the button.
class CostLine : public QWidget {
    Q_OBJECT
public:
    CostLine(const QString& prefix, const QString& measureName, QWidget* parent = nullptr);
    void setCosts(const Costs& costs);
    void setMeasuring(bool measuring, const QString& progress);

Q_SIGNALS:
    void measureRequested();

private:
    std::array<QLabel*, 4> m_values{};
    std::array<QLabel*, 4> m_intervals{};
    QPushButton* m_measure;
};

} // namespace ls
