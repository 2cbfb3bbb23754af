#include "ui/shell/desk_command.h"

namespace ls {

DeskCommand::DeskCommand(Workbench* workbench, const QString& what, Desk before, Desk after, bool merge)
    : QUndoCommand(what)
    , m_workbench(workbench)
    , m_before(std::move(before))
    , m_after(std::move(after))
    , m_merge(merge)
{
}

bool DeskCommand::mergeWith(const QUndoCommand* other)
{
    const auto* next = static_cast<const DeskCommand*>(other); // same id() means same type
    if (next->text() != text())
        return false;
    m_after = next->m_after;
    return true;
}

void DeskCommand::undo()
{
    if (m_workbench->refusing())
        setObsolete(true); // the stack forgets a change that the engine refused
    m_workbench->applyDesk(m_before);
}

void DeskCommand::redo()
{
    m_workbench->applyDesk(m_after);
}

} // namespace ls
