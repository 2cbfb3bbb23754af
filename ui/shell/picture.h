#pragma once

#include "core/error.h"

#include <QString>

class QWidget;

namespace ls {

class MainWindow;
class Session;

/// The window as a PNG, everything pending drawn. Error: FileNotWritable.
Status savePicture(QWidget* window, const QString& path);
/// One PNG per layout into a folder that is made if need be. Needs no display.
Status renderViews(MainWindow* window, const QString& folder);
/// report.pdf of the newest run and of everything measured, into a folder that is made if need be. Needs no display.
Status renderReport(Session& session, const QString& folder);

} // namespace ls
