// SPDX-License-Identifier: Apache-2.0

#include "model/checkpoint.h"

#include <filesystem>
#include <string>

#include "model/gguf_checkpoint.h"
#include "model/hf_checkpoint.h"

namespace altteul::model {
namespace {

template <typename T>
Result<T> Required(const Checkpoint& file, std::string_view key, Result<std::optional<T>> found) {
  if (!found.ok()) return found.status();
  if (!found.value()) {
    return Status(ErrorCode::kCorruptFile, file.PlaceOf(key) + " is missing");
  }
  return *found.value();
}

}  // namespace

Result<std::unique_ptr<const Checkpoint>> Checkpoint::Open(const std::string& path,
                                                           const LogSink& log) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    if (!std::filesystem::exists(path + "/config.json", ignored)) {
      return Status(ErrorCode::kNotFound,
                    path +
                        ": a folder without config.json; give a GGUF file itself, or a folder "
                        "with a whole Hugging Face model");
    }
    return OpenHfCheckpoint(path, log);
  }
  return OpenGgufCheckpoint(path, log);
}

Result<uint64_t> Checkpoint::RequiredUint(std::string_view key) const {
  return Required(*this, key, Uint(key));
}

Result<double> Checkpoint::RequiredFloat(std::string_view key) const {
  return Required(*this, key, Float(key));
}

const TensorView* Checkpoint::Find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second].view;
}

Status Checkpoint::AddTensor(std::string name, const TensorView& view) {
  if (index_.count(name) != 0) {
    return Status(ErrorCode::kCorruptFile, path() + ": two tensors are called " + name);
  }
  index_.emplace(name, tensors_.size());
  tensors_.push_back({std::move(name), view});
  return Status();
}

}  // namespace altteul::model
