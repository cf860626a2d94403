// The hash by which a hub names a file's content: SHA-256, or for small files git's SHA-1 over
// "blob SIZE", a zero byte and the content. Which one is told by its length.

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/sinks.h"
#include "base/status.h"

namespace altteul::hub {

class BlobHash {
 public:
  /// @param like   a hash of the kind that is wanted. @pre IsBlobHash(like)
  /// @param bytes  of the whole content
  BlobHash(std::string_view like, uint64_t bytes);
  ~BlobHash();

  void Add(std::span<const std::byte> bytes);
  /// Hexadecimal digits in lower case. To be called once.
  std::string Hex();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// Of a file. @param progress  bytes of all bytes; may be empty
/// @return kNotFound, kIoError, kCancelled when progress wants no more
Result<std::string> HashOfFile(const std::string& path, std::string_view like,
                               const ProgressSink& progress);

}  // namespace altteul::hub
