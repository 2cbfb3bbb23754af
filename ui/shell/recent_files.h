#pragma once

#include <QString>

#include <vector>

/// Models and sessions opened before, newest first, in the user's settings.
namespace ls::recent {

struct File {
    QString path; ///< absolute
    QString name; ///< of the model; empty for a session
    QString type; ///< stored type of the model, "Q4_1"
    qint64 bytes = 0;
    bool isSession() const { return path.endsWith(QLatin1String(".lsdb"), Qt::CaseInsensitive); }
    bool isMissing() const;
    QString title() const;   ///< the model's name, else the file's
    QString details() const; ///< "Q4_1 · 93.8 MiB", or "missing"
};

constexpr int kMost = 12;

std::vector<File> list();
std::vector<File> models();
void remember(File file); ///< to the front; keeps what is known of it where `file` says nothing
void forget(const QString& path);
/// Pictures and reports made for a script leave no trace in the user's list.
void setKept(bool kept);

} // namespace ls::recent
