#pragma once

#include <QToolButton>

namespace ls {

/// A small button of a panel's head with a drawn sign: the same in every font, and in both palettes. What it does is
/// its tooltip and accessible name.
class HeadButton : public QToolButton {
    Q_OBJECT
public:
    enum class Sign { Copy, Export };
    explicit HeadButton(Sign sign, QWidget* parent = nullptr);
    QSize sizeHint() const override { return {26, 24}; }

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    Sign m_sign;
};

} // namespace ls
