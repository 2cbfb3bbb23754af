#include "tests/server/driver.h"

#include <QTest>

using namespace ls;
using namespace ls::test;
using nlohmann::json;

namespace {
constexpr const char* kText = "The quick brown fox jumps over the lazy dog. It was not amused, and said so at length.";
const json kSkip = json::array({{{"method", "layer_skip"}, {"params", {{"blocks", {12}}}}}});
} // namespace

class TestEvaluate : public QObject {
    Q_OBJECT

    std::unique_ptr<EngineProcess> m_engine;

    Answer experiment(const std::string& kind, const json& params)
    {
        return request(*m_engine, RunExperiment{0, kind, params});
    }

private Q_SLOTS:
    void initTestCase()
    {
        QVERIFY2(!smolLmPath().empty(), kSmolLmMissing);
        m_engine = startEngine();
        QVERIFY2(m_engine, "the engine program could not be started");
        QVERIFY(!request(*m_engine, OpenModel{0, smolLmPath()}).failed);
    }

    void fillIn_ofTheDenseLane_hasNoDistance_andEqualsTheGeneration()
    {
        Generate generate;
        generate.prompt.text = "The capital of France is";
        generate.maxTokens = 8;
        const Answer run = request(*m_engine, generate);
        const json prompt{{"text", generate.prompt.text}};
        const Answer same = experiment("fill_in", {{"prompt", prompt}, {"ids", run.ids("A")}});
        QVERIFY(same.result);
        QCOMPARE((*same.result)["mean_kl"].get<double>(), 0.0);
        QCOMPARE(same.rows.size(), run.ids("A").size());
        for (const json& row : same.rows) {
            const Token& token = run.tokens.at("A")[row["position"].get<std::size_t>()];
            QVERIFY(std::abs(row["logprob_a"].get<double>() - double(token.logprob)) < 1e-3);
            QVERIFY(std::abs(row["entropy_a"].get<double>() - double(token.entropy)) < 1e-3);
        }
        const Answer other = experiment("fill_in", {{"prompt", prompt}, {"ids", run.ids("A")}, {"methods", kSkip}});
        QVERIFY((*other.result)["mean_kl"].get<double>() > 1e-4);
    }

    void perplexity_equalsCapture()
    {
        const Answer answer = experiment("perplexity", {{"text", kText}, {"lanes", {"A"}}});
        QVERIFY(answer.result);
        Capture capture;
        capture.prompt.text = kText;
        capture.taps = {"logits"};
        const Answer captured = request(*m_engine, capture);
        const auto ids = captured.tensors.at("ids").ints();
        const auto logits = captured.tensors.at("logits").floats();
        const auto vocab = std::size_t(captured.tensors.at("logits").shape.at(1));
        double nll = 0;
        for (std::size_t i = 1; i < ids.size(); ++i)
            nll -= logSoftmax(std::span(logits).subspan((i - 1) * vocab, vocab))[std::size_t(ids[i])];
        const json& a = (*answer.result)["A"];
        QCOMPARE(a["tokens"].get<std::size_t>(), ids.size() - 1);
        QVERIFY(std::abs(a["nll"].get<double>() - nll / double(ids.size() - 1)) < 1e-4);
        QVERIFY(std::abs(std::log(a["ppl"].get<double>()) - a["nll"].get<double>()) < 1e-9);
    }

    void windows_scoreEveryIdOnce_data()
    {
        QTest::addColumn<int>("context");
        QTest::addColumn<int>("stride");
        QTest::newRow("windows that do not overlap leave out their first ids") << 6 << 0;
        QTest::newRow("windows that overlap leave out one id") << 6 << 3;
    }
    void windows_scoreEveryIdOnce()
    {
        QFETCH(int, context);
        QFETCH(int, stride);
        const Answer answer =
            experiment("perplexity", {{"text", kText}, {"context", context}, {"stride", stride}, {"methods", kSkip}});
        QVERIFY(answer.result);
        std::map<std::string, int> scored, windows;
        for (const json& row : answer.rows) {
            scored[row["lane"]] += row["scored"].get<int>();
            ++windows[row["lane"]];
            QCOMPARE(row["token_nll"].size(), row["scored"].get<std::size_t>());
        }
        const int all = int(experiment("perplexity", {{"text", kText}}).result->at("A")["tokens"]) + 1;
        QCOMPARE(scored["A"], stride > 0 ? all - 1 : all - (all + context - 1) / context);
        QCOMPARE(scored["A"], scored["B"]);
        QCOMPARE(windows["A"], windows["B"]);
        QVERIFY((*answer.result)["A"]["nll"] != (*answer.result)["B"]["nll"]);
    }

    void accuracy_sumsTheTokensOfAChoice()
    {
        const json item{
            {"prompt", "The capital of France is"}, {"choices", {" Paris", " a small green frog"}}, {"answer", 0}};
        const Answer answer = experiment("accuracy", {{"task", "t"}, {"items", json::array({item})}, {"lanes", {"A"}}});
        QVERIFY(answer.result);
        QCOMPARE(answer.rows.size(), std::size_t(1));
        QCOMPARE(answer.rows[0]["predicted"].get<int>(), 0);
        // the same sum from a teacher-forced reply
        TokenizeText tokenize{m_engine->nextRequestId(), {" a small green frog"}, false, ""};
        QVERIFY(m_engine->send(tokenize).ok());
        auto message = m_engine->receive(std::chrono::seconds(20));
        QVERIFY(message.ok() && message.value() && std::holds_alternative<Tokenized>(*message.value()));
        const auto ids = std::get<Tokenized>(*message.value()).ids[0];
        double sum = 0;
        for (const json& row : experiment("fill_in", {{"prompt", {{"text", item["prompt"]}}}, {"ids", ids}}).rows)
            sum += row["logprob_a"].get<double>();
        QVERIFY(std::abs(sum - answer.rows[0]["scores"][1].get<double>()) < 1e-3);
    }

    void bench_hasOneRowPerRepetitionAndLane()
    {
        const Answer answer = experiment("bench", {{"tests", {"pp16", "tg4@d8"}}, {"n", 5}, {"methods", kSkip}});
        QVERIFY(answer.result);
        QCOMPARE(answer.rows.size(), std::size_t(2 * 2 * 5));
        for (const json& row : answer.rows) {
            QVERIFY(row["seconds"].get<double>() > 0);
            QCOMPARE(row["tokens"].get<int>(), row["test"] == "pp16" ? 16 : 4);
        }
        QCOMPARE(experiment("bench", {{"tests", {"qq1"}}}).failed->code, std::string("invalid-parameter"));
        QCOMPARE(experiment("bench", {{"tests", {"pp100000"}}}).failed->code, std::string("context-too-large"));
        QCOMPARE(experiment("bench", {{"n", 0}}).failed->code, std::string("invalid-parameter"));
    }

    void bench_timesVariantsWithTaps()
    {
        const json tapped{{"name", "tapped"}, {"taps", {"blocks.*.resid_post"}}, {"reduce", "norms"}};
        json wrong = tapped;
        wrong["reduce"] = "sum";
        json params{{"tests", {"pp6+tg3@d5"}}, {"n", 2}, {"batch", 4}, {"variants", {{{"name", "A"}}, tapped}}};
        const Answer answer = experiment("bench", params);
        QVERIFY(answer.result);
        std::map<std::string, int> rows;
        for (const json& row : answer.rows) {
            ++rows[row["lane"].get<std::string>()];
            QCOMPARE(row["tokens"].get<int>(), 9);
        }
        QCOMPARE(rows, (std::map<std::string, int>{{"A", 2}, {"tapped", 2}}));
        params["variants"] = {wrong};
        QCOMPARE(experiment("bench", params).failed->code, std::string("invalid-parameter"));
        params["variants"] = json::array();
        QCOMPARE(experiment("bench", params).failed->code, std::string("invalid-parameter"));
        for (const char* test : {"pp", "tg0", "pp4+pp4", "pp4+", "tg4@d", "tg4@d0", "pp4x"})
            QCOMPARE(experiment("bench", {{"tests", {test}}}).failed->code, std::string("invalid-parameter"));
    }

    void cost_ofNothing_isNoDistance()
    {
        const json item{{"prompt", "One plus one is"}, {"choices", {" two", " nine"}}, {"answer", 0}};
        json params{{"methods", json::array()}, {"text", kText}, {"items", json::array({item})}, {"n", 1}};
        const Answer nothing = experiment("measure_cost", params);
        QVERIFY(nothing.result);
        std::map<std::string, int> kinds;
        for (const json& row : nothing.rows) {
            ++kinds[row["what"]];
            if (row["what"] == "kl")
                QCOMPARE(row["value"].get<double>(), 0.0);
        }
        QCOMPARE(kinds["tok_s"], 2);
        QCOMPARE(kinds["memory"], 2);
        QCOMPARE(kinds["accuracy"], 2);
        QVERIFY(kinds["kl"] > 10);
        params["methods"] = kSkip;
        params["leave_out"] = 0;
        double kl = 0;
        std::map<std::string, std::int64_t> bytes;
        for (const json& row : experiment("measure_cost", params).rows) {
            kl += row["what"] == "kl" ? row["value"].get<double>() : 0.0;
            if (row["what"] == "memory")
                bytes[row["lane"]] = row["bytes"];
        }
        QVERIFY(kl > 1e-3);
        QCOMPARE(bytes["with"] * 30, bytes["without"] * 29); // a skipped block stores no keys and values
    }

    void steering_findsTheDirectionOfItsPairs()
    {
        std::vector<std::string> positive, negative;
        for (const char* thing : {"film", "book", "song", "meal", "trip", "game"}) {
            positive.push_back(std::string("I loved this ") + thing + ", it was wonderful");
            negative.push_back(std::string("I hated this ") + thing + ", it was terrible");
        }
        json params{{"positive", positive}, {"negative", negative}, {"layer", 15}};
        const Answer answer = experiment("build_steering", params);
        QVERIFY(answer.result);
        QCOMPARE(answer.tensors.at("direction.15").shape, std::vector<std::int64_t>{576});
        double sum = 0;
        for (const float value : answer.tensors.at("direction.15").floats())
            sum += double(value) * double(value);
        QVERIFY(std::abs(std::sqrt(sum) - (*answer.result)["norm"].get<double>()) < 1e-3 * std::sqrt(sum));
        QVERIFY((*answer.result)["cosine_halves"].get<double>() > 0.5);
        QVERIFY((*answer.result)["held_out_accuracy"].get<double>() > 0.9);
        params["negative"] = positive;
        QCOMPARE(experiment("build_steering", params).failed->code, std::string("data-too-few"));
        params["negative"] = {"one"};
        QCOMPARE(experiment("build_steering", params).failed->code, std::string("invalid-parameter"));
        params["positive"] = {"two"};
        QCOMPARE(experiment("build_steering", params).failed->code, std::string("too-few-pairs"));
    }

    void cancel_endsAnExperiment_andAGenerateRunsInBetween()
    {
        std::string longText;
        for (int i = 0; i < 60; ++i)
            longText += kText;
        RunExperiment run{m_engine->nextRequestId(), "perplexity", {{"text", longText}, {"context", 32}}};
        Generate generate;
        generate.requestId = m_engine->nextRequestId();
        generate.prompt.text = "Hello";
        generate.maxTokens = 2;
        QVERIFY(m_engine->send(run).ok() && m_engine->send(generate).ok());
        QVERIFY(!follow(*m_engine, generate.requestId).failed); // before the experiment has ended
        QVERIFY(m_engine->send(Cancel{m_engine->nextRequestId(), run.requestId}).ok());
        const Answer rest = follow(*m_engine, run.requestId);
        QVERIFY(rest.failed);
        QCOMPARE(rest.failed->code, std::string("cancelled"));
    }
};

QTEST_GUILESS_MAIN(TestEvaluate)
#include "tst_evaluate.moc"
