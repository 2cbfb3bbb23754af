#include "ui/panels/token_flow.h"

#include "ui/shell/text.h"
#include "ui/shell/theme.h"

#include <QHelpEvent>
#include <QKeyEvent>
#include <QPainter>
#include <QScrollBar>
#include <QToolTip>

#include <algorithm>
#include <cmath>
#include <limits>

namespace ls {

namespace {
constexpr int kMargin = 10;
constexpr int kLine = 27;
constexpr int kBox = 20;
constexpr int kBar = 3;
} // namespace

TokenFlow::TokenFlow(QWidget* parent)
    : QAbstractScrollArea(parent)
{
    setFrameShape(QFrame::NoFrame);
    setFocusPolicy(Qt::StrongFocus);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    viewport()->setCursor(Qt::PointingHandCursor);
    QFont larger = font();
    larger.setPixelSize(14);
    viewport()->setFont(larger);
}

void TokenFlow::setColouring(Scale scale, ValueOf value, const QString& label)
{
    m_scale = scale;
    m_value = std::move(value);
    m_label = label;
    updateLimits();
    viewport()->update();
}

void TokenFlow::setLane(const LaneData* lane)
{
    m_lane = lane;
    m_selected = -1;
    m_markers.clear();
    m_changed.clear();
    m_boxes.clear();
    verticalScrollBar()->setValue(0);
    append();
    showReply();
}

void TokenFlow::showReply()
{
    const int reply = m_lane ? m_lane->promptTokens() : 0;
    if (reply > 0 && reply < shown()) // a prompt in its template fills a low lane
        verticalScrollBar()->setValue(m_boxes[std::size_t(reply)].rect.top() - 8);
}

void TokenFlow::setFirst(int position)
{
    if (position == m_first)
        return;
    m_first = position;
    layOut(0);
    viewport()->update();
}

void TokenFlow::append()
{
    const bool atEnd = verticalScrollBar()->value() >= verticalScrollBar()->maximum() - kLine;
    layOut(m_boxes.size());
    updateLimits();
    if (atEnd)
        verticalScrollBar()->setValue(verticalScrollBar()->maximum());
    viewport()->update();
}

void TokenFlow::layOut(std::size_t from)
{
    if (from == 0) {
        m_boxes.clear();
        m_cursor = {kMargin, 8};
    }
    const QFontMetrics metrics(viewport()->font());
    const int right = std::max(60, viewport()->width() - kMargin);
    const std::size_t count = m_lane ? m_lane->tokens.size() : 0;
    for (std::size_t i = from; i < count; ++i) {
        if (int(i) < m_first) {
            m_boxes.push_back({});
            continue;
        }
        const std::string& piece = m_lane->tokens[i].text;
        const QString text = text::token(piece);
        const int width = std::max(4, metrics.horizontalAdvance(text));
        if (m_boxes.empty() || m_cursor.x() == kMargin || text.startsWith(QLatin1Char(' ')))
            m_word = i;
        if (m_cursor.x() + width > right && m_cursor.x() > kMargin)
            breakLine(i);
        m_boxes.push_back({QRect(m_cursor, QSize(width, kBox)), text});
        m_cursor.rx() += width + 1;
        if (!piece.empty() && piece.back() == '\n')
            m_cursor = {kMargin, m_cursor.y() + kLine};
    }
    verticalScrollBar()->setPageStep(viewport()->height());
    verticalScrollBar()->setSingleStep(kLine);
    verticalScrollBar()->setRange(0, std::max(0, m_cursor.y() + kLine + 4 - viewport()->height()));
}

/// The word that token `next` belongs to goes to the next line as a whole; a word longer than the line is cut.
void TokenFlow::breakLine(std::size_t next)
{
    const bool moves = m_word < next && m_boxes[m_word].rect.x() > kMargin;
    const int from = moves ? m_boxes[m_word].rect.x() : m_cursor.x();
    for (std::size_t i = m_word; moves && i < next; ++i)
        m_boxes[i].rect.translate(kMargin - from, kLine);
    m_cursor += QPoint(kMargin - from, kLine);
}

void TokenFlow::updateLimits()
{
    std::vector<double> values;
    if (m_scale != Scale::None && m_value)
        for (std::size_t i = 0; i < m_boxes.size(); ++i)
            if (const double value = m_value(int(i)); std::isfinite(value))
                values.push_back(value);
    if (values.empty()) {
        m_low = 0;
        m_high = 1;
        return;
    }
    std::sort(values.begin(), values.end());
    m_low = values[std::size_t(0.02 * double(values.size() - 1))];
    m_high = values[std::size_t(std::ceil(0.98 * double(values.size() - 1)))];
    if (m_scale == Scale::Signed) {
        m_high = std::max(std::abs(m_low), std::abs(m_high));
        m_low = -m_high;
    }
    if (m_high <= m_low)
        m_high = m_low + 1;
}

void TokenFlow::setSelected(int position)
{
    if (position == m_selected)
        return;
    m_selected = position;
    if (position >= m_first && position >= 0 && position < shown()) {
        const QRect rect = m_boxes[std::size_t(position)].rect;
        const int y = verticalScrollBar()->value();
        if (rect.top() < y)
            verticalScrollBar()->setValue(rect.top() - 8);
        else if (rect.bottom() > y + viewport()->height())
            verticalScrollBar()->setValue(rect.bottom() + 8 - viewport()->height());
        setAccessibleDescription(describe(position));
    }
    viewport()->update();
}

void TokenFlow::setMarkers(std::map<int, QString> markers)
{
    m_markers = std::move(markers);
    viewport()->update();
}

void TokenFlow::setChanged(std::vector<bool> changed, const QColor& color)
{
    m_changed = std::move(changed);
    m_changedColor = color;
    viewport()->update();
}

QString TokenFlow::describe(int position) const
{
    if (!m_lane || position < 0 || position >= int(m_lane->tokens.size()))
        return {};
    const TokenData& token = m_lane->tokens[std::size_t(position)];
    QString text = tr("token %1 “%2” (%3)\nlog-probability %4 nats · entropy %5 nats")
                       .arg(position)
                       .arg(text::token(token.text), text::of(token.origin), text::number(token.logprob, 3),
                            text::number(token.entropy, 3));
    if (m_scale != Scale::None && m_value)
        text += QLatin1Char('\n') + m_label + QLatin1Char(' ') + text::number(m_value(position), 3);
    if (std::size_t(position) < m_changed.size() && m_changed[std::size_t(position)])
        text += QLatin1Char('\n') + tr("differs from the other lane");
    if (const auto marker = m_markers.find(position); marker != m_markers.end())
        text += QLatin1Char('\n') + marker->second;
    return text;
}

void TokenFlow::paintEvent(QPaintEvent* event)
{
    QPainter painter(viewport());
    painter.fillRect(event->rect(), theme::color(theme::Role::Panel));
    painter.setFont(viewport()->font());
    const int dy = -verticalScrollBar()->value();
    for (std::size_t i = std::size_t(std::max(0, m_first)); i < m_boxes.size(); ++i) {
        const QRect rect = m_boxes[i].rect.translated(0, dy);
        if (rect.bottom() + kLine < event->rect().top() || rect.top() - kLine > event->rect().bottom())
            continue;
        const double value = m_scale != Scale::None && m_value ? m_value(int(i)) : std::nan("");
        const bool changed = i < m_changed.size() && m_changed[i];
        if (std::isfinite(value) || changed) {
            const QColor tint = changed                    ? m_changedColor
                                : m_scale == Scale::Signed ? theme::signedColor(value / m_high)
                                                           : theme::viridis((value - m_low) / (m_high - m_low));
            QColor pale = tint;
            pale.setAlphaF(0.24F);
            painter.fillRect(rect, pale);
            painter.fillRect(QRect(rect.left(), rect.bottom() - kBar + 1, rect.width(), kBar), tint);
        }
        const bool prompt = m_lane->tokens[i].origin == "prompt";
        painter.setPen(theme::color(prompt ? theme::Role::TextThird : theme::Role::Text));
        painter.drawText(rect.adjusted(0, 0, 2, -kBar), Qt::AlignLeft | Qt::AlignVCenter, m_boxes[i].text);
        if (int(i) == m_selected) {
            painter.setPen(QPen(theme::color(theme::Role::Accent), 2));
            painter.drawRect(rect.adjusted(0, 0, -1, -1));
        }
        if (m_markers.contains(int(i))) {
            painter.setPen(Qt::NoPen);
            painter.setBrush(theme::color(theme::Role::LaneB));
            const QPoint top = rect.topLeft();
            painter.drawPolygon(QPolygon({top + QPoint(-3, -5), top + QPoint(5, -5), top + QPoint(1, 2)}));
            painter.setBrush(Qt::NoBrush);
        }
    }
    if (m_boxes.empty()) {
        painter.setPen(theme::color(theme::Role::TextThird));
        painter.drawText(viewport()->rect().adjusted(10, 8, -10, -8), Qt::AlignLeft | Qt::TextWordWrap,
                         tr("Tokens appear here. Write a prompt and press Generate (Ctrl+Enter)."));
    }
}

void TokenFlow::resizeEvent(QResizeEvent* event)
{
    QAbstractScrollArea::resizeEvent(event);
    const bool atEnd = verticalScrollBar()->value() >= verticalScrollBar()->maximum() - kLine;
    layOut(0);
    if (m_lane && !m_lane->reason.empty())
        showReply();
    else if (atEnd)
        verticalScrollBar()->setValue(verticalScrollBar()->maximum());
}

int TokenFlow::at(const QPoint& point) const
{
    const QPoint place = point + QPoint(0, verticalScrollBar()->value());
    for (std::size_t i = std::size_t(std::max(0, m_first)); i < m_boxes.size(); ++i)
        if (m_boxes[i].rect.adjusted(0, -3, 1, 4).contains(place))
            return int(i);
    return -1;
}

void TokenFlow::mousePressEvent(QMouseEvent* event)
{
    if (const int position = at(event->pos()); position >= 0)
        Q_EMIT selected(position);
}

void TokenFlow::keyPressEvent(QKeyEvent* event)
{
    const int step = event->key() == Qt::Key_Left ? -1 : event->key() == Qt::Key_Right ? 1 : 0;
    if (step == 0 || m_boxes.empty()) {
        QAbstractScrollArea::keyPressEvent(event);
        return;
    }
    const int from = m_selected < 0 ? shown() - 1 : m_selected + step;
    Q_EMIT selected(std::clamp(from, std::min(m_first, shown() - 1), shown() - 1));
}

bool TokenFlow::viewportEvent(QEvent* event)
{
    if (event->type() == QEvent::ToolTip) {
        auto* help = static_cast<QHelpEvent*>(event);
        const int position = at(help->pos());
        position < 0 ? QToolTip::hideText() : QToolTip::showText(help->globalPos(), describe(position), viewport());
        return true;
    }
    return QAbstractScrollArea::viewportEvent(event);
}

} // namespace ls
