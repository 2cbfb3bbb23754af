#include "core/data/whole_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace ls {

namespace {

Error cannotWrite(const std::string& path, int number)
{
    const std::string detail = path + ": " + std::strerror(number);
    if (number == ENOSPC || number == EDQUOT)
        return {Errc::DiskFull, "There is no space left to write " + path + ".",
                "Free some space, or choose another folder. Nothing was overwritten.", detail};
    return {Errc::FileNotWritable, path + " cannot be written.",
            "Check that the folder exists and that you may write to it.", detail};
}

bool writeAll(int file, std::string_view bytes)
{
    while (!bytes.empty()) {
        const ssize_t written = ::write(file, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        bytes.remove_prefix(std::size_t(written));
    }
    return ::fsync(file) == 0 || errno == EINVAL ||
           errno == ENOTSUP; // pipes and some network folders cannot be synchronised
}

} // namespace

namespace {

/// A device or a pipe is written into: replacing it by a file would take it from everybody.
Status writeInto(const std::string& path, std::string_view bytes)
{
    const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (file < 0)
        return cannotWrite(path, errno);
    const bool good = writeAll(file, bytes);
    const int number = errno;
    if (::close(file) != 0 && good)
        return cannotWrite(path, errno);
    return good ? success() : Status(cannotWrite(path, number));
}

} // namespace

Status writeWholeFile(const std::string& asked, std::string_view bytes)
{
    std::error_code error; // of a path that is not there yet: it is taken as it is
    const std::string resolved = std::filesystem::canonical(asked, error).string();
    const std::string& path = error ? asked : resolved; // a link stays, what it points to is replaced
    struct stat there {};
    const bool exists = ::stat(path.c_str(), &there) == 0;
    if (exists && !S_ISREG(there.st_mode) && !S_ISDIR(there.st_mode))
        return writeInto(path, bytes);
    std::string temporary = path + ".part-XXXXXX";
    const int file = ::mkstemp(temporary.data());
    if (file < 0)
        return cannotWrite(path, errno);
    constexpr mode_t kUsual = 0644; // mkstemp makes files that only the owner can read
    bool good = ::fchmod(file, exists ? there.st_mode & 07777 : kUsual) == 0 && writeAll(file, bytes);
    int number = good ? 0 : errno;
    if (::close(file) != 0 && good) { // network folders report a full disk here
        good = false;
        number = errno;
    }
    if (good && std::rename(temporary.c_str(), path.c_str()) != 0) {
        good = false;
        number = errno;
    }
    if (!good) {
        ::unlink(temporary.c_str());
        return cannotWrite(path, number);
    }
    return success();
}

} // namespace ls
