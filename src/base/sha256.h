// SHA-256 (FIPS 180-4): says which file something was made from, in the word that sha256sum and
// model hosts use for it.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace altteul {

class Sha256 {
 public:
  /// Bytes may come in pieces of any size.
  void Add(std::span<const std::byte> bytes);
  void Add(std::string_view text) { Add(std::as_bytes(std::span(text))); }

  /// 64 hexadecimal digits for all bytes so far.
  std::string Hex() const;

 private:
  static constexpr size_t kBlockBytes = 64;

  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, kBlockBytes> held_{};  ///< the beginning of the next block
  uint64_t n_bytes_ = 0;
};

}  // namespace altteul
