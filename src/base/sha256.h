// SPDX-License-Identifier: Apache-2.0

// SHA-256: says which file something was made from, in the word that sha256sum and model hosts use
// for it. And SHA-1, by which git names small files.

#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace altteul {

class Digest {
 public:
  enum class Kind { kSha1, kSha256 };

  explicit Digest(Kind kind);
  ~Digest();

  /// Bytes may come in pieces of any size.
  void Add(std::span<const std::byte> bytes);
  void Add(std::string_view text) { Add(std::as_bytes(std::span(text))); }

  /// Hexadecimal digits in lower case (40 or 64) for all bytes so far.
  std::string Hex() const;

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

class Sha256 : public Digest {
 public:
  Sha256() : Digest(Kind::kSha256) {}
};

}  // namespace altteul
