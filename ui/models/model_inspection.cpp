#include "ui/models/model_inspection.h"

#include "ui/client/engine_client.h"
#include "ui/shell/workbench.h"

namespace ls {

ModelInspection::ModelInspection(Workbench* workbench, QObject* parent)
    : QObject(parent)
    , m_workbench(workbench)
{
    connect(workbench->client(), &EngineClient::message, this, &ModelInspection::onMessage);
    connect(workbench->client(), &EngineClient::died, this, [this](const Error& error) {
        if (m_request == 0)
            return;
        m_request = 0;
        Q_EMIT failed(error);
    });
}

ModelInspection::~ModelInspection()
{
    cancel();
}

void ModelInspection::ask(const QString& path)
{
    cancel();
    m_path = path;
    if (m_workbench->client()->state() == EngineClient::State::Stopped ||
        m_workbench->client()->state() == EngineClient::State::Died)
        m_workbench->client()->start();
    m_request = m_workbench->client()->nextRequestId();
    m_workbench->answeredElsewhere(m_request);
    if (m_workbench->client()->send(InspectModel{m_request, path.toStdString()}))
        return;
    m_request = 0;
    Q_EMIT failed({Errc::EngineDied,
                   tr("The engine is not running.").toStdString(),
                   tr("Close this window and restart it.").toStdString(),
                   {}});
}

void ModelInspection::cancel()
{
    if (m_request != 0)
        m_workbench->client()->send(Cancel{m_workbench->client()->nextRequestId(), m_request});
    m_request = 0;
}

void ModelInspection::onMessage(const EngineMessage& message)
{
    if (m_request == 0)
        return;
    if (const auto* inspected = std::get_if<Inspected>(&message); inspected && inspected->requestId == m_request) {
        m_request = 0;
        Q_EMIT found(inspected->info);
    } else if (const auto* failure = std::get_if<Failed>(&message); failure && failure->requestId == m_request) {
        m_request = 0;
        Q_EMIT failed(failure->error());
    }
}

} // namespace ls
