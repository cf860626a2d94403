// SPDX-License-Identifier: Apache-2.0

// Safetensors: the container of Hugging Face. A length, a JSON header with name, type, shape and
// place of each tensor, then the data. docs/formats/safetensors.md tells the layout and what we
// refuse. A model is one file, or a folder of shards with an index that says which tensor is where.
// Files are mapped, not read.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/sinks.h"
#include "base/status.h"
#include "tensor/buffer.h"
#include "tensor/tensor_view.h"

namespace altteul::formats {

struct SafetensorsTensor {
  std::string name;
  TensorView view;  ///< proved to lie inside its file; may begin at any byte, aligned or not
};

/// A tensor that no TensorView can show: of an element type without a DType, with a dimension of 0
/// or with too many. It does no harm as long as nobody wants its values.
struct UnreadTensor {
  std::string name;
  std::string type;  ///< as the file has it: "U8", "F8_E4M3"
  std::string why;   ///< "has the element type \"U8\", which is not read here"
};

/// What an index lists and no file holds.
struct MissingTensor {
  std::string name;
  std::string file;  ///< the file that the index names, where that file is not there; or empty
};

class SafetensorsModel {
 public:
  /// Opens `folder`/model.safetensors, or else the shards of `folder`/model.safetensors.index.json
  /// (the order in which transformers looks). Of a tensor in two shards the one counts that the
  /// index names.
  /// @param log  hears where the index says something else than the shards hold
  /// @return kNotFound (no file of the model is there), kIoError, kCorruptFile, kUnsupported
  static Result<SafetensorsModel> OpenFolder(const std::string& folder, const LogSink& log = {});

  /// Opens one file, whatever its name.
  static Result<SafetensorsModel> OpenFile(const std::string& path);

  /// The same for bytes in memory, which must outlive the result.
  /// @param name  stands for the path in messages
  static Result<SafetensorsModel> Parse(std::span<const std::byte> bytes, const std::string& name);

  /// Tensors of all files, in the order of their data. Names are unique.
  std::span<const SafetensorsTensor> tensors() const { return tensors_; }
  const SafetensorsTensor* Find(std::string_view name) const;

  /// What the index lists, but no shard holds: whether the model needs it is for the caller to
  /// know.
  std::span<const MissingTensor> missing() const { return missing_; }

  /// Tensors that are there and cannot be read. Whether the model needs them, too.
  std::span<const UnreadTensor> unread() const { return unread_; }

  /// `__metadata__` of the first file ("format" -> "pt").
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  uint64_t file_bytes() const { return file_bytes_; }  ///< of all files
  size_t n_files() const { return files_.size(); }

  /// Gives the mapped pages of these bytes back; they are read again when touched.
  void ReleasePages(std::span<const std::byte> bytes) const;

 private:
  /// One mapped file. `mapping` is empty for bytes in memory.
  struct File {
    Buffer mapping;
    std::span<const std::byte> bytes;
  };

  using WeightMap = std::map<std::string, std::string>;    // tensor name -> file name
  using Shards = std::map<std::string, SafetensorsModel>;  // by file name

  SafetensorsModel() = default;
  static Result<Shards> OpenSeries(const std::string& folder, const std::string& index_path,
                                   const WeightMap& weights, const LogSink& log);
  static Result<SafetensorsModel> OpenShards(const std::string& folder,
                                             const std::string& index_path, const LogSink& log);
  Status AddFile(Buffer mapping, std::span<const std::byte> bytes, const std::string& name);
  Status IndexTensors(const std::string& name);

  std::vector<File> files_;
  std::vector<SafetensorsTensor> tensors_;
  std::vector<size_t> by_name_;  // indices into tensors_, sorted by name
  std::vector<UnreadTensor> unread_;
  std::vector<MissingTensor> missing_;
  std::map<std::string, std::string> metadata_;
  uint64_t file_bytes_ = 0;
};

}  // namespace altteul::formats
