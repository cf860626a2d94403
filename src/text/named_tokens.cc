// SPDX-License-Identifier: Apache-2.0

#include "text/named_tokens.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/ascii.h"

namespace altteul::text {
namespace {

// The order of extra tokens in the file decides about their ids.
using json = nlohmann::ordered_json;

constexpr const char* kConfigFile = "tokenizer_config.json";
constexpr const char* kMapFile = "special_tokens_map.json";
constexpr const char* kAddedFile = "added_tokens.json";
constexpr std::string_view kRoles[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                       "pad_token", "cls_token", "mask_token"};

void Warn(const LogSink& log, const std::string& what) {
  if (log) log(LogLevel::kWarning, what);
}

std::string Shown(const json& value) {
  return value.dump(-1, ' ', true, json::error_handler_t::replace).substr(0, 80);
}

/// A file of the folder; an empty object where it is not there or holds something else.
Result<json> ParseNeighbour(std::string_view text, const char* file, const LogSink& log) {
  if (text.empty()) return json::object();
  json parsed = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) {
    return Status(ErrorCode::kCorruptFile, std::string(file) + " is not JSON");
  }
  if (parsed.is_object()) return parsed;
  Warn(log, std::string(file) + " is not a JSON object; ignored");
  return json::object();
}

const json* Member(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

bool Flag(const json& object, const char* key) {
  const json* flag = Member(object, key);
  return flag != nullptr && flag->is_boolean() && flag->get<bool>();
}

/// A token is a text, or an object with the text in "content". Nothing, and a word about it, for
/// anything else; nothing for an empty text, which stands for none.
std::optional<NamedToken> ReadToken(const json& value, const std::string& role,
                                    const std::string& place, const LogSink& log) {
  NamedToken named{.role = role, .token = {}, .is_text_only = value.is_string()};
  const json* content = value.is_object() ? Member(value, "content") : &value;
  if (content == nullptr || !content->is_string()) {
    Warn(log, place + " " + Shown(value) + " is not a token's text; ignored");
    return std::nullopt;
  }
  named.token.content = content->get<std::string>();
  if (named.token.content.empty()) return std::nullopt;
  if (named.is_text_only) return named;
  named.token.special = Flag(value, "special");
  named.token.lstrip = Flag(value, "lstrip");
  named.token.rstrip = Flag(value, "rstrip");
  named.token.single_word = Flag(value, "single_word");
  if (Member(value, "normalized") != nullptr) named.token.normalized = Flag(value, "normalized");
  return named;
}

/// The place of a role among the roles; those of a model's own come last.
size_t RankOf(const std::string& role) {
  return static_cast<size_t>(std::ranges::find(kRoles, role) - std::begin(kRoles));
}

void SetRole(std::vector<NamedToken>& named, NamedToken token) {
  const auto same = std::ranges::find(named, token.role, &NamedToken::role);
  if (same != named.end()) {
    *same = std::move(token);
    return;
  }
  const size_t rank = RankOf(token.role);
  const auto behind =
      std::ranges::find_if(named, [&](const auto& each) { return RankOf(each.role) > rank; });
  named.insert(behind, std::move(token));
}

/// In the order in which transformers adds them: usual roles, those without one, a model's own.
std::vector<NamedToken> InOrder(const NamedTokens& tokens) {
  std::vector<NamedToken> all = tokens.named;
  const auto own = std::ranges::find_if(
      all, [](const auto& each) { return RankOf(each.role) == std::size(kRoles); });
  all.insert(own, tokens.nameless.begin(), tokens.nameless.end());
  return all;
}

/// additional_special_tokens and extra_special_tokens: a list of tokens, or tokens by role.
void ReadMore(const json& file, const char* key, const std::string& name, NamedTokens& tokens,
              const LogSink& log) {
  const json* more = Member(file, key);
  if (more == nullptr) return;
  const std::string place = name + ": " + key;
  if (more->is_object()) {
    for (const auto& [role, value] : more->items()) {
      if (auto token = ReadToken(value, role, place + " \"" + role.substr(0, 80) + "\"", log)) {
        SetRole(tokens.named, std::move(*token));
      }
    }
  } else if (more->is_array()) {
    for (const json& value : *more) {
      auto token = ReadToken(value, "", place + ":", log);
      if (token) tokens.nameless.push_back(std::move(*token));
    }
  } else {
    Warn(log, place + " " + Shown(*more) + " is neither a list nor an object; ignored");
  }
}

void ReadRoles(const json& file, const std::string& name, NamedTokens& tokens, const LogSink& log) {
  for (const std::string_view each : kRoles) {
    const std::string role(each);
    const json* value = Member(file, role.c_str());
    if (value == nullptr) continue;
    auto token = ReadToken(*value, role, name + ": " + role, log);
    if (token) SetRole(tokens.named, std::move(*token));
  }
  ReadMore(file, "additional_special_tokens", name, tokens, log);
  ReadMore(file, "extra_special_tokens", name, tokens, log);
}

/// Tokens by the ids that a file writes; only their order counts.
using ById = std::map<int64_t, DeclaredToken>;

void ReadDecoder(const json& decoder, ById& by_id, const LogSink& log) {
  const std::string place = std::string(kConfigFile) + ": added_tokens_decoder";
  if (!decoder.is_object()) {
    return Warn(log, place + " " + Shown(decoder) + " is not an object; ignored");
  }
  for (const auto& [key, value] : decoder.items()) {
    int64_t id = 0;
    const char* end = key.data() + key.size();
    const auto number = std::from_chars(key.data(), end, id);
    const std::string entry = place + " \"" + key.substr(0, 80) + "\"";
    if (number.ec != std::errc() || number.ptr != end) {
      Warn(log, entry + " is not an id; ignored");
      continue;
    }
    if (auto token = ReadToken(value, "", entry, log)) by_id[id] = std::move(token->token);
  }
}

void ReadAddedFile(const json& file, const std::unordered_set<std::string>& special, ById& by_id,
                   const LogSink& log) {
  for (const auto& [text, id] : file.items()) {
    if (!id.is_number_integer() || text.empty()) {
      Warn(log, std::string(kAddedFile) + ": \"" + text.substr(0, 80) + "\": " + Shown(id) +
                    " is not a token and its id; ignored");
      continue;
    }
    const bool is_special = special.count(text) > 0;
    by_id[id.get<int64_t>()] =
        DeclaredToken{.content = text, .special = is_special, .normalized = !is_special};
  }
}

/// Folders without added_tokens_decoder: transformers turns their files into one.
Status ReadOlderFiles(const TokenizerFolder& folder, NamedTokens& tokens, const LogSink& log) {
  ALT_ASSIGN_OR_RETURN(const json map,
                       ParseNeighbour(folder.special_tokens_map_json, kMapFile, log));
  ALT_ASSIGN_OR_RETURN(const json added, ParseNeighbour(folder.added_tokens_json, kAddedFile, log));
  NamedTokens of_map;
  ReadRoles(map, kMapFile, of_map, log);
  for (NamedToken& token : of_map.named) SetRole(tokens.named, std::move(token));
  for (NamedToken& token : of_map.nameless) {
    const auto same = std::ranges::find_if(tokens.nameless, [&](const NamedToken& each) {
      return each.token.content == token.token.content;
    });
    if (same == tokens.nameless.end()) {
      tokens.nameless.push_back(std::move(token));
    } else if (!token.is_text_only) {
      *same = std::move(token);  // its flags count
    }
  }
  std::unordered_set<std::string> special;
  for (const NamedToken& token : InOrder(tokens)) special.insert(token.token.content);
  ReadAddedFile(added, special, tokens.declared, log);
  return Status();
}

/// add_bos_token and its like. Texts and numbers are what people write by hand.
std::optional<bool> ReadSwitch(const json& config, const char* key, const LogSink& log) {
  const json* value = Member(config, key);
  if (value == nullptr) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  const std::string text = Lower(value->is_string() ? value->get<std::string>() : Shown(*value));
  const std::string what =
      std::string(kConfigFile) + ": " + key + " " + Shown(*value) + " is not true or false; ";
  const bool is_true = text == "true" || text == "1";
  if (is_true || text == "false" || text == "0") {
    Warn(log, what + "taken as " + (is_true ? "true" : "false"));
    return is_true;
  }
  Warn(log, what + "ignored");
  return std::nullopt;
}

}  // namespace

const NamedToken* NamedTokens::Find(const std::string& role) const {
  const auto found = std::ranges::find(named, role, &NamedToken::role);
  return found == named.end() ? nullptr : &*found;
}

Result<NamedTokens> ReadNamedTokens(const TokenizerFolder& folder, const LogSink& log) {
  ALT_ASSIGN_OR_RETURN(const json config,
                       ParseNeighbour(folder.tokenizer_config_json, kConfigFile, log));
  NamedTokens tokens;
  ReadRoles(config, kConfigFile, tokens, log);
  if (const json* decoder = Member(config, "added_tokens_decoder")) {
    ReadDecoder(*decoder, tokens.declared, log);
  } else {
    tokens.is_older = true;
    ALT_RETURN_IF_ERROR(ReadOlderFiles(folder, tokens, log));
  }
  tokens.add_bos = ReadSwitch(config, "add_bos_token", log);
  tokens.add_eos = ReadSwitch(config, "add_eos_token", log);
  return tokens;
}

void AddNamedTokens(const NamedTokens& tokens, size_t n_rows, AddedVocabulary& vocabulary,
                    const LogSink& log) {
  ById declared_by_id = tokens.declared;
  if (tokens.is_older) {
    for (auto& [id, token] : vocabulary.added()) declared_by_id[id] = std::move(token);
  }
  std::unordered_set<std::string> declared;
  std::vector<std::pair<DeclaredToken, std::string>> to_add;  // and how to speak of it
  for (const auto& [id, token] : declared_by_id) {
    declared.insert(token.content);
    to_add.emplace_back(token, "added token");
  }
  std::unordered_set<std::string> special;
  for (const NamedToken& each : InOrder(tokens)) {
    const std::string& text = each.token.content;
    if (!special.insert(text).second) continue;
    // A role's own flags give way to those that the token is declared with.
    const bool is_declared = declared.count(text) > 0;
    const bool has_flags = !each.is_text_only && (each.role.empty() || !is_declared);
    if (has_flags || (!is_declared && !vocabulary.IsAdded(text))) {
      to_add.emplace_back(each.token, each.role.empty() ? "special token" : each.role);
    }
  }
  const size_t n_allowed = std::max(n_rows, vocabulary.next_id());
  std::string left_out;
  size_t n_left_out = 0;
  for (auto& [token, name] : to_add) {
    token.special = token.special || special.count(token.content) > 0;
    if (!vocabulary.Find(token.content) && vocabulary.next_id() >= n_allowed) {
      if (n_left_out++ == 0) left_out = name + " \"" + token.content.substr(0, 80) + "\"";
      continue;
    }
    vocabulary.Add(token);
  }
  if (n_left_out == 0) return;
  const size_t n_others = n_left_out - 1;
  Warn(log, std::string(kConfigFile) + ": " + left_out +
                (n_others == 0 ? " is" : " and " + std::to_string(n_others) + " more are") +
                " not in the vocabulary; ignored");
}

}  // namespace altteul::text
