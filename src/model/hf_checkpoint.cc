// SPDX-License-Identifier: Apache-2.0

#include "model/hf_checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "formats/json_file.h"
#include "formats/python_words.h"
#include "formats/quote.h"
#include "formats/safetensors.h"
#include "model/family.h"
#include "model/hf_chat_template.h"
#include "model/hf_config.h"
#include "model/hf_quantized.h"
#include "model/unused_tensors.h"
#include "text/rowless_tokens.h"

namespace altteul::model {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

Result<std::string> ReadText(const fs::path& path) {
  ALT_ASSIGN_OR_RETURN(const Buffer file, Buffer::MapFile(path.string()));
  const auto bytes = file.bytes();
  std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  // Python writes all of a folder's JSON but tokenizer.json, which is large.
  const bool pythons = path.extension() == ".json" && path.filename() != "tokenizer.json";
  return pythons ? formats::PythonLiteralsAsNull(text) : text;
}

/// A file that need not be there: nothing is said of one that is missing, but of one that is empty.
Result<std::string> ReadNeighbour(const fs::path& folder, const char* name, const LogSink& log) {
  std::error_code ignored;
  if (!fs::exists(folder / name, ignored)) return std::string();
  ALT_ASSIGN_OR_RETURN(std::string text, ReadText(folder / name));
  if (text.find_first_not_of(" \t\r\n") != std::string::npos) return text;
  if (log) log(LogLevel::kWarning, std::string(name) + " is empty; ignored");
  return std::string();
}

class HfCheckpoint : public Checkpoint {
 public:
  HfCheckpoint(std::string folder, HfConfig config, formats::SafetensorsModel weights)
      : folder_(std::move(folder)),
        config_(std::move(config.values)),
        family_(*config.family),
        ties_head_(config.ties_head),
        weights_(std::move(weights)) {}

  Status Index(const LogSink& log) {
    ALT_RETURN_IF_ERROR(RefuseQuantizedTensors(folder_, weights_));
    const TensorView* head = nullptr;  // of a tied model
    for (const auto& tensor : weights_.tensors()) {
      const std::string hf_name(tensor.name);
      const auto name = GgufTensorName(hf_name, family_.hf_tensor_names);
      // A tied head may be in the file all the same; the model's own code does not look at it.
      if (ties_head_ && name == "output.weight") {
        head = &tensor.view;
        continue;
      }
      // Early Llama folders carry frequencies that config.json already gives.
      if (hf_name.find("rotary_emb.inv_freq") != std::string::npos) continue;
      ALT_RETURN_IF_ERROR(AddTensor(name.value_or(hf_name), tensor.view));
    }
    ALT_ASSIGN_OR_RETURN(const auto n_layers, Uint("block_count"));
    ALT_RETURN_IF_ERROR(CheckMissing(n_layers));
    ALT_RETURN_IF_ERROR(CheckUnread(n_layers, log));
    if (head != nullptr) WarnOfHead(*head, log);
    if (!ties_head_ && Find("output.weight") == nullptr) {
      Warn(log, "lm_head.weight is missing; the embedding is taken for it");
    }
    const auto format = weights_.metadata().find("format");
    if (format != weights_.metadata().end() && format->second == "mlx") {
      Warn(log, "was written by MLX; its tensors are read as those of transformers");
    }
    return Status();
  }

  std::string_view architecture() const override { return family_.gguf_architecture; }
  const std::string& path() const override { return folder_; }
  uint64_t file_bytes() const override { return weights_.file_bytes(); }
  const json* hf_config() const override { return &config_; }
  std::string PlaceOf(std::string_view key) const override {
    std::string_view own = key;
    for (const NamePair& pair : HfHyperparameterNames()) {
      if (pair.gguf == key) own = pair.hf;
    }
    return folder_ + "/config.json: " + std::string(own);
  }

  Result<std::optional<uint64_t>> Uint(std::string_view key) const override {
    const json* value = Lookup(key);
    if (value == nullptr) return std::optional<uint64_t>();
    if (value->is_number() && value->get<double>() < 0 && NegativeMeansNone(key)) {
      return std::optional<uint64_t>();
    }
    const std::optional<uint64_t> number = HfWholeNumber(*value);
    if (!number) return WrongType(key, *value, "a whole number");
    return number;
  }
  Result<std::optional<std::vector<uint64_t>>> UintOfLayers(std::string_view key,
                                                            size_t n) const override {
    const json* value = Lookup(key);
    if (value == nullptr || !value->is_array()) {
      ALT_ASSIGN_OR_RETURN(const auto one, Uint(key));
      if (!one) return std::optional<std::vector<uint64_t>>();
      return std::optional(std::vector<uint64_t>(n, *one));
    }
    std::vector<uint64_t> list;
    for (const json& each : *value) {
      const std::optional<uint64_t> number = HfWholeNumber(each);
      if (!number) return WrongType(key, each, "a whole number for each layer");
      list.push_back(*number);
    }
    if (list.size() != n) {
      return Status(ErrorCode::kCorruptFile, PlaceOf(key) + " is a list of " +
                                                 std::to_string(list.size()) + " numbers for " +
                                                 std::to_string(n) + " layers");
    }
    return std::optional(std::move(list));
  }
  Result<std::optional<double>> Float(std::string_view key) const override {
    const json* value = Lookup(key);
    if (value == nullptr) return std::optional<double>();
    if (!value->is_number()) return WrongType(key, *value, "a number");
    return std::optional<double>(value->get<double>());
  }
  Result<std::optional<bool>> Bool(std::string_view key) const override {
    const json* value = Lookup(key);
    if (value == nullptr) return std::optional<bool>();
    if (!value->is_boolean()) return WrongType(key, *value, "true or false");
    return std::optional<bool>(value->get<bool>());
  }
  Result<std::optional<std::string>> String(std::string_view key) const override {
    const json* value = Lookup(key);
    if (value == nullptr) return std::optional<std::string>();
    if (!value->is_string()) return WrongType(key, *value, "a text");
    return std::optional<std::string>(value->get<std::string>());
  }

  void ReleasePages(std::span<const std::byte> bytes) const override {
    weights_.ReleasePages(bytes);
  }

  Result<text::TokenizerSpec> ReadTokenizer(const LogSink& log) const override {
    const fs::path folder(folder_);
    std::error_code ignored;
    if (!fs::exists(folder / "tokenizer.json", ignored)) {
      return Status(ErrorCode::kNotFound, folder_ + ": tokenizer.json is missing");
    }
    ALT_ASSIGN_OR_RETURN(const std::string tokenizer, ReadText(folder / "tokenizer.json"));
    const LogSink with_folder = [&](LogLevel level, std::string_view what) {
      if (log) log(level, folder_ + ": " + std::string(what));
    };
    const auto beside = [&](const char* name) { return ReadNeighbour(folder, name, with_folder); };
    ALT_ASSIGN_OR_RETURN(const std::string config, beside("tokenizer_config.json"));
    ALT_ASSIGN_OR_RETURN(const std::string generation, beside("generation_config.json"));
    ALT_ASSIGN_OR_RETURN(const std::string added, beside("added_tokens.json"));
    ALT_ASSIGN_OR_RETURN(const std::string special, beside("special_tokens_map.json"));
    const TensorView* embedding = Find("token_embd.weight");
    const bool is_matrix = embedding != nullptr && embedding->shape.n_dims == 2;
    const std::string of_model = config_.dump(-1, ' ', false, json::error_handler_t::replace);
    const auto parse = [&](const std::string& tokenizer_json) {
      return text::ParseTokenizerJson({.tokenizer_json = tokenizer_json,
                                       .tokenizer_config_json = config,
                                       .generation_config_json = generation,
                                       .config_json = of_model,
                                       .added_tokens_json = added,
                                       .special_tokens_map_json = special,
                                       .n_rows = is_matrix ? size_t{embedding->shape.rows()} : 0},
                                      with_folder);
    };
    auto parsed = parse(tokenizer);
    if (!parsed.ok() && parsed.status().code() == ErrorCode::kCorruptFile) {
      // Few hold Python's words, and the file is large.
      const std::string without = formats::PythonLiteralsAsNull(tokenizer);
      if (without != tokenizer) parsed = parse(without);
    }
    if (!parsed.ok()) {
      return Status(parsed.status().code(), folder_ + ": " + parsed.status().message());
    }
    text::TokenizerSpec spec = std::move(parsed).value();
    if (is_matrix) text::ForgetRowlessTokens(spec, embedding->shape.rows(), with_folder);
    return spec;
  }

  Result<std::string> ReadChatTemplate(const LogSink& log) const override {
    return ReadHfChatTemplate(folder_, log);
  }

  std::string License() const override { return ""; }  // stands in the model card, not in a config

 private:
  /// A head that was trained apart is lost where the model is tied. It differs from the first row
  /// on, so that a beginning of both tells it and no gigabytes are read.
  void WarnOfHead(const TensorView& head, const LogSink& log) const {
    const TensorView* embedding = Find("token_embd.weight");
    constexpr size_t kBeginning = size_t{1} << 20;
    const auto beginning = [&](const TensorView& tensor) {
      return tensor.bytes.first(std::min(kBeginning, tensor.bytes.size()));
    };
    const bool same = embedding != nullptr && embedding->type == head.type &&
                      embedding->shape == head.shape &&
                      std::ranges::equal(beginning(head), beginning(*embedding));
    if (same) return;
    const auto said = config_.find("tie_word_embeddings");
    const bool is_said = said != config_.end() && said->is_boolean();
    Warn(log, std::string("lm_head.weight is another than the embedding and is not used: ") +
                  (is_said ? "config.json says \"tie_word_embeddings\": true"
                           : "the class takes the embedding for it, and config.json does not say "
                             "\"tie_word_embeddings\": false"));
  }

  void Warn(const LogSink& log, const std::string& what) const {
    if (log) log(LogLevel::kWarning, folder_ + ": " + what);
  }

  bool Needs(const std::string& hf_name, const std::optional<uint64_t>& n_layers) const {
    if (!hf_name.ends_with(".weight") && !hf_name.ends_with(".bias")) return false;
    const auto name = GgufTensorName(hf_name, family_.hf_tensor_names);
    if (!name || (ties_head_ && name == "output.weight")) return false;
    return !n_layers || LayerOf(*name).value_or(0) < *n_layers;
  }

  // What the index lists and no file holds does no harm unless the model needs it. Without this, a
  // missing bias or head would be taken for one that the model does not have.
  Status CheckMissing(const std::optional<uint64_t>& n_layers) const {
    for (const formats::MissingTensor& missing : weights_.missing()) {
      if (!Needs(missing.name, n_layers)) continue;
      const std::string lists = folder_ + ": model.safetensors.index.json lists tensor " +
                                formats::Quote(missing.name) + ", which the model needs, ";
      if (missing.file.empty()) {
        return Status(ErrorCode::kCorruptFile, lists + "but no file holds it");
      }
      return Status(ErrorCode::kNotFound,
                    lists + "in " + formats::Quote(missing.file) + ", but this file is not there");
    }
    return Status();
  }

  Status CheckUnread(const std::optional<uint64_t>& n_layers, const LogSink& log) const {
    for (const formats::UnreadTensor& tensor : weights_.unread()) {
      if (!Needs(tensor.name, n_layers)) continue;
      return Status(ErrorCode::kUnsupported,
                    folder_ + ": tensor " + formats::Quote(tensor.name) + " " + tensor.why);
    }
    if (weights_.unread().empty()) return Status();
    const formats::UnreadTensor& first = weights_.unread().front();
    const size_t n_more = weights_.unread().size() - 1;
    Warn(log, "tensor " + formats::Quote(first.name) + " " + first.why + "; it is not used" +
                  (n_more == 0 ? "" : ", nor are " + std::to_string(n_more) + " more like it"));
    return Status();
  }

  const json* Lookup(std::string_view key) const {
    for (const NamePair& pair : HfHyperparameterNames()) {
      if (pair.gguf != key) continue;
      if (pair.hf == "rope_theta") return HfRopeTheta(config_, "full_attention");
      const auto found = config_.find(pair.hf);
      return found != config_.end() && !found->is_null() ? &*found : nullptr;
    }
    return nullptr;
  }

  Status WrongType(std::string_view key, const json& value, const char* wanted) const {
    return Status(ErrorCode::kCorruptFile,
                  PlaceOf(key) + " is " + value.dump().substr(0, 60) + ", expected " + wanted);
  }

  std::string folder_;
  json config_;
  const Family& family_;
  bool ties_head_;
  formats::SafetensorsModel weights_;
};

}  // namespace

Result<std::unique_ptr<const Checkpoint>> OpenHfCheckpoint(const std::string& folder,
                                                           const LogSink& log) {
  ALT_ASSIGN_OR_RETURN(HfConfig config, ReadHfConfig(folder, log));
  ALT_ASSIGN_OR_RETURN(formats::SafetensorsModel weights,
                       formats::SafetensorsModel::OpenFolder(folder, log));
  auto checkpoint = std::make_unique<HfCheckpoint>(folder, std::move(config), std::move(weights));
  ALT_RETURN_IF_ERROR(checkpoint->Index(log));
  return std::unique_ptr<const Checkpoint>(std::move(checkpoint));
}

}  // namespace altteul::model
