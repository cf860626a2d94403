// SPDX-License-Identifier: Apache-2.0

#include "hub/part_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/check.h"
#include "base/human_units.h"

namespace altteul::hub {
namespace {

constexpr uint64_t kMagic = 0x3173656365697061;  // "apieces1"

/// At the beginning of <path>.pieces.
struct Head {
  uint64_t magic = kMagic;
  uint64_t bytes = 0, piece_bytes = 0;
  char hash[64] = {};
};

Status Failed(const std::string& path, const char* verb, int error) {
  return Status(ErrorCode::kIoError, path + ": cannot " + verb + ": " + std::strerror(error));
}

std::string PartPath(const std::string& path) { return path + ".part"; }
std::string CountsPath(const std::string& path) { return path + ".pieces"; }

}  // namespace

Result<PartFile> PartFile::Open(const What& what) {
  ALT_CHECK(what.piece_bytes > 0 && what.hash.size() <= sizeof(Head::hash));
  PartFile part;
  part.what_ = what;
  const std::string path = PartPath(what.path);
  part.file_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (part.file_ < 0) return Failed(path, "write", errno);
  ALT_RETURN_IF_ERROR(part.Reserve());
  ALT_RETURN_IF_ERROR(part.OpenCounts());
  return part;
}

/// Room for all bytes now, so that a full disk is known before anything is fetched.
Status PartFile::Reserve() {
  const std::string path = PartPath(what_.path);
  if (what_.bytes > static_cast<uint64_t>(INT64_MAX)) return Failed(path, "reserve", EFBIG);
  const auto size = static_cast<off_t>(what_.bytes);
  if (ftruncate(file_, size) != 0) return Failed(path, "reserve", errno);
  if (size == 0 || fallocate(file_, 0, 0, size) == 0) return Status();
  if (errno == EOPNOTSUPP) return Status();  // then it is known when it happens
  const int error = errno;
  struct statvfs disk = {};
  const bool is_known = fstatvfs(file_, &disk) == 0;
  const uint64_t free_bytes = is_known ? uint64_t{disk.f_bavail} * disk.f_frsize : 0;
  // It would lie there as large as the whole, with nothing in it.
  if (error == ENOSPC) Forget(what_.path);
  return Status(ErrorCode::kIoError,
                path + ": cannot reserve " + FormatCount(what_.bytes) +
                    " bytes: " + std::strerror(error) +
                    (is_known ? "; " + FormatCount(free_bytes) + " are free" : ""));
}

Status PartFile::OpenCounts() {
  const std::string path = CountsPath(what_.path);
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0) return Failed(path, "write", errno);
  map_bytes_ = sizeof(Head) + n_pieces() * sizeof(uint64_t);
  struct stat facts = {};
  const bool was_there =
      fstat(file, &facts) == 0 && static_cast<size_t>(facts.st_size) == map_bytes_;
  int error = 0;
  if (!was_there && ftruncate(file, 0) != 0) error = errno;
  // Room on the disk now: what is written to a map cannot fail politely.
  if (!was_there && error == 0) {
    error = posix_fallocate(file, 0, static_cast<off_t>(map_bytes_));
  }
  void* map = MAP_FAILED;
  if (error == 0) {
    map = mmap(nullptr, map_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    error = errno;
  }
  close(file);
  if (map == MAP_FAILED) return Failed(path, "write", error);
  map_ = static_cast<std::byte*>(map);
  counts_ = reinterpret_cast<uint64_t*>(map_ + sizeof(Head));

  Head head;
  head.bytes = what_.bytes;
  head.piece_bytes = what_.piece_bytes;
  std::memcpy(head.hash, what_.hash.data(), what_.hash.size());
  bool is_same = std::memcmp(map_, &head, sizeof(head)) == 0;
  for (size_t piece = 0; piece < n_pieces(); ++piece) is_same &= Done(piece) <= Size(piece);
  if (is_same) return Status();
  std::memset(map_, 0, map_bytes_);
  std::memcpy(map_, &head, sizeof(head));
  return Status();
}

bool PartFile::Exists(const std::string& path) {
  return access(CountsPath(path).c_str(), F_OK) == 0;
}

void PartFile::Forget(const std::string& path) {
  unlink(CountsPath(path).c_str());
  unlink(PartPath(path).c_str());
}

PartFile& PartFile::operator=(PartFile&& other) noexcept {
  std::swap(what_, other.what_);
  std::swap(file_, other.file_);
  std::swap(map_, other.map_);
  std::swap(map_bytes_, other.map_bytes_);
  std::swap(counts_, other.counts_);
  return *this;
}

PartFile::~PartFile() {
  if (map_ != nullptr) munmap(map_, map_bytes_);
  if (file_ >= 0) close(file_);
}

std::string PartFile::path() const { return PartPath(what_.path); }

size_t PartFile::n_pieces() const {
  return what_.bytes / what_.piece_bytes + (what_.bytes % what_.piece_bytes != 0 ? 1 : 0);
}

uint64_t PartFile::Size(size_t piece) const {
  return std::min(what_.piece_bytes, what_.bytes - Begin(piece));
}

uint64_t PartFile::DoneInAll() const {
  uint64_t done = 0;
  for (size_t piece = 0; piece < n_pieces(); ++piece) done += Done(piece);
  return done;
}

Status PartFile::Append(size_t piece, std::span<const std::byte> bytes) {
  ALT_CHECK(bytes.size() <= Size(piece) - Done(piece));
  while (!bytes.empty()) {
    const ssize_t n =
        pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(Begin(piece) + Done(piece)));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return Failed(path(), "write", n == 0 ? ENOSPC : errno);
    Count(piece) += static_cast<uint64_t>(n);
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return Status();
}

Status PartFile::Publish() {
  ALT_CHECK(DoneInAll() == what_.bytes);
  if (fsync(file_) != 0) return Failed(path(), "write", errno);
  if (rename(path().c_str(), what_.path.c_str()) != 0) return Failed(what_.path, "name", errno);
  unlink(CountsPath(what_.path).c_str());
  const std::string folder = std::filesystem::path(what_.path).parent_path().string();
  const int descriptor = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return Status();
  fsync(descriptor);  // the name; a file system that cannot has done what it can
  close(descriptor);
  return Status();
}

}  // namespace altteul::hub
