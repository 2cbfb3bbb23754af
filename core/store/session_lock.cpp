#include "core/store/session_lock.h"

#include "core/store/store_error.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace ls::store {

namespace {

std::string ownerIn(int descriptor)
{
    char text[256] = {};
    const ssize_t size = ::pread(descriptor, text, sizeof(text) - 1, 0);
    return size > 0 ? std::string(text, std::size_t(size)) : std::string("unknown");
}

/// A lock file that its last owner removed between our open and our flock is no lock any more.
bool isStillThere(int descriptor, const std::string& path)
{
    struct stat opened {
    }, named{};
    return ::fstat(descriptor, &opened) == 0 && ::stat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino &&
           opened.st_dev == named.st_dev;
}

/// Who holds it is only for the message: failing to write it (a full disk) must not keep a session from being opened.
void writeOwner(int descriptor)
{
    char host[128] = {};
    ::gethostname(host, sizeof(host) - 1);
    const std::string owner = fmt::format("{} on {}", ::getpid(), host);
    if (::ftruncate(descriptor, 0) != 0 || ::pwrite(descriptor, owner.data(), owner.size(), 0) < 0)
        return;
}

} // namespace

Result<SessionLock> SessionLock::acquire(const std::string& file)
{
    const std::string path = file + ".lock";
    while (true) {
        const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (descriptor < 0)
            return fileError(errno, file);
        SessionLock lock;
        lock.m_descriptor = descriptor;
        if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
            if (errno == EINTR)
                continue;
            return Error{Errc::SessionLocked, fmt::format("{} is open in another window or program.", file),
                         "Close it there, or open it read-only.", "held by process " + ownerIn(descriptor)};
        }
        if (!isStillThere(descriptor, path))
            continue;
        lock.m_path = path; // from here on ours to remove
        writeOwner(descriptor);
        return lock;
    }
}

SessionLock::~SessionLock()
{
    if (!m_path.empty())
        ::unlink(m_path.c_str());
    if (m_descriptor >= 0)
        ::close(m_descriptor);
}

} // namespace ls::store
