#include "kernels/cpu/worker_pool.h"

#include <algorithm>
#include <chrono>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ls::kernels {

namespace {

void relax()
{
#if defined(__x86_64__)
    _mm_pause();
#endif
}

/// Spins until done() or the time is over; says whether done.
template <class Done>
bool spin(std::chrono::microseconds limit, const Done& done)
{
    const auto end = std::chrono::steady_clock::now() + limit;
    do {
        for (int i = 0; i < 64; ++i) {
            if (done())
                return true;
            relax();
        }
    } while (std::chrono::steady_clock::now() < end);
    return done();
}

constexpr std::chrono::microseconds kIdleSpin{50};

} // namespace

WorkerPool::WorkerPool(int threads)
{
    for (int thread = 1; thread < threads; ++thread)
        m_workers.emplace_back([this, thread] { work(thread); });
}

WorkerPool::~WorkerPool()
{
    m_stop.store(true, std::memory_order_relaxed); // published by the round
    m_round.fetch_add(1, std::memory_order_release);
    m_round.notify_all();
    for (std::thread& worker : m_workers)
        worker.join();
}

void WorkerPool::takePieces(int thread)
{
    const Job& job = m_job;
    while (true) {
        const std::int64_t begin = m_next.fetch_add(job.grain, std::memory_order_relaxed);
        if (begin >= job.count)
            return;
        job.call(job.context, begin, std::min(begin + job.grain, job.count), thread);
    }
}

void WorkerPool::dispatch(const Job& job)
{
    if (job.count <= 0)
        return;
    if (m_workers.empty() || job.count <= job.grain) {
        for (std::int64_t begin = 0; begin < job.count; begin += job.grain)
            job.call(job.context, begin, std::min(begin + job.grain, job.count), 0);
        return;
    }
    const std::lock_guard lock(m_caller);
    m_job = job;
    m_next.store(0, std::memory_order_relaxed);
    m_running.store(std::int32_t(m_workers.size()), std::memory_order_relaxed);
    m_round.fetch_add(1, std::memory_order_release);
    m_round.notify_all();
    takePieces(0);
    const auto done = [this] { return m_running.load(std::memory_order_acquire) == 0; };
    if (spin(kIdleSpin, done))
        return;
    for (std::int32_t left = m_running.load(std::memory_order_acquire); left != 0;
         left = m_running.load(std::memory_order_acquire))
        m_running.wait(left, std::memory_order_acquire);
}

void WorkerPool::work(int thread)
{
    std::uint32_t seen = 0;
    while (true) {
        const auto started = [&] { return m_round.load(std::memory_order_acquire) != seen; };
        if (!spin(kIdleSpin, started))
            m_round.wait(seen, std::memory_order_acquire);
        const std::uint32_t round = m_round.load(std::memory_order_acquire);
        if (round == seen)
            continue; // woken for nothing
        seen = round;
        if (m_stop.load(std::memory_order_relaxed))
            return;
        takePieces(thread);
        if (m_running.fetch_sub(1, std::memory_order_release) == 1)
            m_running.notify_all();
    }
}

} // namespace ls::kernels
