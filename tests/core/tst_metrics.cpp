#include "core/report/metrics.h"

#include <QtTest>

#include <cmath>

using namespace ls;
using nlohmann::json;

/// Rows of experiments become the numbers that dashboards and reports show: values against closed forms.
class TestMetrics : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void perplexity_weighsWindowsByTokens();
    void perplexity_ofOneWindowHasNoInterval();
    void accuracy_countsAndCompares();
    void accuracy_ofFourChoicesHasNoAuroc();
    void bench_ratioIsOfMeanSeconds();
    void fillIn_isTheMean();
    void cost_hasFourNumbers();
    void safety_usesTheHeldOutHalf();
    void corpus_weighsFragmentsByTokens();
    void corpus_leavesOutLayersWithoutValues();
    void damagedRows_giveNoNumber();
    void specHash_isThatOfTheMethods();
};

namespace {

ExperimentData experiment(std::string kind, std::vector<json> rows, json params = json::object())
{
    ExperimentData out;
    out.kind = std::move(kind);
    out.rows = std::move(rows);
    out.params = std::move(params);
    return out;
}

const Metric* find(const std::vector<Metric>& metrics, const std::string& name, const std::string& lane)
{
    for (const Metric& metric : metrics)
        if (metric.name == name && metric.lane == lane)
            return &metric;
    return nullptr;
}

double valueOf(const std::vector<Metric>& metrics, const std::string& name, const std::string& lane)
{
    const Metric* metric = find(metrics, name, lane);
    return metric ? metric->value : std::nan("");
}

json window(const char* lane, int number, double sum, int scored)
{
    return {{"lane", lane}, {"window", number}, {"nll_sum", sum}, {"scored", scored}};
}

json answer(const char* lane, int item, std::vector<double> scores, int right)
{
    const auto predicted = std::max_element(scores.begin(), scores.end()) - scores.begin();
    return {{"lane", lane}, {"item", item}, {"scores", scores}, {"predicted", predicted}, {"answer", right}};
}

} // namespace

void TestMetrics::perplexity_weighsWindowsByTokens()
{
    const auto metrics =
        experimentMetrics(experiment("perplexity", {window("A", 0, 300, 100), window("A", 1, 20, 10),
                                                    window("B", 0, 310, 100), window("B", 1, 21, 10)}));
    QCOMPARE(valueOf(metrics, "nll", "A"), 320.0 / 110);
    QCOMPARE(valueOf(metrics, "perplexity", "A"), std::exp(320.0 / 110));
    QCOMPARE(valueOf(metrics, "nll", "B-A"), 331.0 / 110 - 320.0 / 110);
    const Metric* nll = find(metrics, "nll", "A");
    QCOMPARE(*nll->low, 2.0); // both windows drawn from the second one
    QCOMPARE(*nll->high, 3.0);
    QCOMPARE(*find(metrics, "perplexity", "A")->high, std::exp(3.0));
    QCOMPARE(nll->unit, std::string("nats/token"));
}

void TestMetrics::perplexity_ofOneWindowHasNoInterval()
{
    const auto metrics = experimentMetrics(experiment("perplexity", {window("A", 0, 300, 100)}));
    QCOMPARE(valueOf(metrics, "nll", "A"), 3.0);
    QVERIFY(!find(metrics, "nll", "A")->low);
}

void TestMetrics::accuracy_countsAndCompares()
{
    std::vector<json> rows;
    for (int i = 0; i < 10; ++i) {
        const int right = i % 2;
        const double aScore = i < 6 ? 1 : -1, bScore = i < 8 ? 1 : -1; // A right on 6, B on the same and 2 more
        rows.push_back(answer("A", i, right ? std::vector<double>{0, aScore} : std::vector<double>{aScore, 0}, right));
        rows.push_back(answer("B", i, right ? std::vector<double>{0, bScore} : std::vector<double>{bScore, 0}, right));
    }
    const auto metrics = experimentMetrics(experiment("accuracy", rows, {{"task", "truefalse"}}));
    QCOMPARE(valueOf(metrics, "accuracy/truefalse", "A"), 60.0);
    QCOMPARE(valueOf(metrics, "accuracy/truefalse", "B"), 80.0);
    QCOMPARE(valueOf(metrics, "accuracy/truefalse", "B-A"), 20.0);
    QCOMPARE(valueOf(metrics, "mcnemar_p/truefalse", "B-A"), 0.5); // 0 against 2: 2 * (1/2)^2
    const Metric* a = find(metrics, "accuracy/truefalse", "A");
    QVERIFY(std::abs(*a->low - 31.27) < 0.01 && std::abs(*a->high - 83.18) < 0.01); // Wilson, 6 of 10
    QCOMPARE(a->n, 10);
    // positives of A: three at +1, two at -1; negatives: three at -1, two at +1: (3*3 + 0.5*(3*2 + 2*3)) / 25
    QCOMPARE(valueOf(metrics, "auroc/truefalse", "A"), 15.0 / 25);
}

void TestMetrics::accuracy_ofFourChoicesHasNoAuroc()
{
    const auto metrics = experimentMetrics(
        experiment("accuracy", {answer("A", 0, {1, 2, 3, 4}, 3), answer("A", 1, {1, 2, 3, 4}, 0)}, {{"task", "mmlu"}}));
    QCOMPARE(metrics.size(), std::size_t(1));
    QCOMPARE(metrics[0].value, 50.0);
}

void TestMetrics::bench_ratioIsOfMeanSeconds()
{
    std::vector<json> rows;
    for (int i = 0; i < 5; ++i) {
        rows.push_back({{"lane", "A"}, {"test", "tg8"}, {"repetition", i}, {"seconds", 2.0}, {"tokens", 8}});
        rows.push_back({{"lane", "B"}, {"test", "tg8"}, {"repetition", i}, {"seconds", 1.0}, {"tokens", 8}});
        rows.push_back(
            {{"lane", "A"}, {"test", "pp"}, {"repetition", i}, {"seconds", i < 2 ? 1.0 : 4.0}, {"tokens", 8}});
        rows.push_back(
            {{"lane", "B"}, {"test", "pp"}, {"repetition", i}, {"seconds", i < 4 ? 1.0 : 3.0}, {"tokens", 8}});
    }
    const auto metrics = experimentMetrics(experiment("bench", rows));
    QCOMPARE(valueOf(metrics, "rate/tg8", "A"), 4.0);
    QCOMPARE(valueOf(metrics, "speed_ratio/tg8", "B-A"), 2.0);
    // times that vary: the rate is over the mean time (14/5 s), so that B / A is the quotient of its row
    QCOMPARE(valueOf(metrics, "rate/pp", "A"), 8 / 2.8);
    QCOMPARE(valueOf(metrics, "speed_ratio/pp", "B-A"),
             valueOf(metrics, "rate/pp", "B") / valueOf(metrics, "rate/pp", "A"));
    QCOMPARE(*find(metrics, "speed_ratio/tg8", "B-A")->low, 2.0);
    QCOMPARE(find(metrics, "rate/tg8", "A")->n, 5);
}

void TestMetrics::fillIn_isTheMean()
{
    const auto metrics = experimentMetrics(experiment("fill_in", {{{"kl", 0.5}}, {{"kl", 1.5}}}));
    QCOMPARE(valueOf(metrics, "kl_fill_in", "B-A"), 1.0);
}

void TestMetrics::cost_hasFourNumbers()
{
    const auto metrics = experimentMetrics(
        experiment("measure_cost", {{{"what", "tok_s"}, {"lane", "with"}, {"value", 50.0}},
                                    {{"what", "accuracy"}, {"lane", "with"}, {"item", 0}, {"correct", true}},
                                    {{"what", "accuracy"}, {"lane", "with"}, {"item", 1}, {"correct", false}},
                                    {{"what", "memory"}, {"lane", "without"}, {"bytes", 1000}},
                                    {{"what", "kl"}, {"position", 1}, {"value", 0.25}}}));
    QCOMPARE(valueOf(metrics, "cost/rate", "with"), 50.0);
    QCOMPARE(valueOf(metrics, "cost/accuracy", "with"), 50.0);
    QCOMPARE(valueOf(metrics, "cost/memory", "without"), 1000.0);
    QCOMPARE(valueOf(metrics, "cost/kl", ""), 0.25);
}

void TestMetrics::safety_usesTheHeldOutHalf()
{
    std::vector<json> rows;
    for (int i = 0; i < 4; ++i) {
        rows.push_back({{"part", "test"}, {"label", "harmful"}, {"score", {1.0 + i, double(i)}}});
        rows.push_back({{"part", "test"}, {"label", "harmless"}, {"score", {-1.0 - i, double(i)}}});
        rows.push_back({{"part", "train"}, {"label", "harmful"}, {"score", {-100.0, -100.0}}}); // would turn it round
    }
    const auto metrics = experimentMetrics(experiment("fit_safety", rows));
    QCOMPARE(valueOf(metrics, "safety_auroc/0", "A"), 1.0);
    QCOMPARE(valueOf(metrics, "safety_auroc/1", "A"), 0.5);
}

void TestMetrics::corpus_weighsFragmentsByTokens()
{
    const auto row = [](int fragment, const char* group, int n, double sum) {
        return json{{"fragment", fragment}, {"class", group}, {"n", n}, {"sum_c", {sum}}, {"sum_gain", {2 * sum}}};
    };
    const auto metrics = experimentMetrics(experiment(
        "contextualisation_corpus", {row(0, "full stop", 1, 1.0), row(0, "comma", 2, 1.0), row(1, "comma", 1, 0.0),
                                     row(0, "content", 4, 1.0), row(1, "word piece", 100, 50.0)}));
    QCOMPARE(valueOf(metrics, "contextualisation/punctuation/0", "A"), 2.0 / 4);
    QCOMPARE(valueOf(metrics, "contextualisation_gain/punctuation/0", "A"), 4.0 / 4);
    QCOMPARE(valueOf(metrics, "contextualisation/content/0", "A"), 0.25);
    QCOMPARE(find(metrics, "contextualisation/punctuation/0", "A")->n, 2);
    QVERIFY(std::isnan(valueOf(metrics, "contextualisation/none/0", "A")));
}

void TestMetrics::corpus_leavesOutLayersWithoutValues()
{
    const auto metrics = experimentMetrics(experiment(
        "contextualisation_corpus",
        {{{"fragment", 0}, {"class", "content"}, {"n", 2}, {"sum_c", {nullptr, 1.0}}, {"sum_gain", {nullptr, 1.0}}}}));
    QVERIFY(!find(metrics, "contextualisation/content/0", "A"));
    QCOMPARE(valueOf(metrics, "contextualisation/content/1", "A"), 0.5);
}

void TestMetrics::damagedRows_giveNoNumber()
{
    QVERIFY(experimentMetrics(experiment("perplexity", {{{"lane", "A"}}})).empty());
    QVERIFY(experimentMetrics(experiment("accuracy", {{{"lane", 3}}})).empty());
    QVERIFY(experimentMetrics(experiment("perplexity", {})).empty());
    QVERIFY(experimentMetrics(experiment("unknown", {{{"lane", "A"}}})).empty());
}

void TestMetrics::specHash_isThatOfTheMethods()
{
    const MethodSet methods{{"layer_skip", {{"blocks", {2}}}}};
    const auto metrics = experimentMetrics(experiment("fill_in", {{{"kl", 0.5}}}, {{"methods", toJson(methods)}}));
    QCOMPARE(metrics.at(0).specHash, specHash(methods));
    QVERIFY(metrics.at(0).specHash != specHash({}));
}

QTEST_GUILESS_MAIN(TestMetrics)
#include "tst_metrics.moc"
