// SPDX-License-Identifier: Apache-2.0

// tokenizer.json and its neighbours, as the Hugging Face libraries write them. The page
// docs/formats/tokenizers.md says what is read and what is refused.

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "text/added_vocabulary.h"
#include "text/named_tokens.h"
#include "text/tokenizer.h"
#include "text/tokenizer_json_steps.h"

namespace altteul::text {
namespace {

using nlohmann::json;
using ByText = AddedVocabulary::ByText;

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

Result<ByText> ReadVocabulary(const json& model) {
  const json* vocab = JsonMember(model, "vocab");
  if (vocab == nullptr || !vocab->is_object()) return Corrupt("model.vocab is not an object");
  ByText by_text;
  by_text.reserve(vocab->size());
  size_t n_ids = 0;
  for (const auto& [text, id] : vocab->items()) {
    if (!IsId(id)) return Corrupt("token \"" + text + "\" has no number for an id");
    by_text.emplace(text, id.get<TokenId>());
    n_ids = std::max(n_ids, id.get<size_t>() + 1);
  }
  // A few holes are usual (padding to a round size); more would only cost memory.
  constexpr size_t kHolesAllowed = 1 << 16;
  if (n_ids > 2 * by_text.size() + kHolesAllowed) {
    return Corrupt(std::to_string(by_text.size()) + " tokens with ids up to " +
                   std::to_string(n_ids - 1));
  }
  return by_text;
}

/// Says what is wrong with a file and does no harm.
void Warn(const LogSink& log, const std::string& what) {
  if (log) log(LogLevel::kWarning, what);
}

std::string Shown(const json& value) {
  return value.dump(-1, ' ', true, json::error_handler_t::replace).substr(0, 80);
}

/// Reads added_tokens in their order.
Status ReadAddedTokens(const json& root, AddedVocabulary& vocabulary, const LogSink& log) {
  const json* added = JsonMember(root, "added_tokens");
  if (added == nullptr) return Status();
  if (!added->is_array()) return Corrupt("added_tokens is not a list");
  for (const json& entry : *added) {
    const json* id = JsonMember(entry, "id");
    const bool has_id = id != nullptr && IsId(*id);
    DeclaredToken token;
    ALT_ASSIGN_OR_RETURN(token.content, JsonString(entry, "content", ""));
    if (token.content.empty() && !has_id) return Corrupt("an added token without an id or content");
    if (token.content.empty()) {
      Warn(log, "tokenizer.json: added token " + Shown(*id) + " has no text; ignored");
      continue;
    }
    ALT_ASSIGN_OR_RETURN(token.special, JsonBool(entry, "special", false));
    ALT_ASSIGN_OR_RETURN(token.lstrip, JsonBool(entry, "lstrip", false));
    ALT_ASSIGN_OR_RETURN(token.rstrip, JsonBool(entry, "rstrip", false));
    ALT_ASSIGN_OR_RETURN(token.single_word, JsonBool(entry, "single_word", false));
    ALT_ASSIGN_OR_RETURN(token.normalized, JsonBool(entry, "normalized", false));
    const TokenId given = vocabulary.Add(token);
    if (!has_id || id->get<TokenId>() != given) {
      Warn(log, "tokenizer.json: added token \"" + token.content.substr(0, 80) +
                    "\" is written as " + (id == nullptr ? "no id" : Shown(*id)) + " and is " +
                    std::to_string(given) + ", as its place among the tokens says");
    }
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

Status ReadModel(const json& root, const NamedTokens& named, size_t n_rows, ByText& by_text,
                 TokenizerSpec& spec, const LogSink& log) {
  const json* model = JsonMember(root, "model");
  if (model == nullptr) return Corrupt("no model");
  ALT_ASSIGN_OR_RETURN(const std::string type, JsonString(*model, "type", "BPE"));
  if (type != "BPE") {
    return Status(ErrorCode::kUnsupported,
                  "tokenizer.json: model \"" + type + "\" is not supported, only BPE is");
  }
  ALT_ASSIGN_OR_RETURN(ByText of_model, ReadVocabulary(*model));
  AddedVocabulary vocabulary(std::move(of_model));
  ALT_RETURN_IF_ERROR(ReadAddedTokens(root, vocabulary, log));
  AddNamedTokens(named, n_rows, vocabulary, log);
  if (vocabulary.by_text().empty()) return Corrupt("the vocabulary is empty");
  ALT_RETURN_IF_ERROR(vocabulary.LayOut(spec, log));
  by_text = vocabulary.by_text();
  ALT_RETURN_IF_ERROR(ReadMerges(*model, by_text, spec));
  return ReadModelOptions(*model, by_text, spec, log);
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

/// What the roles are for: the tokens around a text, the end, and the words of chat templates.
void TakeRoles(const NamedTokens& named, const ByText& by_text, TokenizerSpec& spec) {
  const std::pair<const char*, std::optional<TokenId>*> roles[] = {
      {"bos_token", &spec.bos}, {"eos_token", &spec.eos}, {"pad_token", &spec.pad}};
  for (const auto& [role, place] : roles) {
    const NamedToken* token = named.Find(role);
    const auto found = token == nullptr ? by_text.end() : by_text.find(token->token.content);
    if (!place->has_value() && found != by_text.end()) *place = found->second;
  }
  for (const NamedToken& token : named.named) {
    spec.named_texts.emplace_back(token.role, token.token.content);
  }
  for (const NamedToken& token : named.nameless) {
    spec.additional_special.push_back(token.token.content);
  }
  spec.add_bos = named.add_bos.value_or(spec.add_bos) && spec.bos.has_value();
  spec.add_eos = named.add_eos.value_or(spec.add_eos) && spec.eos.has_value();
}

/// The id that `value` means: a number, or the text of one or of a token; -1 for none.
std::optional<int64_t> EndId(const json& value, const ByText& by_text) {
  if (value.is_number_integer()) return value.get<int64_t>();
  if (value.is_number_float()) {
    const double number = value.get<double>();
    const bool is_whole = std::trunc(number) == number && std::abs(number) < 1e9;
    return is_whole ? std::optional(static_cast<int64_t>(number)) : std::nullopt;
  }
  if (!value.is_string()) return std::nullopt;
  const auto text = value.get<std::string>();
  if (const auto found = by_text.find(text); found != by_text.end()) return found->second;
  int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  return read.ec == std::errc() && read.ptr == end ? std::optional(number) : std::nullopt;
}

/// eos_token_id of generation_config.json or config.json: one id or a list of ids end the answer.
/// What is no token of the vocabulary is ignored; so is -1, which stands for none.
void ReadEnds(const json& ends, const std::string& file, const ByText& by_text, TokenizerSpec& spec,
              const LogSink& log, int depth = 0) {
  constexpr int kMaxNesting = 4;  // one list is usual
  if (ends.is_null()) return;
  if (ends.is_array() && depth < kMaxNesting) {
    for (const json& id : ends) ReadEnds(id, file, by_text, spec, log, depth + 1);
    return;
  }
  const std::string what = file + ": eos_token_id " + Shown(ends);
  const std::optional<int64_t> id = EndId(ends, by_text);
  if (!id) return Warn(log, what + " is no number; ignored");
  if (*id >= 0 && static_cast<size_t>(*id) < spec.tokens.size()) {
    spec.end_of_turn.push_back(static_cast<TokenId>(*id));
    if (!spec.eos) spec.eos = spec.end_of_turn[0];
    if (!ends.is_number_integer()) {
      Warn(log, what + " is no whole number; taken as " + std::to_string(*id));
    }
  } else if (*id != -1) {
    Warn(log, what + " is no token of a vocabulary of " + std::to_string(spec.tokens.size()) +
                  "; ignored");
  }
}

/// The value of eos_token_id; null where the file does not say.
json EndsOf(const json& config) {
  const json* ends = JsonMember(config, "eos_token_id");
  return ends == nullptr ? json() : *ends;
}

/// Where generation_config.json does not say what ends an answer, config.json does, as in
/// transformers; for models of more than text in the part about text.
Status ReadAllEnds(const TokenizerFolder& folder, const ByText& by_text, TokenizerSpec& spec,
                   const LogSink& log) {
  if (!folder.generation_config_json.empty()) {
    const json config = json::parse(folder.generation_config_json, nullptr, false);
    if (!config.is_object()) {
      Warn(log, "generation_config.json is not a JSON object; ignored");
    } else if (const json ends = EndsOf(config); !ends.is_null()) {
      ReadEnds(ends, "generation_config.json", by_text, spec, log);
      return Status();
    }
  }
  if (folder.config_json.empty()) return Status();
  ALT_ASSIGN_OR_RETURN(const json config, ParseObject(folder.config_json, "config.json"));
  json ends = EndsOf(config);
  if (const json* text = JsonMember(config, "text_config"); ends.is_null() && text != nullptr) {
    ends = EndsOf(*text);
  }
  ReadEnds(ends, "config.json", by_text, spec, log);
  return Status();
}

}  // namespace

Result<TokenizerSpec> ParseTokenizerJson(const TokenizerFolder& folder, const LogSink& log) {
  ALT_ASSIGN_OR_RETURN(const json root, ParseObject(folder.tokenizer_json, "tokenizer.json"));
  ALT_ASSIGN_OR_RETURN(const NamedTokens named, ReadNamedTokens(folder, log));
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
  ALT_RETURN_IF_ERROR(ReadModel(root, named, folder.n_rows, by_text, spec, log));
  ALT_RETURN_IF_ERROR(ReadAroundText(root, by_text, spec, log));
  TakeRoles(named, by_text, spec);
  ALT_RETURN_IF_ERROR(ReadAllEnds(folder, by_text, spec, log));
  return spec;
}

}  // namespace altteul::text
