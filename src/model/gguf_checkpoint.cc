// SPDX-License-Identifier: Apache-2.0

#include "model/gguf_checkpoint.h"

#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

#include "formats/gguf.h"
#include "formats/quote.h"
#include "model/family.h"

namespace altteul::model {
namespace {

using formats::GgufFile;

class GgufCheckpoint : public Checkpoint {
 public:
  GgufCheckpoint(std::string path, GgufFile file)
      : path_(std::move(path)), file_(std::move(file)) {}

  Status Index(const LogSink& log) {
    ALT_ASSIGN_OR_RETURN(const auto architecture, file_.GetString("general.architecture"));
    if (!architecture) {
      return Status(ErrorCode::kCorruptFile, path_ + ": general.architecture is missing");
    }
    architecture_ = *architecture;
    for (const formats::GgufTensor& tensor : file_.tensors()) {
      ALT_RETURN_IF_ERROR(AddTensor(std::string(tensor.name), tensor.view));
    }
    return TakeOllamaDefaults(log);
  }

  std::string_view architecture() const override { return architecture_; }
  const std::string& path() const override { return path_; }
  uint64_t file_bytes() const override { return file_.file_bytes(); }
  const GgufFile* gguf() const override { return &file_; }
  std::string PlaceOf(std::string_view key) const override { return path_ + ": " + FullKey(key); }

  Result<std::optional<uint64_t>> Uint(std::string_view key) const override {
    const std::string full = FullKey(key);
    const formats::GgufValue* value = file_.FindValue(full);
    if (value != nullptr && NegativeMeansNone(key) && IsMinusOne(*value)) {
      return std::optional<uint64_t>();
    }
    if (value != nullptr && value->type == formats::GgufType::kArray) return SameForAllLayers(full);
    return file_.GetUint(full);
  }
  Result<std::optional<std::vector<uint64_t>>> UintOfLayers(std::string_view key,
                                                            size_t n) const override {
    const std::string full = FullKey(key);
    const formats::GgufValue* value = file_.FindValue(full);
    if (value == nullptr || value->type != formats::GgufType::kArray) {
      ALT_ASSIGN_OR_RETURN(const auto one, Uint(key));
      if (!one) return std::optional<std::vector<uint64_t>>();
      return std::optional(std::vector<uint64_t>(n, *one));
    }
    ALT_ASSIGN_OR_RETURN(const std::vector<uint64_t> list, Naturals(full));
    if (list.size() != n && list.size() != 1) {
      return Status(ErrorCode::kCorruptFile, path_ + ": key \"" + full + "\" is a list of " +
                                                 std::to_string(list.size()) + " numbers for " +
                                                 std::to_string(n) + " layers");
    }
    return std::optional(list.size() == n ? list : std::vector<uint64_t>(n, list.front()));
  }
  Result<std::optional<double>> Float(std::string_view key) const override {
    for (const TakenNumber& number : taken_) {
      if (number.key == key) return std::optional<double>(number.value);
    }
    return file_.GetFloat(FullKey(key));
  }
  std::span<const TakenNumber> taken_numbers() const override { return taken_; }
  Result<std::optional<bool>> Bool(std::string_view key) const override {
    return file_.GetBool(FullKey(key));
  }
  Result<std::optional<std::string>> String(std::string_view key) const override {
    ALT_ASSIGN_OR_RETURN(const auto text, file_.GetString(FullKey(key)));
    if (!text) return std::optional<std::string>();
    return std::optional<std::string>(*text);
  }

  void ReleasePages(std::span<const std::byte> bytes) const override { file_.ReleasePages(bytes); }

  Result<text::TokenizerSpec> ReadTokenizer(const LogSink& log) const override {
    return ReadGgufTokenizer(file_, path_, log);
  }
  // Several templates are keys of their own behind the usual one: "tokenizer.chat_template.rag".
  Result<std::string> ReadChatTemplate(const LogSink& log) const override {
    constexpr std::string_view kKey = "tokenizer.chat_template";
    ALT_ASSIGN_OR_RETURN(const auto text, file_.GetString(kKey));
    if (text) return std::string(*text);
    std::string names;
    for (const formats::GgufEntry& entry : file_.metadata()) {
      if (!entry.key.starts_with(std::string(kKey) + ".")) continue;
      const std::string_view name = entry.key.substr(kKey.size() + 1);
      names += (names.empty() ? "" : ", ") + formats::Quote(name);
    }
    if (log && !names.empty()) {
      log(LogLevel::kWarning, path_ + ": the chat templates " + names +
                                  " are not used, because there is no " + std::string(kKey));
    }
    return std::string();
  }
  std::string License() const override {
    const auto text = file_.GetString("general.license");
    return text.ok() && text.value() ? std::string(*text.value()) : "";
  }

 private:
  // As it is, or in 32 bits without a sign.
  static bool IsMinusOne(const formats::GgufValue& value) {
    const auto* integer = std::get_if<int64_t>(&value.held);
    const auto* natural = std::get_if<uint64_t>(&value.held);
    return (integer != nullptr && *integer < 0) || (natural != nullptr && *natural == UINT32_MAX);
  }

  /// A list of at least one number, none negative.
  Result<std::vector<uint64_t>> Naturals(const std::string& key) const {
    ALT_ASSIGN_OR_RETURN(const auto array, file_.GetArray(key));
    const auto integers = array->Integers();
    const auto negative = [](int64_t value) { return value < 0; };
    if (!integers.ok() || integers.value().empty() ||
        std::any_of(integers.value().begin(), integers.value().end(), negative)) {
      return Status(ErrorCode::kUnsupported, path_ + ": key \"" + key +
                                                 "\" is an array, but must be an integer of at "
                                                 "least 0 or such integers for all layers");
    }
    return std::vector<uint64_t>(integers.value().begin(), integers.value().end());
  }

  // Some writers give a number for each layer even where all are the same.
  Result<std::optional<uint64_t>> SameForAllLayers(const std::string& key) const {
    ALT_ASSIGN_OR_RETURN(const std::vector<uint64_t> values, Naturals(key));
    for (const uint64_t value : values) {
      if (value == values.front()) continue;
      return Status(ErrorCode::kUnsupported,
                    path_ + ": key \"" + key + "\" is " + std::to_string(values.front()) +
                        " for one layer and " + std::to_string(value) +
                        " for another; layers that differ in it are not supported");
    }
    return std::optional<uint64_t>(values.front());
  }

  bool Has(std::string_view key) const {
    return !key.empty() && file_.FindValue(FullKey(key)) != nullptr;
  }

  // Ollama's converter writes for Ollama's engine, which knows some numbers by heart and has names
  // of its own for others.
  Status TakeOllamaDefaults(const LogSink& log) {
    const Family* family = FindFamily(architecture_);
    if (family == nullptr || family->ollama_defaults.empty()) return Status();
    bool for_ollama = !Has(family->ollama_defaults.front().key);
    for (const OllamaDefault& each : family->ollama_defaults) {
      for_ollama = for_ollama || Has(each.own_key);
    }
    if (!for_ollama) return Status();
    ALT_ASSIGN_OR_RETURN(const auto context, Uint("context_length"));
    std::string said;
    for (const OllamaDefault& each : family->ollama_defaults) {
      if (Has(each.key) || context.value_or(0) < each.from_context) continue;
      TakenNumber number{std::string(each.key), each.value};
      if (Has(each.own_key)) {
        ALT_ASSIGN_OR_RETURN(const auto own, file_.GetFloat(FullKey(each.own_key)));
        number.value = own.value_or(each.value);
      }
      char text[32];
      std::snprintf(text, sizeof(text), "%.9g", number.value);
      said += (said.empty() ? "" : ", ") + number.key + " = " + text;
      taken_.push_back(std::move(number));
    }
    if (log && !said.empty()) {
      log(LogLevel::kWarning, path_ +
                                  ": was written for Ollama's engine and leaves out keys that "
                                  "others need; taken as there: " +
                                  said);
    }
    return Status();
  }

  std::string FullKey(std::string_view key) const { return architecture_ + "." + std::string(key); }

  std::string path_;
  GgufFile file_;
  std::string architecture_;
  std::vector<TakenNumber> taken_;
};

}  // namespace

Result<std::unique_ptr<const Checkpoint>> OpenGgufCheckpoint(const std::string& path,
                                                             const LogSink& log) {
  ALT_ASSIGN_OR_RETURN(GgufFile file, GgufFile::Open(path));
  auto checkpoint = std::make_unique<GgufCheckpoint>(path, std::move(file));
  ALT_RETURN_IF_ERROR(checkpoint->Index(log));
  return std::unique_ptr<const Checkpoint>(std::move(checkpoint));
}

}  // namespace altteul::model
