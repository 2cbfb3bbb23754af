#include "core/session/run_data.h"

#include <QtTest>

#include <limits>

using namespace ls;

/// What each engine message does to the data that views show.
class TestRunData : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init();
    void start_makesLanesWithTheirMethods();
    void token_isPlaced_data();
    void token_isPlaced();
    void text_leavesThePromptOut();
    void tap_isFoundByOutputAndPosition();
    void fork_keepsThePastAndTheOldMethods();
    void stages_addUpAndStartAgainAfterASwitch();
    void stages_thatCannotBe_areRefused_data();
    void stages_thatCannotBe_areRefused();
    void message_endsTheRun_data();
    void message_endsTheRun();
    void message_saysNothingAboutARun_data();
    void message_saysNothingAboutARun();

private:
    static EngineMessage token(const char* lane, int position, int id, const char* text, const char* origin)
    {
        return Token{1, lane, position, id, text, origin, -0.5F, 1.5F, {{id, text, -0.5F}}, 10 * position, 7};
    }
    RunData m_run;
};

Q_DECLARE_METATYPE(ls::EngineMessage)

void TestRunData::init()
{
    m_run = {};
    m_run.spec.lanes = {{"A", {}}, {"B", {{"layer_skip", {{"blocks", {2}}}}}}};
    QVERIFY(m_run.apply(GenerationStarted{1, {"A", "B"}, 2, 1, "<|im_start|>Hi"}));
    for (const char* lane : {"A", "B"}) {
        QVERIFY(m_run.apply(token(lane, 0, 1, "<|im_start|>", "prompt")));
        QVERIFY(m_run.apply(token(lane, 1, 2, "Hi", "prompt")));
    }
}

void TestRunData::start_makesLanesWithTheirMethods()
{
    QCOMPARE(m_run.lanes.size(), 2u);
    QVERIFY(m_run.lane("A")->methods.empty());
    QCOMPARE(m_run.lane("B")->methods, m_run.spec.lanes[1].methods);
    QCOMPARE(m_run.renderedPrompt, std::string("<|im_start|>Hi"));
    QCOMPARE(m_run.templateTokens, 1);
    QVERIFY(m_run.running);
    QVERIFY(!m_run.lane("C"));
}

void TestRunData::token_isPlaced_data()
{
    QTest::addColumn<int>("position");
    QTest::addColumn<bool>("taken");
    QTest::addColumn<int>("count");
    QTest::newRow("the next one is appended") << 2 << true << 3;
    QTest::newRow("a known place is replaced") << 1 << true << 2;
    QTest::newRow("a gap is refused") << 3 << false << 2;
    QTest::newRow("a place before the start is refused") << -1 << false << 2;
}

void TestRunData::token_isPlaced()
{
    QFETCH(int, position);
    QFETCH(bool, taken);
    QFETCH(int, count);
    QCOMPARE(m_run.apply(token("B", position, 99, " there", "generated")), taken);
    const LaneData& lane = *m_run.lane("B");
    QCOMPARE(int(lane.tokens.size()), count);
    if (taken) {
        const TokenData expected{99, " there", "generated", -0.5F, 1.5F, {{99, " there", -0.5F}}, 10 * position, 7};
        QCOMPARE(lane.tokens[std::size_t(position)], expected);
    }
    QCOMPARE(m_run.lane("A")->tokens.size(), 2u);
}

void TestRunData::text_leavesThePromptOut()
{
    m_run.apply(token("A", 2, 3, " you", "generated"));
    m_run.apply(token("A", 3, 4, "!", "generated"));
    const LaneData& lane = *m_run.lane("A");
    QCOMPARE(lane.promptTokens(), 2);
    QCOMPARE(lane.text(), std::string(" you!"));
    QCOMPARE(lane.text(false), std::string("<|im_start|>Hi you!"));
}

void TestRunData::tap_isFoundByOutputAndPosition()
{
    const std::vector<float> values{1.0F, 2.0F};
    const Tap tap{1, "A", 1, "resid_norm", TensorBlob::fromFloats({2}, values), {"x"}};
    QVERIFY(m_run.apply(tap));
    const LaneData& lane = *m_run.lane("A");
    QVERIFY(lane.tap("resid_norm", 1));
    QCOMPARE(lane.tap("resid_norm", 1)->value, tap.value);
    QCOMPARE(lane.tap("resid_norm", 1)->texts, tap.texts);
    QVERIFY(!lane.tap("resid_norm", 0));
    QVERIFY(!lane.tap("kl", 1));
}

void TestRunData::fork_keepsThePastAndTheOldMethods()
{
    const std::vector<float> one{1.0F};
    m_run.apply(token("B", 2, 3, " you", "generated"));
    m_run.apply(Tap{1, "B", 1, "kl", TensorBlob::fromFloats({1}, one), {}});
    m_run.apply(Tap{1, "B", 2, "kl", TensorBlob::fromFloats({1}, one), {}});
    m_run.apply(Divergence{1, "B", 2});
    const MethodSet first{{"head_ablation", {{"heads", {{1, 1}}}}}};
    const MethodSet second{{"layer_skip", {{"blocks", {3}}}}};
    QVERIFY(m_run.apply(Applied{5, 1, "B", 2, "keep", "", 10, first}));
    QVERIFY(m_run.apply(Applied{6, 1, "B", 2, "fork", "C", 20, second}));
    const LaneData* fork = m_run.lane("C");
    QVERIFY(fork);
    QCOMPARE(fork->tokens.size(), 2u);
    QVERIFY(fork->tap("kl", 1));
    QVERIFY(!fork->tap("kl", 2));
    QVERIFY(!fork->divergence);
    QCOMPARE(fork->methods, first);
    QCOMPARE(m_run.currentMethods("B"), second);
    QCOMPARE(m_run.toggles.size(), 2u);
    QCOMPARE(m_run.toggles[1], (ToggleData{"B", 2, "fork", 20, second, "C"}));
}

void TestRunData::stages_addUpAndStartAgainAfterASwitch()
{
    const auto decode = [](std::int64_t tokens, std::int64_t mlp) {
        LaneStages out;
        out.decode = {tokens, {.attention = 3 * tokens, .mlp = mlp}};
        out.probesNs = 7;
        return EngineMessage(Stages{1, "B", out});
    };
    LaneStages prompt;
    prompt.tokenizeNs = 40;
    prompt.prefill = {2, {.qkv = 500}};
    QVERIFY(m_run.apply(Stages{1, "B", prompt}));
    QVERIFY(m_run.apply(decode(2, 100)));
    QVERIFY(m_run.apply(decode(3, 60)));
    const LaneStages& stages = m_run.lane("B")->stages;
    QCOMPARE(stages, (LaneStages{40, {2, {.qkv = 500}}, {5, {.attention = 15, .mlp = 160}}, 14}));
    QCOMPARE(stages.decode.ns.sum(), 175);
    QCOMPARE(m_run.lane("A")->stages, LaneStages{});

    QVERIFY(m_run.apply(Applied{6, 1, "B", 2, "fork", "C", 20, {{"layer_skip", {{"blocks", {3}}}}}}));
    QCOMPARE(m_run.lane("C")->stages.decode.tokens, 5); // goes on with the old set
    QCOMPARE(m_run.lane("B")->stages, (LaneStages{40, {2, {.qkv = 500}}, {}, 0}));
    QVERIFY(m_run.apply(decode(1, 9)));
    QCOMPARE(m_run.lane("B")->stages.decode, (StageSums{1, {.attention = 3, .mlp = 9}}));
}

void TestRunData::stages_thatCannotBe_areRefused_data()
{
    QTest::addColumn<EngineMessage>("message");
    const std::int64_t most = std::numeric_limits<std::int64_t>::max();
    QTest::newRow("a negative time") << EngineMessage(Stages{1, "A", {0, {}, {1, {.mlp = -1}}, 0}});
    QTest::newRow("a negative count") << EngineMessage(Stages{1, "A", {0, {-1, {}}, {}, 0}});
    QTest::newRow("a time longer than any") << EngineMessage(Stages{1, "A", {most, {}, {}, 0}});
    QTest::newRow("a sum that would not fit") << EngineMessage(Stages{1, "A", {0, {}, {1, {.mlp = most}}, 0}});
}

void TestRunData::stages_thatCannotBe_areRefused()
{
    QFETCH(EngineMessage, message);
    QVERIFY(m_run.apply(Stages{1, "A", {0, {}, {1, {.mlp = 5}}, 0}}));
    const RunData before = m_run;
    QVERIFY(!m_run.apply(message));
    QCOMPARE(m_run, before);
}

void TestRunData::message_endsTheRun_data()
{
    QTest::addColumn<EngineMessage>("message");
    QTest::addColumn<QString>("reason");
    QTest::addColumn<bool>("failed");
    QTest::newRow("done: lanes keep their reasons") << EngineMessage(GenerationDone{1}) << "" << false;
    QTest::newRow("cancelled is no failure") << EngineMessage(Failed{1, "cancelled", "Stopped."}) << "stopped" << false;
    QTest::newRow("a failure is kept") << EngineMessage(Failed{1, "nan-stream", "NaN in block 3."}) << "error" << true;
}

void TestRunData::message_endsTheRun()
{
    QFETCH(EngineMessage, message);
    QFETCH(QString, reason);
    QFETCH(bool, failed);
    m_run.apply(LaneDone{1, "A", "eos", 1, 2000, 30.5});
    QVERIFY(m_run.apply(message));
    QVERIFY(!m_run.running);
    QCOMPARE(m_run.lane("A")->reason, std::string("eos"));
    QCOMPARE(m_run.lane("A")->ttftUs, 2000);
    QCOMPARE(m_run.lane("A")->tokensPerSecond, 30.5);
    QCOMPARE(m_run.lane("B")->reason, reason.toStdString());
    QCOMPARE(m_run.failure.has_value(), failed);
}

void TestRunData::message_saysNothingAboutARun_data()
{
    QTest::addColumn<EngineMessage>("message");
    QTest::newRow("ready") << EngineMessage(Ready{});
    QTest::newRow("progress") << EngineMessage(Progress{});
    QTest::newRow("tokenized") << EngineMessage(Tokenized{});
    QTest::newRow("experiment row") << EngineMessage(ExperimentRow{});
    QTest::newRow("a set checked while nothing runs") << EngineMessage(Applied{1, 0, "B", -1});
    QTest::newRow("a refused set: the old one stays") << EngineMessage(Unavailable{1, 0, "layer-locked"});
}

void TestRunData::message_saysNothingAboutARun()
{
    QFETCH(EngineMessage, message);
    const RunData before = m_run;
    QVERIFY(!m_run.apply(message));
    QCOMPARE(m_run, before);
}

QTEST_GUILESS_MAIN(TestRunData)
#include "tst_run_data.moc"
