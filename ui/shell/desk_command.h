#pragma once

#include "ui/shell/workbench.h"

#include <QUndoCommand>

namespace ls {

/// The whole desk before and after; consecutive changes of one slider drag merge into one.
class DeskCommand : public QUndoCommand {
public:
    DeskCommand(Workbench* workbench, const QString& what, Desk before, Desk after, bool merge);
    int id() const override { return m_merge ? 1 : -1; }
    bool mergeWith(const QUndoCommand* other) override;
    void undo() override;
    const Desk& after() const { return m_after; }
    void redo() override;

private:
    Workbench* m_workbench;
    Desk m_before, m_after;
    bool m_merge;
};

} // namespace ls
