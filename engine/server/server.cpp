#include "engine/server/server.h"

#include "engine/cuda/cuda_description.h"
#include "engine/cuda/cuda_forward.h"
#include "engine/cuda/cuda_module.h"
#include "engine/evaluate/capture.h"
#include "engine/evaluate/inspect.h"
#include "engine/evaluate/text_requests.h"
#include "engine/experiment/experiment.h"
#include "engine/forward/plan.h"
#include "engine/forward/sequence.h"
#include "engine/generate/generation.h"
#include "engine/server/process_info.h"

#include <ATen/Parallel.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <csignal>
#include <new>
#include <thread>
#include <unistd.h>

namespace ls {

namespace {

constexpr auto kLeaveWithin = std::chrono::milliseconds(120);

/// Registers a job for as long as it runs.
class Running {
public:
    Running(Inbox& inbox, std::uint32_t requestId)
        : job(requestId)
        , m_inbox(inbox)
    {
        m_inbox.begin(job);
    }
    ~Running() { m_inbox.end(job); }
    Running(const Running&) = delete;
    Job job;

private:
    Inbox& m_inbox;
};

std::function<bool()> interruptedBy(const Job& job)
{
    return [&job] { return job.cancelled.load(); };
}

/// The only place where exceptions of libraries become errors.
template <typename F>
Status guarded(F&& work)
{
    try {
        return work();
    } catch (const std::bad_alloc&) {
        return Error{Errc::ModelTooLarge,
                     "Memory ran out.",
                     "Use a shorter text or a smaller context, or close other programs.",
                     {}};
    } catch (const std::exception& error) { // c10::Error among them
        return Error{Errc::Internal, "The engine made a mistake.", "Please report it with the details.", error.what()};
    }
}

} // namespace

Server::Server(int input, int output, Log log)
    : m_out(output)
    , m_log(std::move(log))
    , m_input(input)
{
}

Server::~Server() = default;

void Server::run()
{
    std::signal(SIGPIPE, SIG_IGN); // a client that is gone is noticed when the input closes
    at::set_num_threads(coreCount());
    std::thread([this] { read(); }).detach();
    while (auto item = m_inbox.wait())
        serve(std::move(*item));
    {
        const std::scoped_lock lock(m_leaving);
        m_idle = true;
        m_left.notify_all();
    }
    for (;;) // the reader ends the process
        pause();
}

void Server::read()
{
    const bool whole = readMessages(
        m_input, [this](ClientMessage message) { m_inbox.push(std::move(message)); },
        [this](std::uint32_t requestId, Error error) {
            m_log("bad message: " + error.detail);
            m_out.send(Failed::from(requestId, error));
        });
    leave(whole ? 0 : 1);
}

void Server::leave(int code)
{
    m_inbox.close();
    std::unique_lock lock(m_leaving);
    m_left.wait_for(lock, kLeaveWithin, [&] { return m_idle; });
    _exit(code); // not exit(): a worker inside a library must not see its globals go
}

void Server::serve(Inbox::Item item)
{
    const std::uint32_t requestId = requestIdOf(item.message);
    m_log(logLine(item.message));
    if (item.cancelled) {
        m_out.send(Failed::from(requestId, {Errc::Cancelled, "Stopped before it began.", {}, {}}));
        return;
    }
    const Status status = guarded([&] {
        if (!m_greeted && !std::holds_alternative<Hello>(item.message))
            return Status(Error{Errc::ProtocolVersion,
                                "The client did not say which protocol it speaks.",
                                "Start the desktop and the engine from the same installation.",
                                {}});
        return std::visit([&](const auto& message) { return handle(message); }, item.message);
    });
    if (!status.ok())
        m_out.send(Failed::from(requestId, status.error()));
}

Status Server::handle(const Hello& hello)
{
    if (hello.version != kProtocolVersion)
        return Error{Errc::ProtocolVersion,
                     fmt::format("The engine speaks protocol {}, the client {}.", kProtocolVersion, hello.version),
                     "Install the same version of both; on another machine too.",
                     fmt::format("engine {}, client {}", LAYERSCOPE_VERSION, hello.client)};
    m_greeted = true;
    Ready ready;
    ready.engine = "layerscope-engine " LAYERSCOPE_VERSION;
    ready.build = buildText();
    ready.threads = at::get_num_threads();
    ready.devices = {cpuDevice(ready.threads)};
    for (DeviceInfo& device : cudaDevices())
        ready.devices.push_back(std::move(device));
    ready.rssBytes = residentBytes();
    m_out.send(ready);
    return success();
}

Status Server::needModel() const
{
    if (m_model)
        return success();
    return Error{Errc::FileNotFound, "No model is open.", "Open a model first.", {}};
}

Status Server::handle(const OpenModel& open)
{
    const Running running(m_inbox, open.requestId);
    const auto start = std::chrono::steady_clock::now();
    if (open.threads < 0 || open.threads > 1024)
        return Error{Errc::InvalidParameter,
                     fmt::format("{} threads are not possible.", open.threads),
                     "0 uses every core.",
                     {}};
    at::set_num_threads(open.threads > 0 ? open.threads : coreCount());
    if (open.device != "cpu")
        LS_CHECK(cudaDeviceNumber(open.device));
    LoadOptions options{open.dtype, open.device, open.contextLength};
    options.cancelled = &running.job.cancelled;
    options.progress = [&](const char* stage, double done, double total) {
        m_out.send(Progress{open.requestId, stage, done, total});
    };
    if (open.device != "cpu")
        options.accepts = checkCudaConfig;
    options.checked = [&] { // a file that cannot be opened costs nobody the model at hand
        if (!m_model)
            return;
        forgetPlans(); // they would keep the old model in memory beside the new one
        m_device.reset();
        m_model.reset();
        m_out.send(ModelClosed{open.requestId});
    };
    LS_TRY(auto model, Model::open(open.path, options));
    std::shared_ptr<ForwardDevice> device = std::make_shared<CpuForwardDevice>();
    if (open.device != "cpu") {
        options.progress("copying to the device", 0, 0);
        LS_TRY(device, openCudaForward(open.device, model));
    }
    m_model = std::move(model);
    m_device = std::move(device);
    const auto elapsed = std::chrono::steady_clock::now() - start;
    m_out.send(ModelReady{open.requestId, m_model->info(),
                          std::chrono::duration_cast<std::chrono::microseconds>(elapsed).count()});
    m_out.send(Memory{open.requestId, residentBytes(), m_model->info().weightBytes, {}, {}, {}});
    return success();
}

/// Generation alone runs on other devices. What would silently run on the CPU is refused: its figures would stand under
/// the device's name.
Status Server::needCpu(const char* what) const
{
    LS_CHECK(needModel());
    if (m_model->info().device == "cpu")
        return success();
    return Error{Errc::NotSupported,
                 fmt::format("{} run on the CPU, and this model is open on {}.", what, m_model->info().device),
                 "Open the model on the CPU for them.",
                 {}};
}

Status Server::handle(const InspectModel& inspect)
{
    LS_TRY(nlohmann::json info, inspectFile(inspect.path));
    info["free_bytes"]["cpu"] = availableMemory(); // now; Ready tells that of the start
    for (const DeviceInfo& device : cudaDevices())
        info["free_bytes"][device.id] = device.freeBytes;
    m_out.send(Inspected{inspect.requestId, std::move(info)});
    return success();
}

Status Server::handle(const Generate& generate)
{
    LS_CHECK(needModel());
    Running running(m_inbox, generate.requestId);
    LS_TRY(const auto generation,
           Generation::start(
               m_model, m_device, generate, [this](EngineMessage message) { m_out.send(message); },
               interruptedBy(running.job)));
    m_generation = generation.get();
    m_paused = false;
    Status status = success();
    while (!generation->done()) {
        serveShort();
        if (running.job.cancelled)
            break;
        if (m_paused) {
            m_inbox.waitForAny();
            continue;
        }
        status = guarded([&] { return generation->step(); });
        if (!status.ok())
            break;
    }
    m_generation = nullptr;
    const bool stopped = running.job.cancelled || (!status.ok() && status.error().code == Errc::Cancelled);
    generation->stop(stopped || status.ok() ? "stopped" : "error");
    if (!status.ok() && !stopped)
        return status;
    m_out.send(GenerationDone{generate.requestId});
    return success();
}

void Server::serveShort()
{
    const auto isShort = [&](const ClientMessage& message) {
        return std::holds_alternative<SetMethods>(message) || std::holds_alternative<Pause>(message) ||
               std::holds_alternative<TokenizeText>(message) || std::holds_alternative<RenderChat>(message) ||
               std::holds_alternative<InspectModel>(message) || std::holds_alternative<Hello>(message) ||
               std::holds_alternative<Shutdown>(message);
    };
    while (auto item = m_inbox.take(isShort))
        serve(std::move(*item));
}

bool Server::checkpoint(const Job& job)
{
    serveShort();
    const auto isGenerate = [](const ClientMessage& message) { return std::holds_alternative<Generate>(message); };
    while (!job.cancelled) {
        auto item = m_inbox.take(isGenerate);
        if (!item)
            break;
        serve(std::move(*item));
    }
    return !job.cancelled;
}

Status Server::handle(const SetMethods& methods)
{
    LS_CHECK(needModel());
    if (!m_generation || !m_generation->setMethods(methods))
        m_out.send(checkMethods(m_model, *m_device, methods));
    return success();
}

Status Server::handle(const Pause& pause)
{
    if (m_generation && m_generation->requestId() == pause.target)
        m_paused = pause.paused;
    return success();
}

Status Server::handle(const TokenizeText& tokenize)
{
    LS_TRY(Tokenized tokenized, tokenizeTexts(m_model.get(), tokenize));
    m_out.send(tokenized);
    return success();
}

Status Server::handle(const RenderChat& render)
{
    LS_TRY(Rendered rendered, renderChats(m_model.get(), render));
    m_out.send(rendered);
    return success();
}

Status Server::handle(const Capture& capture)
{
    LS_CHECK(needCpu("Captures"));
    Running running(m_inbox, capture.requestId);
    CaptureOutput output;
    output.tensor = [&](const std::string& name, TensorBlob value) {
        m_out.send(Tensor{capture.requestId, name, std::move(value)});
    };
    output.interrupted = interruptedBy(running.job);
    LS_TRY(nlohmann::json result, runCapture(m_model, capture, output));
    m_out.send(ExperimentDone{capture.requestId, std::move(result)});
    return success();
}

Status Server::handle(const RunExperiment& experiment)
{
    LS_CHECK(needCpu("Experiments and measurements"));
    const ExperimentRegistry::Run* run = ExperimentRegistry::instance().find(experiment.kind);
    if (!run)
        return Error{Errc::InvalidParameter,
                     fmt::format("There is no experiment \"{}\".", experiment.kind),
                     fmt::format("Known: {}.", fmt::join(ExperimentRegistry::instance().kinds(), ", ")),
                     {}};
    Running running(m_inbox, experiment.requestId);
    ExperimentContext context{m_model, experiment.params};
    context.progress = [&](const std::string& stage, double done, double total) {
        m_out.send(Progress{experiment.requestId, stage, done, total});
    };
    context.row = [&, index = 0](nlohmann::json row) mutable {
        m_out.send(ExperimentRow{experiment.requestId, index++, std::move(row)});
    };
    context.tensor = [&](const std::string& name, TensorBlob value) {
        m_out.send(Tensor{experiment.requestId, name, std::move(value)});
    };
    context.checkpoint = [&] { return checkpoint(running.job); };
    context.interrupted = interruptedBy(running.job);
    LS_TRY(nlohmann::json result, (*run)(context));
    m_out.send(ExperimentDone{experiment.requestId, std::move(result)});
    return success();
}

Status Server::handle(const Shutdown&)
{
    leave(0);
    return success();
}

} // namespace ls
