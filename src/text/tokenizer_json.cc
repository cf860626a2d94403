// SPDX-License-Identifier: Apache-2.0

// tokenizer.json and its neighbours, as the Hugging Face libraries write them. The page
// docs/formats/tokenizers.md says what is read and what is refused.

#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/tokenizer.h"
#include "text/tokenizer_json_steps.h"

namespace altteul::text {
namespace {

using nlohmann::json;
using ByText = std::unordered_map<std::string, TokenId>;

Status Corrupt(const std::string& what) {
  return Status(ErrorCode::kCorruptFile, "tokenizer.json: " + what);
}

Result<json> ParseObject(std::string_view text, const char* file) {
  json parsed = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded() || !parsed.is_object()) {
    return Status(ErrorCode::kCorruptFile, std::string(file) + " is not a JSON object");
  }
  return parsed;
}

/// A JSON number that can be a token's id.
bool IsId(const json& value) {
  return value.is_number_integer() && value >= 0 && value <= std::numeric_limits<TokenId>::max();
}

struct NamedId {
  std::string text;
  TokenId id;
};

/// Lays tokens out by id. Ids without a token are left as unused: the model may have rows for them.
Status PlaceTokens(const std::vector<NamedId>& named, TokenizerSpec& spec) {
  size_t n_tokens = 0;
  for (const NamedId& token : named) {
    n_tokens = std::max(n_tokens, static_cast<size_t>(token.id) + 1);
  }
  // A few holes are usual (padding to a round size); more would only cost memory.
  constexpr size_t kHolesAllowed = 1 << 16;
  if (n_tokens > 2 * named.size() + kHolesAllowed) {
    return Corrupt(std::to_string(named.size()) + " tokens with ids up to " +
                   std::to_string(n_tokens - 1));
  }
  spec.tokens.resize(n_tokens);
  spec.kinds.assign(n_tokens, TokenKind::kUnused);
  for (const NamedId& token : named) {
    const auto id = static_cast<size_t>(token.id);
    if (spec.kinds[id] != TokenKind::kUnused && spec.tokens[id] != token.text) {
      return Corrupt("token " + std::to_string(id) + " is \"" + spec.tokens[id] + "\" and \"" +
                     token.text + "\"");
    }
    spec.tokens[id] = token.text;
    spec.kinds[id] = TokenKind::kNormal;
  }
  return Status();
}

Result<std::vector<NamedId>> ReadVocabulary(const json& model) {
  const json* vocab = JsonMember(model, "vocab");
  if (vocab == nullptr || !vocab->is_object()) return Corrupt("model.vocab is not an object");
  std::vector<NamedId> named;
  named.reserve(vocab->size());
  for (const auto& [text, id] : vocab->items()) {
    if (!IsId(id)) return Corrupt("token \"" + text + "\" has no number for an id");
    named.push_back({text, id.get<TokenId>()});
  }
  return named;
}

/// Says what is wrong with a file and does no harm.
void Warn(const LogSink& log, const std::string& what) {
  if (log) log(LogLevel::kWarning, what);
}

/// Reads added_tokens: texts and ids go to `named`, flags to spec.added, kinds to `kinds`.
Status ReadAddedTokens(const json& root, std::vector<NamedId>& named, TokenizerSpec& spec,
                       std::vector<TokenKind>& kinds) {
  const json* added = JsonMember(root, "added_tokens");
  if (added == nullptr) return Status();
  if (!added->is_array()) return Corrupt("added_tokens is not a list");
  for (const json& entry : *added) {
    const json* id = JsonMember(entry, "id");
    ALT_ASSIGN_OR_RETURN(const std::string content, JsonString(entry, "content", ""));
    if (id == nullptr || !IsId(*id) || content.empty()) {
      return Corrupt("an added token without an id or content");
    }
    AddedToken token{.id = id->get<TokenId>()};
    ALT_ASSIGN_OR_RETURN(const bool special, JsonBool(entry, "special", false));
    ALT_ASSIGN_OR_RETURN(token.lstrip, JsonBool(entry, "lstrip", false));
    ALT_ASSIGN_OR_RETURN(token.rstrip, JsonBool(entry, "rstrip", false));
    ALT_ASSIGN_OR_RETURN(token.single_word, JsonBool(entry, "single_word", false));
    ALT_ASSIGN_OR_RETURN(token.normalized, JsonBool(entry, "normalized", false));
    named.push_back({content, token.id});
    spec.added.push_back(token);
    kinds.push_back(special ? TokenKind::kControl : TokenKind::kUserDefined);
  }
  return Status();
}

/// A merge is "left right" or, since parts may contain spaces, ["left", "right"].
Result<std::pair<std::string, std::string>> SplitMerge(const json& merge, size_t number) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
    return std::make_pair(merge[0].get<std::string>(), merge[1].get<std::string>());
  }
  if (merge.is_string()) {
    const auto text = merge.get<std::string>();
    const size_t space = text.find(' ', 1);
    if (space != std::string::npos) {
      return std::make_pair(text.substr(0, space), text.substr(space + 1));
    }
  }
  return Corrupt("merge " + std::to_string(number) + " is not a pair");
}

Status ReadMerges(const json& model, const ByText& by_text, TokenizerSpec& spec) {
  const json* merges = JsonMember(model, "merges");
  if (merges == nullptr || !merges->is_array()) return Corrupt("model.merges is not a list");
  spec.merge_ids.reserve(merges->size());
  size_t number = 0;
  for (const json& merge : *merges) {
    ALT_ASSIGN_OR_RETURN(const auto parts, SplitMerge(merge, number));
    const auto left = by_text.find(parts.first);
    const auto right = by_text.find(parts.second);
    if (left == by_text.end() || right == by_text.end()) {
      return Corrupt("merge " + std::to_string(number) + " (\"" + parts.first + "\" and \"" +
                     parts.second + "\") joins parts that are not in the vocabulary");
    }
    spec.merge_ids.emplace_back(left->second, right->second);
    ++number;
  }
  return Status();
}

/// What model says beside vocabulary and merges.
Status ReadModelOptions(const json& model, const ByText& by_text, TokenizerSpec& spec,
                        const LogSink& log) {
  for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    ALT_ASSIGN_OR_RETURN(const std::string text, JsonString(model, affix, ""));
    if (!text.empty()) {
      return Status(ErrorCode::kUnsupported,
                    std::string("tokenizer.json: model.") + affix + " is not supported");
    }
  }
  const json* dropout = JsonMember(model, "dropout");
  if (dropout != nullptr && *dropout != 0) {
    return Status(ErrorCode::kUnsupported, "tokenizer.json: model.dropout is not supported");
  }
  ALT_ASSIGN_OR_RETURN(spec.ignore_merges, JsonBool(model, "ignore_merges", false));
  ALT_ASSIGN_OR_RETURN(spec.fuse_unknown, JsonBool(model, "fuse_unk", false));
  ALT_ASSIGN_OR_RETURN(const std::string unknown, JsonString(model, "unk_token", ""));
  if (!unknown.empty()) {
    const auto found = by_text.find(unknown);
    if (found == by_text.end()) {
      Warn(log, "tokenizer.json: unk_token \"" + unknown.substr(0, 80) +
                    "\" is not in the vocabulary; ignored");
    } else {
      spec.unk = found->second;
    }
  }
  ALT_ASSIGN_OR_RETURN(const bool byte_fallback, JsonBool(model, "byte_fallback", false));
  if (!byte_fallback || spec.model != TokenizerSpec::Model::kSentencePieceBpe) return Status();
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (unsigned byte = 0; byte < 256; ++byte) {
    const auto found = by_text.find(std::string("<0x") + kHex[byte >> 4] + kHex[byte & 15] + ">");
    if (found == by_text.end()) continue;
    spec.kinds[static_cast<size_t>(found->second)] = TokenKind::kByte;
  }
  return Status();
}

Status ReadModel(const json& root, ByText& by_text, TokenizerSpec& spec, const LogSink& log) {
  const json* model = JsonMember(root, "model");
  if (model == nullptr) return Corrupt("no model");
  ALT_ASSIGN_OR_RETURN(const std::string type, JsonString(*model, "type", "BPE"));
  if (type != "BPE") {
    return Status(ErrorCode::kUnsupported,
                  "tokenizer.json: model \"" + type + "\" is not supported, only BPE is");
  }
  std::vector<TokenKind> added_kinds;
  ALT_ASSIGN_OR_RETURN(std::vector<NamedId> named, ReadVocabulary(*model));
  ALT_RETURN_IF_ERROR(ReadAddedTokens(root, named, spec, added_kinds));
  if (named.empty()) return Corrupt("the vocabulary is empty");
  ALT_RETURN_IF_ERROR(PlaceTokens(named, spec));
  for (const NamedId& token : named) by_text.emplace(token.text, token.id);
  ALT_RETURN_IF_ERROR(ReadMerges(*model, by_text, spec));
  ALT_RETURN_IF_ERROR(ReadModelOptions(*model, by_text, spec, log));
  for (size_t i = 0; i < added_kinds.size(); ++i) {
    spec.kinds[static_cast<size_t>(spec.added[i].id)] = added_kinds[i];
  }
  return Status();
}

/// The token of a role; nothing, and a word about it, when it is not in the vocabulary:
/// transformers would give it a new id, for which a model has no row.
std::optional<TokenId> FindNamed(const ByText& by_text, const std::string& text,
                                 const std::string& role, const LogSink& log) {
  const auto found = by_text.find(text);
  if (found != by_text.end()) return found->second;
  if (!text.empty()) {
    Warn(log, role + " \"" + text.substr(0, 80) + "\" is not in the vocabulary; ignored");
  }
  return std::nullopt;
}

Status ReadAroundText(const json& root, const ByText& by_text, TokenizerSpec& spec,
                      const LogSink& log) {
  const json* post = JsonMember(root, "post_processor");
  if (post == nullptr) return Status();
  AroundText around;
  ALT_RETURN_IF_ERROR(ReadPostProcessor(*post, around));
  const std::string role = "tokenizer.json: post_processor's token";
  spec.bos = FindNamed(by_text, around.before, role, log);
  spec.eos = FindNamed(by_text, around.after, role, log);
  spec.add_bos = spec.bos.has_value();
  spec.add_eos = spec.eos.has_value();
  return Status();
}

/// tokenizer_config.json names tokens as a string, or as an object with the string in "content".
Status ReadNamedTokens(const json& config, const ByText& by_text, TokenizerSpec& spec,
                       const LogSink& log) {
  const std::pair<const char*, std::optional<TokenId>*> roles[] = {
      {"bos_token", &spec.bos}, {"eos_token", &spec.eos}, {"pad_token", &spec.pad}};
  for (const auto& [role, place] : roles) {
    const json* member = JsonMember(config, role);
    if (member == nullptr || place->has_value()) continue;
    ALT_ASSIGN_OR_RETURN(const std::string text, member->is_object()
                                                     ? JsonString(*member, "content", "")
                                                     : JsonString(config, role, ""));
    *place = FindNamed(by_text, text, "tokenizer_config.json: " + std::string(role), log);
  }
  ALT_ASSIGN_OR_RETURN(const bool add_bos, JsonBool(config, "add_bos_token", spec.add_bos));
  ALT_ASSIGN_OR_RETURN(const bool add_eos, JsonBool(config, "add_eos_token", spec.add_eos));
  spec.add_bos = add_bos && spec.bos.has_value();
  spec.add_eos = add_eos && spec.eos.has_value();
  return Status();
}

std::string Shown(const json& value) {
  return value.dump(-1, ' ', true, json::error_handler_t::replace).substr(0, 40);
}

/// eos_token_id of generation_config.json or config.json: one id or a list of ids end the answer.
/// Ids that are no token of the vocabulary are ignored; so is -1, which stands for none.
Status ReadEnds(const json& config, const std::string& file, TokenizerSpec& spec,
                const LogSink& log) {
  const json* ends = JsonMember(config, "eos_token_id");
  if (ends == nullptr) return Status();
  const json list = ends->is_array() ? *ends : json::array({*ends});
  for (const json& id : list) {
    if (id.is_null()) continue;
    if (!id.is_number_integer()) {
      return Status(ErrorCode::kCorruptFile,
                    file + ": eos_token_id " + Shown(id) + " is no number");
    }
    if (IsId(id) && id.get<size_t>() < spec.tokens.size()) {
      spec.end_of_turn.push_back(id.get<TokenId>());
    } else if (id != -1) {
      Warn(log, file + ": eos_token_id " + Shown(id) + " is no token of a vocabulary of " +
                    std::to_string(spec.tokens.size()) + "; ignored");
    }
  }
  if (!spec.eos && !spec.end_of_turn.empty()) spec.eos = spec.end_of_turn[0];
  return Status();
}

/// Where generation_config.json does not say what ends an answer, config.json does, as in
/// transformers; for models of more than text in the part about text.
Status ReadAllEnds(std::string_view generation_config_json, std::string_view config_json,
                   TokenizerSpec& spec, const LogSink& log) {
  if (!generation_config_json.empty()) {
    ALT_ASSIGN_OR_RETURN(const json config,
                         ParseObject(generation_config_json, "generation_config.json"));
    if (JsonMember(config, "eos_token_id") != nullptr) {
      return ReadEnds(config, "generation_config.json", spec, log);
    }
  }
  if (config_json.empty()) return Status();
  ALT_ASSIGN_OR_RETURN(const json config, ParseObject(config_json, "config.json"));
  const json* text = JsonMember(config, "text_config");
  const bool nested = JsonMember(config, "eos_token_id") == nullptr && text != nullptr;
  return ReadEnds(nested ? *text : config, "config.json", spec, log);
}

}  // namespace

Result<TokenizerSpec> ParseTokenizerJson(std::string_view tokenizer_json,
                                         std::string_view tokenizer_config_json,
                                         std::string_view generation_config_json,
                                         std::string_view config_json, const LogSink& log) {
  ALT_ASSIGN_OR_RETURN(const json root, ParseObject(tokenizer_json, "tokenizer.json"));
  TokenizerSpec spec;
  spec.explicit_steps = true;
  // Pieces are characters unless a ByteLevel component says that they are bytes.
  spec.model = TokenizerSpec::Model::kSentencePieceBpe;
  if (const json* part = JsonMember(root, "normalizer")) {
    ALT_RETURN_IF_ERROR(ReadNormalizer(*part, spec));
  }
  if (const json* part = JsonMember(root, "pre_tokenizer")) {
    ALT_RETURN_IF_ERROR(ReadPreTokenizer(*part, spec));
  }
  if (const json* part = JsonMember(root, "decoder")) {
    ALT_RETURN_IF_ERROR(ReadDecoder(*part, spec));
  }
  ByText by_text;
  ALT_RETURN_IF_ERROR(ReadModel(root, by_text, spec, log));
  ALT_RETURN_IF_ERROR(ReadAroundText(root, by_text, spec, log));
  if (!tokenizer_config_json.empty()) {
    ALT_ASSIGN_OR_RETURN(const json config,
                         ParseObject(tokenizer_config_json, "tokenizer_config.json"));
    ALT_RETURN_IF_ERROR(ReadNamedTokens(config, by_text, spec, log));
  }
  ALT_RETURN_IF_ERROR(ReadAllEnds(generation_config_json, config_json, spec, log));
  return spec;
}

}  // namespace altteul::text
