#include "tests/support/golden.h"

#include "engine/cuda/cuda_description.h"
#include "kernels/cuda/module/decoder.h"
#include "kernels/emu/emu_device.h"

#include <ATen/Parallel.h>
#include <nlohmann/json.hpp>

#include <QTemporaryDir>
#include <QtTest>

#include <filesystem>

using namespace ls;
using namespace ls::test;
namespace fs = std::filesystem;

/// Models of every family as the CUDA module sees them: its decode step, in the emulator, gives the engine's logits.
class TestCudaDescription : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void families_runOrAreRefused_data();
    void families_runOrAreRefused();
    void quantisedFiles_runAsTheyAre();
    void methods_runOrAreRefused_data();
    void methods_runOrAreRefused();

private:
    static std::shared_ptr<const Model> open(const std::string& path, const char* dtype = "float32");
    const std::string m_tiny = LAYERSCOPE_TEST_DATA "/golden/tiny/";
    QTemporaryDir m_folder;
};

namespace {

constexpr double kBar = 2e-5; // of the largest logit, as between the two forward passes of the engine

/// Largest difference of logits over a few tokens, relative to the largest; NaN-safe. Empty problem: it ran.
double compare(const std::shared_ptr<const Model>& model, const PlanPtr& compiled, bool prompt, std::string& problem)
{
    const auto described = CudaModel::of(model, 40);
    const auto plan = CudaPlan::of(compiled);
    if (!described || !plan) {
        problem = described ? plan.error().message : described.error().message;
        return 0;
    }
    emu::EmuDevice device;
    cuda::Decoder decoder(device);
    int number = -1, sequence = -1;
    if (problem = decoder.load(described.value()->description()); !problem.empty())
        return 0;
    if (problem = decoder.addSequence(40, sequence); !problem.empty())
        return 0;
    if (problem = decoder.addPlan(plan.value()->description(), number); !problem.empty())
        return 0;
    std::vector<std::int32_t> ids;
    for (int i = 0; i < (prompt ? 11 : 5); ++i)
        ids.push_back((i * 29 + 3) % model->config().vocabSize);
    KvCache cache = newCache(*model);
    Forward forward(compiled);
    double worst = 0;
    const std::size_t first = prompt ? 9 : 1; // a prompt, then single tokens
    for (std::size_t end = first; end <= ids.size(); ++end) {
        const std::size_t begin = end == first ? 0 : end - 1;
        const std::span<const std::int32_t> part(ids.data() + begin, end - begin);
        const auto expected = forward.run({part, int(ids.size())}, cache);
        if (!expected) {
            problem = expected.error().message;
            return 0;
        }
        std::vector<float> logits(std::size_t(model->config().vocabSize));
        if (problem = decoder.run(number, part); problem.empty())
            problem = decoder.logits(logits);
        if (!problem.empty())
            return 0;
        const at::Tensor ours = at::from_blob(logits.data(), {1, std::int64_t(logits.size())}, at::kFloat);
        worst = std::max(worst, rowError(ours, expected.value()));
    }
    return worst;
}

} // namespace

void TestCudaDescription::initTestCase()
{
    registerMethods(MethodRegistry::instance());
    at::set_num_threads(1);
}

std::shared_ptr<const Model> TestCudaDescription::open(const std::string& path, const char* dtype)
{
    LoadOptions options;
    options.dtype = dtype;
    auto model = Model::open(path, options);
    return model ? model.value() : nullptr;
}

void TestCudaDescription::families_runOrAreRefused_data()
{
    QTest::addColumn<QString>("refused");
    for (const char* name :
         {"gemma2", "gemma3", "granite", "llama", "llama3-rope", "mistral", "phi3", "qwen2", "qwen3", "smollm3"})
        QTest::newRow(name) << QString();
    QTest::newRow("gpt2") << "layer norms";
    QTest::newRow("gpt-neox") << "layer norms";
    QTest::newRow("stablelm") << "layer norms";
    QTest::newRow("mixtral") << "mixtures of experts";
    QTest::newRow("qwen3-moe") << "mixtures of experts";
    QTest::newRow("gpt-oss") << "mixtures of experts";
    QTest::newRow("olmo2") << "a norm over all heads";
    QTest::newRow("olmo3") << "a norm over all heads";
}

void TestCudaDescription::families_runOrAreRefused()
{
    QFETCH(QString, refused);
    const auto model = open(m_tiny + QTest::currentDataTag());
    QVERIFY(model);
    for (const bool prompt : {false, true}) {
        std::string problem;
        const double error = compare(model, plan(model, {}), prompt, problem);
        if (refused.isEmpty()) {
            QVERIFY2(problem.empty(), problem.c_str());
            QVERIFY2(error < kBar, qPrintable(QString::number(error)));
        } else {
            QVERIFY2(problem.find(refused.toStdString()) != std::string::npos, problem.c_str());
        }
    }
}

void TestCudaDescription::quantisedFiles_runAsTheyAre()
{
    int count = 0;
    for (const auto& entry : fs::directory_iterator(m_tiny)) {
        if (!fs::exists(entry.path() / "model.gguf"))
            continue;
        const auto model = open((entry.path() / "model.gguf").string(), "quantised");
        QVERIFY(model);
        if (!CudaModel::of(model, 40))
            continue; // refused: told above
        std::string problem;
        const double error = compare(model, plan(model, {}), false, problem);
        QVERIFY2(problem.empty(), problem.c_str());
        QVERIFY2(error < 2e-3, qPrintable(QString::number(error))); // keys and values in float16 round otherwise
        ++count;
    }
    QVERIFY(count >= 3);
}

void TestCudaDescription::methods_runOrAreRefused_data()
{
    QTest::addColumn<QString>("methods");
    QTest::addColumn<QString>("refused");
    QTest::newRow("skip a block") << R"([{"method":"layer_skip","params":{"blocks":[2]}}])"
                                  << "";
    QTest::newRow("skip branches") << R"([{"method":"layer_skip","params":{"attention":[1],"mlp":[2]}}])"
                                   << "";
    QTest::newRow("steer") << R"([{"method":"steering","params":{"vector":"V","layers":[2],"coefficient":4.0}}])"
                           << "";
    QTest::newRow("silenced head") << R"([{"method":"head_ablation","params":{"heads":[[2,1]]}}])"
                                   << "silenced heads";
    QTest::newRow("direction everywhere")
        << R"([{"method":"direction_ablation","params":{"vector":"V","layers":"all","sites":["resid_pre"]}}])"
        << "elsewhere than after";
    QTest::newRow("direction after blocks")
        << R"([{"method":"direction_ablation","params":{"vector":"V","layers":"all"}}])"
        << "";
}

void TestCudaDescription::methods_runOrAreRefused()
{
    QFETCH(QString, methods);
    QFETCH(QString, refused);
    const auto model = open(m_tiny + "llama");
    const auto golden = Golden::open(m_tiny + "llama");
    QVERIFY(model && golden.ok());
    const std::string vector = m_folder.filePath(QStringLiteral("v.safetensors")).toStdString();
    writeVector(vector, golden.value()->floats("steering_vector"));
    const auto text =
        QString(methods).replace(QStringLiteral("\"V\""), QStringLiteral("\"%1\"").arg(QString::fromStdString(vector)));
    const auto json = nlohmann::json::parse(text.toStdString());
    for (const bool prompt : {false, true}) {
        std::string problem;
        const double error = compare(model, plan(model, methodSetFromJson(json).value()), prompt, problem);
        if (!refused.isEmpty()) {
            QVERIFY2(problem.find(refused.toStdString()) != std::string::npos, problem.c_str());
            continue;
        }
        QVERIFY2(problem.empty(), problem.c_str());
        QVERIFY2(error < kBar, qPrintable(QString::number(error)));
    }
}

QTEST_GUILESS_MAIN(TestCudaDescription)
#include "tst_cuda_description.moc"
