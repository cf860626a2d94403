// SPDX-License-Identifier: Apache-2.0

#include "formats/safetensors.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "formats/json_file.h"
#include "formats/quote.h"
#include "formats/safetensors_header.h"

namespace altteul::formats {
namespace {

using WeightMap = std::map<std::string, std::string>;

/// A name out of the index may only mean a file beside it.
bool IsPlainFileName(const std::string& name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
}

Result<WeightMap> ReadIndex(const std::string& path, const LogSink& log) {
  ALT_ASSIGN_OR_RETURN(const nlohmann::json index, ReadJsonFile(path, kWrittenByPython, log));
  const auto map = index.is_object() ? index.find("weight_map") : index.end();
  if (map == index.end() || !map->is_object()) {
    return Status(ErrorCode::kCorruptFile, path + ": \"weight_map\" is missing or no object");
  }
  WeightMap weights;
  for (const auto& member : map->items()) {
    std::string file =
        member.value().is_string() ? member.value().get<std::string>() : std::string();
    if (file.starts_with("./")) file.erase(0, 2);
    if (!IsPlainFileName(file)) {
      return Status(ErrorCode::kCorruptFile,
                    path + ": tensor " + Quote(member.key()) + ": " +
                        (file.empty() ? "no file name"
                                      : Quote(file) + " is not the name of a file "
                                                      "in the same folder"));
    }
    weights[member.key()] = file;
  }
  return weights;
}

/// Tensors of which the index and the shards say different things. Named in one sentence a kind:
/// a tower that somebody cut off has hundreds.
struct NameList {
  std::vector<std::string> names;

  /// "\"a\", \"b\"" or "\"a\", \"b\", \"c\" and 4 more"
  std::string ToString() const {
    constexpr size_t kMost = 3;
    std::string text;
    for (size_t i = 0; i < std::min(kMost, names.size()); ++i) {
      text += (i == 0 ? "" : ", ") + Quote(names[i]);
    }
    if (names.size() > kMost) text += " and " + std::to_string(names.size() - kMost) + " more";
    return text;
  }

  void Report(const std::string& path, const std::string& what, const LogSink& log) const {
    if (log && !names.empty()) log(LogLevel::kWarning, path + ": " + what + " " + ToString());
  }
};

/// "model" of "model-00001-of-00002.safetensors"; nothing for other names.
std::optional<std::string> SeriesOf(const std::string& file) {
  constexpr size_t kNumber = 6;  // "-00001"
  const size_t of = file.find("-of-");
  if (of == std::string::npos || of < kNumber || !file.ends_with(".safetensors")) return {};
  return file.substr(0, of - kNumber);
}

/// The files of the folder that are named like those of the index.
std::vector<std::string> FilesOfSeries(const std::string& folder, const WeightMap& weights) {
  std::set<std::string> series;
  for (const auto& entry : weights) {
    if (const auto name = SeriesOf(entry.second)) series.insert(*name);
  }
  std::vector<std::string> files;
  std::error_code error;
  std::filesystem::directory_iterator it(folder, error), end;
  for (; !error && it != end; it.increment(error)) {
    const std::string file = it->path().filename().string();
    const auto name = SeriesOf(file);
    if (name && series.count(*name) != 0) files.push_back(file);
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Status SafetensorsModel::AddFile(Buffer mapping, std::span<const std::byte> bytes,
                                 const std::string& name) {
  ALT_ASSIGN_OR_RETURN(SafetensorsHeader header, ParseSafetensorsHeader(bytes, name));
  if (files_.empty()) metadata_ = std::move(header.metadata);
  for (SafetensorsTensor& tensor : header.tensors) tensors_.push_back(std::move(tensor));
  for (UnreadTensor& tensor : header.unread) unread_.push_back(std::move(tensor));
  file_bytes_ += bytes.size();
  files_.push_back({std::move(mapping), bytes});
  return Status();
}

Status SafetensorsModel::IndexTensors(const std::string& name) {
  by_name_.resize(tensors_.size());
  std::iota(by_name_.begin(), by_name_.end(), size_t{0});
  std::sort(by_name_.begin(), by_name_.end(),
            [&](size_t a, size_t b) { return tensors_[a].name < tensors_[b].name; });
  for (size_t i = 1; i < by_name_.size(); ++i) {
    if (tensors_[by_name_[i - 1]].name == tensors_[by_name_[i]].name) {
      return Status(
          ErrorCode::kCorruptFile,
          name + ": tensor " + Quote(tensors_[by_name_[i]].name) + " stands in two files");
    }
  }
  return Status();
}

Result<SafetensorsModel> SafetensorsModel::OpenFile(const std::string& path) {
  SafetensorsModel model;
  ALT_ASSIGN_OR_RETURN(Buffer mapping, Buffer::MapFile(path));
  const auto bytes = mapping.bytes();
  ALT_RETURN_IF_ERROR(model.AddFile(std::move(mapping), bytes, path));
  ALT_RETURN_IF_ERROR(model.IndexTensors(path));
  return model;
}

Result<SafetensorsModel> SafetensorsModel::Parse(std::span<const std::byte> bytes,
                                                 const std::string& name) {
  SafetensorsModel model;
  ALT_RETURN_IF_ERROR(model.AddFile(Buffer(), bytes, name));
  ALT_RETURN_IF_ERROR(model.IndexTensors(name));
  return model;
}

Result<SafetensorsModel> SafetensorsModel::OpenFolder(const std::string& folder,
                                                      const LogSink& log) {
  const std::string single = folder + "/model.safetensors";
  auto model = OpenFile(single);
  if (model.ok() || model.status().code() != ErrorCode::kNotFound) return model;
  const std::string index_path = single + ".index.json";
  auto shards = OpenShards(folder, index_path, log);
  if (shards.ok() || shards.status().code() != ErrorCode::kNotFound) return shards;
  // Which of the two the user meant is unknown unless the index is there and a shard is not.
  if (Buffer::MapFile(index_path).ok()) return shards;
  return Status(ErrorCode::kNotFound,
                folder + ": has neither model.safetensors nor model.safetensors.index.json");
}

Result<SafetensorsModel::Shards> SafetensorsModel::OpenSeries(const std::string& folder,
                                                              const std::string& index_path,
                                                              const WeightMap& weights,
                                                              const LogSink& log) {
  Shards shards;
  std::map<std::string, Status> absent;
  for (const auto& [name, file] : weights) {
    if (shards.count(file) != 0 || absent.count(file) != 0) continue;
    auto shard = OpenFile(folder + "/" + file);
    if (shard.ok()) {
      shards.emplace(file, std::move(shard).value());
    } else if (shard.status().code() == ErrorCode::kNotFound) {
      absent.emplace(file, shard.status());
    } else {
      return shard.status();
    }
  }
  // Without any of them there is no model of which something could be missing.
  if (shards.empty() && !absent.empty()) return absent.begin()->second;
  NameList files;
  for (const auto& each : absent) files.names.push_back(each.first);
  files.Report(index_path, "names files that are not there:", log);
  // What an index leaves out as a whole: owners add and move shards and forget it.
  for (const std::string& file : FilesOfSeries(folder, weights)) {
    if (shards.count(file) != 0) continue;
    auto shard = OpenFile(folder + "/" + file);
    if (shard.ok()) {
      shards.emplace(file, std::move(shard).value());
    } else if (log) {
      log(LogLevel::kWarning, shard.status().message() + "; " + index_path +
                                  " does not name this file, and it is not used");
    }
  }
  return shards;
}

Result<SafetensorsModel> SafetensorsModel::OpenShards(const std::string& folder,
                                                      const std::string& index_path,
                                                      const LogSink& log) {
  ALT_ASSIGN_OR_RETURN(const WeightMap weights, ReadIndex(index_path, log));
  ALT_ASSIGN_OR_RETURN(Shards shards, OpenSeries(folder, index_path, weights, log));
  SafetensorsModel whole;
  NameList unlisted, elsewhere, copies;
  std::set<std::string> unread;
  for (auto& [file, shard] : shards) {
    if (whole.files_.empty()) whole.metadata_ = std::move(shard.metadata_);
    whole.file_bytes_ += shard.file_bytes_;
    whole.files_.push_back(std::move(shard.files_.front()));
    for (const SafetensorsTensor& tensor : shard.tensors_) {
      const auto listed = weights.find(tensor.name);
      if (listed == weights.end()) {
        unlisted.names.push_back(tensor.name);
      } else if (listed->second != file) {
        const auto other = shards.find(listed->second);
        const bool copy = other != shards.end() && other->second.Find(tensor.name) != nullptr;
        (copy ? copies : elsewhere).names.push_back(tensor.name);
        if (copy) continue;
      }
      whole.tensors_.push_back(tensor);
    }
    for (UnreadTensor& tensor : shard.unread_) {
      if (unread.insert(tensor.name).second) whole.unread_.push_back(std::move(tensor));
    }
  }
  ALT_RETURN_IF_ERROR(whole.IndexTensors(index_path));
  NameList missing;
  for (const auto& [name, file] : weights) {
    if (whole.Find(name) != nullptr || unread.count(name) != 0) continue;
    const bool has_file = shards.count(file) != 0;
    if (has_file) missing.names.push_back(name);
    whole.missing_.push_back({name, has_file ? std::string() : file});
  }
  missing.Report(index_path, "lists what no file of it holds:", log);
  unlisted.Report(index_path, "does not list what its files hold:", log);
  elsewhere.Report(index_path, "lists in another file than where it is:", log);
  copies.Report(index_path, "lists one of two copies, which is taken:", log);
  return whole;
}

const SafetensorsTensor* SafetensorsModel::Find(std::string_view name) const {
  const auto found = std::lower_bound(by_name_.begin(), by_name_.end(), name,
                                      [&](size_t index, std::string_view wanted) {
                                        return std::string_view(tensors_[index].name) < wanted;
                                      });
  if (found == by_name_.end() || tensors_[*found].name != name) return nullptr;
  return &tensors_[*found];
}

void SafetensorsModel::ReleasePages(std::span<const std::byte> bytes) const {
  // std::less: the files are different objects, which operator< does not order.
  const std::less<const std::byte*> before;
  for (const File& file : files_) {
    const std::byte* begin = file.bytes.data();
    if (before(bytes.data(), begin) || before(begin + file.bytes.size(), bytes.data())) continue;
    const auto offset = static_cast<size_t>(bytes.data() - begin);
    if (bytes.size() > file.bytes.size() - offset) continue;
    file.mapping.ReleasePages(offset, bytes.size());
    return;
  }
}

}  // namespace altteul::formats
