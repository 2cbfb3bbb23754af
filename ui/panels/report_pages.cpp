#include "ui/panels/report_pages.h"

#include "core/data/whole_file.h"

#include <QBuffer>
#include <QCoreApplication>
#include <QFont>
#include <QFontMetricsF>
#include <QPainter>
#include <QPdfWriter>
#include <QSvgRenderer>
#include <QTextLayout>

#include <algorithm>
#include <cmath>

namespace ls {

namespace {

constexpr qreal kPoint = 10;                   // units
constexpr qreal kWidth = 5953, kHeight = 8419; // A4
constexpr qreal kMargin = 48 * kPoint, kFooter = 24 * kPoint;
constexpr qreal kRoom = kWidth - 2 * kMargin;                  // of a line
constexpr qreal kBodyHeight = kHeight - 2 * kMargin - kFooter; // of a page
const QColor kText(0x1b, 0x23, 0x30), kSecond(0x4f, 0x5a, 0x69), kLine(0xd7, 0xdc, 0xe3), kDiffers(0xfb, 0xe6, 0xd3),
    kMark(0xb0, 0x4f, 0x0c);

QFont font(qreal points, bool bold = false)
{
    QFont out(QStringLiteral("sans-serif"));
    out.setStyleHint(QFont::SansSerif);
    out.setPixelSize(int(points * kPoint));
    out.setBold(bold);
    out.setLetterSpacing(QFont::AbsoluteSpacing, 0.05); // no ligatures: text in the PDF can be searched
    out.setHintingPreference(QFont::PreferNoHinting);   // positions are those of the printed page
    return out;
}

/// Text of a model may hold anything: control characters are shown as the replacement character.
QString readable(const std::string& words)
{
    QString out = QString::fromStdString(words);
    for (QChar& c : out)
        if (c == QLatin1Char('\n'))
            c = QChar::LineSeparator;
        else if (c.unicode() < 0x20 && c != QLatin1Char('\t'))
            c = QChar::ReplacementCharacter;
    return out;
}

/// Broken into lines no wider than `width`; inside a word where it must be.
std::shared_ptr<QTextLayout> wrapped(const QString& text, const QFont& face, qreal width, Qt::Alignment alignment = {},
                                     const QVector<QTextLayout::FormatRange>& formats = {})
{
    auto layout = std::make_shared<QTextLayout>(text, face);
    QTextOption option(alignment | Qt::AlignTop);
    option.setWrapMode(QTextOption::WrapAtWordBoundaryOrAnywhere);
    option.setUseDesignMetrics(true);
    layout->setTextOption(option);
    layout->setFormats(formats);
    layout->setCacheEnabled(true);
    layout->beginLayout();
    qreal y = 0;
    for (QTextLine line = layout->createLine(); line.isValid(); line = layout->createLine()) {
        line.setLineWidth(width);
        line.setPosition(QPointF(0, y));
        y += line.height();
    }
    layout->endLayout();
    return layout;
}

/// Paints lines first..last-1 so that the first one stands at `at`.
void drawLines(QPainter& painter, const QTextLayout& layout, int first, int last, QPointF at)
{
    if (first >= std::min(last, layout.lineCount()))
        return;
    const qreal top = layout.lineAt(first).y();
    for (int i = first; i < std::min(last, layout.lineCount()); ++i)
        layout.lineAt(i).draw(&painter, at - QPointF(0, top));
}

QString lineTexts(const QTextLayout& layout, int first, int last)
{
    QString out;
    for (int i = first; i < std::min(last, layout.lineCount()); ++i) {
        const QTextLine line = layout.lineAt(i);
        out += layout.text().mid(line.textStart(), line.textLength());
    }
    return out.replace(QChar::LineSeparator, QLatin1Char('\n'));
}

/// Column widths that together are at most `room`: narrow columns get what they want, wide ones share the rest.
std::vector<qreal> shareOut(const std::vector<qreal>& wanted, qreal room)
{
    std::vector<qreal> out = wanted;
    qreal sum = 0;
    for (const qreal width : wanted)
        sum += width;
    if (sum <= room)
        return out;
    std::vector<qreal> sorted = wanted;
    std::sort(sorted.begin(), sorted.end());
    qreal left = room;
    std::size_t columns = sorted.size();
    qreal cap = room;
    for (const qreal width : sorted) {
        cap = left / qreal(columns);
        if (width > cap)
            break;
        left -= width;
        --columns;
    }
    for (qreal& width : out)
        width = std::min(width, cap);
    return out;
}

} // namespace

/// Turns blocks into pieces, top to bottom.
class ReportPages::Builder {
public:
    void space(qreal points, bool keepWithNext = false)
    {
        add(
            points * kPoint, [](QPainter&, QPointF) {}, {}, keepWithNext);
    }
    void words(const QString& text, const QFont& face, const QColor& color, bool keepWithNext = false)
    {
        if (text.isEmpty())
            return;
        const auto layout = wrapped(text, face, kRoom);
        for (int i = 0; i < layout->lineCount(); ++i)
            add(
                layout->lineAt(i).height(),
                [layout, i, color](QPainter& painter, QPointF at) {
                    painter.setPen(color);
                    drawLines(painter, *layout, i, i + 1, at);
                },
                lineTexts(*layout, i, i + 1), keepWithNext);
    }
    void heading(const QString& text)
    {
        space(14);
        words(text, font(13, true), kText, true);
        add(
            6 * kPoint,
            [](QPainter& painter, QPointF at) {
                painter.setPen(QPen(kLine, kPoint * 0.8));
                painter.drawLine(at + QPointF(0, 2 * kPoint), at + QPointF(kRoom, 2 * kPoint));
            },
            {}, true);
    }
    void facts(const std::vector<std::pair<std::string, std::string>>& facts)
    {
        report::Table table{{}, {}, {}, {}, false};
        for (const auto& [name, value] : facts)
            table.rows.push_back({name, value});
        rows(table, false);
    }
    void block(const report::Paragraph& paragraph) { words(readable(paragraph.text), font(9), kText); }
    void block(const report::Table& table)
    {
        space(6, true);
        if (table.fileOnly) {
            words(QCoreApplication::translate("report", "%1: %2 rows in %3.csv.")
                      .arg(readable(table.title))
                      .arg(table.rows.size())
                      .arg(readable(table.id)),
                  font(8), kSecond);
            return;
        }
        words(readable(table.title), font(9.5, true), kText, true);
        space(2, true);
        rows(table, true);
        space(4);
    }
    void block(const report::Figure& figure)
    {
        space(6, true);
        words(readable(figure.title), font(9.5, true), kText, true);
        auto svg = std::make_shared<QSvgRenderer>(QByteArray::fromStdString(figure.svg));
        const QSizeF natural = svg->defaultSize();
        if (!svg->isValid() || natural.isEmpty()) {
            words(QCoreApplication::translate("report", "This figure could not be drawn."), font(8), kSecond);
            return;
        }
        QSizeF extent(kRoom, kRoom * natural.height() / natural.width());
        constexpr qreal kTallest = kBodyHeight * 0.8;
        if (extent.height() > kTallest)
            extent *= kTallest / extent.height();
        add(
            extent.height(),
            [svg, extent](QPainter& painter, QPointF at) { svg->render(&painter, QRectF(at, extent)); }, {},
            !figure.caption.empty());
        words(readable(figure.caption), font(8), kSecond);
    }
    void block(const report::TokenText& tokens)
    {
        space(6, true);
        words(readable(tokens.title), font(9.5, true), kText, true);
        QString all;
        QVector<QTextLayout::FormatRange> formats;
        for (std::size_t i = 0; i < tokens.tokens.size(); ++i) {
            QTextCharFormat format;
            const bool differs = tokens.mark && int(i) >= *tokens.mark, first = tokens.mark && int(i) == *tokens.mark;
            format.setForeground(tokens.prompt[i] ? kSecond : first ? kMark : kText);
            if (differs)
                format.setBackground(kDiffers);
            if (first)
                format.setFontWeight(QFont::Bold);
            const QString piece = (first ? QStringLiteral("▶") : QString()) + readable(tokens.tokens[i]);
            formats.append({int(all.size()), int(piece.size()), format});
            all += piece;
        }
        constexpr qreal kInset = 6 * kPoint;
        const auto layout = wrapped(all, font(9), kRoom - kInset, {}, formats);
        for (int i = 0; i < layout->lineCount(); ++i)
            add(
                layout->lineAt(i).height(),
                [layout, i](QPainter& painter, QPointF at) {
                    painter.setPen(QPen(kLine, kPoint * 1.5));
                    painter.drawLine(at, at + QPointF(0, layout->lineAt(i).height()));
                    painter.setPen(kText);
                    drawLines(painter, *layout, i, i + 1, at + QPointF(kInset, 0));
                },
                lineTexts(*layout, i, i + 1), false);
        if (tokens.mark)
            words(QCoreApplication::translate("report", "▶ and shaded: differs from lane A from here on. Grey: the "
                                                        "prompt."),
                  font(8), kSecond);
    }
    std::vector<std::shared_ptr<const Piece>> pieces;

private:
    void add(qreal height, std::function<void(QPainter&, QPointF)> paint, const QString& text, bool keepWithNext,
             std::shared_ptr<const Piece> header = nullptr)
    {
        pieces.push_back(
            std::make_shared<const Piece>(Piece{height, keepWithNext, std::move(paint), text, std::move(header)}));
    }

    /// One row as slices of at most kSliceLines lines, so that a long cell may go on over the page.
    void row(const std::vector<QString>& cells, const std::vector<qreal>& widths, const std::vector<bool>& numeric,
             const QFont& face, const std::shared_ptr<const Piece>& header, bool framed, bool first,
             std::vector<std::shared_ptr<const Piece>>& into)
    {
        constexpr int kSliceLines = 30;
        constexpr qreal kPadX = 4 * kPoint, kPadY = 1.6 * kPoint;
        std::vector<std::shared_ptr<QTextLayout>> layouts;
        int lines = 1;
        for (std::size_t c = 0; c < widths.size(); ++c) {
            layouts.push_back(wrapped(c < cells.size() ? cells[c] : QString(), face, widths[c] - 2 * kPadX,
                                      numeric[c] ? Qt::AlignRight : Qt::AlignLeft));
            lines = std::max(lines, layouts.back()->lineCount());
        }
        const qreal lineHeight = QFontMetricsF(face).height();
        for (int from = 0; from < lines; from += kSliceLines) {
            const int to = std::min(lines, from + kSliceLines);
            QStringList texts;
            qreal tall = lineHeight * (to - from);
            for (const auto& layout : layouts) {
                texts << lineTexts(*layout, from, to);
                const int end = std::min(to, layout->lineCount());
                if (from < end) // a fall-back font may have higher lines
                    tall = std::max(tall, layout->lineAt(end - 1).y() + layout->lineAt(end - 1).height() -
                                              layout->lineAt(from).y());
            }
            const qreal height = tall + 2 * kPadY;
            const bool top = first && from == 0;
            into.push_back(std::make_shared<const Piece>(
                Piece{height, false,
                      [layouts, widths, from, to, height, framed, top, header](QPainter& painter, QPointF at) {
                          qreal x = 0;
                          painter.setPen(kText);
                          for (std::size_t c = 0; c < layouts.size(); ++c) {
                              painter.setPen(!framed && c == 0 ? kSecond : kText);
                              drawLines(painter, *layouts[c], from, to, at + QPointF(x + kPadX, kPadY));
                              x += widths[c];
                          }
                          if (framed) {
                              painter.setPen(QPen(header ? kLine : kSecond, kPoint * 0.6));
                              painter.drawLine(at + QPointF(0, height), at + QPointF(x, height));
                              if (top)
                                  painter.drawLine(at, at + QPointF(x, 0));
                          }
                      },
                      texts.join(QLatin1Char('\t')), header}));
        }
    }

    void rows(const report::Table& table, bool framed)
    {
        std::size_t columns = table.columns.size();
        for (const auto& cells : table.rows)
            columns = std::max(columns, cells.size());
        const qreal points = !framed ? 9 : columns > 8 ? 6.8 : 8;
        const QFont face = font(points), bold = font(points, true);
        const QFontMetricsF metrics(face), boldMetrics(bold);
        std::vector<qreal> wanted(columns, 0.0);
        std::vector<bool> numeric(columns, true);
        const auto widen = [&](std::size_t c, const QString& text, const QFontMetricsF& measure) {
            for (const QString& line : text.split(QChar::LineSeparator))
                wanted[c] = std::max(wanted[c], measure.horizontalAdvance(line.left(400)) + 10 * kPoint);
        };
        std::vector<std::vector<QString>> texts;
        for (const auto& cells : table.rows) {
            auto& line = texts.emplace_back();
            for (std::size_t c = 0; c < cells.size(); ++c) {
                line.push_back(readable(cells[c].text));
                widen(c, line.back(), metrics);
                numeric[c] = numeric[c] && (cells[c].number.has_value() || cells[c].text.empty());
            }
        }
        std::vector<QString> titles;
        for (std::size_t c = 0; c < table.columns.size(); ++c) {
            titles.push_back(readable(table.columns[c]));
            for (const QString& word : titles.back().split(QLatin1Char(' '))) // a head may break between its words
                widen(c, word, boldMetrics);
        }
        const std::vector<qreal> widths = shareOut(wanted, kRoom);
        std::shared_ptr<const Piece> header;
        if (framed && !titles.empty()) {
            std::vector<std::shared_ptr<const Piece>> head;
            row(titles, widths, numeric, bold, nullptr, true, false, head);
            header = head.front();
            auto first = std::make_shared<Piece>(*header);
            first->keepWithNext = true;
            pieces.push_back(first);
        }
        for (std::size_t r = 0; r < texts.size(); ++r)
            row(texts[r], widths, numeric, face, header, framed, r == 0 && !header, pieces);
    }
};

QSizeF ReportPages::size()
{
    return {kWidth, kHeight};
}

ReportPages::ReportPages(const report::Document& document)
    : m_title(readable(document.title))
{
    Builder builder;
    builder.words(m_title, font(19, true), kText, true);
    builder.space(6);
    builder.facts(document.facts);
    for (const auto& [name, value] : document.facts)
        if (name == "fingerprints" || name == "run as")
            m_footer += (m_footer.isEmpty() ? QString() : QStringLiteral(" · ")) + readable(value);
    for (const report::Section& section : document.sections) {
        builder.heading(readable(section.title));
        for (const report::Block& block : section.blocks)
            std::visit([&builder](const auto& each) { builder.block(each); }, block);
    }
    paginate(builder.pieces);
}

ReportPages::~ReportPages() = default;

void ReportPages::paginate(const std::vector<std::shared_ptr<const Piece>>& pieces)
{
    m_pages.emplace_back();
    qreal y = 0;
    const auto turn = [&] {
        m_pages.emplace_back();
        y = 0;
    };
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        const auto& piece = pieces[i];
        qreal needed = piece->height;
        for (std::size_t k = i; pieces[k]->keepWithNext && k + 1 < pieces.size(); ++k)
            needed += pieces[k + 1]->height;
        if (y > 0 && y + std::min(needed, kBodyHeight) > kBodyHeight) {
            turn();
            if (piece->header) {
                m_pages.back().push_back({piece->header, 0});
                y = piece->header->height;
            }
        }
        if (y == 0 && piece->text.isEmpty() && piece->height < 20 * kPoint && !piece->keepWithNext)
            continue; // no empty space at the top of a page
        m_pages.back().push_back({piece, y});
        y += piece->height;
    }
    if (m_pages.back().empty() && m_pages.size() > 1)
        m_pages.pop_back();
}

int ReportPages::count() const
{
    return int(m_pages.size());
}

void ReportPages::paint(QPainter& painter, int page) const
{
    for (const auto& [piece, y] : m_pages[std::size_t(page)])
        piece->paint(painter, QPointF(kMargin, kMargin + y));
    const qreal base = kHeight - kMargin;
    painter.setPen(QPen(kLine, kPoint * 0.6));
    painter.drawLine(QPointF(kMargin, base - 12 * kPoint), QPointF(kWidth - kMargin, base - 12 * kPoint));
    painter.setFont(font(7));
    painter.setPen(kSecond);
    const QRectF line(kMargin, base - 10 * kPoint, kRoom, 12 * kPoint);
    const QString number = QStringLiteral("%1 / %2").arg(page + 1).arg(count());
    painter.drawText(line, Qt::AlignRight | Qt::AlignTop, number);
    const QFontMetricsF metrics(font(7));
    painter.drawText(
        line, Qt::AlignLeft | Qt::AlignTop,
        metrics.elidedText(m_footer, Qt::ElideRight, kRoom - metrics.horizontalAdvance(number) - 10 * kPoint));
}

QImage ReportPages::image(int page, int width) const
{
    const qreal scale = width / kWidth;
    QImage out(width, int(std::ceil(kHeight * scale)), QImage::Format_RGB32);
    out.fill(Qt::white);
    QPainter painter(&out);
    painter.setRenderHints(QPainter::Antialiasing | QPainter::TextAntialiasing | QPainter::SmoothPixmapTransform);
    painter.scale(scale, scale);
    paint(painter, page);
    return out;
}

QString ReportPages::text(int page) const
{
    QStringList lines;
    for (const Placed& placed : m_pages[std::size_t(page)])
        if (!placed.piece->text.isEmpty())
            lines << placed.piece->text;
    return lines.join(QLatin1Char('\n'));
}

Status ReportPages::writePdf(const std::string& path) const
{
    QByteArray bytes;
    {
        QBuffer buffer(&bytes);
        buffer.open(QIODevice::WriteOnly);
        QPdfWriter writer(&buffer);
        writer.setPageSize(QPageSize(QPageSize::A4));
        writer.setPageMargins(QMarginsF());
        writer.setResolution(kUnitsPerInch);
        writer.setTitle(m_title);
        writer.setCreator(QStringLiteral("Layerscope " LAYERSCOPE_VERSION));
        QPainter painter(&writer);
        for (int page = 0; page < count(); ++page) {
            if (page > 0)
                writer.newPage();
            paint(painter, page);
        }
    }
    return writeWholeFile(path, std::string_view(bytes.constData(), std::size_t(bytes.size())));
}

} // namespace ls
