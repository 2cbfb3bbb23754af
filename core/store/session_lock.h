#pragma once

#include "core/error.h"

namespace ls::store {

/// `<file>.lock` beside the session, held with flock: the kernel gives it back when the owner dies, however it dies.
/// Inside one process a second lock of the same file is refused, too. Move only.
class SessionLock {
public:
    /// Errors: SessionLocked (detail: who), FileNotWritable, DiskFull.
    static Result<SessionLock> acquire(const std::string& file);
    SessionLock() = default;
    SessionLock(SessionLock&& other) noexcept { swap(other); }
    SessionLock& operator=(SessionLock&& other) noexcept
    {
        swap(other);
        return *this;
    }
    ~SessionLock();

private:
    void swap(SessionLock& other) noexcept
    {
        std::swap(m_descriptor, other.m_descriptor);
        std::swap(m_path, other.m_path);
    }
    int m_descriptor = -1;
    std::string m_path; ///< of the lock file
};

} // namespace ls::store
