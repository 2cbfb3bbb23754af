#pragma once

#include <QAbstractButton>

namespace ls {

/// An on/off switch; hatched while the engine has not answered yet. Space toggles.
class SwitchButton : public QAbstractButton {
    Q_OBJECT
public:
    explicit SwitchButton(QWidget* parent = nullptr);
    void setPending(bool pending);
    QSize sizeHint() const override { return {34, 20}; }

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    bool m_pending = false;
};

} // namespace ls
