#include "core/protocol/codec.h"
#include "tests/support/fake_experiments.h"
#include "tests/support/fake_generation.h"
#include "tests/support/fake_inspect.h"
#include "tests/support/fake_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <set>
#include <thread>

/// An engine without a model, for tests of its clients: speaks the protocol, makes deterministic tokens and taps.
/// Options come as arguments or, for programs that start an engine themselves, in $FAKE_ENGINE ("--rate 50 ..."):
///   --rate N       generated tokens per second and lane (400)
///   --load-ms N    time to open a model (20)
///   --certify-ms N  time of each of the four steps of a certificate (0)
///   --eos-at N     the N-th generated token is the end of the text
///   --crash-at N   SIGSEGV before the N-th generated token;  --kill-at N  SIGKILL;  --exit-at N  exit code 3
///   --bus-error-at N  SIGBUS, as of a mapped file that became shorter
///   --garbage-at N bytes that are no message before the N-th generated token;  --garbage  instead of Ready
///   --version N    protocol version in Ready
///   --silent       never answers Hello
///   --log TEXT     a line on stderr at the start
namespace ls::fake {

namespace {

class Engine {
public:
    Engine(Options options, Inbox& inbox)
        : m_options(std::move(options))
        , m_inbox(inbox)
    {
    }
    void handle(const ClientMessage& message)
    {
        std::visit([this](const auto& concrete) { on(concrete); }, message);
    }

private:
    void on(const Hello& hello)
    {
        if (m_options.silent)
            return;
        if (m_options.garbage)
            return sayGarbage();
        if (hello.version != kProtocolVersion)
            return say(Failed::from(0, {Errc::ProtocolVersion, "Other protocol version.", "Update both.", {}}));
        say(Ready{m_options.version,
                  "fake-engine " LAYERSCOPE_VERSION,
                  "fake",
                  {{"cpu", "CPU, fake", 8ll << 30}, {"cuda:0", "CUDA", 0, false, "no NVIDIA driver found"}},
                  2,
                  10 << 20});
    }
    void on(const OpenModel& open)
    {
        if (!std::filesystem::exists(open.path))
            return fail(open.requestId, Errc::FileNotFound, fmt::format("{} does not exist.", open.path),
                        "Check the path.");
        for (int step = 1; step <= 4; ++step) {
            std::this_thread::sleep_for(std::chrono::microseconds(m_options.loadMs * 250));
            say(Progress{open.requestId, "reading tensors", step * 25.0, 100.0});
        }
        m_model = modelInfo(open);
        say(ModelReady{open.requestId, *m_model, m_options.loadMs * 1000});
        say(Memory{open.requestId, 20 << 20, m_model->weightBytes, {}, {}, {}});
    }
    void on(const InspectModel& request)
    {
        auto info = inspect(request.path);
        if (info)
            say(Inspected{request.requestId, std::move(info).value()});
        else
            say(Failed::from(request.requestId, info.error()));
    }
    void on(const TokenizeText& request)
    {
        Tokenized answer{request.requestId, {}, {}};
        for (const std::string& text : request.texts) {
            answer.ids.push_back(encode(text));
            answer.decoded.push_back(decode(answer.ids.back()));
        }
        say(answer);
    }
    void on(const RenderChat& request)
    {
        Rendered answer{request.requestId};
        for (const auto& context : request.contexts) {
            const auto messages = context.find("messages");
            answer.results.push_back(messages == context.end() ? nlohmann::json{{"error", "'messages' is undefined"}}
                                                               : nlohmann::json{{"rendered", render(*messages)}});
        }
        say(answer);
    }
    void on(const Capture& request)
    {
        auto ids = promptIds(request.requestId, request.prompt);
        if (ids.empty())
            return;
        if (const auto refused = refusal(request.requestId, request.methods))
            return say(Failed::from(request.requestId, refused->error()));
        const std::uint64_t key = methodKey(request.methods);
        std::vector<std::int32_t> generated, all = ids;
        for (int i = 0; i < request.generate; ++i) {
            const auto step = next(all, key);
            generated.push_back(step.ids[step.argmax()]);
            all.push_back(generated.back());
        }
        say(Tensor{request.requestId, "ids", TensorBlob::fromInts({std::int64_t(ids.size())}, ids)});
        const auto& tapped = request.tapGenerated ? all : ids;
        for (const std::string& site : sites())
            for (const std::string& tap : request.taps)
                if (matches(tap, site)) {
                    say(Tensor{request.requestId, site, siteValue(site, tapped, key)});
                    break;
                }
        if (request.generate > 0)
            say(Tensor{request.requestId, "generated",
                       TensorBlob::fromInts({std::int64_t(generated.size())}, generated)});
        say(ExperimentDone{request.requestId, nlohmann::json::object()});
    }
    void on(const RunExperiment& request)
    {
        if (!m_model)
            return noModel(request.requestId);
        if (m_cancelled.erase(request.requestId) > 0)
            return fail(request.requestId, Errc::Cancelled, "Stopped before it began.", {});
        auto result = runExperiment(request, [&](EngineMessage message) {
            if (request.kind == "certify")
                std::this_thread::sleep_for(std::chrono::milliseconds(m_options.certifyMs));
            say(message);
            while (const auto urgent = m_inbox.nextUrgent(Clock::now())) {
                if (const auto* cancel = std::get_if<Cancel>(&*urgent); cancel && cancel->target == request.requestId)
                    return false;
                handle(*urgent);
            }
            return true;
        });
        if (result)
            say(ExperimentDone{request.requestId, result.value()});
        else
            say(Failed::from(request.requestId, result.error()));
    }
    void on(const SetMethods& set)
    {
        if (const auto refused = refusal(set.requestId, set.methods))
            say(*refused);
        else
            say(Applied{set.requestId, 0, set.lane, -1, policyFor({}, set.methods, set.policy), {}, 0, set.methods});
    }
    void on(const Cancel& cancel) { m_cancelled.insert(cancel.target); } // still waits, or has ended
    void on(const Pause&) {}
    [[noreturn]] void on(const Shutdown&) { std::_Exit(0); }
    void on(const Generate& request)
    {
        const auto ids = promptIds(request.requestId, request.prompt);
        if (ids.empty())
            return;
        for (const LaneSpec& spec : request.lanes)
            if (const auto refused = refusal(request.requestId, spec.methods))
                return say(Failed::from(request.requestId, refused->error()));
        Generation(m_options, *m_model, request, ids).run(m_inbox, [this](const auto& other) { handle(other); });
    }

    void fail(std::uint32_t id, Errc code, std::string message, std::string hint)
    {
        say(Failed::from(id, {code, std::move(message), std::move(hint), {}}));
    }
    void noModel(std::uint32_t id) { fail(id, Errc::InvalidParameter, "No model is open.", "Open a model first."); }
    static std::string render(const nlohmann::ordered_json& messages)
    {
        std::string text;
        for (const auto& message : messages)
            text +=
                fmt::format("<|im_start|>{}\n{}<|im_end|>\n", message.value("role", ""), message.value("content", ""));
        return text + "<|im_start|>assistant\n";
    }
    static bool matches(const std::string& pattern, const std::string& site)
    {
        const auto star = pattern.find('*');
        if (star == std::string::npos)
            return pattern == site;
        return site.starts_with(pattern.substr(0, star)) && site.ends_with(pattern.substr(star + 1));
    }
    /// Empty after an error was said.
    std::vector<std::int32_t> promptIds(std::uint32_t id, const PromptSpec& prompt)
    {
        if (!m_model) {
            noModel(id);
            return {};
        }
        auto ids = prompt.ids;
        if (ids.empty())
            ids = encode(prompt.messages.empty() ? prompt.text : render(prompt.messages));
        if (ids.empty())
            fail(id, Errc::PromptEmpty, "The prompt is empty.", "Write something first.");
        if (int(ids.size()) >= m_model->contextLength) {
            fail(id, Errc::PromptTooLong,
                 fmt::format("The prompt has {} tokens, the context holds {}.", ids.size(), m_model->contextLength),
                 "Shorten it, or open the model with a longer context.");
            ids.clear();
        }
        return ids;
    }

    Options m_options;
    Inbox& m_inbox;
    std::optional<ModelInfo> m_model;
    std::set<std::uint32_t> m_cancelled;
};

} // namespace

} // namespace ls::fake

int main(int argc, char** argv)
{
    using namespace ls::fake;
    std::signal(SIGPIPE, SIG_IGN);
    const Options options = readOptions(argc, argv);
    if (!options.log.empty())
        std::cerr << options.log << std::endl;
    Inbox inbox;
    std::thread([&] { inbox.run(); }).detach();
    Engine engine(options, inbox);
    for (;;)
        engine.handle(inbox.next());
}
