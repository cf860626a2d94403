// SPDX-License-Identifier: Apache-2.0

// Memory that nobody can touch except while its gate is open: whoever does faults.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

namespace altteul::compute {

class FencedMemory {
 public:
  /// One piece, behind the fence until it goes away.
  class Piece {
   public:
    ~Piece();
    Piece(const Piece&) = delete;
    Piece& operator=(const Piece&) = delete;

    std::byte* begin() const { return begin_; }  ///< at the beginning of a page
    size_t size() const { return size_; }        ///< [bytes]

   private:
    friend class FencedMemory;
    Piece(FencedMemory& fence, size_t size, bool is_constant)
        : fence_(fence), size_(size), is_constant_(is_constant) {}
    void Protect(int how) const;

    FencedMemory& fence_;
    std::byte* begin_ = nullptr;
    size_t size_ = 0, mapped_bytes_ = 0;
    const bool is_constant_;  // read, never written
  };

  /// Opens the gate for as long as it lives.
  class Gate {
   public:
    explicit Gate(FencedMemory& fence) : fence_(fence) { fence_.SetOpen(true); }
    ~Gate() { fence_.SetOpen(false); }
    Gate(const Gate&) = delete;
    Gate& operator=(const Gate&) = delete;

   private:
    FencedMemory& fence_;
  };

  FencedMemory() = default;
  FencedMemory(const FencedMemory&) = delete;
  FencedMemory& operator=(const FencedMemory&) = delete;

  /// Zeroed memory. It must go away before the fence does.
  /// @return kOutOfMemory with the bytes asked for
  Result<std::unique_ptr<Piece>> Take(uint64_t size_bytes, const std::string& purpose);
  /// A copy of bytes that stays as it is: behind an open gate it can be read only.
  Result<std::unique_ptr<Piece>> TakeCopy(const std::byte* from, size_t size_bytes,
                                          const std::string& purpose);

 private:
  Result<std::unique_ptr<Piece>> Map(uint64_t size_bytes, bool is_constant,
                                     const std::string& purpose);
  void SetOpen(bool is_open);

  std::vector<Piece*> pieces_;
  bool is_open_ = false;
};

}  // namespace altteul::compute
