#include "ui/plots/pattern_key.h"

#include "ui/shell/theme.h"

#include <QPainter>

namespace ls {

namespace {
constexpr int kSwatch = 16, kGap = 5, kBetween = 16, kHeight = 18, kMargin = 10;
}

namespace patterns {

QBrush measured(const QColor& color)
{
    return color;
}

QBrush filledIn(const QColor& color)
{
    return QBrush(color, Qt::HorPattern);
}

QBrush noValue()
{
    return QBrush(theme::color(theme::Role::StrongBorder), Qt::BDiagPattern);
}

} // namespace patterns

PatternKey::PatternKey(const QString& objectName, QWidget* parent)
    : QWidget(parent)
{
    setObjectName(objectName);
    setAccessibleName(tr("Key of the patterns"));
}

void PatternKey::setEntries(std::vector<Entry> entries)
{
    m_entries = std::move(entries);
    QStringList spoken;
    for (const Entry& entry : m_entries)
        spoken << entry.words;
    setAccessibleDescription(spoken.join(QStringLiteral(", ")));
    updateGeometry();
    update();
}

QSize PatternKey::sizeHint() const
{
    int width = 2 * kMargin;
    for (const Entry& entry : m_entries)
        width += kSwatch + kGap + fontMetrics().horizontalAdvance(entry.words) + kBetween;
    return {width, kHeight};
}

void PatternKey::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    int x = kMargin;
    for (const Entry& entry : m_entries) {
        const QRect box(x, (height() - 11) / 2, kSwatch, 11);
        painter.fillRect(box, entry.brush);
        if (entry.framed) {
            painter.setPen(QPen(entry.brush.color(), 1));
            painter.drawRect(box.adjusted(0, 0, -1, -1));
        }
        x += kSwatch + kGap;
        painter.setPen(theme::color(theme::Role::TextThird));
        painter.drawText(QRect(x, 0, width() - x, height()), Qt::AlignLeft | Qt::AlignVCenter, entry.words);
        x += fontMetrics().horizontalAdvance(entry.words) + kBetween;
    }
}

} // namespace ls
