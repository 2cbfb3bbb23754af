#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace ls::kernels {

/// Threads that stay, for work of microseconds. The caller's thread takes part as thread 0. A worker that finds nothing
/// to do spins for about 50 microseconds, then sleeps until the next call. Calls from several threads run one after
/// the other; a body must not call the pool again and must not throw.
class WorkerPool {
public:
    explicit WorkerPool(int threads); ///< the caller's thread included; at least 1
    ~WorkerPool();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    int threads() const { return int(m_workers.size()) + 1; }

    /// body(begin, end, thread) for pieces of at most `grain` that cover [0, count); whoever is free takes the next.
    /// Returns when all are done. The thread number tells scratch space apart, results must not depend on it.
    template <class Body>
    void forRange(std::int64_t count, std::int64_t grain, const Body& body)
    {
        dispatch({count, grain < 1 ? 1 : grain, &body,
                  [](const void* context, std::int64_t begin, std::int64_t end, int thread) {
                      (*static_cast<const Body*>(context))(begin, end, thread);
                  }});
    }

private:
    struct Job {
        std::int64_t count = 0, grain = 1;
        const void* context = nullptr;
        void (*call)(const void*, std::int64_t, std::int64_t, int) = nullptr;
    };
    void dispatch(const Job& job);
    void takePieces(int thread);
    void work(int thread);

    std::mutex m_caller;
    Job m_job; // written by the caller while no piece is open, read by whoever has claimed one
    std::int64_t m_pieces = 0;
    // Round in the upper half, pieces nobody has claimed in the lower one. A worker that comes late finds nothing to
    // claim and the caller does not wait for it: on a busy machine it may come after milliseconds.
    alignas(64) std::atomic<std::uint64_t> m_unclaimed{0};
    alignas(64) std::atomic<std::uint32_t> m_round{0};      // what idle workers wait for
    alignas(64) std::atomic<std::uint32_t> m_unfinished{0}; // pieces; what the caller waits for
    std::atomic<bool> m_stop{false};
    std::vector<std::thread> m_workers;
};

} // namespace ls::kernels
