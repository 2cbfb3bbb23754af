#pragma once

#include <QBrush>
#include <QWidget>

#include <vector>

namespace ls {

/// How the pictures of a panel tell a measured value from one filled in later and from none: the same three everywhere.
namespace patterns {
QBrush measured(const QColor& color);
QBrush filledIn(const QColor& color); ///< stripes across, in a frame
QBrush noValue();                     ///< slanted hatch, grey
} // namespace patterns

/// A line of swatches with words.
class PatternKey : public QWidget {
    Q_OBJECT
public:
    struct Entry {
        QString words;
        QBrush brush;
        bool framed = false;
    };
    explicit PatternKey(const QString& objectName, QWidget* parent = nullptr);
    void setEntries(std::vector<Entry> entries);
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override { return sizeHint(); }

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    std::vector<Entry> m_entries;
};

} // namespace ls
