// SPDX-License-Identifier: Apache-2.0

// A number that tells whether bytes are still those that were written. Made against accidents (a
// cut file, a flipped bit, another model of the same shape), not against people who mean it.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace altteul {

/// Bytes may come in pieces of any size; how they were cut does not matter.
class Checksum {
 public:
  void Add(std::span<const std::byte> bytes) {
    n_bytes_ += bytes.size();
    if (n_held_ != 0) bytes = Hold(bytes);
    for (; bytes.size() >= sizeof(held_); bytes = bytes.subspan(sizeof(held_))) Mix(bytes.data());
    Hold(bytes);
  }
  void Add(std::string_view text) { Add(std::as_bytes(std::span(text))); }
  void AddNumber(uint64_t number) { Add(std::as_bytes(std::span(&number, 1))); }

  uint64_t value() const {
    uint64_t rest = 0;
    std::memcpy(&rest, held_, n_held_);
    return Scramble(Scramble(state_ ^ rest) + n_bytes_);
  }

 private:
  // The last step of MurmurHash3 (Austin Appleby, public domain): every bit moves every other.
  static uint64_t Scramble(uint64_t x) {
    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccd;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53;
    return x ^ (x >> 33);
  }
  /// Fills up the word that is held; returns what is left.
  std::span<const std::byte> Hold(std::span<const std::byte> bytes) {
    const size_t n = std::min(sizeof(held_) - n_held_, bytes.size());
    if (n != 0) std::memcpy(held_ + n_held_, bytes.data(), n);
    n_held_ += n;
    if (n_held_ == sizeof(held_)) {
      Mix(held_);
      n_held_ = 0;
    }
    return bytes.subspan(n);
  }
  void Mix(const std::byte* word) {
    uint64_t x = 0;
    std::memcpy(&x, word, sizeof(x));
    state_ = ((state_ ^ x) * 0x9e3779b97f4a7c15);
    state_ ^= state_ >> 29;
  }

  uint64_t state_ = 0x243f6a8885a308d3;  // pi
  uint64_t n_bytes_ = 0;
  std::byte held_[sizeof(uint64_t)];
  size_t n_held_ = 0;
};

}  // namespace altteul
