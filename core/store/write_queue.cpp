#include "core/store/write_queue.h"

#include "core/store/store_error.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Transaction.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <sys/stat.h>

#include <optional>

namespace ls::store {

namespace {

using Clock = std::chrono::steady_clock;

/// A checkpoint syncs the disk, which may take longer than a batch is allowed to wait: it is done when nothing has come
/// for a while, or when the log has grown past this.
constexpr int kLargeWalPages = 16384;
constexpr std::chrono::milliseconds kIdle{1000};

std::uint64_t inodeOf(const std::string& path)
{
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 ? std::uint64_t(info.st_ino) : 0;
}

/// errno of the failed call. SQLite's own record of it may be overwritten by the rollback; the log file keeps its own.
int systemError(sqlite3* database)
{
    sqlite3_file* log = nullptr;
    int last = 0;
    if (sqlite3_file_control(database, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK && log &&
        log->pMethods && log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &last) == SQLITE_OK && last != 0)
        return last;
    return sqlite3_system_errno(database);
}

} // namespace

WriteQueue::WriteQueue(std::unique_ptr<SQLite::Database> database, std::string path)
    : m_database(std::move(database))
    , m_records(*m_database)
    , m_path(std::move(path))
    , m_inode(inodeOf(m_path))
    , m_thread([this] { work(); })
{
}

WriteQueue::~WriteQueue()
{
    {
        const std::lock_guard lock(m_mutex);
        m_stop = true;
    }
    m_wake.notify_all();
    m_thread.join();
    // A reader in another program keeps the log alive; the file is then complete with its -wal.
    sqlite3_busy_timeout(m_database->getHandle(), 0);
    sqlite3_exec(m_database->getHandle(), "PRAGMA journal_mode = DELETE", nullptr, nullptr, nullptr);
}

void WriteQueue::push(Write write)
{
    {
        const std::lock_guard lock(m_mutex);
        m_queue.push_back(std::move(write));
        ++m_pushed;
        if (m_queue.size() > 1)
            return; // the thread knows
    }
    m_wake.notify_one();
}

Status WriteQueue::flush()
{
    std::unique_lock lock(m_mutex);
    const std::uint64_t ticket = m_pushed;
    const std::uint64_t attempt = m_attempts + 1; // one that runs now may have begun before the last push
    ++m_flushing;
    m_wake.notify_one();
    m_written.wait(lock, [&] { return m_done >= ticket || m_failedAttempt >= attempt; });
    --m_flushing;
    if (m_done < ticket)
        return m_state;
    if (m_lost)
        return *std::exchange(m_lost, {});
    return success();
}

void WriteQueue::onState(OnState callback)
{
    const std::lock_guard lock(m_mutex);
    m_callback = std::move(callback);
}

void WriteQueue::work()
{
    std::unique_lock lock(m_mutex);
    while (true) {
        const bool woken = m_wake.wait_for(lock, kIdle, [this] { return m_stop || !m_queue.empty(); });
        if (!woken) {
            lock.unlock();
            checkpointIfDue(true);
            lock.lock();
            continue;
        }
        if (m_queue.empty())
            return; // stopped
        const auto pause = m_state.ok() ? kBatchInterval : kRetryInterval;
        m_wake.wait_for(lock, pause, [this] { return m_stop || m_flushing > 0; });
        std::deque<Write> batch = std::exchange(m_queue, {});
        const std::uint64_t attempt = ++m_attempts;
        lock.unlock();
        const std::size_t size = batch.size();
        const Status status = writeBatch(batch); // leaves what is not written
        checkpointIfDue(false);
        lock.lock();
        const bool changed =
            status.ok() != m_state.ok() || (!status.ok() && status.error().code != m_state.error().code);
        m_done += size - batch.size();
        m_state = status;
        if (!status) {
            m_failedAttempt = attempt;
            m_queue.insert(m_queue.begin(), std::make_move_iterator(batch.begin()),
                           std::make_move_iterator(batch.end()));
        }
        m_written.notify_all();
        if (changed && m_callback) {
            const OnState callback = m_callback;
            lock.unlock();
            callback(status);
            lock.lock();
        }
        if (m_stop && !status)
            return;
    }
}

Status WriteQueue::checkFile() const
{
    if (inodeOf(m_path) == m_inode)
        return success();
    return Error{Errc::FileNotWritable,
                 fmt::format("{} was moved, replaced or deleted.", m_path),
                 "Save the session under a name: everything is still in memory.",
                 {}};
}

Status WriteQueue::writeBatch(std::deque<Write>& batch)
{
    LS_CHECK(checkFile());
    while (!batch.empty()) {
        std::size_t at = 0;
        try {
            SQLite::Transaction transaction(*m_database, SQLite::TransactionBehavior::IMMEDIATE);
            for (; at < batch.size(); ++at)
                batch[at](m_records);
            transaction.commit();
            batch.clear();
        } catch (const SQLite::Exception& exception) {
            const Error error = storeError(exception, systemError(m_database->getHandle()), m_path);
            if (mayPass(error) || at == batch.size())
                return error;
            // This one write can never succeed; it must not hold up all others.
            batch.erase(batch.begin() + std::ptrdiff_t(at));
            const std::lock_guard lock(m_mutex);
            m_lost = error;
        }
    }
    m_checkpointDue = true;
    return success();
}

void WriteQueue::checkpointIfDue(bool idle)
{
    if (!m_checkpointDue)
        return;
    if (!idle) {
        struct stat info {};
        if (::stat((m_path + "-wal").c_str(), &info) != 0 || info.st_size < std::int64_t(kLargeWalPages) * 4096)
            return;
    }
    // Fails only where the next write fails, too, and is told there.
    sqlite3_wal_checkpoint_v2(m_database->getHandle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
    m_checkpointDue = false;
}

} // namespace ls::store
