// SPDX-License-Identifier: Apache-2.0

// A file that is being fetched: the bytes that came, and which they are.
//
// `<path>.part` has the whole size from the start. `<path>.pieces` begins with what is fetched
// (magic, bytes, bytes of a piece, hash), then counts for each piece the bytes that are there, as
// u64, little-endian. A count grows behind its bytes, so that it is right whenever the process is
// killed; what a power cut may do to it is found by the hash of the whole.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/status.h"

namespace altteul::hub {

class PartFile {
 public:
  struct What {
    std::string path;  ///< the finished file's
    uint64_t bytes = 0;
    uint64_t piece_bytes = 1;
    std::string hash;
  };

  /// Goes on with what is there of the same content in the same pieces; all else is thrown away.
  /// @return kIoError, for a full disk with the bytes that are missing
  static Result<PartFile> Open(const What& what);
  static bool Exists(const std::string& path);
  /// Removes both files.
  static void Forget(const std::string& path);

  PartFile(PartFile&& other) noexcept { *this = std::move(other); }
  PartFile& operator=(PartFile&& other) noexcept;
  ~PartFile();

  std::string path() const;  ///< of the bytes
  size_t n_pieces() const;
  uint64_t Begin(size_t piece) const { return piece * what_.piece_bytes; }
  uint64_t Size(size_t piece) const;
  uint64_t Done(size_t piece) const { return Count(piece).load(); }
  uint64_t DoneInAll() const;

  /// The next bytes of a piece. One thread a piece at a time.
  /// @pre they are no more than are missing
  Status Append(size_t piece, std::span<const std::byte> bytes);
  void Restart(size_t piece) { Count(piece).store(0); }

  /// The disk has all bytes, and the file its name.
  /// @pre all pieces are done
  Status Publish();

 private:
  PartFile() = default;
  Status Reserve();
  Status OpenCounts();
  /// Others read how far a thread is.
  std::atomic_ref<uint64_t> Count(size_t piece) const {
    return std::atomic_ref<uint64_t>(counts_[piece]);
  }

  What what_;
  int file_ = -1;
  std::byte* map_ = nullptr;  // of <path>.pieces
  size_t map_bytes_ = 0;
  uint64_t* counts_ = nullptr;  // in map_
};

}  // namespace altteul::hub
