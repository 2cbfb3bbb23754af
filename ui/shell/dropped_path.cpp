#include "ui/shell/dropped_path.h"

#include <QFileInfo>
#include <QMimeData>
#include <QUrl>

namespace ls {

namespace {

int rank(const QString& path)
{
    const QString name = QFileInfo(path).fileName().toLower();
    if (name.endsWith(QLatin1String(".lsdb")))
        return 0;
    if (name.endsWith(QLatin1String(".gguf")))
        return 1;
    if (name == QLatin1String("config.json") || name.endsWith(QLatin1String(".safetensors")))
        return 2;
    return QFileInfo(path).isDir() ? 3 : 4;
}

} // namespace

QString droppedPath(const QMimeData* data)
{
    QString best;
    for (const QUrl& url : data->urls()) {
        if (!url.isLocalFile())
            continue;
        const QString path = url.toLocalFile();
        if (best.isEmpty() || std::pair(rank(path), path) < std::pair(rank(best), best))
            best = path;
    }
    return best;
}

} // namespace ls
