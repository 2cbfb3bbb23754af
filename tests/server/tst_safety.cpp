#include "engine/experiment/safety.h"

#include "core/stats/auroc.h"

#include <ATen/Context.h>
#include <ATen/core/Generator.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include <QtTest>

#include <cmath>

using namespace ls;

/// Difference of means: a planted direction is found, a shared state says nothing, held-out labels are never seen.
class TestSafety : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init();
    void plantedDirection_isFound();
    void heldOutHalf_scoresAsTheory();
    void shuffledLabels_scoreNothing();
    void sharedState_scoresZero();
    void heldOutStates_changeNothing();
    void scale_isOfTheTrainingHalf();

private:
    struct Planted {
        at::Tensor states; // [n, 2, d]: stream 0 noise, stream 1 shifted by 2 along axis 3 where harmful
        std::vector<bool> harmful;
        std::vector<int> train, test;
    };
    static Planted planted();
    static double heldOutArea(const Planted& data, int stream);
};

namespace {

constexpr int kPrompts = 2000, kWidth = 16;

} // namespace

TestSafety::Planted TestSafety::planted()
{
    Planted out;
    out.states = at::randn({kPrompts, 2, kWidth}, at::kFloat).add(5.0);
    for (int i = 0; i < kPrompts; ++i) {
        out.harmful.push_back(i % 2 == 0);
        (i % 4 < 2 ? out.train : out.test).push_back(i);
        if (i % 2 == 0)
            out.states[i][1][3].add_(2.0);
    }
    return out;
}

double TestSafety::heldOutArea(const Planted& data, int stream)
{
    const at::Tensor scores = safetyScores(fitSafety(data.states, data.harmful, data.train), data.states);
    std::vector<double> bad, good;
    for (const int index : data.test)
        (data.harmful[std::size_t(index)] ? bad : good).push_back(scores[index][stream].item<double>());
    return auroc(bad, good).value().value;
}

void TestSafety::init()
{
    at::Generator generator = at::globalContext().defaultGenerator(at::Device(at::kCPU));
    generator.set_current_seed(11);
}

void TestSafety::plantedDirection_isFound()
{
    const Planted data = planted();
    const SafetyDirections fit = fitSafety(data.states, data.harmful, data.train);
    QVERIFY(fit.unit[1][3].item<double>() > .98);
    QVERIFY(std::abs(fit.unit[1].square().sum().item<double>() - 1) < 1e-5);
    QVERIFY(std::abs(fit.unit[0].square().sum().item<double>() - 1) < 1e-5);
}

void TestSafety::heldOutHalf_scoresAsTheory()
{
    // Two normals 2 apart: AUROC Phi(2 / sqrt 2) = .921; no shift: .5.
    const Planted data = planted();
    QVERIFY2(std::abs(heldOutArea(data, 1) - .921) < .02, qPrintable(QString::number(heldOutArea(data, 1))));
    QVERIFY2(std::abs(heldOutArea(data, 0) - .5) < .06, qPrintable(QString::number(heldOutArea(data, 0))));
}

void TestSafety::shuffledLabels_scoreNothing()
{
    Planted data = planted();
    for (std::size_t i = 0; i < data.harmful.size(); ++i)
        data.harmful[i] = (i * 7919 / 16) % 2 == 0; // has nothing to do with where the shift is
    QVERIFY2(std::abs(heldOutArea(data, 1) - .5) < .08, qPrintable(QString::number(heldOutArea(data, 1))));
}

void TestSafety::sharedState_scoresZero()
{
    // The embedding of the last template token is the same for all prompts.
    Planted data = planted();
    data.states.select(1, 0).copy_(data.states[0][0].mul(1000.3));
    const SafetyDirections fit = fitSafety(data.states, data.harmful, data.train);
    QCOMPARE(fit.unit[0].abs().max().item<double>(), 0.0);
    QCOMPARE(fit.sd[0].item<double>(), 1.0);
    const at::Tensor scores = safetyScores(fit, data.states);
    QCOMPARE(scores.select(1, 0).abs().max().item<double>(), 0.0);
    QVERIFY(scores.isfinite().all().item<bool>());
    QCOMPARE(heldOutArea(data, 0), 0.5);
}

void TestSafety::heldOutStates_changeNothing()
{
    Planted data = planted();
    const SafetyDirections before = fitSafety(data.states, data.harmful, data.train);
    for (const int index : data.test)
        data.states[index].fill_(1e6);
    const SafetyDirections after = fitSafety(data.states, data.harmful, data.train);
    QVERIFY(before.unit.equal(after.unit) && before.midpoint.equal(after.midpoint) && before.sd.equal(after.sd));
}

void TestSafety::scale_isOfTheTrainingHalf()
{
    const Planted data = planted();
    const at::Tensor scores = safetyScores(fitSafety(data.states, data.harmful, data.train), data.states);
    double sum = 0, squares = 0, bad = 0, good = 0;
    for (const int index : data.train) {
        const double score = scores[index][1].item<double>();
        sum += score;
        squares += score * score;
        (data.harmful[std::size_t(index)] ? bad : good) += score;
    }
    const double n = double(data.train.size());
    QVERIFY(std::abs((squares - sum * sum / n) / (n - 1) - 1) < 1e-4); // unit deviation
    QVERIFY(bad > 0 && std::abs(bad + good) / n < 1e-4);               // harmful is plus, the midpoint is in the middle
}

QTEST_GUILESS_MAIN(TestSafety)
#include "tst_safety.moc"
