// SPDX-License-Identifier: Apache-2.0

#include "tensor/buffer.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "base/human_units.h"
#include "base/machine.h"

namespace altteul {
namespace {

constexpr uint64_t kHugePage = uint64_t{2} << 20;
constexpr uint64_t kSmallRequest = uint64_t{64} << 20;  // not worth asking the system beforehand

Status OutOfMemory(uint64_t wanted, const std::string& purpose) {
  const MemoryFacts memory = DetectMemory();
  const std::string who = memory.limited_by.empty()
                              ? "this machine has "
                              : "its control group " + memory.limited_by + " leaves ";
  return Status(ErrorCode::kOutOfMemory, purpose + " needs " + FormatBytes(wanted) + " (" +
                                             FormatCount(wanted) + " bytes), but " + who +
                                             FormatBytes(memory.available_bytes) +
                                             " of memory free");
}

Status FileError(const std::string& path, const char* verb, int error) {
  const ErrorCode code = error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIoError;
  return Status(code, path + ": cannot " + verb + ": " + std::strerror(error));
}

}  // namespace

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(is_mapped_file_, other.is_mapped_file_);
  std::swap(is_writable_, other.is_writable_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(mapping_, other.mapping_);
  std::swap(mapping_size_, other.mapping_size_);
  return *this;
}

Buffer::~Buffer() {
  if (mapping_ != nullptr) munmap(mapping_, mapping_size_);
}

Result<Buffer> Buffer::Allocate(uint64_t size_bytes, const std::string& purpose) {
  if (size_bytes > kSmallRequest && size_bytes > DetectMemory().available_bytes) {
    return OutOfMemory(size_bytes, purpose);
  }
  const bool huge = size_bytes >= 2 * kHugePage;
  const uint64_t slack = huge ? kHugePage : 0;
  if (size_bytes > SIZE_MAX - slack) return OutOfMemory(size_bytes, purpose);

  Buffer buffer;
  buffer.is_writable_ = true;
  buffer.size_ = size_bytes;
  if (size_bytes == 0) return buffer;
  buffer.mapping_size_ = size_bytes + slack;
  void* mapping = mmap(nullptr, buffer.mapping_size_, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return OutOfMemory(size_bytes, purpose);
  buffer.mapping_ = mapping;
  buffer.data_ = static_cast<std::byte*>(mapping);
  if (huge) {
    buffer.data_ += -reinterpret_cast<uintptr_t>(mapping) & (kHugePage - 1);  // to the next one
    // Advice only: without huge pages it is slower, not wrong.
    madvise(buffer.data_, size_bytes, MADV_HUGEPAGE);
  }
  return buffer;
}

Result<Buffer> Buffer::MapFile(const std::string& path) {
  // Without O_NONBLOCK, opening a FIFO would wait for a writer; regular files do not care.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return FileError(path, "open", errno);
  struct stat info {};
  if (fstat(fd, &info) != 0) {
    const int error = errno;
    close(fd);
    return FileError(path, "examine", error);
  }
  if (!S_ISREG(info.st_mode)) {
    close(fd);
    return Status(ErrorCode::kInvalidArgument, path + ": is not a regular file");
  }
  Buffer buffer;
  buffer.is_mapped_file_ = true;
  buffer.size_ = static_cast<size_t>(info.st_size);
  if (buffer.size_ == 0) {
    close(fd);
    return buffer;
  }
  void* mapping = mmap(nullptr, buffer.size_, PROT_READ, MAP_PRIVATE, fd, 0);
  const int error = errno;
  close(fd);  // the mapping keeps the file
  if (mapping == MAP_FAILED) return FileError(path, "map", error);
  buffer.mapping_ = mapping;
  buffer.mapping_size_ = buffer.size_;
  buffer.data_ = static_cast<std::byte*>(mapping);
  return buffer;
}

Result<Buffer> Buffer::CreateFile(const std::string& path, uint64_t size_bytes) {
  const auto failed = [&](const char* verb, int error) {
    unlink(path.c_str());
    const std::string what = std::string(verb) + " a file of " + FormatCount(size_bytes) + " bytes";
    return FileError(path, what.c_str(), error);
  };
  unlink(path.c_str());
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) return FileError(path, "create", errno);
  Buffer buffer;
  buffer.is_mapped_file_ = true;
  buffer.is_writable_ = true;
  buffer.size_ = size_bytes;
  int error = 0;
  do {
    error = size_bytes == 0 ? 0 : posix_fallocate(fd, 0, static_cast<off_t>(size_bytes));
  } while (error == EINTR);
  void* mapping = nullptr;
  if (error == 0 && size_bytes != 0) {
    mapping = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapping == MAP_FAILED) error = errno;
  }
  close(fd);
  if (error != 0) return failed("make", error);
  buffer.mapping_ = mapping;
  buffer.mapping_size_ = size_bytes;
  buffer.data_ = static_cast<std::byte*>(mapping);
  return buffer;
}

Result<Buffer> Buffer::Scratch(const std::string& folder, uint64_t size_bytes) {
  std::string path = folder + "/scratch-XXXXXX";
  const int fd = mkostemp(path.data(), O_CLOEXEC);
  if (fd < 0) return FileError(path, "create", errno);
  close(fd);
  auto buffer = CreateFile(path, size_bytes);
  unlink(path.c_str());  // the mapping keeps the file
  return buffer;
}

std::span<std::byte> Buffer::mutable_bytes() {
  ALT_CHECK(is_writable_);
  return {data_, size_};
}

Status Buffer::Flush(const std::string& path) const {
  if (mapping_ == nullptr || msync(mapping_, mapping_size_, MS_SYNC) == 0) return Status();
  return FileError(path, "write to the disk", errno);
}

void Buffer::ReleasePages(size_t offset, size_t length) const {
  if (!is_mapped_file_ || length > size_ || offset > size_ - length) return;
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t begin = (offset + page - 1) / page * page;
  const size_t end = (offset + length) / page * page;
  if (begin < end) madvise(data_ + begin, end - begin, MADV_DONTNEED);
}

}  // namespace altteul
