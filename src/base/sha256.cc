// SPDX-License-Identifier: Apache-2.0

#include "base/sha256.h"

#include <openssl/evp.h>

#include "base/check.h"

namespace altteul {

// Nothing below can fail but for want of a few hundred bytes of memory.
struct Digest::Context {
  EVP_MD_CTX* evp = EVP_MD_CTX_new();
  Context() { ALT_CHECK(evp != nullptr); }
  ~Context() { EVP_MD_CTX_free(evp); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
};

Digest::Digest(Kind kind) : context_(std::make_unique<Context>()) {
  const EVP_MD* algorithm = kind == Kind::kSha1 ? EVP_sha1() : EVP_sha256();
  ALT_CHECK(EVP_DigestInit_ex(context_->evp, algorithm, nullptr) == 1);
}
Digest::~Digest() = default;

void Digest::Add(std::span<const std::byte> bytes) {
  ALT_CHECK(EVP_DigestUpdate(context_->evp, bytes.data(), bytes.size()) == 1);
}

std::string Digest::Hex() const {
  Context copy;  // so that more can be added
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  ALT_CHECK(EVP_MD_CTX_copy_ex(copy.evp, context_->evp) == 1 &&
            EVP_DigestFinal_ex(copy.evp, digest, &length) == 1);
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (unsigned i = 0; i < length; ++i) {
    hex += kDigits[digest[i] >> 4];
    hex += kDigits[digest[i] & 15];
  }
  return hex;
}

}  // namespace altteul
