#pragma once

#include "core/report/report.h"

#include <QImage>
#include <QString>

#include <functional>
#include <memory>
#include <vector>

class QPainter;

namespace ls {

/// A report laid out on A4 pages; preview and PDF are painted from the same ones. Figures stay vector graphics. Made,
/// used and destroyed on one thread, which need not be the GUI's.
class ReportPages {
public:
    explicit ReportPages(const report::Document& document);
    ~ReportPages();
    int count() const;
    /// `painter` counts in units(); nothing is painted beyond size().
    void paint(QPainter& painter, int page) const;
    QImage image(int page, int width) const;
    QString text(int page) const; ///< what can be read there, in order
    /// A file is there whole or not at all. Errors: FileNotWritable, DiskFull.
    Status writePdf(const std::string& path) const;

    static constexpr int kUnitsPerInch = 720;
    static QSizeF size(); ///< of a page, in units

private:
    /// What cannot be cut in two: a line, a slice of a table row, a figure.
    struct Piece {
        qreal height = 0;
        bool keepWithNext = false;
        std::function<void(QPainter&, QPointF)> paint;
        QString text;
        std::shared_ptr<const Piece> header; ///< of the table: repeated at the top of a page
    };
    class Builder;
    struct Placed {
        std::shared_ptr<const Piece> piece;
        qreal y = 0;
    };
    void paginate(const std::vector<std::shared_ptr<const Piece>>& pieces);

    QString m_title, m_footer;
    std::vector<std::vector<Placed>> m_pages;
};

} // namespace ls
