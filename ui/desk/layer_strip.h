#pragma once

#include <QWidget>

#include <vector>

namespace ls {

/// One cell per block, chosen by click, drag or Space; locked cells are hatched and say why.
class LayerStrip : public QWidget {
    Q_OBJECT
public:
    explicit LayerStrip(QWidget* parent = nullptr);
    void setBlocks(int count, std::vector<int> locked);
    void setChosen(std::vector<int> chosen);
    const std::vector<int>& chosen() const { return m_chosen; }
    QSize sizeHint() const override { return {200, 34}; }
    QSize minimumSizeHint() const override { return {90, 34}; }

Q_SIGNALS:
    void edited(bool dragging); ///< by the user; dragging: more will follow

protected:
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    bool event(QEvent* event) override;

private:
    int at(const QPoint& point) const;
    bool has(int block) const;
    bool locked(int block) const;
    void put(int block, bool on);
    QRect cell(int block) const;

    int m_count = 0;
    int m_current = 1;
    bool m_painting = true; ///< what a drag does to the cells it meets
    std::vector<int> m_locked, m_chosen;
};

} // namespace ls
