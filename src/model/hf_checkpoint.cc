#include "model/hf_checkpoint.h"

#include <filesystem>
#include <utility>

#include <nlohmann/json.hpp>

#include "formats/json_file.h"
#include "formats/safetensors.h"
#include "model/family.h"
#include "model/hf_chat_template.h"

namespace altteul::model {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

Result<std::string> ReadText(const fs::path& path) {
  ALT_ASSIGN_OR_RETURN(const Buffer file, Buffer::MapFile(path.string()));
  const auto bytes = file.bytes();
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Result<std::string> ReadTextIfPresent(const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return std::string();
  return ReadText(path);
}

class HfCheckpoint : public Checkpoint {
 public:
  HfCheckpoint(std::string folder, json config, formats::SafetensorsModel weights)
      : folder_(std::move(folder)), config_(std::move(config)), weights_(std::move(weights)) {}

  Status Index() {
    ALT_ASSIGN_OR_RETURN(const Family* family, FindOwnFamily());
    architecture_ = family->gguf_architecture;
    const auto tie = config_.find("tie_word_embeddings");
    const bool tied = tie != config_.end() && tie->is_boolean() && tie->get<bool>();
    for (const auto& tensor : weights_.tensors()) {
      const std::string hf_name(tensor.name);
      const auto name = GgufTensorName(hf_name, family->hf_tensor_names);
      // A tied head may be in the file all the same; the model's own code does not look at it.
      if (tied && name == "output.weight") continue;
      // Early Llama folders carry frequencies that config.json already gives.
      if (hf_name.find("rotary_emb.inv_freq") != std::string::npos) continue;
      ALT_RETURN_IF_ERROR(AddTensor(name.value_or(hf_name), tensor.view));
    }
    return Status();
  }

  std::string_view architecture() const override { return architecture_; }
  const std::string& path() const override { return folder_; }
  uint64_t file_bytes() const override { return weights_.file_bytes(); }
  const json* hf_config() const override { return &config_; }

  Result<std::optional<uint64_t>> Uint(std::string_view key) const override {
    const json* value = Lookup(key);
    if (value == nullptr) return std::optional<uint64_t>();
    if (!value->is_number_unsigned()) return WrongType(key, *value, "a whole number");
    return std::optional<uint64_t>(value->get<uint64_t>());
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
    ALT_ASSIGN_OR_RETURN(const std::string config,
                         ReadTextIfPresent(folder / "tokenizer_config.json"));
    ALT_ASSIGN_OR_RETURN(const std::string generation,
                         ReadTextIfPresent(folder / "generation_config.json"));
    auto spec = text::ParseTokenizerJson(tokenizer, config, generation, log);
    if (!spec.ok()) {
      return Status(spec.status().code(), folder_ + ": " + spec.status().message());
    }
    return spec;
  }

  Result<std::string> ReadChatTemplate(const LogSink& log) const override {
    return ReadHfChatTemplate(folder_, log);
  }

  std::string License() const override { return ""; }  // stands in the model card, not in a config

 private:
  Result<const Family*> FindOwnFamily() const {
    const auto names = config_.find("architectures");
    if (names == config_.end() || !names->is_array() || names->empty() ||
        !(*names)[0].is_string()) {
      return Status(ErrorCode::kCorruptFile, folder_ + "/config.json: 'architectures' is missing");
    }
    const auto name = (*names)[0].get<std::string>();
    const Family* family = FindFamilyByHf(name);
    if (family != nullptr) return family;
    std::string known;
    for (const Family* each : AllFamilies()) {
      for (const std::string_view hf : each->hf_architectures) {
        known += (known.empty() ? "" : ", ") + std::string(hf);
      }
    }
    return Status(ErrorCode::kUnsupported, folder_ + "/config.json: architecture '" + name +
                                               "' is not supported; these are: " + known);
  }

  const json* Lookup(std::string_view key) const {
    for (const NamePair& pair : HfHyperparameterNames()) {
      if (pair.gguf != key) continue;
      auto found = config_.find(pair.hf);
      if (found != config_.end() && !found->is_null()) return &*found;
      // transformers 5 moved rope_theta into rope_parameters.
      if (pair.hf != "rope_theta") return nullptr;
      const json* rope = HfRopeParameters(*this, "full_attention");
      if (rope == nullptr) return nullptr;
      found = rope->find("rope_theta");
      return found != rope->end() ? &*found : nullptr;
    }
    return nullptr;
  }

  Status WrongType(std::string_view key, const json& value, const char* wanted) const {
    return Status(ErrorCode::kCorruptFile, folder_ + "/config.json: " + std::string(key) + " is " +
                                               value.dump().substr(0, 60) + ", expected " + wanted);
  }

  std::string folder_;
  json config_;
  formats::SafetensorsModel weights_;
  std::string_view architecture_;
};

}  // namespace

Result<std::unique_ptr<const Checkpoint>> OpenHfCheckpoint(const std::string& folder,
                                                           const LogSink&) {
  const std::string config_path = (fs::path(folder) / "config.json").string();
  ALT_ASSIGN_OR_RETURN(json config, formats::ReadJsonFile(config_path));
  if (!config.is_object()) {
    return Status(ErrorCode::kCorruptFile, config_path + ": is no JSON object");
  }
  ALT_ASSIGN_OR_RETURN(formats::SafetensorsModel weights,
                       formats::SafetensorsModel::OpenFolder(folder));
  auto checkpoint = std::make_unique<HfCheckpoint>(folder, std::move(config), std::move(weights));
  ALT_RETURN_IF_ERROR(checkpoint->Index());
  return std::unique_ptr<const Checkpoint>(std::move(checkpoint));
}

}  // namespace altteul::model
