// SPDX-License-Identifier: Apache-2.0

#include "text/added_vocabulary.h"

#include <algorithm>
#include <utility>

#include "text/utf8.h"

namespace altteul::text {
namespace {

Status Corrupt(const std::string& what) {
  return Status(ErrorCode::kCorruptFile, "tokenizer.json: " + what);
}

std::string Shown(const std::string& text) { return "\"" + text.substr(0, 80) + "\""; }

}  // namespace

std::optional<TokenId> AddedVocabulary::Find(const std::string& text) const {
  const auto found = by_text_.find(text);
  return found == by_text_.end() ? std::nullopt : std::optional(found->second);
}

bool AddedVocabulary::IsAdded(const std::string& text) const {
  const auto id = Find(text);
  const auto found = id ? added_.find(*id) : added_.end();
  return found != added_.end() && found->second.token.content == text;
}

std::map<TokenId, DeclaredToken> AddedVocabulary::added() const {
  std::map<TokenId, DeclaredToken> tokens;
  for (const auto& [id, entry] : added_) tokens.emplace(id, entry.token);
  return tokens;
}

TokenId AddedVocabulary::Add(const DeclaredToken& token) {
  const auto [place, is_new] = by_text_.emplace(token.content, static_cast<TokenId>(next_id()));
  const TokenId id = place->second;
  n_below_added_ = std::max(n_below_added_, static_cast<size_t>(id) + 1);
  const bool is_text_of_model = !is_new && added_.count(id) == 0;
  Entry& entry = added_[id];
  if (entry.token.content != token.content) entry = Entry{};
  // Once special, always special; and the first special form decides where it is looked for.
  const bool was_special = entry.token.special;
  if (!was_special) {
    const bool normalized = token.normalized.value_or(!token.special);
    (normalized ? entry.is_normalized : entry.is_raw) = true;
  }
  if (is_text_of_model) {
    entry.is_letter_of_model = CharacterLength(token.content) == token.content.size();
  }
  entry.token = token;
  entry.token.special = token.special || was_special;
  return id;
}

Status AddedVocabulary::LayOut(TokenizerSpec& spec, const LogSink& log) const {
  size_t n_tokens = 0;
  for (const auto& [text, id] : by_text_) {
    n_tokens = std::max(n_tokens, static_cast<size_t>(id) + 1);
  }
  spec.tokens.assign(n_tokens, "");
  spec.kinds.assign(n_tokens, TokenKind::kUnused);
  for (const auto& [id, entry] : added_) {
    const DeclaredToken& token = entry.token;
    const auto index = static_cast<size_t>(id);
    spec.tokens[index] = token.content;
    // A letter is the only way to spell itself in what a user writes: it stays text, as with
    // fine-tunes that take "!" for padding.
    const bool control = token.special && !entry.is_letter_of_model;
    spec.kinds[index] = control ? TokenKind::kControl : TokenKind::kUserDefined;
    for (const bool normalized : {false, true}) {
      if (normalized ? !entry.is_normalized : !entry.is_raw) continue;
      spec.added.push_back({.id = id,
                            .lstrip = token.lstrip,
                            .rstrip = token.rstrip,
                            .single_word = token.single_word,
                            .normalized = normalized});
    }
  }
  for (const auto& [text, id] : by_text_) {
    const auto index = static_cast<size_t>(id);
    if (spec.kinds[index] == TokenKind::kUnused) {
      spec.tokens[index] = text;
      spec.kinds[index] = TokenKind::kNormal;
    } else if (spec.tokens[index] != text) {
      const std::string what = "token " + std::to_string(id) + " is " + Shown(spec.tokens[index]) +
                               " and " + Shown(text);
      if (added_.count(id) == 0) return Corrupt(what);
      if (log) {
        log(LogLevel::kWarning,
            "tokenizer.json: " + what + "; the former is taken, which was added");
      }
    }
  }
  return Status();
}

}  // namespace altteul::text
