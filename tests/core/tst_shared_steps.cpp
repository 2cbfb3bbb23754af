#include "core/report/metrics.h"
#include "core/report/shared_steps.h"

#include <QtTest>

#include <cmath>

using namespace ls;

/// Lanes are compared over the same steps: a lane that goes on alone, or ran before a switch, does not look faster.
class TestSharedSteps : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void steps_areThoseAllLanesMade_data();
    void steps_areThoseAllLanesMade();
    void rate_isOverTheSharedStepsOnly();
    void rate_ofAFileWithoutTimesIsTheEngines();
    void kl_coversTheMethodsTheLaneEndsWith();
};

namespace {

constexpr int kPrompt = 3;

LaneData lane(const char* name, const std::vector<std::int64_t>& stepUs)
{
    LaneData out;
    out.name = name;
    for (int i = 0; i < kPrompt; ++i)
        out.tokens.push_back({i, "p", "prompt"});
    for (const std::int64_t us : stepUs) {
        TokenData token{9, "g", "generated"};
        token.stepUs = us;
        out.tokens.push_back(token);
    }
    return out;
}

RunData run(std::vector<LaneData> lanes, std::vector<std::pair<const char*, int>> switches = {})
{
    RunData out;
    out.lanes = std::move(lanes);
    for (const auto& [name, position] : switches)
        out.toggles.push_back({name, position, "keep"});
    return out;
}

} // namespace

void TestSharedSteps::steps_areThoseAllLanesMade_data()
{
    QTest::addColumn<QList<int>>("generated"); // tokens of each lane
    QTest::addColumn<QList<int>>("switches");  // positions, lane B
    QTest::addColumn<int>("first");
    QTest::addColumn<int>("count");
    QTest::newRow("one lane: all after the first token") << QList<int>{5} << QList<int>{} << 4 << 4;
    QTest::newRow("equal lanes: all of them") << QList<int>{5, 5} << QList<int>{} << 4 << 4;
    QTest::newRow("A ends first: as many as A") << QList<int>{3, 9} << QList<int>{} << 4 << 2;
    QTest::newRow("B ends first: as many as B") << QList<int>{9, 2} << QList<int>{} << 4 << 1;
    QTest::newRow("from the switch on") << QList<int>{9, 9} << QList<int>{7} << 7 << 5;
    QTest::newRow("from the last switch on") << QList<int>{9, 9} << QList<int>{6, 10} << 10 << 2;
    QTest::newRow("a switch after A ended leaves no shared step: from the one before")
        << QList<int>{4, 9} << QList<int>{5, 11} << 5 << 2;
    QTest::newRow("a switch in the prompt changes nothing") << QList<int>{5, 5} << QList<int>{1} << 4 << 4;
    QTest::newRow("a lane that has not begun is not waited for") << QList<int>{5, 0} << QList<int>{} << 4 << 4;
    QTest::newRow("nothing yet") << QList<int>{1, 1} << QList<int>{} << 4 << 0;
    QTest::newRow("no lane") << QList<int>{} << QList<int>{} << 0 << 0;
}

void TestSharedSteps::steps_areThoseAllLanesMade()
{
    QFETCH(QList<int>, generated);
    QFETCH(QList<int>, switches);
    QFETCH(int, first);
    QFETCH(int, count);
    std::vector<LaneData> lanes;
    for (int i = 0; i < generated.size(); ++i)
        lanes.push_back(lane(i == 0 ? "A" : "B", std::vector<std::int64_t>(std::size_t(generated[i]), 100)));
    std::vector<std::pair<const char*, int>> toggles;
    for (const int position : switches)
        toggles.emplace_back("B", position);
    const SharedSteps steps = sharedSteps(run(lanes, toggles));
    QCOMPARE(steps.first, first);
    QCOMPARE(steps.count, count);
}

void TestSharedSteps::rate_isOverTheSharedStepsOnly()
{
    // B goes on alone, five times as fast: as fast as A where both ran
    RunData both = run({lane("A", {900, 1000, 1000}), lane("B", {900, 1000, 1000, 200, 200, 200, 200})});
    both.lanes[1].tokensPerSecond = 2142.86; // the engine's own, over all of its steps
    QCOMPARE(*decodeRate(both, both.lanes[0]), 1000.0);
    QCOMPARE(*decodeRate(both, both.lanes[1]), 1000.0);
    const auto metrics = runMetrics(both);
    for (const Metric& metric : metrics)
        if (metric.name == "decode_rate") {
            QCOMPARE(metric.value, 1000.0);
            QCOMPARE(metric.n, 2);
        }
}

void TestSharedSteps::rate_ofAFileWithoutTimesIsTheEngines()
{
    RunData old = run({lane("A", {0, 0, 0})});
    QVERIFY(!decodeRate(old, old.lanes[0]));
    old.lanes[0].tokensPerSecond = 12.5;
    QCOMPARE(*decodeRate(old, old.lanes[0]), 12.5);
}

void TestSharedSteps::kl_coversTheMethodsTheLaneEndsWith()
{
    RunData both = run({lane("A", {1, 1, 1, 1}), lane("B", {1, 1, 1, 1})}, {{"B", 5}});
    for (int position = 3; position < 7; ++position)
        both.lanes[1].taps["kl"][position] = {TensorBlob::fromFloats({1}, std::vector<float>{position < 5 ? 0.F : 2.F}),
                                              {}};
    double kl = std::nan("");
    for (const Metric& metric : runMetrics(both))
        if (metric.name == "kl_live")
            kl = metric.value;
    QCOMPARE(kl, 2.0); // the two zeros are of the lane before its methods were on
}

QTEST_GUILESS_MAIN(TestSharedSteps)
#include "tst_shared_steps.moc"
