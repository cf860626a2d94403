// SPDX-License-Identifier: Apache-2.0

// A file that appears whole or not at all: written beside its place under another name, then
// renamed. Whatever goes wrong before Commit() (an error, a full disk, an early return), the
// destructor removes what was written and an older file of that name stays as it was.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"

namespace altteul::formats {

class AtomicFile {
 public:
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&& other) noexcept;
  ~AtomicFile();  ///< removes the unfinished file unless Commit() succeeded

  /// Opens a new file beside `path`, in the same folder, because only there renaming is atomic.
  /// A symbolic link at `path` is followed, so that its target is replaced and the link stays.
  /// @return kNotFound (no such folder), kIoError, kInvalidArgument (`path` is empty, a folder or a
  ///         device)
  static Result<AtomicFile> Create(const std::string& path);

  /// Makes sure that the disk has room for a file of this size, so that work of hours does not end
  /// at a full disk. File systems that cannot promise that let it pass.
  /// @return kIoError with the bytes wanted and free; then the unfinished file is gone
  Status Reserve(uint64_t size_bytes);

  /// Appends. Buffered: an error may show up only in a later Write() or in Commit(). After an error
  /// the unfinished file is gone, and every further call gives the same error.
  /// @return kIoError with the path, the offset, the bytes and the system's reason
  Status Write(std::span<const std::byte> bytes);

  uint64_t position() const { return position_; }  ///< bytes given to Write() so far

  /// Writes what is buffered, waits until the disk has it, and renames it to `path`.
  /// @pre called at most once, no Write() afterwards
  Status Commit();

  /// Where the bytes are until Commit(); for messages and tests.
  const std::string& temporary_path() const { return temporary_path_; }

 private:
  AtomicFile() = default;
  Status Flush();
  Status WriteThrough(std::span<const std::byte> bytes);
  Status Fail(const std::string& verb, int error);
  void Abandon();

  std::string path_;
  std::string temporary_path_;  // empty when there is nothing to remove
  int fd_ = -1;
  uint64_t position_ = 0;
  uint64_t written_ = 0;  // bytes the system took; the rest is in buffer_
  std::vector<std::byte> buffer_;
  Status failure_;
};

/// A name beside `path` for a file that must pass a test before it may have its own. Whoever makes
/// the file writes it under name(); Publish() renames it, else the destructor removes it.
class PendingFile {
 public:
  PendingFile(PendingFile&& other) noexcept;
  PendingFile& operator=(PendingFile&& other) noexcept;
  ~PendingFile();

  /// Nothing is written yet. A symbolic link at `path` is followed.
  /// @return kInvalidArgument as AtomicFile::Create()
  static Result<PendingFile> Beside(const std::string& path);

  const std::string& name() const { return name_; }

  /// @return kNotFound, kIoError; then the file is removed with this
  Status Publish();

 private:
  PendingFile() = default;

  std::string path_;
  std::string name_;  // empty when there is nothing to remove
};

/// Removes what processes that were killed left of an AtomicFile or a PendingFile of this path.
/// @pre nobody writes it now on another machine or in another container, whose processes are not
///      seen from here
void RemoveAbandoned(const std::string& path);

}  // namespace altteul::formats
