#include "ui/panels/report_worker.h"

#include "core/report/metrics.h"
#include "ui/panels/report_pages.h"
#include "ui/shell/text.h"
#include "ui/shell/theme.h"

#include <QCoreApplication>
#include <QDir>
#include <QPainter>

#include <algorithm>

namespace ls {

namespace {

constexpr int kThumbnailWidth = 92;

QString detailOf(const report::Section& section)
{
    int tables = 0, figures = 0;
    for (const report::Block& block : section.blocks) {
        tables += std::holds_alternative<report::Table>(block);
        figures += std::holds_alternative<report::Figure>(block);
    }
    QStringList parts;
    if (tables > 0)
        parts << (tables == 1 ? QCoreApplication::translate("report", "1 table")
                              : QCoreApplication::translate("report", "%1 tables").arg(tables));
    if (figures > 0)
        parts << (figures == 1 ? QCoreApplication::translate("report", "1 figure")
                               : QCoreApplication::translate("report", "%1 figures").arg(figures));
    return parts.isEmpty() ? QCoreApplication::translate("report", "text") : parts.join(QStringLiteral(", "));
}

QString fileOf(const QString& folder, const QString& name, const QString& format)
{
    return QDir(folder).filePath(name + QLatin1Char('.') + format);
}

} // namespace

ReportWorker::ReportWorker() = default;
ReportWorker::~ReportWorker() = default;

ReportOutline ReportWorker::build(ReportInput input, const std::set<std::string>& left)
{
    std::map<std::int64_t, Known> known;
    for (const ExperimentData& experiment : input.experiments) {
        const auto before = m_known.find(experiment.id);
        if (before != m_known.end() && before->second.rows == experiment.rows.size() &&
            before->second.startedAt == experiment.startedAt)
            known[experiment.id] = before->second;
        else
            known[experiment.id] = {experiment.rows.size(), experiment.startedAt, experimentMetrics(experiment)};
        input.known[experiment.id] = known[experiment.id].metrics;
    }
    m_known = std::move(known);
    const report::Document whole = buildReport(input);
    m_document = report::without(whole, left);
    m_pages = std::make_unique<ReportPages>(m_document);
    ReportOutline outline;
    auto absent = whole.absent.begin();
    for (std::size_t place = 0; place <= whole.sections.size(); ++place) {
        for (; absent != whole.absent.end() && absent->place == place; ++absent)
            outline.sections.push_back(
                {text::of(absent->id), text::of(absent->title), text::of(absent->reason), false});
        if (place < whole.sections.size()) {
            const report::Section& section = whole.sections[place];
            outline.sections.push_back({text::of(section.id), text::of(section.title), detailOf(section), true});
        }
    }
    for (int page = 0; page < m_pages->count(); ++page) {
        QImage small =
            m_pages->image(page, 2 * kThumbnailWidth).scaledToWidth(kThumbnailWidth, Qt::SmoothTransformation);
        QPainter frame(&small);
        frame.setPen(theme::color(theme::Role::StrongBorder));
        frame.drawRect(small.rect().adjusted(0, 0, -1, -1));
        frame.end();
        outline.thumbnails << small;
    }
    return outline;
}

QImage ReportWorker::page(int page, int width) const
{
    return m_pages && page >= 0 && page < m_pages->count() ? m_pages->image(page, width) : QImage();
}

QString ReportWorker::pageText(int page) const
{
    return m_pages && page >= 0 && page < m_pages->count() ? m_pages->text(page) : QString();
}

QStringList ReportWorker::targets(const QString& folder, const QString& name, const QStringList& formats)
{
    QStringList out;
    for (const QString& format : formats)
        out << (format == QLatin1String("csv") ? QDir(folder).filePath(name) : fileOf(folder, name, format));
    return out;
}

ReportWorker::Exported ReportWorker::write(const QString& folder, const QString& name, const QStringList& formats) const
{
    Exported out;
    if (!m_pages || !QDir().mkpath(folder)) {
        out.failure = Error{Errc::FileNotWritable,
                            QCoreApplication::translate("report", "%1 cannot be made.").arg(folder).toStdString(),
                            QCoreApplication::translate("report", "Choose another folder.").toStdString(),
                            {}};
        return out;
    }
    for (const QString& format : formats) {
        const std::string path = fileOf(folder, name, format).toStdString();
        const Status status = format == QLatin1String("pdf") ? m_pages->writePdf(path) : writeReport(path, m_document);
        if (!status) {
            out.failure = status.error();
            return out;
        }
        out.files << targets(folder, name, {format});
    }
    return out;
}

} // namespace ls
