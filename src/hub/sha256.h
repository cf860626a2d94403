// SHA-256: says which file something was made from, in the word that sha256sum and model hosts use
// for it.

#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace altteul {

class Sha256 {
 public:
  Sha256();
  ~Sha256();

  /// Bytes may come in pieces of any size.
  void Add(std::span<const std::byte> bytes);
  void Add(std::string_view text) { Add(std::as_bytes(std::span(text))); }

  /// 64 hexadecimal digits for all bytes so far.
  std::string Hex() const;

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace altteul
