#include "tests/support/golden.h"

#include "engine/cuda/cuda_forward.h"
#include "engine/generate/generation.h"

#include <ATen/Parallel.h>
#include <ATen/ops/equal.h>
#include <nlohmann/json.hpp>

#include <QTemporaryDir>
#include <QtTest>

#include <dlfcn.h>
#include <set>

using namespace ls;
using namespace ls::test;

/// Lanes on the emulated CUDA device do what lanes on the CPU do. The module is opened as the engine opens it; the
/// generation is driven step by step, so that a switch falls on the same token on both.
class TestCudaLane : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void families_generateAsOnTheCpu_data();
    void families_generateAsOnTheCpu();
    void drawnTokens_areThoseOfTheCpu();
    void toggle_actsAtTheNextToken_data();
    void toggle_actsAtTheNextToken();
    void methods_fromTheStart_data();
    void methods_fromTheStart();
    void probes_seeTheSameStreams();
    void refusedMethod_isNamed_andTheLaneGoesOn();
    void sequence_goesBackAndOn();
    void sequence_refusesWhatItCannotShow();
    void brokenStream_leavesTheSequenceAsBefore();
    void cancel_leavesTheSequenceAsBefore();
    void memory_isGivenBack();

private:
    struct Opened {
        std::shared_ptr<const Model> model;
        std::shared_ptr<ForwardDevice> cpu, cuda;
    };
    static Opened open(const std::string& name);
    MethodSet methods(QString text, const std::string& model = "llama");
    const std::string m_tiny = LAYERSCOPE_TEST_DATA "/golden/tiny/";
    QTemporaryDir m_folder;
};

namespace {

/// What a generation sent.
struct Sent {
    std::map<std::string, std::vector<Token>> tokens;
    std::map<std::tuple<std::string, std::string, int>, std::vector<float>> taps; // lane, output, position
    std::vector<Applied> applied;
    std::vector<Unavailable> refused;
    Status status = success();

    std::vector<std::int32_t> ids(const std::string& lane) const
    {
        std::vector<std::int32_t> out;
        for (const Token& token : tokens.at(lane))
            out.push_back(token.id);
        return out;
    }
};

struct Switch {
    int after = 0; // steps
    SetMethods message;
};

Sent generate(const std::shared_ptr<const Model>& model, const std::shared_ptr<ForwardDevice>& device,
              const Generate& request, const std::vector<Switch>& switches = {})
{
    Sent sent;
    const auto collect = [&](EngineMessage message) {
        if (const auto* token = std::get_if<Token>(&message))
            sent.tokens[token->lane].push_back(*token);
        else if (const auto* tap = std::get_if<Tap>(&message); tap && tap->value.dtype == "f32")
            sent.taps[{tap->lane, tap->output, tap->position}] = tap->value.floats();
        else if (const auto* applied = std::get_if<Applied>(&message))
            sent.applied.push_back(*applied);
        else if (const auto* refused = std::get_if<Unavailable>(&message))
            sent.refused.push_back(*refused);
    };
    auto generation = Generation::start(model, device, request, collect, [] { return false; });
    if (!generation)
        return sent.status = generation.error(), sent;
    for (int step = 0; !generation.value()->done() && sent.status.ok(); ++step) {
        for (const Switch& change : switches)
            if (change.after == step)
                generation.value()->setMethods(change.message);
        sent.status = generation.value()->step();
    }
    return sent;
}

Generate request(int prompt, int tokens)
{
    Generate out;
    for (int i = 0; i < prompt; ++i)
        out.prompt.ids.push_back((i * 29 + 3) % 512);
    out.maxTokens = tokens;
    out.ignoreEos = true;
    out.topK = 10;
    out.lanes = {{"A", {}}};
    return out;
}

/// Largest difference of what lanes say of their tokens; infinite where one says what the other does not.
double difference(const Sent& a, const Sent& b)
{
    double worst = a.tokens.size() == b.tokens.size() ? 0 : INFINITY;
    const auto meet = [&](double x, double y) {
        const double d = std::abs(x - y);
        worst = d <= worst ? worst : std::isnan(d) ? INFINITY : d;
    };
    for (const auto& [lane, tokens] : a.tokens) {
        const auto& others = b.tokens.at(lane);
        for (std::size_t i = 0; i < tokens.size() && i < others.size(); ++i) {
            meet(tokens[i].id, others[i].id);
            meet(tokens[i].logprob, others[i].logprob);
            meet(tokens[i].entropy, others[i].entropy);
            meet(double(tokens[i].top.size()), double(others[i].top.size()));
            for (std::size_t k = 0; k < tokens[i].top.size() && k < others[i].top.size(); ++k)
                meet(tokens[i].top[k].logprob, others[i].top[k].logprob);
        }
        meet(double(tokens.size()), double(others.size()));
    }
    return worst;
}

constexpr double kBar = 1e-4; // of a logarithm of a probability

std::int64_t allocated()
{
    void* module = dlopen(std::getenv("LAYERSCOPE_CUDA_MODULE"), RTLD_NOW | RTLD_NOLOAD);
    const auto count = module ? reinterpret_cast<std::int64_t (*)()>(dlsym(module, "lsEmuAllocated")) : nullptr;
    return count ? count() : -1;
}

std::vector<std::int32_t> someIds(int count, int from = 3)
{
    std::vector<std::int32_t> ids;
    for (int i = 0; i < count; ++i)
        ids.push_back((i * 29 + from) % 512);
    return ids;
}

} // namespace

void TestCudaLane::initTestCase()
{
    qputenv("LAYERSCOPE_CUDA_MODULE",
            (QCoreApplication::applicationDirPath() + QStringLiteral("/liblayerscope_cuda_emu.so")).toUtf8());
    registerMethods(MethodRegistry::instance());
    registerStreamProbes(ProbeRegistry::instance());
    at::set_num_threads(1);
}

TestCudaLane::Opened TestCudaLane::open(const std::string& name)
{
    LoadOptions options;
    options.device = "cuda:0";
    Opened out;
    auto model = Model::open(LAYERSCOPE_TEST_DATA "/golden/tiny/" + name, options);
    if (!model)
        return out;
    out.model = model.value();
    out.cpu = std::make_shared<CpuForwardDevice>();
    if (auto device = openCudaForward("cuda:0", out.model))
        out.cuda = device.value();
    return out;
}

/// "V" in the text: a steering vector of the model.
MethodSet TestCudaLane::methods(QString text, const std::string& model)
{
    const std::string vector = m_folder.filePath(QStringLiteral("v.safetensors")).toStdString();
    writeVector(vector, Golden::open(m_tiny + model).value()->floats("steering_vector"));
    text.replace(QStringLiteral("\"V\""), QStringLiteral("\"%1\"").arg(QString::fromStdString(vector)));
    return methodSetFromJson(nlohmann::json::parse(text.toStdString())).value();
}

void TestCudaLane::families_generateAsOnTheCpu_data()
{
    QTest::addColumn<int>("prompt");
    for (const char* name :
         {"gemma2", "gemma3", "granite", "llama", "llama3-rope", "mistral", "phi3", "qwen2", "qwen3", "smollm3"})
        QTest::newRow(name) << (name[0] == 'l' || name[0] == 'm' ? 12 : 5); // a prompt, or one step of the device
}

void TestCudaLane::families_generateAsOnTheCpu()
{
    QFETCH(int, prompt);
    const Opened opened = open(QTest::currentDataTag());
    QVERIFY(opened.cuda);
    const Sent cpu = generate(opened.model, opened.cpu, request(prompt, 16)),
               cuda = generate(opened.model, opened.cuda, request(prompt, 16));
    QVERIFY2(cuda.status.ok(), cuda.status.ok() ? "" : cuda.status.error().message.c_str());
    QCOMPARE(cuda.tokens.at("A").size(), std::size_t(prompt) + 16);
    QCOMPARE(cuda.ids("A"), cpu.ids("A"));
    QVERIFY2(difference(cpu, cuda) < kBar, qPrintable(QString::number(difference(cpu, cuda))));
    std::set<float> logprobs; // a model may say one token again and again, but not with one probability
    for (const Token& token : cuda.tokens.at("A"))
        logprobs.insert(token.logprob);
    QVERIFY(logprobs.size() > 10);
}

void TestCudaLane::drawnTokens_areThoseOfTheCpu()
{
    const Opened opened = open("llama");
    Generate wanted = request(5, 12);
    wanted.sampler = {0.9, 0.95, 7};
    const Sent cpu = generate(opened.model, opened.cpu, wanted), cuda = generate(opened.model, opened.cuda, wanted);
    QCOMPARE(cuda.ids("A"), cpu.ids("A"));
    wanted.sampler.temperature = 0;
    QVERIFY(generate(opened.model, opened.cuda, wanted).ids("A") != cuda.ids("A"));
}

void TestCudaLane::toggle_actsAtTheNextToken_data()
{
    QTest::addColumn<QString>("methods");
    QTest::addColumn<QString>("policy");
    const QString skip = QStringLiteral(R"([{"method":"layer_skip","params":{"blocks":[2]}}])"),
                  steer = QStringLiteral(
                      R"([{"method":"steering","params":{"vector":"V","layers":[2],"coefficient":6.0}}])"),
                  window = QStringLiteral(
                      R"([{"method":"sparse_attention","params":{"mode":"window","sinks":1,"window":4}}])");
    QTest::newRow("skip, keep") << skip << "keep";
    QTest::newRow("skip, recompute") << skip << "recompute";
    QTest::newRow("skip, fork") << skip << "fork";
    QTest::newRow("steer, keep") << steer << "keep";
    QTest::newRow("window, auto") << window << "auto";
    QTest::newRow("window of generated tokens, recompute")
        << QString(window).replace(QStringLiteral("}}]"), QStringLiteral(R"(,"phase":"decode"}}])")) << "recompute";
}

/// On after four steps (the first reads the prompt) and off again after nine.
void TestCudaLane::toggle_actsAtTheNextToken()
{
    QFETCH(QString, methods);
    QFETCH(QString, policy);
    const Opened opened = open("llama");
    Generate wanted = request(6, 12);
    wanted.lanes = {{"A", {}}, {"B", {}}};
    const std::string how = policy.toStdString();
    const std::vector<Switch> switches{{4, {1, "B", this->methods(methods), how}},
                                       {9, {2, "B", {}, how == "fork" ? "keep" : how}}};
    const Sent cpu = generate(opened.model, opened.cpu, wanted, switches),
               cuda = generate(opened.model, opened.cuda, wanted, switches);
    QCOMPARE(cuda.applied.size(), std::size_t(2));
    for (std::size_t i = 0; i < 2; ++i) {
        QCOMPARE(cuda.applied[i].position, cpu.applied[i].position);
        QCOMPARE(cuda.applied[i].policy, cpu.applied[i].policy);
    }
    QVERIFY2(difference(cpu, cuda) < kBar, qPrintable(QString::number(difference(cpu, cuda))));
    QCOMPARE(cuda.applied[0].position, 6 + 3);
    const auto &a = cuda.tokens.at("A"), &b = cuda.tokens.at("B");
    QCOMPARE(a[8].logprob, b[8].logprob); // before the switch they are the same
    const Token &before = a[9], &after = b[9];
    QVERIFY(before.id != after.id || std::abs(before.logprob - after.logprob) > 10 * kBar); // then at once no more
}

void TestCudaLane::methods_fromTheStart_data()
{
    QTest::addColumn<QString>("methods");
    QTest::newRow("skipped branches") << R"([{"method":"layer_skip","params":{"attention":[1],"mlp":[2]}}])";
    QTest::newRow("steering of what is generated")
        << R"([{"method":"steering","params":{"vector":"V","layers":[2],"coefficient":6.0,"tokens":"generated"}}])";
    QTest::newRow("a direction removed") << R"([{"method":"direction_ablation","params":{"vector":"V"}}])";
    QTest::newRow("steering of the prompt")
        << R"([{"method":"steering","params":{"vector":"V","layers":[2],"coefficient":6.0,"tokens":"prompt"}}])";
    QTest::newRow("steering of the prompt's last token")
        << R"([{"method":"steering","params":{"vector":"V","layers":[2],"coefficient":6.0,"tokens":"last_prompt"}}])";
    QTest::newRow("window") << R"([{"method":"sparse_attention","params":{"mode":"window","sinks":2,"window":5}}])";
    QTest::newRow("window in one block")
        << R"([{"method":"sparse_attention","params":{"mode":"window","sinks":2,"window":5,"layers":[1]}}])";
    QTest::newRow("window of generated tokens")
        << R"([{"method":"sparse_attention","params":{"mode":"window","sinks":1,"window":4,"phase":"decode"}}])";
}

void TestCudaLane::methods_fromTheStart()
{
    QFETCH(QString, methods);
    const Opened opened = open("llama");
    Generate wanted = request(10, 6);
    const Sent dense = generate(opened.model, opened.cuda, wanted);
    wanted.lanes = {{"A", this->methods(methods)}};
    const Sent cpu = generate(opened.model, opened.cpu, wanted), cuda = generate(opened.model, opened.cuda, wanted);
    QVERIFY2(cuda.status.ok(), cuda.status.ok() ? "" : cuda.status.error().message.c_str());
    QVERIFY2(difference(cpu, cuda) < kBar, qPrintable(QString::number(difference(cpu, cuda))));
    QVERIFY(difference(dense, cuda) > 10 * kBar);
}

void TestCudaLane::probes_seeTheSameStreams()
{
    const Opened opened = open("qwen3");
    Generate wanted = request(11, 4);
    wanted.lanes = {{"A", {}}, {"B", methods(QStringLiteral(R"([{"method":"layer_skip","params":{"blocks":[1]}}])"))}};
    wanted.probes = {"layer_norms", "logit_lens"};
    const Sent cpu = generate(opened.model, opened.cpu, wanted), cuda = generate(opened.model, opened.cuda, wanted);
    std::set<std::string> outputs;
    QCOMPARE(cuda.taps.size(), cpu.taps.size());
    for (const auto& [key, values] : cpu.taps) {
        outputs.insert(std::get<1>(key));
        const auto& others = cuda.taps.at(key);
        QCOMPARE(others.size(), values.size());
        for (std::size_t i = 0; i < values.size(); ++i)
            QVERIFY(std::abs(values[i] - others[i]) <= 1e-4 * std::max(1.0F, std::abs(values[i])));
    }
    for (const char* output : {"resid_norm", "stream_distance", "kl"})
        QVERIFY2(outputs.contains(output), output);
    wanted.probes.clear();
    wanted.lanes = {{"A", {}}};
    QCOMPARE(generate(opened.model, opened.cuda, wanted).ids("A"), cuda.ids("A")); // looking changes nothing
}

void TestCudaLane::refusedMethod_isNamed_andTheLaneGoesOn()
{
    const Opened opened = open("llama");
    const MethodSet both = methods(QStringLiteral(R"([{"method":"layer_skip","params":{"blocks":[1]}},
        {"method":"head_ablation","params":{"heads":[[2,1]]}}])"));
    const Sent plain = generate(opened.model, opened.cuda, request(5, 6)),
               asked = generate(opened.model, opened.cuda, request(5, 6), {{3, {9, "A", both, "auto"}}});
    QCOMPARE(asked.refused.size(), std::size_t(1));
    QCOMPARE(asked.refused[0].method, 1);
    QVERIFY(asked.refused[0].message.find("silenced heads") != std::string::npos);
    QVERIFY(!asked.refused[0].hint.empty());
    QCOMPARE(asked.ids("A"), plain.ids("A"));
    Generate wanted = request(5, 6);
    wanted.lanes = {{"A", both}};
    const Sent never = generate(opened.model, opened.cuda, wanted);
    QVERIFY(!never.status.ok() && never.tokens.empty());
    QVERIFY(never.status.error().detail.find("lane A, method 1") != std::string::npos);
    const auto idle = checkMethods(opened.model, *opened.cuda, {1, "A", both, "auto"});
    QCOMPARE(std::get<Unavailable>(idle).method, 1);
}

void TestCudaLane::sequence_goesBackAndOn()
{
    const Opened opened = open("llama");
    auto cuda = opened.cuda->sequence(plan(opened.model, {}), 40),
         cpu = opened.cpu->sequence(plan(opened.model, {}), 40);
    QVERIFY(cuda.ok() && cpu.ok());
    const auto ids = someIds(12), others = someIds(5, 100);
    const auto compare = [&](Sequence& a, Sequence& b, std::span<const std::int32_t> part) {
        const auto x = a.run({part, 12}), y = b.run({part, 12});
        return x && y ? rowError(x.value(), y.value()) : INFINITY;
    };
    QVERIFY(compare(*cuda.value(), *cpu.value(), ids) < 2e-5);
    for (const auto& sequence : {cuda.value().get(), cpu.value().get()}) {
        QVERIFY(sequence->truncate(6).ok());
        QCOMPARE(sequence->length(), 6);
    }
    QVERIFY(compare(*cuda.value(), *cpu.value(), others) < 2e-5);
    auto copy = cuda.value()->clone();
    QVERIFY(copy.ok());
    QVERIFY(cuda.value()->run({std::span(ids).first(3), 12}).ok()); // the copy does not see it
    QCOMPARE(copy.value()->length(), 11);
    QVERIFY(compare(*copy.value(), *cpu.value(), std::span(others).first(1)) < 2e-5);
    auto fresh = copy.value()->another(plan(opened.model, {}));
    QVERIFY(fresh.ok());
    QCOMPARE(fresh.value()->length(), 0);
    QCOMPARE(fresh.value()->run({someIds(41), 0}).error().code, Errc::ContextTooLarge); // more than it has room for
    QCOMPARE(fresh.value()->length(), 0);
    QCOMPARE(cuda.value()->bytes(), 40 * opened.model->info().kvBytesPerToken);
}

void TestCudaLane::sequence_refusesWhatItCannotShow()
{
    const Opened opened = open("llama");
    auto sequence = opened.cuda->sequence(plan(opened.model, {}), 40);
    QVERIFY(sequence.ok());
    TapStore taps;
    taps.want({{Site::ResidPost, 1}, {Site::AttnPattern, 2}});
    const auto ids = someIds(3);
    ForwardInput input{ids, 3};
    input.taps = &taps;
    const auto refused = sequence.value()->run(input);
    QVERIFY(!refused.ok());
    QCOMPARE(refused.error().code, Errc::HookUnavailable);
    QVERIFY2(refused.error().message.find("blocks.2.attn") != std::string::npos, refused.error().message.c_str());
    QCOMPARE(sequence.value()->length(), 0);
    QCOMPARE(sequence.value()->run({{}, 0}).error().code, Errc::PromptEmpty);
    const std::int32_t unknown = 512;
    QCOMPARE(sequence.value()->run({{&unknown, 1}, 0}).error().code, Errc::InvalidParameter);
}

void TestCudaLane::brokenStream_leavesTheSequenceAsBefore()
{
    const Opened opened = open("llama");
    auto sequence = opened.cuda->sequence(plan(opened.model, {}), 40),
         straight = opened.cuda->sequence(plan(opened.model, {}), 40);
    const auto ids = someIds(4);
    QVERIFY(sequence.value()->run({ids, 4}).ok() && straight.value()->run({ids, 4}).ok());
    at::Tensor huge = Golden::open(m_tiny + "llama").value()->floats("steering_vector").mul(1e38);
    const std::string file = m_folder.filePath(QStringLiteral("huge.safetensors")).toStdString();
    writeVector(file, huge);
    const PlanPtr breaking =
        plan(opened.model, {{"steering", {{"vector", file}, {"layers", {2}}, {"coefficient", 100.0}}}});
    QVERIFY(sequence.value()->setPlan(breaking).ok());
    const auto broken = sequence.value()->run({std::span(ids).first(2), 4});
    QVERIFY(!broken.ok());
    QCOMPARE(broken.error().code, Errc::NanStream);
    QCOMPARE(sequence.value()->length(), 4);
    QVERIFY(sequence.value()->setPlan(plan(opened.model, {})).ok());
    const auto after = sequence.value()->run({std::span(ids).first(1), 4}),
               expected = straight.value()->run({std::span(ids).first(1), 4});
    QVERIFY(after.ok() && at::equal(after.value(), expected.value()));
}

void TestCudaLane::cancel_leavesTheSequenceAsBefore()
{
    const Opened opened = open("llama");
    auto sequence = opened.cuda->sequence(plan(opened.model, {}), 40);
    const auto ids = someIds(12);
    ForwardInput input{ids, 12};
    input.interrupted = [] { return true; };
    QCOMPARE(sequence.value()->run(input).error().code, Errc::Cancelled);
    QCOMPARE(sequence.value()->length(), 0);
}

void TestCudaLane::memory_isGivenBack()
{
    const std::int64_t before = allocated();
    QVERIFY(before >= 0);
    {
        const Opened opened = open("llama");
        QVERIFY(opened.cuda);
        const std::int64_t loaded = allocated();
        QVERIFY(loaded > before);
        Generate wanted = request(9, 6);
        wanted.probes = {"layer_norms"};
        const MethodSet skip = methods(QStringLiteral(R"([{"method":"layer_skip","params":{"blocks":[2]}}])"));
        const Sent sent =
            generate(opened.model, opened.cuda, wanted, {{3, {1, "A", skip, "fork"}}, {4, {2, "A", {}, "keep"}}});
        QVERIFY(sent.status.ok() && sent.tokens.size() == 2);
        QVERIFY(allocated() <= loaded + 1); // the rows of all logits are kept for the next prompt
    }
    QCOMPARE(allocated(), before);
}

QTEST_GUILESS_MAIN(TestCudaLane)
#include "tst_cuda_lane.moc"
