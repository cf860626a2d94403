// SPDX-License-Identifier: Apache-2.0

// A model of which only the header is there: of a hub's, by ranged requests, or of a shape alone.
//
// A file of the model's size is made in the folder for temporary files, with the header at its
// beginning and a hole behind, so that everything that opens a model opens it too. The hole takes
// no room on the disk, and nothing may read it: it is zeros.

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "hub/fetch_model.h"
#include "model/checkpoint.h"

namespace altteul::plan {

/// A folder of files with holes; gone with the object. What has been opened stays open.
class HollowFolder {
 public:
  /// @return kIoError
  static Result<HollowFolder> Create();
  HollowFolder(HollowFolder&& other) noexcept;
  HollowFolder& operator=(HollowFolder&& other) noexcept;
  ~HollowFolder();

  const std::string& path() const { return path_; }
  std::string PathOf(std::string_view name) const { return path_ + "/" + std::string(name); }

  /// Replaces a file of that name.
  /// @param name  relative, hub::CheckFileName(); folders in it are made
  /// @param head  the file's first bytes
  /// @return kIoError, also where the file system has no files so large
  Status Write(std::string_view name, std::span<const std::byte> head, uint64_t file_bytes) const;

 private:
  HollowFolder() = default;
  std::string path_;
};

/// @param what  as model::ParseShapedModel() takes it
/// @return kInvalidArgument listing the shapes, kIoError
Result<std::unique_ptr<const model::Checkpoint>> OpenShape(const std::string& what);

struct RemoteModel {
  std::unique_ptr<const model::Checkpoint> file;
  hub::FileHeads heads;        ///< what was fetched
  uint64_t fetched_bytes = 0;  ///< of files' contents
};

/// Fetches headers of weights, and small files whole; what the cache has is taken from there. Of a
/// GGUF file no more comes than the header and 1 MiB, of safetensors the header and 64 KiB.
/// @return kUnsupported for a header of more than 256 MiB; kCorruptFile, kNetwork and others as
///         hub::FetchRange() and Checkpoint::Open()
Result<RemoteModel> OpenRemote(const hub::HubPlace& place, const hub::HubReference& reference,
                               const hub::ModelIndex& index, const hub::ModelFiles& files,
                               const hub::HttpOptions& http);

}  // namespace altteul::plan
