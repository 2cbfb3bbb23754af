#include "engine/cuda/cuda_module.h"
#include "engine/generate/distribution.h"

#include <QTest>

#include <cmath>

using namespace ls;

class TestSampler : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void check_refusesWhatMakesNoSense_data()
    {
        QTest::addColumn<double>("temperature");
        QTest::addColumn<double>("topP");
        QTest::addColumn<bool>("accepted");
        QTest::newRow("greedy") << 0.0 << 1.0 << true;
        QTest::newRow("usual") << 0.8 << 0.95 << true;
        QTest::newRow("negative temperature") << -0.1 << 1.0 << false;
        QTest::newRow("temperature is no number") << std::nan("") << 1.0 << false;
        QTest::newRow("endless temperature") << double(INFINITY) << 1.0 << false;
        QTest::newRow("empty nucleus") << 1.0 << 0.0 << false;
        QTest::newRow("more than everything") << 1.0 << 1.5 << false;
        QTest::newRow("top-p is no number") << 1.0 << std::nan("") << false;
    }
    void check_refusesWhatMakesNoSense()
    {
        QFETCH(double, temperature);
        QFETCH(double, topP);
        QFETCH(bool, accepted);
        QCOMPARE(Sampler::check({temperature, topP, 0}).ok(), accepted);
    }

    void greedy_takesTheLargest_ties_smallerId()
    {
        const std::vector<float> logits{1, 5, -2, 5};
        Sampler sampler({0, 1, 7});
        QCOMPARE(sampler.take(logits), 1);
    }

    void sampling_hasTheFrequenciesOfTheDistribution_data()
    {
        QTest::addColumn<double>("temperature");
        QTest::addColumn<double>("topP");
        QTest::addColumn<QVector<double>>("expected");
        // logits are log 1, log 2, log 4, log 1
        QTest::newRow("temperature 1: as it is") << 1.0 << 1.0 << QVector<double>{1 / 8., 2 / 8., 4 / 8., 1 / 8.};
        QTest::newRow("temperature 1/2: squared") << 0.5 << 1.0 << QVector<double>{1 / 22., 4 / 22., 16 / 22., 1 / 22.};
        QTest::newRow("nucleus of 3/4: two tokens") << 1.0 << 0.75 << QVector<double>{0, 1 / 3., 2 / 3., 0};
        QTest::newRow("a little more takes the next, ties: smaller id")
            << 1.0 << 0.76 << QVector<double>{1 / 7., 2 / 7., 4 / 7., 0};
        QTest::newRow("tiny nucleus keeps one") << 1.0 << 0.001 << QVector<double>{0, 0, 1, 0};
        QTest::newRow("nucleus is cut after the temperature") << 0.5 << 0.9 << QVector<double>{0, 0.2, 0.8, 0};
    }
    void sampling_hasTheFrequenciesOfTheDistribution()
    {
        QFETCH(double, temperature);
        QFETCH(double, topP);
        QFETCH(QVector<double>, expected);
        const std::vector<float> logits{0, std::log(2.f), std::log(4.f), 0};
        Sampler sampler({temperature, topP, 1});
        constexpr int kDraws = 20000;
        std::vector<int> counts(4);
        for (int i = 0; i < kDraws; ++i)
            ++counts[std::size_t(sampler.take(logits))];
        for (int i = 0; i < 4; ++i) { // five standard deviations; exact where nothing may come
            const double p = expected[i], slack = 5 * std::sqrt(kDraws * p * (1 - p));
            QVERIFY2(std::abs(counts[std::size_t(i)] - kDraws * p) <= slack,
                     qPrintable(QStringLiteral("token %1: %2 times").arg(i).arg(counts[std::size_t(i)])));
        }
    }

    void sameSeed_sameTokens()
    {
        const std::vector<float> logits(1000, 0.0f);
        std::vector<std::int32_t> first, second, other;
        Sampler a({1, 1, 5}), b({1, 1, 5}), c({1, 1, 6});
        for (int i = 0; i < 20; ++i) {
            first.push_back(a.take(logits));
            second.push_back(b.take(logits));
            other.push_back(c.take(logits));
        }
        QCOMPARE(first, second);
        QVERIFY(first != other);
    }

    void measures_matchClosedForms()
    {
        const std::vector<float> uniform(4, std::log(0.25f)),
            skewed{std::log(0.5f), std::log(0.25f), std::log(0.125f), std::log(0.125f)};
        const std::vector<float> certain{0, -INFINITY, -INFINITY, -INFINITY};
        QVERIFY(std::abs(entropyOf(uniform) - std::log(4.0)) < 1e-6);
        QCOMPARE(entropyOf(certain), 0.0);
        QCOMPARE(klDivergence(uniform, uniform), 0.0);
        // sum p log(p/q): 1/4 (log 1/2 + log 1 + 2 log 2) = 1/4 log 2, the other way 1.75 log 2 - ... by hand
        QVERIFY(std::abs(klDivergence(uniform, skewed) - 0.25 * std::log(2.0)) < 1e-6);
        QVERIFY(std::abs(klDivergence(skewed, uniform) - (std::log(4.0) - 1.75 * std::log(2.0))) < 1e-6);
        QCOMPARE(largestIds(std::vector<float>{1, 3, 3, 2}, 3), (std::vector<std::int32_t>{1, 2, 3}));
        QCOMPARE(largestIds(std::vector<float>{1, 2}, 5), (std::vector<std::int32_t>{1, 0}));
    }

    void cuda_saysWhyNot_data()
    {
        QTest::addColumn<bool>("driver");
        QTest::addColumn<QString>("version");
        QTest::addColumn<bool>("module");
        QTest::addColumn<QString>("reason");
        QTest::newRow("nothing there") << false << "" << false << "no NVIDIA driver found";
        QTest::newRow("old driver") << true << "525.60.13" << true << "driver too old: 525 < 580";
        QTest::newRow("driver without module") << true << "580.65.06" << false << "built without CUDA";
        QTest::newRow("driver of unknown version, no module") << true << "" << false << "built without CUDA";
        QTest::newRow("all there") << true << "580.65.06" << true << "";
    }
    void cuda_saysWhyNot()
    {
        QFETCH(bool, driver);
        QFETCH(QString, version);
        QFETCH(bool, module);
        QFETCH(QString, reason);
        CudaState state{driver, std::nullopt, module, {}};
        if (!version.isEmpty())
            state.driverVersion = version.toStdString();
        QCOMPARE(QString::fromStdString(cudaReason(state)), reason);
    }
};

QTEST_GUILESS_MAIN(TestSampler)
#include "tst_sampler.moc"
