// SPDX-License-Identifier: Apache-2.0

#include "support/made_folder.h"

#include <cstring>
#include <fstream>
#include <span>
#include <utility>
#include <vector>

#include "formats/safetensors.h"
#include "support/test_models.h"

namespace altteul::tests {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr size_t kSpareRows = 5;

struct Tensor {
  std::string name;
  std::vector<uint64_t> shape;
  std::string bytes;
};

json ReadJson(const fs::path& path) {
  std::ifstream in(path);
  return json::parse(in);
}

void WriteText(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

Tensor CopyOf(const formats::SafetensorsTensor& source, size_t vocabulary) {
  const TensorView& view = source.view;
  Tensor copy{.name = source.name, .shape = {}, .bytes = {}};
  for (size_t axis = 0; axis < view.shape.n_dims; ++axis)
    copy.shape.push_back(view.shape.dims[axis]);
  copy.bytes.assign(reinterpret_cast<const char*>(view.bytes.data()), view.bytes.size());
  if (copy.name != "model.embed_tokens.weight" && copy.name != "lm_head.weight") return copy;
  const size_t row_bytes = copy.bytes.size() / copy.shape[0];
  const std::string rows = copy.bytes;
  while (copy.shape[0] < vocabulary) {
    // Each time another row first, so that no two tokens that are near each other are the same.
    const size_t row = copy.shape[0] * 7 % (rows.size() / row_bytes);
    copy.bytes += rows.substr(row * row_bytes, row_bytes);
    ++copy.shape[0];
  }
  return copy;
}

/// All are BF16, as the golden families are.
void WriteSafetensors(const fs::path& path, std::span<const Tensor> tensors) {
  json header;
  uint64_t at = 0;
  std::string data;
  for (const Tensor& tensor : tensors) {
    header[tensor.name] = {{"dtype", "BF16"},
                           {"shape", tensor.shape},
                           {"data_offsets", {at, at + tensor.bytes.size()}}};
    at += tensor.bytes.size();
    data += tensor.bytes;
  }
  const std::string text = header.dump();
  const uint64_t length = text.size();
  std::string bytes(sizeof(length), '\0');
  std::memcpy(bytes.data(), &length, sizeof(length));
  WriteText(path, bytes + text + data);
}

void WriteShards(const fs::path& folder, std::span<const Tensor> tensors) {
  json index;
  const size_t half = tensors.size() / 2;
  const std::pair<const char*, std::span<const Tensor>> shards[] = {
      {"model-00001-of-00002.safetensors", tensors.first(half)},
      {"model-00002-of-00002.safetensors", tensors.subspan(half)}};
  for (const auto& [name, part] : shards) {
    WriteSafetensors(folder / name, part);
    for (const Tensor& tensor : part) index["weight_map"][tensor.name] = name;
  }
  index["metadata"] = json::object();
  WriteText(folder / "model.safetensors.index.json", index.dump());
}

}  // namespace

Status WriteFolder(const fs::path& folder, const std::string& family, const std::string& tokenizer,
                   const FolderChange& change) {
  fs::remove_all(folder);
  fs::create_directories(folder);
  const fs::path original = GoldenFolder() / "families" / family;
  json golden = ReadJson(GoldenFolder() / "tokenizer" / (tokenizer + ".json"));
  const size_t vocabulary =
      golden["tokenizer"]["model"]["vocab"].size() + golden["tokenizer"]["added_tokens"].size();

  ALT_ASSIGN_OR_RETURN(const auto weights,
                       formats::SafetensorsModel::OpenFolder(original.string()));
  std::vector<Tensor> tensors;
  for (const formats::SafetensorsTensor& tensor : weights.tensors()) {
    if (change.without_tensors.count(tensor.name) != 0) continue;
    tensors.push_back(CopyOf(tensor, vocabulary + kSpareRows));
  }
  if (!change.extra_tensor.empty()) {
    tensors.push_back(tensors.back());
    tensors.back().name = change.extra_tensor;
  }
  if (weights.n_files() > 1) {
    WriteShards(folder, tensors);
  } else {
    WriteSafetensors(folder / "model.safetensors", tensors);
  }

  json config = ReadJson(original / "config.json");
  config["vocab_size"] = vocabulary + kSpareRows;
  if (change.config) change.config(config);
  WriteText(folder / "config.json", config.dump());
  if (change.tokenizer) change.tokenizer(golden["tokenizer"]);
  WriteText(folder / "tokenizer.json", golden["tokenizer"].dump());
  golden["tokenizer_config"]["chat_template"] = "{{ messages[0]['content'] }}<|im_end|>";
  WriteText(folder / "tokenizer_config.json", golden["tokenizer_config"].dump());
  if (!golden["generation_config"].empty()) {
    WriteText(folder / "generation_config.json", golden["generation_config"].dump());
  }
  return Status();
}

}  // namespace altteul::tests
