// SPDX-License-Identifier: Apache-2.0

// Where long work keeps what is finished, so that it can be stopped at any moment and go on.
//
// One file a piece, with a head that says what it is and a checksum. A piece appears under its name
// when the disk has all of it; what is left of an unfinished one is thrown away. `job.json` says
// what the pieces belong to: going on with another source, text or choice is refused. One process
// works in a folder at a time. docs/formats/work_folder.md tells the layout.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/sinks.h"
#include "base/status.h"
#include "compress/encoded_tensor.h"
#include "tensor/buffer.h"

namespace altteul::compress {

/// What pieces belong to, in words that can be shown: what it is, its value.
struct Job {
  using Facts = std::vector<std::pair<std::string, std::string>>;
  Facts input;   ///< for every piece
  Facts target;  ///< for encoded tensors only; what was measured serves any target
};

/// What a tensor was encoded for.
enum class TensorUse {
  kResult,  ///< for the file that is made: belongs to the job's target
  kTrial,   ///< to be measured in this type: serves any target, and other types are kept beside it
};

class WorkFolder {
 public:
  /// Makes a new folder.
  /// @param log  told of pieces that are damaged and will be made again
  /// @return kInvalidArgument when something of that name is there, kNotFound, kIoError
  static Result<WorkFolder> Create(const std::string& path, const Job& job, LogSink log);

  /// Goes on in a folder; makes a new one where there is none.
  /// @return kInvalidArgument when it belongs to another job, with each fact that differs;
  ///         kRefused when another process works in it; kCorruptFile when it cannot be said what it
  ///         belongs to; kIoError
  static Result<WorkFolder> Resume(const std::string& path, const Job& job, LogSink log);

  /// Removes a folder with all that is ours in it; nothing where there is none.
  /// @return kRefused when another process works in it; kInvalidArgument when files of others are
  ///         in it
  static Status Remove(const std::string& path);

  WorkFolder(WorkFolder&& other) noexcept { *this = std::move(other); }
  WorkFolder& operator=(WorkFolder&& other) noexcept;
  ~WorkFolder();  ///< the folder stays

  const std::string& path() const { return path_; }
  size_t n_pieces() const;  ///< whole or damaged

  /// The tensor, when it was kept in this type and shape and is still whole.
  std::optional<EncodedTensor> FindTensor(const std::string& name, DType type, const Shape& shape,
                                          TensorUse use = TensorUse::kResult);
  /// Zeros to be filled; lost unless KeepTensor() follows.
  Result<EncodedTensor> NewTensor(const std::string& name, DType type, const Shape& shape,
                                  TensorUse use = TensorUse::kResult);
  /// Waits until the disk has it.
  /// @param tensor  of NewTensor(), with the same name, shape and use
  Status KeepTensor(const std::string& name, const Shape& shape, EncodedTensor& tensor,
                    TensorUse use = TensorUse::kResult);
  /// It is of no use any more. What cannot be removed stays, and is found again.
  void ForgetTensor(const std::string& name, DType type, TensorUse use = TensorUse::kResult);

  /// All tensors that were encoded for the result; what was measured stays.
  void ForgetResults();

  std::optional<std::string> FindText(const std::string& name);
  /// Whether the folder `path` has this text, be it whole or not.
  static bool HasText(const std::string& path, const std::string& name);
  Status KeepText(const std::string& name, std::string_view text);

  /// The work is done: nothing is left.
  Status Finish();
  /// Of the folder `path`, if a process was killed amid Finish() or Remove(). New work does it by
  /// itself.
  static void EndRemoval(const std::string& path);

 private:
  WorkFolder() = default;
  static Result<WorkFolder> Lock(const std::string& path);
  Status ReadJob(const Job& job);
  Status WriteJob(const Job& job) const;
  Status Clear();
  std::string PathOf(const std::string& kind, const std::string& name) const;
  std::string PathOf(TensorUse use, const std::string& name, DType type) const;
  std::optional<EncodedTensor> FindPiece(const std::string& path, DType type, const Shape& shape);
  Result<EncodedTensor> NewPiece(const std::string& path, DType type, uint64_t size_bytes) const;
  Status KeepPiece(const std::string& path, const Shape& shape, EncodedTensor& piece) const;

  std::string path_;
  int lock_ = -1;  // a descriptor of the folder
  LogSink log_;
};

/// Zeroed memory; much of it rests on the disk, if there is a folder, so that its pages can be
/// given back (Buffer::ReleasePages) and keep their bytes.
/// @param work     may be null
/// @param purpose  as for Buffer::Allocate()
/// @return kOutOfMemory, kIoError
Result<Buffer> RoomFor(uint64_t size_bytes, const std::string& purpose, const WorkFolder* work);

}  // namespace altteul::compress
