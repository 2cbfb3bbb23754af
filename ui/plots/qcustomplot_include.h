#pragma once

/// qcustomplot.h with Qt's keyword macros defined for it alone: its header uses them, ours are built without.
#include <QPrinter>
#include <QtWidgets>

#define signals Q_SIGNALS
#define slots Q_SLOTS
#define emit Q_EMIT
#define foreach Q_FOREACH
#include <qcustomplot.h>
#undef signals
#undef slots
#undef emit
#undef foreach
