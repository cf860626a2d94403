// SPDX-License-Identifier: Apache-2.0

#include "model/gguf_metadata.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "text/gguf_words.h"

namespace altteul::model {
namespace {

using formats::GgufWriter;
using nlohmann::json;
using text::TokenId;
using text::TokenizerSpec;

struct SizeKey {
  std::string_view key;
  size_t (*value)(const ModelConfig& config);
};
constexpr SizeKey kSizes[] = {
    {"block_count", [](const ModelConfig& c) { return c.n_layers(); }},
    {"context_length", [](const ModelConfig& c) { return c.context; }},
    {"embedding_length", [](const ModelConfig& c) { return c.hidden; }},
    {"vocab_size", [](const ModelConfig& c) { return c.vocabulary; }},
};

/// Sizes that layers may differ in.
struct LayerKey {
  std::string_view key;
  bool may_differ;  ///< a list is a word of GGUF's
  size_t (*value)(const LayerPlan& layer);
};
constexpr LayerKey kLayerSizes[] = {
    {"feed_forward_length", true, [](const LayerPlan& l) { return l.dense()->inner; }},
    {"attention.head_count", true, [](const LayerPlan& l) { return l.attention()->n_heads; }},
    {"attention.head_count_kv", true, [](const LayerPlan& l) { return l.attention()->n_kv_heads; }},
    {"attention.key_length", false, [](const LayerPlan& l) { return l.attention()->key_dim; }},
    {"attention.value_length", false, [](const LayerPlan& l) { return l.attention()->value_dim; }},
};

/// A folder's name; of a folder in Hugging Face's cache the model's, since the folder's own is a
/// hash: models--org--NAME/snapshots/HASH.
std::string NameOf(const Checkpoint& folder) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  fs::path path = fs::weakly_canonical(folder.path(), ignored);
  if (path.parent_path().filename() == "snapshots") {
    const std::string model = path.parent_path().parent_path().filename().string();
    const size_t dashes = model.rfind("--");
    if (dashes != model.npos) return model.substr(dashes + 2);
  }
  return path.filename().string();
}

Status SetLayerSize(const Checkpoint& folder, const ModelConfig& config, const LayerKey& size,
                    GgufForm& form) {
  std::vector<uint64_t> values;
  for (const LayerPlan& layer : config.layers) values.push_back(size.value(layer));
  const auto differs = std::find_if(values.begin(), values.end(),
                                    [&](uint64_t value) { return value != values.front(); });
  if (differs == values.end()) return form.SetUint(size.key, values.front());
  if (size.may_differ) return form.SetUints(size.key, values);
  return Status(ErrorCode::kUnsupported,
                folder.path() + ": layers differ in " + std::string(size.key) + " (" +
                    std::to_string(values.front()) + " and " + std::to_string(*differs) +
                    "); GGUF files of " + config.family + " have no words for that");
}

Status SetSizes(const Checkpoint& folder, const ModelConfig& config, GgufForm& form) {
  if (config.context == 0) {
    return Status(ErrorCode::kCorruptFile,
                  folder.path() + "/config.json: max_position_embeddings is missing");
  }
  for (const SizeKey& size : kSizes) {
    ALT_RETURN_IF_ERROR(form.SetUint(size.key, size.value(config)));
  }
  for (const LayerKey& size : kLayerSizes) {
    ALT_RETURN_IF_ERROR(SetLayerSize(folder, config, size, form));
  }
  form.SetFloat("attention.layer_norm_rms_epsilon", config.norm_eps);
  return Status();
}

/// tokenizer.json's neighbours may leave an id to config.json ("bos_token_id").
std::optional<TokenId> IdOr(std::optional<TokenId> id, const json& config, const char* key,
                            size_t n_tokens) {
  if (id) return id;
  const auto found = config.find(key);
  if (found == config.end() || !found->is_number_unsigned()) return std::nullopt;
  const auto value = found->get<uint64_t>();
  return value < n_tokens ? std::optional(static_cast<TokenId>(value)) : std::nullopt;
}

void SetIds(const TokenizerSpec& spec, const json& config, GgufWriter& out) {
  const size_t n = spec.tokens.size();
  const auto set = [&](const char* key, std::optional<TokenId> id) {
    if (id) out.SetNumber<uint32_t>(key, static_cast<uint32_t>(*id));
  };
  const auto eos = IdOr(spec.eos, config, "eos_token_id", n);
  set("tokenizer.ggml.bos_token_id", IdOr(spec.bos, config, "bos_token_id", n));
  set("tokenizer.ggml.eos_token_id", eos);
  set("tokenizer.ggml.unknown_token_id", IdOr(spec.unk, config, "unk_token_id", n));
  set("tokenizer.ggml.padding_token_id", IdOr(spec.pad, config, "pad_token_id", n));
  // Readers know the usual ends of a turn by their texts; two more can be said.
  const char* const more[] = {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"};
  size_t n_more = 0;
  for (const TokenId id : spec.end_of_turn) {
    const auto at = static_cast<size_t>(id);
    const bool known =
        spec.kinds[at] == text::TokenKind::kControl && text::IsTurnEnd(spec.tokens[at]);
    if (known || (eos && id == *eos) || n_more == std::size(more)) continue;
    set(more[n_more++], id);
  }
}

Status SetTokenizer(const Checkpoint& folder, const ModelConfig& config, GgufForm& form) {
  ALT_ASSIGN_OR_RETURN(TokenizerSpec spelled, folder.ReadTokenizer({}));
  if (spelled.tokens.size() > config.vocabulary) {
    return Status(ErrorCode::kCorruptFile, folder.path() + ": the tokenizer has " +
                                               std::to_string(spelled.tokens.size()) +
                                               " tokens, but the embedding only " +
                                               std::to_string(config.vocabulary) + " rows");
  }
  // GGUF's readers count the tokens, and want as many rows.
  spelled.tokens.resize(config.vocabulary);
  spelled.kinds.resize(config.vocabulary, text::TokenKind::kUnused);
  auto words = text::InGgufWords(std::move(spelled));
  if (!words.ok()) {
    return Status(words.status().code(), folder.path() + ": " + words.status().message());
  }
  const TokenizerSpec& spec = words.value();

  GgufWriter& out = form.metadata;
  const bool pieces = spec.model == TokenizerSpec::Model::kSentencePieceBpe;
  out.SetString("tokenizer.ggml.model", pieces ? "llama" : "gpt2");
  out.SetString("tokenizer.ggml.pre", spec.pre_tokenizer);
  out.SetStrings("tokenizer.ggml.tokens",
                 std::vector<std::string_view>(spec.tokens.begin(), spec.tokens.end()));
  std::vector<int32_t> kinds;
  for (const text::TokenKind kind : spec.kinds) kinds.push_back(static_cast<int32_t>(kind));
  out.SetNumbers<int32_t>("tokenizer.ggml.token_type", kinds);
  if (pieces) {
    out.SetNumbers<float>("tokenizer.ggml.scores", spec.scores);
    out.SetNumber<bool>("tokenizer.ggml.add_space_prefix", spec.add_space_prefix);
  } else {
    out.SetStrings("tokenizer.ggml.merges",
                   std::vector<std::string_view>(spec.merges.begin(), spec.merges.end()));
  }
  SetIds(spec, *folder.hf_config(), out);
  out.SetNumber<bool>("tokenizer.ggml.add_bos_token", spec.add_bos);
  out.SetNumber<bool>("tokenizer.ggml.add_eos_token", spec.add_eos);
  ALT_ASSIGN_OR_RETURN(const std::string chat_template, folder.ReadChatTemplate({}));
  if (!chat_template.empty()) out.SetString("tokenizer.chat_template", chat_template);
  return Status();
}

}  // namespace

Status SetMetadata(const Checkpoint& folder, const ModelConfig& config, GgufForm& form) {
  form.architecture = folder.architecture();
  form.metadata.SetString("general.architecture", form.architecture);
  form.metadata.SetString("general.type", "model");
  form.metadata.SetString("general.name", NameOf(folder));
  ALT_RETURN_IF_ERROR(SetSizes(folder, config, form));
  return SetTokenizer(folder, config, form);
}

}  // namespace altteul::model
