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
    std::uint64_t state = m_unclaimed.load(std::memory_order_acquire);
    while ((state & 0xFFFFFFFFu) != 0) {
        if (!m_unclaimed.compare_exchange_weak(state, state - 1, std::memory_order_acquire))
            continue;
        // A claimed piece keeps the job open, so it may be read from here on.
        const std::int64_t piece = m_pieces - std::int64_t(state & 0xFFFFFFFFu), begin = piece * m_job.grain;
        m_job.call(m_job.context, begin, std::min(begin + m_job.grain, m_job.count), thread);
        if (m_unfinished.fetch_sub(1, std::memory_order_acq_rel) == 1 && thread != 0)
            m_unfinished.notify_all();
        state = m_unclaimed.load(std::memory_order_acquire);
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
    m_job.grain = std::max(job.grain, job.count >> 31); // the pieces are counted in 32 bits
    m_pieces = (job.count + m_job.grain - 1) / m_job.grain;
    m_unfinished.store(std::uint32_t(m_pieces), std::memory_order_relaxed);
    const std::uint32_t round = m_round.load(std::memory_order_relaxed) + 1;
    m_unclaimed.store(std::uint64_t(round) << 32 | std::uint64_t(m_pieces), std::memory_order_release);
    m_round.store(round, std::memory_order_release);
    m_round.notify_all();
    takePieces(0);
    const auto done = [this] { return m_unfinished.load(std::memory_order_acquire) == 0; };
    if (spin(kIdleSpin, done))
        return;
    for (std::uint32_t left = m_unfinished.load(std::memory_order_acquire); left != 0;
         left = m_unfinished.load(std::memory_order_acquire))
        m_unfinished.wait(left, std::memory_order_acquire);
}

void WorkerPool::work(int thread)
{
    std::uint32_t seen = 0;
    while (true) {
        const auto started = [&] { return m_round.load(std::memory_order_acquire) != seen; };
        if (!spin(kIdleSpin, started))
            m_round.wait(seen, std::memory_order_acquire);
        seen = m_round.load(std::memory_order_acquire);
        if (m_stop.load(std::memory_order_relaxed))
            return;
        takePieces(thread);
    }
}

} // namespace ls::kernels
