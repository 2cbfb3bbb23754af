#include "ui/shell/recent_files.h"

#include "ui/shell/text.h"

#include <QCoreApplication>
#include <QFileInfo>
#include <QSettings>

#include <algorithm>

namespace ls::recent {

namespace {

bool kept = true;

QString key()
{
    return QStringLiteral("recentFiles");
}

void store(const std::vector<File>& files)
{
    if (!kept)
        return;
    QSettings settings;
    settings.remove(QStringLiteral("recent")); // paths only, of the first versions
    settings.beginWriteArray(key(), int(files.size()));
    for (int i = 0; i < int(files.size()); ++i) {
        const File& file = files[std::size_t(i)];
        settings.setArrayIndex(i);
        settings.setValue(QStringLiteral("path"), file.path);
        settings.setValue(QStringLiteral("name"), file.name);
        settings.setValue(QStringLiteral("type"), file.type);
        settings.setValue(QStringLiteral("bytes"), file.bytes);
    }
    settings.endArray();
}

} // namespace

bool File::isMissing() const
{
    return !QFileInfo::exists(path);
}

QString File::title() const
{
    return name.isEmpty() ? QFileInfo(path).fileName() : name;
}

QString File::details() const
{
    if (isMissing())
        return QCoreApplication::translate("recent", "missing");
    if (isSession())
        return QCoreApplication::translate("recent", "session");
    QStringList parts;
    if (!type.isEmpty())
        parts << type;
    if (bytes > 0)
        parts << text::bytes(bytes);
    return parts.join(QStringLiteral(" · "));
}

std::vector<File> list()
{
    QSettings settings;
    std::vector<File> files;
    const int count = settings.beginReadArray(key());
    for (int i = 0; i < std::min(count, kMost); ++i) {
        settings.setArrayIndex(i);
        files.push_back(
            {settings.value(QStringLiteral("path")).toString(), settings.value(QStringLiteral("name")).toString(),
             settings.value(QStringLiteral("type")).toString(), settings.value(QStringLiteral("bytes")).toLongLong()});
    }
    settings.endArray();
    if (count == 0)
        for (const QString& path : settings.value(QStringLiteral("recent")).toStringList().mid(0, kMost))
            files.push_back({path, {}, {}, 0});
    std::erase_if(files, [](const File& file) { return file.path.isEmpty(); });
    return files;
}

std::vector<File> models()
{
    std::vector<File> files = list();
    std::erase_if(files, [](const File& file) { return file.isSession(); });
    return files;
}

void remember(File file)
{
    file.path = QFileInfo(file.path).absoluteFilePath(); // the next start may be in another folder
    std::vector<File> files = list();
    const auto known = std::find_if(files.begin(), files.end(), [&](const File& f) { return f.path == file.path; });
    if (known != files.end()) {
        if (file.name.isEmpty())
            file = *known;
        files.erase(known);
    }
    files.insert(files.begin(), std::move(file));
    files.resize(std::min(files.size(), std::size_t(kMost)));
    store(files);
}

void forget(const QString& path)
{
    std::vector<File> files = list();
    std::erase_if(files, [&](const File& file) { return file.path == path; });
    store(files);
}

void setKept(bool value)
{
    kept = value;
}

} // namespace ls::recent
