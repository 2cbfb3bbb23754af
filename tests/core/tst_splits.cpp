#include "core/data/datasets.h"
#include "core/data/splits.h"

#include <QtTest>

#include <algorithm>
#include <map>

using namespace ls;

/// Halves are stratified, disjoint and the same every time.
class TestSplits : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void halves_areDisjointAndComplete();
    void halves_areStratified();
    void halves_areReproducible();
    void smallCases_data();
    void smallCases();
};

void TestSplits::halves_areDisjointAndComplete()
{
    const Halves halves = safetyHalves(xstest());
    QCOMPARE(halves.train.size(), std::size_t(225));
    QCOMPARE(halves.test.size(), std::size_t(225));
    std::vector<int> all = halves.train;
    all.insert(all.end(), halves.test.begin(), halves.test.end());
    std::sort(all.begin(), all.end());
    for (int i = 0; i < 450; ++i)
        QCOMPARE(all[std::size_t(i)], i);
    QVERIFY(std::is_sorted(halves.train.begin(), halves.train.end()));
}

void TestSplits::halves_areStratified()
{
    std::map<std::string, int> balance;
    const Halves halves = safetyHalves(xstest());
    for (const int i : halves.train)
        ++balance[xstest()[std::size_t(i)].type];
    for (const int i : halves.test)
        --balance[xstest()[std::size_t(i)].type];
    QCOMPARE(balance.size(), std::size_t(18));
    for (const auto& [type, difference] : balance)
        QVERIFY2(std::abs(difference) <= 1, type.c_str());
}

void TestSplits::halves_areReproducible()
{
    const std::vector<std::string> strata(20, "x");
    QVERIFY(stratifiedHalves(strata) == stratifiedHalves(strata, 42));
    QVERIFY(!(stratifiedHalves(strata, 42) == stratifiedHalves(strata, 43)));
    // Written down once: another order would make stored sessions disagree with new ones.
    QCOMPARE(stratifiedHalves(std::vector<std::string>(8, "x")).train, (std::vector<int>{0, 1, 5, 7}));
}

void TestSplits::smallCases_data()
{
    QTest::addColumn<QStringList>("strata");
    QTest::addColumn<int>("train");
    QTest::newRow("nothing") << QStringList{} << 0;
    QTest::newRow("one item") << QStringList{"a"} << 1;
    QTest::newRow("the extra items take turns") << QStringList{"a", "b", "c", "d"} << 2;
    QTest::newRow("three of one kind") << QStringList{"a", "a", "a"} << 2;
}

void TestSplits::smallCases()
{
    QFETCH(QStringList, strata);
    QFETCH(int, train);
    std::vector<std::string> names;
    for (const QString& stratum : strata)
        names.push_back(stratum.toStdString());
    const Halves halves = stratifiedHalves(names);
    QCOMPARE(int(halves.train.size()), train);
    QCOMPARE(int(halves.train.size() + halves.test.size()), int(names.size()));
}

QTEST_GUILESS_MAIN(TestSplits)
#include "tst_splits.moc"
