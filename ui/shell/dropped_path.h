#pragma once

#include <QString>

class QMimeData;

namespace ls {

/// The one local path that a drop means: a session, else a model file, else a folder, else whatever was dropped (the
/// engine says why it cannot be opened). Of the parts of a split GGUF the first; of the files of a model folder any.
/// Empty when nothing local was dropped.
QString droppedPath(const QMimeData* data);

} // namespace ls
