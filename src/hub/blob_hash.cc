// SPDX-License-Identifier: Apache-2.0

#include "hub/blob_hash.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <vector>

#include "base/check.h"
#include "hub/repository.h"

namespace altteul::hub {
namespace {

constexpr size_t kSliceBytes = size_t{1} << 20;
constexpr size_t kSha1Digits = 40;

/// Feeds a file to a digest. @param start  makes it for so many bytes
template <typename Hash>
Result<std::string> DigestOfFile(const std::string& path, const ProgressSink& progress,
                                 const std::function<Hash(uint64_t bytes)>& start) {
  const auto failed = [&path](int error) {
    return Status(error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIoError,
                  path + ": cannot read: " + std::strerror(error));
  };
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return failed(errno);
  const auto closed = [file](auto result) {
    close(file);
    return result;
  };
  struct stat facts = {};
  if (fstat(file, &facts) != 0) return closed(failed(errno));
  const auto total = static_cast<uint64_t>(facts.st_size);
  Hash hash = start(total);
  std::vector<std::byte> slice(kSliceBytes);
  for (uint64_t done = 0; done < total;) {
    const ssize_t n = read(file, slice.data(), slice.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return closed(failed(errno));
    if (n == 0) return closed(Status(ErrorCode::kIoError, path + ": became shorter"));
    hash.Add(std::span(slice).first(static_cast<size_t>(n)));
    done += static_cast<uint64_t>(n);
    if (progress && !progress(done, total)) {
      return closed(Status(ErrorCode::kCancelled, path + ": checking was interrupted"));
    }
  }
  close(file);
  return hash.Hex();
}

}  // namespace

BlobHash::BlobHash(std::string_view like, uint64_t bytes)
    : digest_(like.size() == kSha1Digits ? Digest::Kind::kSha1 : Digest::Kind::kSha256) {
  ALT_CHECK(IsBlobHash(like));
  if (like.size() != kSha1Digits) return;
  const std::string head = "blob " + std::to_string(bytes);
  Add(std::as_bytes(std::span(head.c_str(), head.size() + 1)));
}

Result<std::string> HashOfFile(const std::string& path, std::string_view like,
                               const ProgressSink& progress) {
  return DigestOfFile<BlobHash>(path, progress,
                                [like](uint64_t bytes) { return BlobHash(like, bytes); });
}

Result<std::string> PlainSha1OfFile(const std::string& path, const ProgressSink& progress) {
  return DigestOfFile<Digest>(path, progress, [](uint64_t) { return Digest(Digest::Kind::kSha1); });
}

}  // namespace altteul::hub
