#pragma once

#include "core/error.h"

#include <QString>

class QWidget;

namespace ls {

class MainWindow;

/// The window as a PNG, everything pending drawn. Error: FileNotWritable.
Status savePicture(QWidget* window, const QString& path);
/// One PNG per layout and views.pdf with all of them, into a folder that is made if need be. Needs no display.
Status renderViews(MainWindow* window, const QString& folder);

} // namespace ls
