#include "kernels/cpu/worker_pool.h"

#include <QtTest>

#include <atomic>
#include <chrono>
#include <ctime>
#include <memory>
#include <thread>
#include <vector>

using ls::kernels::WorkerPool;

class TestWorkerPool : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everyIndex_isVisitedOnce_data();
    void everyIndex_isVisitedOnce();
    void manyShortJobs_seeEachOthersWrites();
    void callers_takeTurns();
    void idleWorkers_sleep();
    void pools_startAndEnd();
};

void TestWorkerPool::everyIndex_isVisitedOnce_data()
{
    QTest::addColumn<int>("threads");
    QTest::addColumn<int>("count");
    QTest::addColumn<int>("grain");
    for (const int threads : {1, 2, 5})
        for (const int count : {0, 1, 7, 1000})
            for (const int grain : {1, 3, 2000})
                QTest::addRow("%d threads, %d by %d", threads, count, grain) << threads << count << grain;
}

void TestWorkerPool::everyIndex_isVisitedOnce()
{
    QFETCH(int, threads);
    QFETCH(int, count);
    QFETCH(int, grain);
    WorkerPool pool(threads);
    QCOMPARE(pool.threads(), threads);
    std::vector<int> visits(std::size_t(count), 0); // pieces do not overlap, so plain ints are enough
    std::atomic<bool> fits = true;
    pool.forRange(count, grain, [&](std::int64_t begin, std::int64_t end, int thread) {
        if (end - begin > grain || begin >= end || thread < 0 || thread >= threads)
            fits = false;
        for (std::int64_t i = begin; i < end; ++i)
            ++visits[std::size_t(i)];
    });
    QVERIFY(fits);
    QCOMPARE(visits, std::vector<int>(std::size_t(count), 1));
}

void TestWorkerPool::manyShortJobs_seeEachOthersWrites()
{
    WorkerPool pool(3);
    std::vector<std::int64_t> values(64, 0);
    for (int round = 0; round < 2000; ++round)
        pool.forRange(64, 4, [&](std::int64_t begin, std::int64_t end, int) {
            for (std::int64_t i = begin; i < end; ++i)
                values[std::size_t(i)] += i; // another thread's turn next time: a missing barrier is a race
        });
    for (std::size_t i = 0; i < values.size(); ++i)
        QCOMPARE(values[i], std::int64_t(2000 * i));
}

void TestWorkerPool::callers_takeTurns()
{
    WorkerPool pool(2);
    std::atomic<std::int64_t> total = 0;
    std::vector<std::thread> callers;
    for (int c = 0; c < 3; ++c)
        callers.emplace_back([&] {
            for (int round = 0; round < 200; ++round)
                pool.forRange(50, 5, [&](std::int64_t begin, std::int64_t end, int) { total += end - begin; });
        });
    for (std::thread& caller : callers)
        caller.join();
    QCOMPARE(total.load(), std::int64_t(3 * 200 * 50));
}

void TestWorkerPool::idleWorkers_sleep()
{
    WorkerPool pool(4);
    std::atomic<int> ran = 0;
    pool.forRange(4, 1, [&](std::int64_t, std::int64_t, int) { ++ran; });
    QCOMPARE(ran.load(), 4);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const std::clock_t before = std::clock(); // processor time of all threads
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    const double used = double(std::clock() - before) / CLOCKS_PER_SEC;
    QVERIFY2(used < 0.05, qPrintable(QStringLiteral("%1 s of processor time while idle").arg(used)));
    pool.forRange(4, 1, [&](std::int64_t, std::int64_t, int) { ++ran; }); // and wake again
    QCOMPARE(ran.load(), 8);
}

void TestWorkerPool::pools_startAndEnd()
{
    for (int i = 0; i < 50; ++i) {
        auto pool = std::make_unique<WorkerPool>(3);
        if (i % 2)
            pool->forRange(9, 1, [](std::int64_t, std::int64_t, int) {});
    }
}

QTEST_GUILESS_MAIN(TestWorkerPool)
#include "tst_worker_pool.moc"
