#include "tests/support/golden.h"

#include <ATen/ops/full.h>

#include <QtTest>

#include <chrono>

using namespace ls;
using namespace ls::test;

namespace {

struct OneSite final : TapSink {
    bool wants(HookPoint point) const override { return point == HookPoint{Site::ResidPost, 3}; }
    void onTap(HookPoint, const at::Tensor&, int) override { ++count; }
    int count = 0;
};

} // namespace

/// The timers of the forward pass: each moment counts to one stage, none to a stage that did not run.
class TestStages : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void clock_givesEveryMomentToOneStage();
    void step_hasTheStagesThatRan_data();
    void step_hasTheStagesThatRan();
    void timers_changeNoBit();
    void batch_isTimedByItsFirstInput();

private:
    std::shared_ptr<const Model> m_model;
    std::vector<std::int32_t> m_ids{1, 4093, 198, 2683, 359};
};

void TestStages::initTestCase()
{
    QVERIFY2(!smolLmPath().empty(), kSmolLmMissing);
    LoadOptions options;
    options.contextLength = 64;
    auto model = Model::open(smolLmPath(), options);
    QVERIFY(model.ok());
    m_model = model.value();
    registerMethods(MethodRegistry::instance());
}

void TestStages::clock_givesEveryMomentToOneStage()
{
    const auto before = std::chrono::steady_clock::now();
    StageClock clock;
    clock.start();
    QCOMPARE(clock.enter(&StageTimes::mlp), &StageTimes::other);
    const auto inside = std::chrono::steady_clock::now();
    QTest::qSleep(2);
    const auto insideEnd = std::chrono::steady_clock::now();
    QCOMPARE(clock.enter(&StageTimes::embed), &StageTimes::mlp);
    const StageTimes times = clock.stop();
    const auto after = std::chrono::steady_clock::now();
    QVERIFY(times.mlp >= std::chrono::nanoseconds(insideEnd - inside).count());
    QVERIFY(times.sum() <= std::chrono::nanoseconds(after - before).count());
    QCOMPARE(times.sum(), times.other + times.mlp + times.embed);
    clock.start(&StageTimes::sampling); // begins anew
    QCOMPARE(clock.stop().mlp, 0);
}

void TestStages::step_hasTheStagesThatRan_data()
{
    QTest::addColumn<bool>("fused");
    QTest::addColumn<bool>("attention");
    QTest::addColumn<bool>("mlp");
    QTest::addColumn<bool>("tapped");
    QTest::addColumn<bool>("steered");
    QTest::addColumn<QStringList>("absent");
    for (const bool fused : {true, false}) {
        const QByteArray name = fused ? "fused, " : "plain, ";
        const auto row = [&](const char* what, bool attention, bool mlp, bool tapped, bool steered,
                             const QStringList& absent) {
            QTest::newRow((name + what).constData()) << fused << attention << mlp << tapped << steered << absent;
        };
        row("dense", true, true, false, false, {"hooks"});
        row("a tap", true, true, true, false, {});
        row("steered", true, true, false, true, {});
        row("no attention", false, true, false, false, {"qkv", "attention", "output", "hooks"});
        row("no MLP", true, false, false, false, {"mlp", "hooks"});
        row("no block, a tap", false, false, true, false, {"qkv", "attention", "output", "mlp"});
    }
}

void TestStages::step_hasTheStagesThatRan()
{
    QFETCH(bool, fused);
    QFETCH(bool, attention);
    QFETCH(bool, mlp);
    QFETCH(bool, tapped);
    QFETCH(bool, steered);
    QFETCH(QStringList, absent);
    PlanBuilder builder(m_model);
    for (int layer = 0; layer < m_model->config().blockCount; ++layer) {
        builder.block(layer).attentionRuns = attention;
        builder.block(layer).mlpRuns = mlp;
        if (steered)
            builder.block(layer).residPostEdits.push_back({Addition{at::full({m_model->config().width}, 0.01f), {}}});
    }
    Forward forward(builder.finish({}, Changes::Residual), fused ? ForwardPath::Fused : ForwardPath::Plain);
    KvCache cache = newCache(*m_model);
    OneSite tap;
    StageClock clock;
    for (const auto& ids : {std::span(m_ids).first(4), std::span(m_ids).subspan(4)}) { // prompt, step
        ForwardInput input{ids, 4};
        input.taps = tapped ? &tap : nullptr;
        input.clock = &clock;
        clock.start();
        QVERIFY(forward.run(input, cache).ok());
        const StageTimes times = clock.stop();
        for (const NamedStage& stage : kStages) {
            const bool ran = stage.stage != &StageTimes::sampling && !absent.contains(QLatin1String(stage.key));
            QVERIFY2((times.*stage.stage > 0) == ran, stage.key);
        }
    }
    QCOMPARE(tap.count, tapped ? 2 : 0);
}

void TestStages::timers_changeNoBit()
{
    Forward forward(plan(m_model, {}));
    KvCache timed = newCache(*m_model), plainly = newCache(*m_model);
    StageClock clock;
    ForwardInput input{m_ids, 4, true};
    const at::Tensor without = forward.run(input, plainly).value();
    input.clock = &clock;
    clock.start();
    QVERIFY(forward.run(input, timed).value().equal(without));
}

void TestStages::batch_isTimedByItsFirstInput()
{
    Forward forward(plan(m_model, {}));
    KvCache a = newCache(*m_model), b = newCache(*m_model);
    StageClock clock, unused;
    std::vector<ForwardInput> inputs(2, ForwardInput{m_ids, 4});
    OneSite tap;
    inputs[0].clock = &clock;
    inputs[1].clock = &unused; // never started: nothing may count on it
    inputs[1].taps = &tap;
    KvCache* caches[] = {&a, &b};
    clock.start();
    QVERIFY(forward.runBatch(inputs, caches).ok());
    const StageTimes times = clock.stop();
    QVERIFY(times.attention > 0 && times.mlp > 0 && times.hooks > 0);
    QCOMPARE(tap.count, 1);
    unused.start();
    QCOMPARE(unused.stop().hooks, 0);
}

QTEST_GUILESS_MAIN(TestStages)
#include "tst_stages.moc"
