// SPDX-License-Identifier: Apache-2.0

// The hash by which a hub names a file's content: SHA-256, or for small files git's SHA-1 over
// "blob SIZE", a zero byte and the content. Which one is told by its length.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/sha256.h"
#include "base/sinks.h"
#include "base/status.h"

namespace altteul::hub {

class BlobHash {
 public:
  /// @param like   a hash of the kind that is wanted. @pre IsBlobHash(like)
  /// @param bytes  of the whole content
  BlobHash(std::string_view like, uint64_t bytes);

  void Add(std::span<const std::byte> bytes) { digest_.Add(bytes); }
  std::string Hex() const { return digest_.Hex(); }

 private:
  Digest digest_;
};

/// Of a file. @param progress  bytes of all bytes; may be empty
/// @return kNotFound, kIoError, kCancelled when progress wants no more
Result<std::string> HashOfFile(const std::string& path, std::string_view like,
                               const ProgressSink& progress);

/// SHA-1 of a file's bytes alone, as some servers have it in an ETag. @return as HashOfFile()
Result<std::string> PlainSha1OfFile(const std::string& path, const ProgressSink& progress);

}  // namespace altteul::hub
