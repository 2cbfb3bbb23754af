#pragma once

#include "core/store/records.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace ls::store {

/// Writes what is pushed from a thread of its own: one transaction per batch, begun at most kBatchInterval after the
/// first push. When writing fails, everything stays queued in order and is tried again every kRetryInterval.
class WriteQueue {
public:
    using Write = std::function<void(Records&)>;
    using OnState = std::function<void(const Status&)>; ///< from the thread, when failing starts or ends

    static constexpr std::chrono::milliseconds kBatchInterval{100};
    static constexpr std::chrono::milliseconds kRetryInterval{500};

    /// Takes over an open, migrated database; path: of its file, for messages.
    WriteQueue(std::unique_ptr<SQLite::Database> database, std::string path);
    /// Tries once to write what is left, then closes the file as a single one (no -wal beside it).
    ~WriteQueue();

    void push(Write write);
    /// Waits until everything pushed before is written, or an attempt that began after the call failed.
    Status flush();
    void onState(OnState callback);

private:
    void work();
    void checkpointIfDue(bool idle);
    Status writeBatch(std::deque<Write>& batch);
    Status checkFile() const;

    std::unique_ptr<SQLite::Database> m_database; ///< the thread's, after the constructor
    Records m_records;
    std::string m_path;
    std::uint64_t m_inode = 0;
    bool m_checkpointDue = false;

    std::mutex m_mutex;
    std::condition_variable m_wake;    ///< for the thread
    std::condition_variable m_written; ///< for flush()
    std::deque<Write> m_queue;
    std::uint64_t m_pushed = 0, m_done = 0;            ///< writes, ever
    std::uint64_t m_attempts = 0, m_failedAttempt = 0; ///< batches begun, ever; the newest that failed
    int m_flushing = 0;
    bool m_stop = false;
    Status m_state = success();
    std::optional<Error> m_lost; ///< a write that can never succeed; told once by flush()
    OnState m_callback;
    std::thread m_thread; ///< last: starts when all else is there
};

} // namespace ls::store
