#include "core/store/store_error.h"

#include <SQLiteCpp/Exception.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <cerrno>
#include <cstring>

namespace ls::store {

namespace {

bool isFull(int systemError)
{
    return systemError == ENOSPC || systemError == EDQUOT || systemError == EFBIG;
}

Error diskFull(const std::string& path, std::string detail)
{
    return {Errc::DiskFull, fmt::format("{} cannot grow: the disk is full or a size limit is reached.", path),
            "Free space, or save the session elsewhere. Results stay in memory until then.", std::move(detail)};
}

Error notWritable(const std::string& path, std::string detail)
{
    return {Errc::FileNotWritable, fmt::format("{} cannot be written.", path),
            "Check the folder and its permissions, or save under another name.", std::move(detail)};
}

} // namespace

Error fileError(int systemError, const std::string& path)
{
    if (isFull(systemError))
        return diskFull(path, std::strerror(systemError));
    return notWritable(path, std::strerror(systemError));
}

Error storeError(const SQLite::Exception& exception, int systemError, const std::string& path)
{
    const std::string detail = fmt::format("{} (SQLite {}, extended {}{})", exception.what(), exception.getErrorCode(),
                                           exception.getExtendedErrorCode(),
                                           systemError ? fmt::format(", {}", std::strerror(systemError)) : "");
    switch (exception.getErrorCode() & 0xff) {
    case SQLITE_FULL:
        return diskFull(path, detail);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return isFull(systemError) ? diskFull(path, detail) : notWritable(path, detail);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return notWritable(path, detail);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return {Errc::SessionDamaged, fmt::format("{} is damaged or no session file.", path),
                "Restore it from a copy. It was not changed.", detail};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return {Errc::SessionLocked, fmt::format("{} is in use by another program.", path),
                "Close it there, or open it read-only.", detail};
    default:
        return {Errc::Internal, fmt::format("{} could not be used.", path), "Please report this.", detail};
    }
}

bool mayPass(const Error& error)
{
    return error.code == Errc::DiskFull || error.code == Errc::FileNotWritable || error.code == Errc::SessionLocked;
}

} // namespace ls::store
