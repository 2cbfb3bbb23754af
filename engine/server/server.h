#pragma once

#include "engine/server/inbox.h"
#include "engine/server/message_pipe.h"

#include <functional>
#include <memory>
#include <string>

namespace ls {

class Model;
class Generation;
class ForwardDevice;

/// The engine's side of the protocol. One reader thread takes messages from the client, the thread that calls run()
/// owns model and torch; the queue is looked at between steps.
class Server {
public:
    using Log = std::function<void(const std::string& line)>;
    Server(int input, int output, Log log);
    ~Server();
    /// Until the input closes or Shutdown. The process is ended from here (exit code 0, or 1 after a broken frame)
    /// within 200 ms even when a forward pass is under way: nothing the engine holds outlives it.
    [[noreturn]] void run();

private:
    void read();
    void leave(int code);
    void serve(Inbox::Item item);
    Status handle(const Hello& hello);
    Status handle(const OpenModel& open);
    Status handle(const InspectModel& inspect);
    Status handle(const Generate& generate);
    Status handle(const SetMethods& methods);
    Status handle(const Cancel&) { return success(); } // acted on by the inbox
    Status handle(const Pause& pause);
    Status handle(const TokenizeText& tokenize);
    Status handle(const RenderChat& render);
    Status handle(const Capture& capture);
    Status handle(const RunExperiment& experiment);
    Status handle(const Shutdown& shutdown);

    Status needModel() const;
    Status needCpu(const char* what) const;
    /// Answers what may be answered in the middle of something longer.
    void serveShort();
    bool checkpoint(const Job& job);

    MessageWriter m_out;
    Log m_log;
    Inbox m_inbox;
    int m_input;
    bool m_greeted = false;
    std::shared_ptr<const Model> m_model;
    std::shared_ptr<ForwardDevice> m_device; ///< where the model generates; there whenever a model is
    Generation* m_generation = nullptr;      ///< the one under way
    bool m_paused = false;
    std::mutex m_leaving;
    std::condition_variable m_left;
    bool m_idle = false; ///< run() has come to its end
};

} // namespace ls
