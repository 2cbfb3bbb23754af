#include "engine/experiment/contextualisation.h"

#include "core/stats/auroc.h"

#include <ATen/Context.h>
#include <ATen/core/Generator.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <QTemporaryDir>
#include <QtTest>

#include <set>

using namespace ls;

/// The score finds memory where it was planted and nowhere else.
class TestContextualisation : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void init();
    void windowMean_leavesTheTokenOut();
    void windowMean_inPiecesEqualsAtOnce();
    void principalDirections_findThePlane();
    void ridge_equalsItsNormalEquations();
    void ridge_survivesAConstantDimension();
    void moments_subtractAFold();
    void cosine_ofNothingIsZero();
    void folds_areEvenAndReproducible();
    void plantedMemory_isFoundAtItsLayerOnly();
    void shuffledTargets_scoreNothing();
    void liveScore_equalsTheBatchScore();
    void calibration_survivesItsFile();
    void calibration_ofAnotherModelIsRefused_data();
    void calibration_ofAnotherModelIsRefused();

private:
    /// A corpus of 60 fragments with 60 random tokens each; a third of the tokens store their past in stream 1 of 3.
    struct Planted {
        at::Tensor embedding, centre, targets, directions;
        std::vector<std::vector<std::int32_t>> ids;
        std::vector<at::Tensor> streams; // [rows, d] each
        std::vector<int> fragmentOfRow;
        std::vector<bool> stores;
    };
    static Planted planted();
    static double area(const at::Tensor& scores, const std::vector<bool>& stores);
    static ModelInfo info();
    static ContextCalibration calibrationOf(const Planted& corpus);
};

namespace {

constexpr int kFragments = 60, kTokens = 60, kWidth = 48, kVocab = 400;

std::vector<int> foldsOf(const std::vector<int>& fragmentOfRow)
{
    const std::vector<int> folds = contextFolds(kFragments, 0);
    std::vector<int> ofRow;
    for (const int fragment : fragmentOfRow)
        ofRow.push_back(folds[std::size_t(fragment)]);
    return ofRow;
}

double largest(const at::Tensor& x)
{
    return x.abs().max().item<double>();
}

} // namespace

TestContextualisation::Planted TestContextualisation::planted()
{
    Planted out;
    out.embedding = at::randn({kVocab, kWidth}, at::kFloat);
    out.centre = out.embedding.to(at::kDouble).mean(0);
    std::vector<at::Tensor> means;
    for (int f = 0; f < kFragments; ++f) {
        const at::Tensor drawn = at::randint(kVocab, {kTokens}, at::kLong);
        const auto* first = drawn.data_ptr<std::int64_t>();
        out.ids.emplace_back(first, first + kTokens);
        means.push_back(
            windowMeans(out.embedding, out.centre, out.ids.back(), kContextWindow, kTokens - kContextWindow));
        out.fragmentOfRow.insert(out.fragmentOfRow.end(), kTokens - kContextWindow, f);
    }
    const at::Tensor y = at::cat(means);
    const std::int64_t rows = y.size(0);
    out.directions = principalDirections(y, 32);
    out.targets = y.mm(out.directions);
    const at::Tensor chosen = at::rand({rows}, at::kDouble).lt(1.0 / 3);
    for (std::int64_t i = 0; i < rows; ++i)
        out.stores.push_back(chosen[i].item<bool>());
    const at::Tensor hidden = y.mm(at::randn({kWidth, kWidth}, at::kDouble));
    const at::Tensor noise = at::randn({rows, kWidth}, at::kDouble);
    const at::Tensor memory = hidden.add(noise.mul(0.2));
    out.streams = {at::randn({rows, kWidth}, at::kDouble),
                   memory.where(chosen.unsqueeze(1), noise.mul(hidden.std().item<double>())),
                   at::randn({rows, kWidth}, at::kDouble)};
    return out;
}

double TestContextualisation::area(const at::Tensor& scores, const std::vector<bool>& stores)
{
    std::vector<double> storing, others;
    for (std::size_t i = 0; i < stores.size(); ++i)
        (stores[i] ? storing : others).push_back(scores[std::int64_t(i)].item<double>());
    return auroc(storing, others).value().value;
}

ModelInfo TestContextualisation::info()
{
    ModelInfo model;
    model.fingerprint = "0123456789abcdef";
    model.tokenizerFingerprint = "fedcba9876543210";
    model.dtype = "float32";
    model.blockCount = 2;
    model.width = kWidth;
    return model;
}

ContextCalibration TestContextualisation::calibrationOf(const Planted& corpus)
{
    ContextCalibration calibration;
    calibration.tokenMean = corpus.centre.to(at::kFloat);
    // All directions of this narrow model: a calibration file holds min(width, 128).
    calibration.directions = principalDirections(at::randn({200, kWidth}, at::kDouble)).to(at::kFloat);
    const at::Tensor back = calibration.directions.to(at::kDouble);
    const at::Tensor targets = corpus.targets.mm(corpus.directions.t()).mm(back);
    std::vector<at::Tensor> means, scales, maps;
    for (const at::Tensor& stream : corpus.streams) {
        const RidgeMap fit = fitRidge(RidgeMoments::of(stream, targets));
        means.push_back(fit.mean.to(at::kFloat));
        scales.push_back(fit.scale.to(at::kFloat));
        maps.push_back(fit.map.to(at::kFloat));
    }
    calibration.mean = at::stack(means);
    calibration.scale = at::stack(scales);
    calibration.map = at::stack(maps);
    calibration.sinkNorm = 123.5;
    calibration.tokens = kFragments * kTokens;
    calibration.fragments = kFragments;
    calibration.dataHash = "abc";
    return calibration;
}

void TestContextualisation::initTestCase()
{
    registerContextualisation(ExperimentRegistry::instance(), ProbeRegistry::instance());
    QVERIFY(ExperimentRegistry::instance().find("contextualisation_corpus"));
    QVERIFY(ProbeRegistry::instance().find("contextualisation"));
}

void TestContextualisation::init()
{
    at::Generator generator = at::globalContext().defaultGenerator(at::Device(at::kCPU));
    generator.set_current_seed(7); // every test alone is the same
}

void TestContextualisation::windowMean_leavesTheTokenOut()
{
    const at::Tensor embedding = at::arange(20, at::kFloat).unsqueeze(1); // row t holds t
    const std::vector<std::int32_t> ids{3, 5, 7, 19, 2};
    const at::Tensor means = windowMeans(embedding, at::ones({1}, at::kDouble), ids, 0, 5, 2);
    QCOMPARE(means[0].item<double>(), 0.0); // before the window
    QCOMPARE(means[1].item<double>(), 0.0);
    QCOMPARE(means[2].item<double>(), 4.0 - 1.0); // 3 and 5, not 7
    QCOMPARE(means[3].item<double>(), 6.0 - 1.0);
    QCOMPARE(means[4].item<double>(), 13.0 - 1.0);
}

void TestContextualisation::windowMean_inPiecesEqualsAtOnce()
{
    const at::Tensor embedding = at::randn({50, 6}, at::kFloat), centre = at::randn({6}, at::kDouble);
    std::vector<std::int32_t> ids;
    for (int i = 0; i < 40; ++i)
        ids.push_back((i * 7) % 50);
    const at::Tensor whole = windowMeans(embedding, centre, ids, 0, 40);
    std::vector<at::Tensor> parts{windowMeans(embedding, centre, ids, 0, 10),
                                  windowMeans(embedding, centre, ids, 10, 13)};
    for (int i = 23; i < 40; ++i)
        parts.push_back(windowMeans(embedding, centre, ids, i, 1));
    QVERIFY(largest(at::cat(parts).sub(whole)) < 1e-12);
}

void TestContextualisation::principalDirections_findThePlane()
{
    const at::Tensor plane = at::randn({2, 10}, at::kDouble);
    const at::Tensor y = at::randn({300, 2}, at::kDouble).mul(at::tensor({5.0, 1.0})).mm(plane).add(3.0);
    const at::Tensor found = principalDirections(y, 2);
    QCOMPARE(found.sizes().vec(), (std::vector<std::int64_t>{10, 2}));
    QVERIFY(largest(found.t().mm(found).sub(at::tensor({1.0, 0.0, 0.0, 1.0}).reshape({2, 2}))) < 1e-9);
    const at::Tensor centred = y.sub(y.mean(0));
    QVERIFY(largest(centred.mm(found).mm(found.t()).sub(centred)) < 1e-9); // nothing lies outside
    const at::Tensor spread = centred.mm(found).std(0, true);
    QVERIFY(spread[0].item<double>() > spread[1].item<double>());
    QCOMPARE(principalDirections(y, 128).size(1), std::int64_t(10)); // no more than the width
}

void TestContextualisation::ridge_equalsItsNormalEquations()
{
    const at::Tensor x = at::randn({200, 5}, at::kDouble).mul(at::tensor({1.0, 10.0, 0.1, 3.0, 2.0})).add(40.0);
    const at::Tensor t = at::randn({200, 3}, at::kDouble).add(1.0);
    const RidgeMap fit = fitRidge(RidgeMoments::of(x, t));
    const at::Tensor z = x.sub(x.mean(0)).div(x.std(0, /*unbiased=*/false));
    // The gradient of ||Z B - T||² + 0.1 n ||B||² is 0.
    const at::Tensor gradient = z.t().mm(z.mm(fit.map).sub(t)).add(fit.map.mul(0.1 * 200));
    QVERIFY2(largest(gradient) < 1e-8, qPrintable(QString::number(largest(gradient))));
    QVERIFY(largest(fit.predict(x).sub(z.mm(fit.map))) < 1e-9);
}

void TestContextualisation::ridge_survivesAConstantDimension()
{
    at::Tensor x = at::randn({100, 4}, at::kDouble);
    x.select(1, 2).fill_(26000.123);
    const RidgeMap fit = fitRidge(RidgeMoments::of(x, at::randn({100, 2}, at::kDouble)));
    QVERIFY(fit.map.isfinite().all().item<bool>());
    QCOMPARE(fit.scale[2].item<double>(), 1.0);
}

void TestContextualisation::moments_subtractAFold()
{
    const at::Tensor x = at::randn({90, 6}, at::kDouble), t = at::randn({90, 2}, at::kDouble);
    const auto all = RidgeMoments::of(x, t);
    const auto last = RidgeMoments::of(x.narrow(0, 60, 30), t.narrow(0, 60, 30));
    const RidgeMap left = fitRidge(all.minus(last)),
                   direct = fitRidge(RidgeMoments::of(x.narrow(0, 0, 60), t.narrow(0, 0, 60)));
    QVERIFY(largest(left.map.sub(direct.map)) < 1e-10);
    QVERIFY(largest(fitRidge(all.minus(last).plus(last)).map.sub(fitRidge(all).map)) < 1e-10);
}

void TestContextualisation::cosine_ofNothingIsZero()
{
    const at::Tensor a = at::tensor({1.0, 0.0, 0.0, 0.0, 3.0, 4.0}).reshape({3, 2});
    const at::Tensor b = at::tensor({2.0, 0.0, 1.0, 1.0, -3.0, -4.0}).reshape({3, 2});
    QVERIFY(largest(rowCosines(a, b).sub(at::tensor({1.0, 0.0, -1.0}))) < 1e-12);
}

void TestContextualisation::folds_areEvenAndReproducible()
{
    const std::vector<int> folds = contextFolds(60, 0);
    for (int fold = 0; fold < kContextFolds; ++fold)
        QCOMPARE(std::count(folds.begin(), folds.end(), fold), 12);
    QCOMPARE(contextFolds(60, 0), folds);
    QVERIFY(contextFolds(60, 1) != folds);
}

void TestContextualisation::plantedMemory_isFoundAtItsLayerOnly()
{
    const Planted corpus = planted();
    const std::vector<int> folds = foldsOf(corpus.fragmentOfRow);
    for (int stream = 0; stream < 3; ++stream) {
        const at::Tensor scores = crossFitScores(corpus.streams[std::size_t(stream)], corpus.targets, folds);
        const double found = area(scores, corpus.stores);
        qInfo("stream %d: AUC %.3f, mean c %.3f", stream, found, scores.mean().item<double>());
        if (stream == 1)
            QVERIFY2(found > .95, qPrintable(QString::number(found)));
        else
            QVERIFY2(std::abs(found - .5) < .05, qPrintable(QString::number(found)));
    }
}

void TestContextualisation::shuffledTargets_scoreNothing()
{
    const Planted corpus = planted();
    // Every row gets the target of the same place in another fragment.
    const at::Tensor shuffled = corpus.targets.roll({7 * (kTokens - kContextWindow)}, {0});
    const at::Tensor scores = crossFitScores(corpus.streams[1], shuffled, foldsOf(corpus.fragmentOfRow));
    QVERIFY2(std::abs(scores.mean().item<double>()) < .03, qPrintable(QString::number(scores.mean().item<double>())));
    QVERIFY2(std::abs(area(scores, corpus.stores) - .5) < .05,
             qPrintable(QString::number(area(scores, corpus.stores))));
}

void TestContextualisation::liveScore_equalsTheBatchScore()
{
    const Planted corpus = planted();
    const ContextCalibration calibration = calibrationOf(corpus);
    const std::int64_t perFragment = kTokens - kContextWindow;
    const at::Tensor states = corpus.streams[1].narrow(0, 5 * perFragment, perFragment); // fragment 5
    const std::vector<std::int32_t>& ids = corpus.ids[5];
    const at::Tensor y = windowMeans(corpus.embedding, corpus.centre, ids, kContextWindow, int(perFragment));
    const at::Tensor z = states.sub(calibration.mean[1]).div(calibration.scale[1]);
    const at::Tensor batch =
        rowCosines(z.mm(calibration.map[1].to(at::kDouble)), y.mm(calibration.directions.to(at::kDouble)));
    for (int i = 0; i < int(perFragment); ++i) {
        const int position = kContextWindow + i;
        const std::span<const std::int32_t> seen = std::span(ids).first(std::size_t(position) + 1);
        const at::Tensor live = contextScores(calibration, 1, states.narrow(0, i, 1),
                                              contextTargets(calibration, corpus.embedding, seen, position, 1));
        QVERIFY(std::abs(live.item<double>() - batch[i].item<double>()) < 1e-4);
    }
    QVERIFY(batch.std().item<double>() > .1); // the comparison says something
}

void TestContextualisation::calibration_survivesItsFile()
{
    QTemporaryDir folder;
    qputenv("XDG_CACHE_HOME", folder.path().toUtf8());
    const std::string path = calibrationPath(info(), "");
    QCOMPARE(QString::fromStdString(path),
             folder.filePath("layerscope/calibration/0123456789abcdef-fedcba9876543210.safetensors"));
    QVERIFY(contextCalibrationOf(info()).ok() && !contextCalibrationOf(info()).value());
    const ContextCalibration made = calibrationOf(planted());
    QVERIFY(storeCalibration(path, toStored(made, info())).ok());
    const auto read = contextCalibrationOf(info());
    QVERIFY2(read.ok(), read ? "" : read.error().message.c_str());
    QCOMPARE(read.value()->sinkNorm, made.sinkNorm);
    QCOMPARE(read.value()->tokens, made.tokens);
    QCOMPARE(read.value()->dataHash, made.dataHash);
    QVERIFY(read.value()->map.equal(made.map) && read.value()->directions.equal(made.directions));
    QVERIFY(read.value()->mean.equal(made.mean) && read.value()->scale.equal(made.scale));
}

void TestContextualisation::calibration_ofAnotherModelIsRefused_data()
{
    QTest::addColumn<QString>("change");
    for (const char* change : {"another model", "another tokenizer", "more blocks", "another width", "no map"})
        QTest::newRow(change) << QString::fromLatin1(change);
}

void TestContextualisation::calibration_ofAnotherModelIsRefused()
{
    QFETCH(QString, change);
    ModelInfo model = info();
    StoredCalibration stored = toStored(calibrationOf(planted()), model);
    QVERIFY(fromStored(stored, model).ok());
    if (change == "another model")
        model.fingerprint = "x";
    else if (change == "another tokenizer")
        model.tokenizerFingerprint = "x";
    else if (change == "more blocks")
        model.blockCount = 3;
    else if (change == "another width")
        model.width = 64;
    else
        stored.tensors.erase("map");
    QCOMPARE(fromStored(stored, model).error().code, Errc::FileFormat);
}

QTEST_GUILESS_MAIN(TestContextualisation)
#include "tst_contextualisation.moc"
