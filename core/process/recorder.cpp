#include "core/process/recorder.h"

#include "core/report/metrics.h"

#include "core/protocol/codec.h"

namespace ls {

Recorder::Recorder(EngineProcess& engine, Session& session, ModelInfo model, Progress progress,
                   const std::atomic<bool>* interrupted)
    : m_engine(engine)
    , m_session(session)
    , m_model(std::move(model))
    , m_progress(std::move(progress))
    , m_interrupted(interrupted)
{
}

Result<RunData*> Recorder::generate(const RunSpec& spec)
{
    Generate request;
    request.requestId = m_engine.nextRequestId();
    request.prompt = spec.prompt;
    request.sampler = spec.sampler;
    request.maxTokens = spec.maxTokens;
    request.ignoreEos = spec.ignoreEos;
    request.lanes = spec.lanes;
    request.probes = spec.probes;
    RunData& run = m_session.startRun(spec, m_model);
    const Status status = converse(
        m_engine, request,
        [&](const EngineMessage& message) -> Result<Heard> {
            if (m_progress)
                m_progress(message);
            m_session.record(run, message);
            if (const auto* refused = std::get_if<Unavailable>(&message);
                refused && refused->requestId == request.requestId)
                return refused->error();
            return std::holds_alternative<GenerationDone>(message) ? Heard::Done : Heard::More;
        },
        m_interrupted);
    if (!status && status.error().code != Errc::Cancelled) {
        m_session.failRun(run, status.error());
        return status.error();
    }
    m_session.finishRun(run);
    storeMetrics(m_session, run);
    if (!status)
        return status.error();
    return &run;
}

Result<ExperimentData*> Recorder::experiment(const std::string& kind, const nlohmann::json& params)
{
    const RunExperiment request{m_engine.nextRequestId(), kind, params};
    ExperimentData& experiment = m_session.startExperiment(kind, params, m_model);
    const Status status = converse(
        m_engine, request,
        [&](const EngineMessage& message) -> Result<Heard> {
            if (m_progress)
                m_progress(message);
            if (requestIdOf(message) != request.requestId)
                return Heard::More;
            m_session.record(experiment, message);
            return std::holds_alternative<ExperimentDone>(message) ? Heard::Done : Heard::More;
        },
        m_interrupted);
    if (!status) {
        const bool cancelled = status.error().code == Errc::Cancelled;
        m_session.endExperiment(experiment, cancelled ? "cancelled" : "failed", status.error());
        return status.error();
    }
    m_session.endExperiment(experiment, "done", std::nullopt);
    storeMetrics(m_session, experiment);
    return &experiment;
}

nlohmann::json environmentOf(const EngineProcess& engine, const ModelInfo& model)
{
    return {{"client", "layerscope-cli " LAYERSCOPE_VERSION},
            {"engine", engine.ready().engine},
            {"build", engine.ready().build},
            {"threads", engine.ready().threads},
            {"device", model.device},
            {"dtype", model.dtype},
            {"fingerprint", model.fingerprint}};
}

} // namespace ls
