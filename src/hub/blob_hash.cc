#include "hub/blob_hash.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "hub/repository.h"

namespace altteul::hub {
namespace {

constexpr size_t kSliceBytes = size_t{1} << 20;
constexpr size_t kSha1Digits = 40;

}  // namespace

// Nothing below can fail but for want of a few hundred bytes of memory.
struct BlobHash::Context {
  EVP_MD_CTX* evp = EVP_MD_CTX_new();
  Context() { ALT_CHECK(evp != nullptr); }
  ~Context() { EVP_MD_CTX_free(evp); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
};

BlobHash::BlobHash(std::string_view like, uint64_t bytes) : context_(std::make_unique<Context>()) {
  ALT_CHECK(IsBlobHash(like));
  const bool is_git = like.size() == kSha1Digits;
  const EVP_MD* kind = is_git ? EVP_sha1() : EVP_sha256();
  ALT_CHECK(EVP_DigestInit_ex(context_->evp, kind, nullptr) == 1);
  if (!is_git) return;
  const std::string head = "blob " + std::to_string(bytes);
  Add(std::as_bytes(std::span(head.c_str(), head.size() + 1)));
}

BlobHash::~BlobHash() = default;

void BlobHash::Add(std::span<const std::byte> bytes) {
  ALT_CHECK(EVP_DigestUpdate(context_->evp, bytes.data(), bytes.size()) == 1);
}

std::string BlobHash::Hex() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  ALT_CHECK(EVP_DigestFinal_ex(context_->evp, digest, &length) == 1);
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (unsigned i = 0; i < length; ++i) {
    hex += kDigits[digest[i] >> 4];
    hex += kDigits[digest[i] & 15];
  }
  return hex;
}

Result<std::string> HashOfFile(const std::string& path, std::string_view like,
                               const ProgressSink& progress) {
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
  BlobHash hash(like, total);
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

}  // namespace altteul::hub
