// SPDX-License-Identifier: Apache-2.0

#include "formats/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/human_units.h"

namespace altteul::formats {
namespace {

constexpr size_t kBufferBytes = size_t{1} << 20;  // larger writes no longer get faster
constexpr int kMaxNames = 1000;                   // unfinished files of dead processes in the way

/// The path with symbolic links resolved, so that rename() does not replace a link by a file.
std::string FollowLinks(const std::string& path) {
  char* resolved = realpath(path.c_str(), nullptr);
  if (resolved == nullptr) return path;  // most often: no such file yet
  std::string target = resolved;
  std::free(resolved);
  return target;
}

/// Where a file of this name will be: links are followed.
Result<std::string> PlaceFor(const std::string& path) {
  if (path.empty() || path.back() == '/') {
    return Status(ErrorCode::kInvalidArgument, "\"" + path + "\" does not name a file");
  }
  std::string place = FollowLinks(path);
  struct stat existing {};
  if (stat(place.c_str(), &existing) == 0 && !S_ISREG(existing.st_mode)) {
    return Status(ErrorCode::kInvalidArgument,
                  path + ": cannot be replaced by a file, it is a folder or a device");
  }
  return place;
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// The names in a file's folder must survive a power cut as well. Not all file systems can do this;
/// the file is complete either way, so a refusal is no failure.
void KeepNames(const std::string& path) {
  const int folder = open(FolderOf(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  static_cast<void>(fsync(folder));
  close(folder);
}

std::string LongestName(const std::string& path) {
  const long most = pathconf(FolderOf(path).c_str(), _PC_NAME_MAX);
  const size_t length = path.size() - (path.rfind('/') + 1);  // npos + 1 is 0
  return most <= 0 ? ""
                   : "; the name has " + std::to_string(length) + " bytes, and the " +
                         std::to_string(most) +
                         " that are the most here must hold an ending too until the file is whole";
}

std::string FreeSpace(const std::string& path) {
  struct statvfs disk {};
  if (statvfs(FolderOf(path).c_str(), &disk) != 0) return "";
  const uint64_t free_bytes = static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
  return "; the disk has " + FormatBytes(free_bytes) + " free";
}

}  // namespace

AtomicFile::AtomicFile(AtomicFile&& other) noexcept { *this = std::move(other); }

AtomicFile& AtomicFile::operator=(AtomicFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(temporary_path_, other.temporary_path_);
  std::swap(fd_, other.fd_);
  std::swap(position_, other.position_);
  std::swap(written_, other.written_);
  std::swap(buffer_, other.buffer_);
  std::swap(failure_, other.failure_);
  return *this;
}

AtomicFile::~AtomicFile() { Abandon(); }

void AtomicFile::Abandon() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  if (!temporary_path_.empty()) unlink(temporary_path_.c_str());
  temporary_path_.clear();
  buffer_.clear();
}

Status AtomicFile::Fail(const std::string& verb, int error) {
  std::string message = path_ + ": cannot " + verb + ": " + std::strerror(error);
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) message += FreeSpace(path_);
  if (error == ENAMETOOLONG) message += LongestName(path_);
  failure_ = Status(error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIoError,
                    message + " (no unfinished file is left)");
  Abandon();
  return failure_;
}

Result<AtomicFile> AtomicFile::Create(const std::string& path) {
  AtomicFile file;
  ALT_ASSIGN_OR_RETURN(file.path_, PlaceFor(path));
  for (int number = 0; number < kMaxNames; ++number) {
    const std::string name =
        file.path_ + ".unfinished-" + std::to_string(getpid()) + "-" + std::to_string(number);
    file.fd_ = open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file.fd_ >= 0) {
      file.temporary_path_ = name;
      file.buffer_.reserve(kBufferBytes);
      return file;
    }
    if (errno != EEXIST) break;
  }
  return file.Fail("create a file beside it", errno);
}

Status AtomicFile::Reserve(uint64_t size_bytes) {
  if (!failure_.ok()) return failure_;
  ALT_CHECK(fd_ >= 0);
  if (size_bytes == 0) return Status();
  const uint64_t most = static_cast<uint64_t>(std::numeric_limits<off_t>::max());
  const auto length = static_cast<off_t>(std::min(size_bytes, most));
  int result = 0;
  do {
    result = fallocate(fd_, FALLOC_FL_KEEP_SIZE, 0, length);
  } while (result != 0 && errno == EINTR);
  if (result == 0 || (errno != ENOSPC && errno != EDQUOT && errno != EFBIG)) return Status();
  return Fail("reserve " + FormatCount(size_bytes) + " bytes", errno);
}

Status AtomicFile::WriteThrough(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      // write() may take less than it was given without an error; 0 for a regular file is the
      // system's way of saying that there is no room.
      const int error = n < 0 ? errno : ENOSPC;
      return Fail(
          "write " + FormatCount(bytes.size()) + " bytes at offset " + FormatCount(written_),
          error);
    }
    written_ += static_cast<uint64_t>(n);
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return Status();
}

Status AtomicFile::Flush() {
  ALT_RETURN_IF_ERROR(WriteThrough(buffer_));
  buffer_.clear();
  return Status();
}

Status AtomicFile::Write(std::span<const std::byte> bytes) {
  if (!failure_.ok()) return failure_;
  ALT_CHECK(fd_ >= 0);
  if (bytes.size() > kBufferBytes - buffer_.size()) ALT_RETURN_IF_ERROR(Flush());
  if (bytes.size() >= kBufferBytes) {
    ALT_RETURN_IF_ERROR(WriteThrough(bytes));
  } else {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  }
  position_ += bytes.size();
  return Status();
}

Status AtomicFile::Commit() {
  if (!failure_.ok()) return failure_;
  ALT_CHECK(fd_ >= 0);
  ALT_RETURN_IF_ERROR(Flush());
  if (fsync(fd_) != 0) return Fail("write it to the disk", errno);
  const int fd = std::exchange(fd_, -1);
  if (close(fd) != 0) return Fail("close it", errno);
  if (rename(temporary_path_.c_str(), path_.c_str()) != 0) return Fail("rename it", errno);
  temporary_path_.clear();

  KeepNames(path_);
  return Status();
}

PendingFile::PendingFile(PendingFile&& other) noexcept { *this = std::move(other); }

PendingFile& PendingFile::operator=(PendingFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(name_, other.name_);
  return *this;
}

PendingFile::~PendingFile() {
  if (!name_.empty()) unlink(name_.c_str());
}

Result<PendingFile> PendingFile::Beside(const std::string& path) {
  PendingFile file;
  ALT_ASSIGN_OR_RETURN(file.path_, PlaceFor(path));
  const std::string stem = file.path_ + ".unproven-" + std::to_string(getpid()) + "-";
  for (int number = 0; number < kMaxNames; ++number) {
    file.name_ = stem + std::to_string(number);
    if (access(file.name_.c_str(), F_OK) != 0) break;
  }
  return file;
}

Status PendingFile::Publish() {
  ALT_CHECK(!name_.empty());
  if (rename(name_.c_str(), path_.c_str()) != 0) {
    return Status(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIoError,
                  path_ + ": cannot rename what was written: " + std::strerror(errno));
  }
  name_.clear();
  KeepNames(path_);
  return Status();
}

void RemoveAbandoned(const std::string& path) {
  namespace fs = std::filesystem;
  const auto place = PlaceFor(path);
  if (!place.ok()) return;
  const std::string base = fs::path(place.value()).filename().string();
  std::error_code error;
  std::vector<fs::path> left;
  for (fs::directory_iterator it(FolderOf(place.value()), error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    for (const std::string& stem : {base + ".unfinished-", base + ".unproven-"}) {
      if (!name.starts_with(stem)) continue;
      const long process = std::strtol(name.c_str() + stem.size(), nullptr, 10);
      const bool is_gone =
          process > 0 && kill(static_cast<pid_t>(process), 0) != 0 && errno == ESRCH;
      if (is_gone) left.push_back(it->path());
    }
  }
  for (const fs::path& each : left) fs::remove(each, error);
}

}  // namespace altteul::formats
