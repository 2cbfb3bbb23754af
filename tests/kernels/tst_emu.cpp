#include "kernels/cuda/portable.h"

#include <QtTest>

#include <numeric>

using namespace ls;
using namespace ls::cuda;

/// The emulator itself: it computes what CUDA would, and reports what CUDA leaves undefined.
class TestEmu : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void cleanup() { emu::setSchedule(0); }
    void everyThread_runsOnceInEveryBlock();
    void barrier_separatesWritesFromReads_data() { schedules(); }
    void barrier_separatesWritesFromReads();
    void missingBarrier_isSeen();
    void missingSecondBarrier_isSeen();
    void shuffles_exchangeLanes_data() { schedules(); }
    void shuffles_exchangeLanes();
    void blockSum_isTheSameForAll();
    void divergentBarrier_isAnError();
    void exitedLane_isAnError();
    void differentOperations_areAnError();
    void writeOutsideOfSharedMemory_isAnError();
    void unwrittenSharedMemory_isNotANumber();
    void violatedAssertion_isAnError();
    void afterAnError_theNextRunWorks();
    void oddBlocks_areRefused();
    void halvesAndWords_areThoseOfTheDevice();

private:
    static void schedules();
};

void TestEmu::schedules()
{
    QTest::addColumn<quint64>("seed");
    for (const quint64 seed : {0, 1, 2, 3})
        QTest::addRow("schedule %d", int(seed)) << seed;
}

void TestEmu::everyThread_runsOnceInEveryBlock()
{
    std::vector<int> count(3 * 2 * 2 * 64, 0);
    QVERIFY(emu::run({3, 2, 2, 64, 0}, [&] {
        ++count[((blockZ() * 2 + blockY()) * 3 + blockX()) * 64 + threadId()];
        LSK_ASSERT(threadCount() == 64 && gridX() == 3 && threadId() == warpId() * 32 + laneId());
    }));
    QCOMPARE(count, std::vector<int>(count.size(), 1));
}

void TestEmu::barrier_separatesWritesFromReads()
{
    QFETCH(quint64, seed);
    emu::setSchedule(seed);
    std::vector<int> out(128);
    QVERIFY(emu::run({1, 1, 1, 128, 128 * sizeof(int)}, [&] {
        LSK_SHARED(shared);
        int* values = reinterpret_cast<int*>(shared);
        for (unsigned distance = 1; distance < 4; ++distance) {
            values[threadId()] = int(threadId() * distance);
            syncThreads();
            out[threadId()] = values[(threadId() + distance) % 128];
            syncThreads();
        }
    }));
    for (int i = 0; i < 128; ++i)
        QCOMPARE(out[std::size_t(i)], (i + 3) % 128 * 3);
}

void TestEmu::missingBarrier_isSeen()
{
    int wrong = 0;
    for (const quint64 seed : {0, 1, 2}) {
        emu::setSchedule(seed);
        std::vector<float> out(64);
        QVERIFY(emu::run({1, 1, 1, 64, 64 * sizeof(float)}, [&] {
            LSK_SHARED(shared);
            float* values = reinterpret_cast<float*>(shared);
            values[threadId()] = 1;
            out[threadId()] = values[63 - threadId()]; // no barrier before
        }));
        wrong += int(std::count_if(out.begin(), out.end(), [](float value) { return std::isnan(value); }));
    }
    QVERIFY(wrong > 0);
}

void TestEmu::missingSecondBarrier_isSeen()
{
    // The usual fault of a loop over tiles: the next tile is written while slower warps still read the last one.
    int wrong = 0;
    for (const quint64 seed : {1, 3, 5}) {
        emu::setSchedule(seed);
        std::vector<int> sums(128, 0);
        QVERIFY(emu::run({1, 1, 1, 128, 128 * sizeof(int)}, [&] {
            LSK_SHARED(shared);
            int* tile = reinterpret_cast<int*>(shared);
            for (int round = 0; round < 8; ++round) {
                tile[threadId()] = warpSum(1) + round;
                syncThreads();
                sums[threadId()] += tile[127 - threadId()]; // no barrier after
            }
        }));
        wrong += int(std::count_if(sums.begin(), sums.end(), [](int value) { return value != 8 * 32 + 28; }));
    }
    QVERIFY(wrong > 0);
}

void TestEmu::shuffles_exchangeLanes()
{
    QFETCH(quint64, seed);
    emu::setSchedule(seed);
    std::vector<int> sums(64), from(64), up(64);
    std::vector<double> wide(64);
    QVERIFY(emu::run({1, 1, 1, 64, 0}, [&] {
        const unsigned i = threadId();
        sums[i] = warpSum(int(i));
        from[i] = shuffleFrom(int(i), 5);
        up[i] = shuffleUp(int(i), 3);
        wide[i] = warpMax(1e300 * double(laneId()));
    }));
    for (int i = 0; i < 64; ++i) {
        const auto at = std::size_t(i);
        QCOMPARE(sums[at], i < 32 ? 496 : 496 + 1024);
        QCOMPARE(from[at], i < 32 ? 5 : 37);
        QCOMPARE(up[at], i % 32 < 3 ? i : i - 3);
        QCOMPARE(wide[at], 31e300);
    }
}

void TestEmu::blockSum_isTheSameForAll()
{
    std::vector<int> out(256);
    QVERIFY(emu::run({1, 1, 1, 256, 32}, [&] {
        LSK_SHARED(shared);
        out[threadId()] = blockSum(int(threadId()), reinterpret_cast<int*>(shared));
    }));
    QCOMPARE(out, std::vector<int>(256, 255 * 128));
}

void TestEmu::divergentBarrier_isAnError()
{
    QVERIFY(!emu::run({2, 1, 1, 64, 0}, [] {
        if (blockX() == 1 && threadId() == 7)
            return;
        syncThreads();
    }));
    QVERIFY2(emu::lastError().find("barrier divergence: 63 of 64") == 0, emu::lastError().c_str());
    QVERIFY(emu::lastError().find("(block 1, 0, 0)") != std::string::npos);
}

void TestEmu::exitedLane_isAnError()
{
    QVERIFY(!emu::run({1, 1, 1, 64, 0}, [] {
        if (threadId() == 40)
            return;
        warpSum(1);
    }));
    QVERIFY2(emu::lastError().find("lane 8 of warp 1 has left") != std::string::npos, emu::lastError().c_str());
}

void TestEmu::differentOperations_areAnError()
{
    QVERIFY(!emu::run({1, 1, 1, 32, 0}, [] {
        if (laneId() == 3)
            syncThreads();
        else
            syncWarp();
    }));
    QVERIFY2(emu::lastError().find("lane 3 of warp 0 is elsewhere") != std::string::npos, emu::lastError().c_str());
    QVERIFY(!emu::run({1, 1, 1, 32, 0}, [] { shuffleXor(1, laneId() == 3 ? 1 : 2); }));
}

void TestEmu::writeOutsideOfSharedMemory_isAnError()
{
#if defined(__SANITIZE_ADDRESS__)
    QSKIP("the sanitizer ends the program at the write itself");
#endif
    for (const int at : {64, -1}) {
        QVERIFY(!emu::run({1, 1, 1, 32, 64}, [at] {
            LSK_SHARED(shared);
            if (threadId() == 0)
                shared[at] = 1;
        }));
        QVERIFY2(emu::lastError().find("outside of shared memory") != std::string::npos, emu::lastError().c_str());
    }
}

void TestEmu::unwrittenSharedMemory_isNotANumber()
{
    std::vector<float> out(64);
    for (int run = 0; run < 2; ++run) { // also after a block that wrote
        QVERIFY(emu::run({2, 1, 1, 32, 128}, [&] {
            LSK_SHARED(shared);
            float* values = reinterpret_cast<float*>(shared);
            out[blockX() * 32 + threadId()] = values[threadId()];
            values[threadId()] = 1;
        }));
        for (const float value : out)
            QVERIFY(std::isnan(value));
    }
}

void TestEmu::violatedAssertion_isAnError()
{
    QVERIFY(!emu::run({1, 1, 1, 32, 0}, [] { LSK_ASSERT(threadId() < 9); }));
    QVERIFY2(emu::lastError().find("violated: threadId() < 9 (block 0, 0, 0), thread 9") != std::string::npos ||
                 emu::lastError().find("thread 9") != std::string::npos,
             emu::lastError().c_str());
}

void TestEmu::afterAnError_theNextRunWorks()
{
    QVERIFY(!emu::run({1, 1, 1, 64, 0}, [] {
        if (threadId() > 3)
            syncThreads();
    }));
    int count = 0;
    QVERIFY(emu::run({1, 1, 1, 64, 0}, [&] {
        syncThreads();
        ++count;
    }));
    QCOMPARE(count, 64);
    QVERIFY(emu::lastError().empty());
}

void TestEmu::oddBlocks_areRefused()
{
    for (const unsigned threads : {0u, 31u, 33u, 1056u})
        QVERIFY(!emu::run({1, 1, 1, threads, 0}, [] {}));
    QVERIFY(emu::run({0, 1, 1, 32, 0}, [] { emu::fail("runs"); })); // no block, nothing to do
}

void TestEmu::halvesAndWords_areThoseOfTheDevice()
{
    QCOMPARE(dot4(0x7F80FF01, 0x7F80FF01, 5), 127 * 127 + 128 * 128 + 1 + 1 + 5);
    QCOMPARE(multiplyHigh(~std::uint64_t(0), ~std::uint64_t(0)), ~std::uint64_t(0) - 1);
    QCOMPARE(roundToInt(2.5f), 2);
    QCOMPARE(roundToInt(-3.5f), -4);
    QCOMPARE(roundToInt(std::numeric_limits<float>::quiet_NaN()), 0);
    QCOMPARE(halfBitsToFloat(floatToHalfBits(0.1f)), 0.0999755859375f);
    QCOMPARE(floatToBfloatBits(1.00390625f), std::uint16_t(0x3F80)); // half way: to even
}

QTEST_GUILESS_MAIN(TestEmu)
#include "tst_emu.moc"
