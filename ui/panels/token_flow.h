#pragma once

#include "core/session/run_data.h"

#include <QAbstractScrollArea>
#include <QColor>
#include <QString>

#include <functional>
#include <optional>
#include <vector>

/// The running text of one lane: each token a box that can be selected, tinted by a value, marked by triangles.
/// Layout is append-only: tokens already placed do not move while new ones arrive (only a new width lays out again).
namespace ls {

class TokenFlow : public QAbstractScrollArea {
    Q_OBJECT
public:
    enum class Scale { None, Sequential, Signed };
    explicit TokenFlow(QWidget* parent = nullptr);

    /// Value of a token for its tint; NaN = no tint. Limits are the 2-98 percentile (symmetric for Signed).
    using ValueOf = std::function<double(int position)>;
    void setColouring(Scale scale, ValueOf value, const QString& label);
    void setLane(const LaneData* lane); ///< null empties; keeps nothing of the old lane
    void setFirst(int position);        ///< tokens before it are not shown: a reply without its prompt
    void append();                      ///< new tokens or values arrived
    void setSelected(int position);
    void setMarkers(std::map<int, QString> markers); ///< position -> tooltip
    /// Tokens that differ from the other text, by position: tinted and underlined in `color`, whatever the colouring.
    void setChanged(std::vector<bool> changed, const QColor& color);
    const LaneData* lane() const { return m_lane; }
    int shown() const { return int(m_boxes.size()); }
    std::pair<double, double> limits() const { return {m_low, m_high}; }

Q_SIGNALS:
    void selected(int position);

protected:
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    bool viewportEvent(QEvent* event) override;

private:
    struct Box {
        QRect rect;
        QString text;
    };
    void layOut(std::size_t from);
    void breakLine(std::size_t next);
    void showReply();
    void updateLimits();
    int at(const QPoint& point) const;
    QString describe(int position) const;

    const LaneData* m_lane = nullptr;
    std::vector<Box> m_boxes;
    QPoint m_cursor;        ///< where the next token starts
    std::size_t m_word = 0; ///< first token of the word that is being laid out
    Scale m_scale = Scale::None;
    ValueOf m_value;
    QString m_label;
    double m_low = 0, m_high = 1;
    int m_selected = -1;
    int m_first = 0;
    std::map<int, QString> m_markers;
    std::vector<bool> m_changed;
    QColor m_changedColor;
};

} // namespace ls
