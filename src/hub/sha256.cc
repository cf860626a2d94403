#include "hub/sha256.h"

#include <openssl/evp.h>

#include "base/check.h"

namespace altteul {

// Nothing below can fail but for want of a few hundred bytes of memory.
struct Sha256::Context {
  EVP_MD_CTX* evp = EVP_MD_CTX_new();
  Context() { ALT_CHECK(evp != nullptr); }
  ~Context() { EVP_MD_CTX_free(evp); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  ALT_CHECK(EVP_DigestInit_ex(context_->evp, EVP_sha256(), nullptr) == 1);
}
Sha256::~Sha256() = default;

void Sha256::Add(std::span<const std::byte> bytes) {
  ALT_CHECK(EVP_DigestUpdate(context_->evp, bytes.data(), bytes.size()) == 1);
}

std::string Sha256::Hex() const {
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
