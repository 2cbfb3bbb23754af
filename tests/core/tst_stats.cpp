#include "core/stats/auroc.h"
#include "core/stats/bootstrap.h"
#include "core/stats/hypothesis.h"
#include "core/stats/random.h"

#include <QtTest>

#include <cmath>

using namespace ls;

/// Statistics against closed forms and worked examples.
class TestStats : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void summary_ofASmallSample();
    void mcnemar_isExact_data();
    void mcnemar_isExact();
    void wilson_matchesItsFormula_data();
    void wilson_matchesItsFormula();
    void holm_stepsDown();
    void auroc_matchesHandCounts_data();
    void auroc_matchesHandCounts();
    void auroc_intervalIsDeLongs();
    void auroc_differenceIsPaired();
    void bootstrap_isReproducible();
    void bootstrap_mean_hasTheNormalWidth();
    void bootstrap_clusters_areWiderThanItems();
    void bootstrap_ratio_isOfMeans();
    void bootstrap_pairedDifference_cancelsWhatIsShared();
    void bootstrap_coversTheTruth();
    void tooFewValues_areAnError();
    void randomBelow_isUniform();
};

namespace {

/// Sum of twelve uniform numbers less six: close enough to a normal one, and the same everywhere.
double normal(std::mt19937_64& random)
{
    double sum = -6;
    for (int i = 0; i < 12; ++i)
        sum += double(random() >> 11) * 0x1p-53;
    return sum;
}

bool near(double a, double b, double tolerance)
{
    return std::abs(a - b) <= tolerance;
}

} // namespace

void TestStats::summary_ofASmallSample()
{
    const std::vector<double> values{2, 4, 4, 4, 5, 5, 7, 9};
    QCOMPARE(mean(values), 5.0);
    QVERIFY(near(sampleSd(values), std::sqrt(32.0 / 7), 1e-12));
    QCOMPARE(median(values), 4.5);
    QCOMPARE(quantile(values, 0), 2.0);
    QCOMPARE(quantile(values, 1), 9.0);
    QCOMPARE(quantile(values, 0.25), 4.0);
    QVERIFY(near(quantile({1, 2}, 0.1), 1.1, 1e-12));
    QVERIFY(std::isnan(mean({})) && std::isnan(sampleSd(std::vector{1.0})) && std::isnan(median({})));
}

void TestStats::mcnemar_isExact_data()
{
    QTest::addColumn<int>("onlyA");
    QTest::addColumn<int>("onlyB");
    QTest::addColumn<double>("p");
    QTest::newRow("12 against 3") << 12 << 3 << 0.03515625;
    QTest::newRow("the order does not matter") << 3 << 12 << 0.03515625;
    QTest::newRow("no difference") << 0 << 0 << 1.0;
    QTest::newRow("even") << 5 << 5 << 1.0;
    QTest::newRow("six to none") << 6 << 0 << 0.03125;
}

void TestStats::mcnemar_isExact()
{
    QFETCH(int, onlyA);
    QFETCH(int, onlyB);
    QFETCH(double, p);
    QVERIFY(near(mcnemarExact(onlyA, onlyB), p, 1e-12));
}

void TestStats::wilson_matchesItsFormula_data()
{
    QTest::addColumn<int>("successes");
    QTest::addColumn<int>("trials");
    QTest::addColumn<double>("low");
    QTest::addColumn<double>("high");
    const double z2 = 3.8414588206941245; // chi-squared quantile .95, one degree of freedom
    QTest::newRow("none of ten ends at z2/(n+z2)") << 0 << 10 << 0.0 << z2 / (10 + z2);
    QTest::newRow("all of ten mirrors none") << 10 << 10 << 10 / (10 + z2) << 1.0;
    // p = 1/2: centre 1/2, half width z / (2 sqrt(n + z2))
    QTest::newRow("half of a hundred") << 50 << 100 << 0.5 - std::sqrt(z2 / (100 + z2)) / 2
                                       << 0.5 + std::sqrt(z2 / (100 + z2)) / 2;
}

void TestStats::wilson_matchesItsFormula()
{
    QFETCH(int, successes);
    QFETCH(int, trials);
    QFETCH(double, low);
    QFETCH(double, high);
    const Estimate interval = wilson(successes, trials).value();
    QCOMPARE(interval.value, double(successes) / trials);
    QVERIFY(near(interval.low, low, 1e-9));
    QVERIFY(near(interval.high, high, 1e-9));
    QVERIFY(interval.low <= interval.value && interval.value <= interval.high);
    QVERIFY(!wilson(trials + 1, trials).ok());
}

void TestStats::holm_stepsDown()
{
    const std::vector<double> adjusted = holm(std::vector{0.01, 0.04, 0.03, 0.005});
    const std::vector<double> expected{0.03, 0.06, 0.06, 0.02};
    for (std::size_t i = 0; i < expected.size(); ++i)
        QVERIFY2(near(adjusted[i], expected[i], 1e-12), qPrintable(QString::number(adjusted[i])));
    QCOMPARE(holm(std::vector{0.9, 0.8}), (std::vector{1.0, 1.0}));
    QVERIFY(holm({}).empty());
}

void TestStats::auroc_matchesHandCounts_data()
{
    QTest::addColumn<QList<double>>("positives");
    QTest::addColumn<QList<double>>("negatives");
    QTest::addColumn<double>("area");
    QTest::newRow("separated") << QList<double>{3, 4} << QList<double>{1, 2} << 1.0;
    QTest::newRow("reversed") << QList<double>{1, 2} << QList<double>{3, 4} << 0.0;
    QTest::newRow("all tied") << QList<double>{1, 1, 1} << QList<double>{1, 1} << 0.5;
    QTest::newRow("5 of 6 pairs and none tied") << QList<double>{2, 4, 5} << QList<double>{1, 3} << 5.0 / 6;
    QTest::newRow("a tie counts half") << QList<double>{2, 4} << QList<double>{2, 1} << 3.5 / 4;
}

void TestStats::auroc_matchesHandCounts()
{
    QFETCH(QList<double>, positives);
    QFETCH(QList<double>, negatives);
    QFETCH(double, area);
    const Estimate result = auroc(positives, negatives).value();
    QVERIFY(near(result.value, area, 1e-12));
    QCOMPARE(result.n, int(positives.size() + negatives.size()));
}

void TestStats::auroc_intervalIsDeLongs()
{
    // Placements: positives 1/2, 1, 1; negatives 1, 2/3. Variances 1/12 and 1/18; sd^2 = 1/36 + 1/36.
    const Estimate result = auroc(std::vector{2.0, 4.0, 5.0}, std::vector{1.0, 3.0}).value();
    const double half = 1.959963984540054 * std::sqrt(1.0 / 18);
    QVERIFY(near(result.low, 5.0 / 6 - half, 1e-9));
    QCOMPARE(result.high, 1.0); // cut
    // Two shifted normals: AUROC = Phi(shift / sqrt 2).
    std::mt19937_64 random(1);
    std::vector<double> positives(2000), negatives(2000);
    for (double& value : positives)
        value = normal(random) + 1;
    for (double& value : negatives)
        value = normal(random);
    const Estimate shifted = auroc(positives, negatives).value();
    QVERIFY2(near(shifted.value, 0.7602, 0.02), qPrintable(QString::number(shifted.value)));
    QVERIFY(shifted.low < 0.7602 && 0.7602 < shifted.high);
    QVERIFY(near(shifted.high - shifted.low, 0.0293, 0.002)); // 2 * 1.96 * sd of about .0075
}

void TestStats::auroc_differenceIsPaired()
{
    std::mt19937_64 random(2);
    std::vector<double> positivesA, negativesA, positivesB, negativesB;
    for (int i = 0; i < 300; ++i) {
        const double up = normal(random) + 1, down = normal(random);
        positivesA.push_back(up);
        negativesA.push_back(down);
        positivesB.push_back(up + 0.3 + 0.05 * normal(random)); // almost the same score, a little better
        negativesB.push_back(down + 0.05 * normal(random));
    }
    const AurocDifference paired = aurocDifference(positivesA, negativesA, positivesB, negativesB).value();
    const double a = auroc(positivesA, negativesA).value().value, b = auroc(positivesB, negativesB).value().value;
    QVERIFY(near(paired.difference.value, b - a, 1e-12));
    QVERIFY2(paired.p < 1e-6, qPrintable(QString::number(paired.p))); // unpaired intervals overlap
    QVERIFY(auroc(positivesA, negativesA).value().high > auroc(positivesB, negativesB).value().low);
    const AurocDifference same = aurocDifference(positivesA, negativesA, positivesA, negativesA).value();
    QCOMPARE(same.p, 1.0);
    QCOMPARE(same.difference.value, 0.0);
}

void TestStats::bootstrap_isReproducible()
{
    const std::vector<double> values{1, 5, 2, 8, 3, 3, 9};
    QVERIFY(bootstrapMean(values).value() == bootstrapMean(values).value());
    QVERIFY(!(bootstrapMean(values, {2000, 1}).value() == bootstrapMean(values, {2000, 2}).value()));
    QCOMPARE(bootstrapMean(values).value().value, 31.0 / 7);
    QCOMPARE(bootstrapMean(values).value().n, 7);
}

void TestStats::bootstrap_mean_hasTheNormalWidth()
{
    std::mt19937_64 random(3);
    std::vector<double> values(400);
    for (double& value : values)
        value = 10 + 2 * normal(random);
    const Estimate result = bootstrapMean(values).value();
    const double expected = 2 * 1.96 * sampleSd(values) / 20;
    QVERIFY(near((result.high - result.low) / expected, 1, 0.08));
    QVERIFY(result.low < result.value && result.value < result.high);
}

void TestStats::bootstrap_clusters_areWiderThanItems()
{
    // Ten values of a cluster are one value repeated: the honest interval is sqrt(10) times as wide.
    std::mt19937_64 random(4);
    std::vector<double> values;
    std::vector<int> clusters;
    for (int cluster = 0; cluster < 60; ++cluster) {
        const double value = normal(random);
        values.insert(values.end(), 10, value);
        clusters.insert(clusters.end(), 10, cluster * 7 - 3);
    }
    const Estimate items = bootstrapMean(values).value();
    const Estimate byCluster = bootstrapClusterMean(values, clusters).value();
    QVERIFY(near(items.value, byCluster.value, 1e-12));
    QCOMPARE(byCluster.n, 60);
    QVERIFY(near((byCluster.high - byCluster.low) / (items.high - items.low), std::sqrt(10.0), 0.3));
}

void TestStats::bootstrap_ratio_isOfMeans()
{
    const std::vector<double> tokens{100, 300}, seconds{1, 2};
    QVERIFY(near(bootstrapRatio(tokens, seconds).value().value, 400.0 / 3, 1e-12)); // not mean(100, 150)
    const Estimate constant = bootstrapRatio(std::vector{2.0, 4.0, 6.0}, std::vector{1.0, 2.0, 3.0}).value();
    QCOMPARE(constant.low, 2.0);
    QCOMPARE(constant.high, 2.0);
    // A fragment that has none of a class adds nothing to it.
    const Estimate sparse = bootstrapRatio(std::vector{0.0, 3.0, 5.0}, std::vector{0.0, 1.0, 1.0}).value();
    QCOMPARE(sparse.value, 4.0);
    QVERIFY(sparse.low >= 3 && sparse.high <= 5);
    const Estimate difference = bootstrapRatioDifference(std::vector{2.0, 4.0}, std::vector{1.0, 2.0},
                                                         std::vector{1.0, 2.0}, std::vector{1.0, 2.0})
                                    .value();
    QCOMPARE(difference.value, 1.0);
    QCOMPARE(difference.low, 1.0);
}

void TestStats::bootstrap_pairedDifference_cancelsWhatIsShared()
{
    std::mt19937_64 random(5);
    std::vector<double> a, b;
    for (int i = 0; i < 100; ++i) {
        a.push_back(100 * normal(random));
        b.push_back(a.back() + 1);
    }
    const Estimate result = bootstrapPairedDifference(a, b).value();
    QVERIFY(near(result.low, 1, 1e-9) && near(result.high, 1, 1e-9));
}

void TestStats::bootstrap_coversTheTruth()
{
    // llm-microscope.md: the 95 % interval covers the mean in 91-97 % of 500 clustered sets of 60 clusters.
    std::mt19937_64 random(6);
    int covered = 0;
    for (int set = 0; set < 500; ++set) {
        std::vector<double> sums, counts;
        for (int cluster = 0; cluster < 60; ++cluster) {
            const double n = 1 + double(randomBelow(random, 9));
            const double shared = normal(random);
            double sum = 0;
            for (int i = 0; i < int(n); ++i)
                sum += shared + normal(random);
            sums.push_back(sum);
            counts.push_back(n);
        }
        const Estimate result = bootstrapRatio(sums, counts, {400, std::uint64_t(set)}).value();
        covered += result.low <= 0 && 0 <= result.high;
    }
    QVERIFY2(covered >= 455 && covered <= 485, qPrintable(QString::number(covered)));
}

void TestStats::tooFewValues_areAnError()
{
    QCOMPARE(bootstrapMean(std::vector{1.0}).error().code, Errc::DataTooFew);
    QCOMPARE(bootstrapMean({}).error().code, Errc::DataTooFew);
    QCOMPARE(auroc(std::vector{1.0, 2.0}, std::vector{1.0}).error().code, Errc::DataTooFew);
    QCOMPARE(wilson(0, 0).error().code, Errc::DataTooFew);
    QCOMPARE(bootstrapPairedDifference(std::vector{1.0, 2.0}, std::vector{1.0}).error().code, Errc::InvalidParameter);
}

void TestStats::randomBelow_isUniform()
{
    std::mt19937_64 random(7);
    std::vector<int> counts(6);
    for (int i = 0; i < 60000; ++i)
        ++counts[randomBelow(random, 6)];
    for (const int count : counts)
        QVERIFY(std::abs(count - 10000) < 400); // four standard deviations are 365
    QCOMPARE(randomBelow(random, 1), std::size_t(0));
}

QTEST_GUILESS_MAIN(TestStats)
#include "tst_stats.moc"
