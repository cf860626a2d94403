// SPDX-License-Identifier: Apache-2.0

// Big memory: the only way to get it, and where it lives.
//
// Everything large (weights, KV caches, activations) is a Buffer. Running out of memory is ordinary
// for our users, so Allocate() refuses politely and says how much was missing, instead of letting
// the kernel kill the process later. A mapped file is a Buffer too: nothing is read until touched.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "base/status.h"

namespace altteul {

class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept { *this = std::move(other); }
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer();

  /// Zeroed memory on the host, 64-byte aligned (2 MiB and on huge pages from 4 MiB up).
  /// @param purpose  for the message: "the KV cache"
  /// @return kOutOfMemory with the bytes asked for and at hand
  static Result<Buffer> Allocate(uint64_t size_bytes, const std::string& purpose);

  /// The whole file, read-only. The file must not be cut while it is mapped: a later touch beyond
  /// its new end ends the process, as with every mapped file.
  /// @return kNotFound, kIoError (with the system's reason) or kCorruptFile when it is no file
  static Result<Buffer> MapFile(const std::string& path);

  /// A new file of `size_bytes` zeros, written by writing to its memory. The disk's room is taken
  /// at once, so that no later touch fails for want of it. A file of that name is replaced.
  /// @return kIoError with path, bytes and the system's reason; then nothing is left
  static Result<Buffer> CreateFile(const std::string& path, uint64_t size_bytes);

  /// Zeroed memory that rests on the disk in `folder` and is gone with the buffer, whatever ends
  /// the process. Its pages can be given back and keep their bytes.
  /// @return kIoError as CreateFile()
  static Result<Buffer> Scratch(const std::string& folder, uint64_t size_bytes);

  bool is_mapped_file() const { return is_mapped_file_; }
  size_t size() const { return size_; }  ///< [bytes]

  std::span<const std::byte> bytes() const { return {data_, size_}; }

  /// @pre the buffer is not of MapFile()
  std::span<std::byte> mutable_bytes();

  /// Waits until the disk has what was written to a file.
  /// @return kIoError with `path` and the system's reason
  Status Flush(const std::string& path) const;

  /// Gives the physical pages wholly inside [offset, offset + length) back to the system; a mapped
  /// file reads them again when touched. Does nothing for memory that is not a mapped file.
  void ReleasePages(size_t offset, size_t length) const;

 private:
  bool is_mapped_file_ = false;
  bool is_writable_ = false;
  std::byte* data_ = nullptr;  // inside the mapping, aligned as promised
  size_t size_ = 0;
  void* mapping_ = nullptr;  // what munmap() gets back
  size_t mapping_size_ = 0;
};

/// All of a buffer as values of one type, as many as are whole.
/// @pre as for mutable_bytes() and bytes()
template <typename T>
std::span<T> ValuesOf(Buffer& buffer) {
  return {reinterpret_cast<T*>(buffer.mutable_bytes().data()), buffer.size() / sizeof(T)};
}
template <typename T>
std::span<const T> ValuesOf(const Buffer& buffer) {
  return {reinterpret_cast<const T*>(buffer.bytes().data()), buffer.size() / sizeof(T)};
}

}  // namespace altteul
