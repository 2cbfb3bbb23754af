#pragma once

#include "core/report/report.h"

#include <QImage>
#include <QObject>
#include <QStringList>

#include <memory>
#include <set>

namespace ls {

class ReportPages;

/// What the panel shows of a report.
struct ReportOutline {
    struct Entry {
        QString id, title;
        QString detail; ///< "2 tables, 1 figure", or why it is missing
        bool available = false;
    };
    std::vector<Entry> sections; ///< all, in order
    QList<QImage> thumbnails;    ///< one a page
};

/// Makes reports off the GUI thread: intervals, layout, pictures of pages and files can take seconds. Lives on a thread
/// of its own; call its functions there (QMetaObject::invokeMethod).
class ReportWorker : public QObject {
public:
    struct Exported {
        QStringList files;
        std::optional<Error> failure;
    };
    ReportWorker();
    ~ReportWorker() override;
    /// Without the sections whose ids are in `left`.
    ReportOutline build(ReportInput input, const std::set<std::string>& left);
    QImage page(int page, int width) const;
    QString pageText(int page) const;
    /// formats: html pdf md csv json. Stops at the first file that cannot be written.
    Exported write(const QString& folder, const QString& name, const QStringList& formats) const;

    /// What `write` would make, folders included.
    static QStringList targets(const QString& folder, const QString& name, const QStringList& formats);

private:
    report::Document m_document;
    std::unique_ptr<ReportPages> m_pages;
    struct Known {
        std::size_t rows = 0;
        std::string startedAt;
        std::vector<Metric> metrics;
    };
    std::map<std::int64_t, Known> m_known; ///< intervals of experiments that have ended are not computed again
};

} // namespace ls
