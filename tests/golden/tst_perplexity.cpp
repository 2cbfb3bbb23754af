#include "engine/evaluate/scoring.h"
#include "tests/support/test_model.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <sstream>

#include <QtTest>

using namespace ls;
using namespace ls::test;
using nlohmann::json;

/// Perplexity of WikiText-2 equals the reference implementation's, window by window (tests/data/perplexity). The first
/// windows only; the whole measure is in tests/bench.
class TestPerplexity : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void windows_equalTheReference_data();
    void windows_equalTheReference();
};

void TestPerplexity::windows_equalTheReference_data()
{
    QTest::addColumn<QString>("path");
    QTest::addColumn<QString>("name");
    QTest::addColumn<int>("windows");
    const char* gemma = std::getenv("LAYERSCOPE_GEMMA");
    QTest::newRow("SmolLM2") << QString::fromStdString(smolLmPath()) << QStringLiteral("smollm2-135m-instruct-q4_1")
                             << 3;
    QTest::newRow("Gemma") << QString::fromUtf8(gemma ? gemma : "") << QStringLiteral("gemma-3-270m-q4_k_m") << 1;
}

void TestPerplexity::windows_equalTheReference()
{
    QFETCH(QString, path);
    QFETCH(QString, name);
    QFETCH(int, windows);
    if (path.isEmpty() && name.startsWith(QLatin1String("gemma")))
        QSKIP("Set LAYERSCOPE_GEMMA to gemma-3-270m-q4_k_m.gguf to run this; the licence does not let us ship it.");
    QVERIFY2(!path.isEmpty(), kSmolLmMissing);
    const std::string folder = LAYERSCOPE_TEST_DATA "/perplexity/";
    std::ifstream stored(folder + name.toStdString() + ".json"), text(folder + "wikitext-2-test-head.txt");
    const json expected = json::parse(stored);
    std::ostringstream content;
    content << text.rdbuf();
    LoadOptions options;
    options.contextLength = 1024;
    const auto model = Model::open(path.toStdString(), options);
    QVERIFY2(model.ok(), model.ok() ? "" : model.error().message.c_str());
    ExperimentContext context{model.value()};
    context.params = {{"text", content.str()}, {"lanes", {"A"}}, {"context", 512}, {"max_tokens", 512 * windows}};
    context.progress = [](const std::string&, double, double) {};
    context.checkpoint = [] { return true; };
    std::vector<json> rows;
    context.row = [&](json row) { rows.push_back(std::move(row)); };
    const auto result = runPerplexity(context);
    QVERIFY2(result.ok(), result.ok() ? "" : result.error().message.c_str());
    QCOMPARE(int(rows.size()), windows);
    for (int i = 0; i < windows; ++i) {
        const json& window = expected["windows"][std::size_t(i)];
        QCOMPARE(rows[std::size_t(i)]["scored"].get<int>(), window["scored"].get<int>());
        const double ours = rows[std::size_t(i)]["nll_sum"].get<double>() / window["scored"].get<double>();
        const double theirs = window["nll_sum"].get<double>() / window["scored"].get<double>();
        const double error = std::abs(std::exp(ours - theirs) - 1); // of the perplexity
        QVERIFY2(error < 2e-4, fmt::format("window {}: perplexity differs by {:.1e}", i, error).c_str());
        qInfo("window %d: perplexity differs by %.1e", i, error);
    }
}

QTEST_GUILESS_MAIN(TestPerplexity)
#include "tst_perplexity.moc"
