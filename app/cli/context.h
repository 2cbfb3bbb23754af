#pragma once

#include "core/process/conversation.h"
#include "core/spec/method_use.h"

#include <CLI/CLI.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <string>

/// What all commands share. Data goes to stdout, progress to stderr; exit codes: 0 done, 1 failed, 2 wrong usage.
namespace ls::cli {

/// A command's work: the exit code, or the error that main prints.
using Action = std::function<Result<int>()>;

/// Every command file has one function add<Name>(app, action): it declares the command's options and, when the command
/// is the one on the command line, sets `action`.
void addInspect(CLI::App& app, Action& action);
void addTokenize(CLI::App& app, Action& action);
void addRenderChat(CLI::App& app, Action& action);
void addCapture(CLI::App& app, Action& action);
void addGenerate(CLI::App& app, Action& action);
void addPerplexity(CLI::App& app, Action& action);
void addBench(CLI::App& app, Action& action);
void addRun(CLI::App& app, Action& action);
void addEval(CLI::App& app, Action& action);
void addReport(CLI::App& app, Action& action);
void addRerun(CLI::App& app, Action& action);
void addTour(CLI::App& app, Action& action);
void addCertify(CLI::App& app, Action& action);

/// True after Ctrl-C: the running request is cancelled and what has arrived is kept.
extern std::atomic<bool> interrupted;
/// --verbose: the engine's log is copied to stderr and details of errors are printed.
extern bool verbose;

/// --device, --dtype, --context, --threads.
struct EngineFlags {
    std::string device = "cpu", dtype = "float32";
    int contextLength = 0, threads = 0;
    void addTo(CLI::App& command);
};

/// --prompt, --prompt-file, --ids, --chat: exactly one.
struct PromptFlags {
    std::string text, file, chat;
    std::vector<std::int32_t> ids;
    void addTo(CLI::App& command, bool withChat);
    Result<PromptSpec> read() const;
};

/// --seed, --temperature, --top-p; numbers that no sampler takes are refused at once.
void addSampler(CLI::App& command, SamplerSpec& sampler);

/// A line on stderr that is overwritten on a terminal; elsewhere one line per stage.
class ProgressLine {
public:
    ~ProgressLine() { clear(); }
    void show(const EngineMessage& message); ///< Progress; other messages are ignored
    void show(const std::string& stage);
    void clear();

private:
    std::string m_stage;
    bool m_open = false;
};

using EnginePtr = std::unique_ptr<EngineProcess>;
Result<EnginePtr> startEngine();
struct OpenEngine {
    EnginePtr process;
    ModelInfo model;
};
Result<OpenEngine> openModel(const std::string& path, const EngineFlags& flags);

Result<std::string> readText(const std::string& path);
/// Text that is not UTF-8 is refused: a tokenizer would quietly read something else.
Status checkUtf8(const std::string& text, const std::string& what);
/// Told before a model is loaded: that a file could not be written there later.
Status checkWritable(const std::string& path);
Result<nlohmann::json> readJson(const std::string& path);
/// A --methods file; empty path = no methods. Vector files named in it are looked up beside it first.
Result<MethodSet> readMethods(const std::string& path);
/// Calls `each` with the objects of a JSONL stream, a batch at a time, keys in their order; empty lines are skipped.
/// Lines before a bad one are handed over first.
Status readJsonLines(std::istream& in, std::size_t batch,
                     const std::function<Status(const std::vector<nlohmann::ordered_json>&)>& each);

/// One line of JSON; text that is not UTF-8 is repaired.
std::string jsonLine(const nlohmann::json& json);
void printError(const Error& error);

} // namespace ls::cli
