// SPDX-License-Identifier: Apache-2.0

#include "text/tokenizer_tables.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "text/byte_alphabet.h"
#include "text/pattern.h"
#include "text/turn_ends.h"
#include "text/utf8.h"

namespace altteul::text {
namespace {

using Model = TokenizerSpec::Model;

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581 stands for a space

std::string WithSpaces(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    if (text.starts_with(kSpaceMark)) {
      result.push_back(' ');
      text.remove_prefix(kSpaceMark.size());
    } else {
      result.push_back(text.front());
      text.remove_prefix(1);
    }
  }
  return result;
}

/// GGUF's SentencePiece models have scores; those that tokenizer.json writes have merges.
bool MergesByScore(const TokenizerSpec& spec) {
  return spec.model == Model::kSentencePieceBpe && !spec.explicit_steps && spec.merges.empty() &&
         spec.merge_ids.empty();
}

Status IdOutside(std::string_view what, TokenId id, size_t n_tokens) {
  return Status(ErrorCode::kCorruptFile, std::string(what) + " is token " + std::to_string(id) +
                                             " of a vocabulary of " + std::to_string(n_tokens));
}

}  // namespace

Result<std::unique_ptr<TokenizerTables>> TokenizerTables::Make(TokenizerSpec spec,
                                                               const LogSink& log) {
  auto tables = std::make_unique<TokenizerTables>();
  tables->spec = std::move(spec);
  ALT_RETURN_IF_ERROR(tables->Prove());
  MarkTurnEnds(tables->spec, log);
  ALT_RETURN_IF_ERROR(tables->FillTexts());
  ALT_RETURN_IF_ERROR(tables->FillMerges(log));
  ALT_RETURN_IF_ERROR(tables->FillSteps());
  ALT_RETURN_IF_ERROR(tables->FillAddedTokens());
  return tables;
}

Status TokenizerTables::Prove() const {
  const size_t n_tokens = spec.tokens.size();
  if (n_tokens == 0) return Status(ErrorCode::kCorruptFile, "the vocabulary is empty");
  if (n_tokens > static_cast<size_t>(std::numeric_limits<TokenId>::max())) {
    return Status(ErrorCode::kCorruptFile,
                  "a vocabulary of " + std::to_string(n_tokens) + " tokens");
  }
  if (spec.kinds.size() != n_tokens) {
    return Status(ErrorCode::kCorruptFile, std::to_string(spec.kinds.size()) + " token types for " +
                                               std::to_string(n_tokens) + " tokens");
  }
  for (size_t id = 0; id < n_tokens; ++id) {
    const auto kind = static_cast<unsigned>(spec.kinds[id]);
    if (kind < 1 || kind > 6) {
      return Status(ErrorCode::kCorruptFile,
                    "token " + std::to_string(id) + " has type " + std::to_string(kind));
    }
  }
  if (MergesByScore(spec) && spec.scores.size() != n_tokens) {
    return Status(ErrorCode::kCorruptFile, std::to_string(spec.scores.size()) + " scores for " +
                                               std::to_string(n_tokens) + " tokens");
  }
  const auto outside = [&](TokenId id) { return id < 0 || static_cast<size_t>(id) >= n_tokens; };
  const std::pair<std::string_view, std::optional<TokenId>> named[] = {
      {"bos", spec.bos}, {"eos", spec.eos}, {"unk", spec.unk}, {"pad", spec.pad}};
  for (const auto& [name, id] : named) {
    if (id && outside(*id)) return IdOutside(name, *id, n_tokens);
  }
  for (const TokenId id : spec.end_of_turn) {
    if (outside(id)) return IdOutside("an end of turn", id, n_tokens);
  }
  for (const AddedToken& token : spec.added) {
    if (outside(token.id)) return IdOutside("an added token", token.id, n_tokens);
  }
  return Status();
}

Status TokenizerTables::FillTexts() {
  const bool byte_level = spec.model == Model::kByteLevelBpe;
  byte_ids.fill(kNoToken);
  bytes.reserve(spec.tokens.size());
  merge_texts.resize(spec.tokens.size());
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    const std::string& token = spec.tokens[id];
    const TokenKind kind = spec.kinds[id];
    const bool is_text = kind == TokenKind::kNormal || kind == TokenKind::kUnused ||
                         (byte_level && kind == TokenKind::kByte);
    if (byte_level) {
      // What stands outside the alphabet was added by hand and is written as it is.
      const std::optional<std::string> decoded = BytesOfLetters(token);
      const bool in_alphabet = is_text && decoded.has_value();
      bytes.push_back(in_alphabet ? *decoded : token);
      // Added tokens may take part in merges when they stand among them; found raw, they are text.
      if (decoded && kind != TokenKind::kControl && kind != TokenKind::kUnknown) {
        merge_texts[id] = *decoded;
      }
      continue;
    }
    const std::optional<uint8_t> byte = ByteOfToken(token);
    if (kind == TokenKind::kByte && byte) {
      if (byte_ids[*byte] == kNoToken) byte_ids[*byte] = static_cast<TokenId>(id);
      bytes.push_back(std::string(1, static_cast<char>(*byte)));
      continue;
    }
    if (kind == TokenKind::kByte) {
      return Status(ErrorCode::kCorruptFile, "token " + std::to_string(id) + " (\"" + token +
                                                 "\") is of type byte and names none");
    }
    bytes.push_back(is_text || kind == TokenKind::kUserDefined ? WithSpaces(token) : token);
    if (is_text || kind == TokenKind::kUserDefined) merge_texts[id] = token;
  }
  // Where two tokens have one text, a normal one is merged before one added by hand, then the
  // first.
  texts.reserve(merge_texts.size());
  for (const bool normal : {true, false}) {
    for (size_t id = 0; id < merge_texts.size(); ++id) {
      const bool is_normal = spec.kinds[id] == TokenKind::kNormal;
      if (is_normal != normal || merge_texts[id].empty()) continue;
      texts.emplace(merge_texts[id], static_cast<TokenId>(id));
    }
  }
  // GGUF files of byte-level models name an unknown token that nothing may become (SmolLM2: eos).
  unknown_is_used = spec.unk && (spec.model == Model::kSentencePieceBpe || spec.explicit_steps);
  return Status();
}

/// Merges as texts become merges as ids. What joins or makes no token can do nothing and is left
/// out: vocabularies that were cut keep such merges, and llama.cpp does not look at them.
void TokenizerTables::NameMerges(const LogSink& log) {
  std::unordered_map<std::string_view, TokenId> by_name;
  by_name.reserve(spec.tokens.size());
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    by_name.emplace(spec.tokens[id], static_cast<TokenId>(id));
  }
  spec.merge_ids.reserve(spec.merges.size());
  std::string merged, first_left_out;
  size_t n_left_out = 0;
  for (const std::string_view merge : spec.merges) {
    // The first part may be a space itself, so the one between is looked for from the second byte.
    const size_t space = std::min(merge.find(' ', 1), merge.size());
    const std::string_view right_text = merge.substr(std::min(space + 1, merge.size()));
    const auto left = by_name.find(merge.substr(0, space));
    const auto right = by_name.find(right_text);
    merged.assign(merge.substr(0, space)).append(right_text);
    const bool is_known = left != by_name.end() && right != by_name.end() && !right_text.empty() &&
                          by_name.count(merged) > 0;
    if (is_known) {
      spec.merge_ids.emplace_back(left->second, right->second);
    } else if (n_left_out++ == 0) {
      first_left_out = merge.substr(0, 80);
    }
  }
  if (n_left_out == 0 || !log) return;
  log(LogLevel::kWarning, std::to_string(n_left_out) + " of " + std::to_string(spec.merges.size()) +
                              " merges join or make what is no token (the first: \"" +
                              first_left_out + "\"); ignored");
}

Status TokenizerTables::FillMerges(const LogSink& log) {
  if (MergesByScore(spec)) {
    ALT_ASSIGN_OR_RETURN(rules, MergeRules::FromScores(spec.scores, texts));
    return Status();
  }
  if (spec.merge_ids.empty()) NameMerges(log);
  std::unordered_set<std::string> control;
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    if (!merge_texts[id].empty()) continue;
    control.insert(bytes[id]);
    // Pairs spell it as their letters decode.
    if (auto letters = BytesOfLetters(spec.tokens[id])) control.insert(std::move(*letters));
  }
  ALT_ASSIGN_OR_RETURN(rules, MergeRules::FromPairs(spec.merge_ids, merge_texts, texts, control));
  return Status();
}

Status TokenizerTables::FillSteps() {
  std::vector<NormalizeStep> steps = spec.normalizers;
  if (!spec.explicit_steps) {
    using Kind = NormalizeStep::Kind;
    steps.clear();
    if (spec.normalize_nfc) steps.push_back({.kind = Kind::kNfc, .pattern = "", .text = ""});
    if (spec.model == Model::kSentencePieceBpe) {
      if (spec.add_space_prefix) {
        steps.push_back({.kind = Kind::kPrepend, .pattern = "", .text = " "});
        spec.strip_first_space = true;
      }
      steps.push_back({.kind = Kind::kReplace, .pattern = " ", .text = std::string(kSpaceMark)});
    } else if (spec.pre_patterns.empty()) {
      auto named = PrePatternsByName(spec.pre_tokenizer.empty() ? "default" : spec.pre_tokenizer);
      if (!named) {
        return Status(ErrorCode::kUnsupported,
                      "pre-tokenizer \"" + spec.pre_tokenizer + "\" is not known");
      }
      spec.pre_patterns = std::move(*named);
      if (HabitsOfPreTokenizer(spec.pre_tokenizer).ignore_merges) spec.ignore_merges = true;
    }
  }
  ALT_ASSIGN_OR_RETURN(normalizer, Normalizer::Make(steps));
  ALT_ASSIGN_OR_RETURN(pre_tokenizer, PreTokenizer::Make(spec.pre_patterns));
  return Status();
}

Status TokenizerTables::FillAddedTokens() {
  std::vector<AddedTokenMatcher::Entry> raw;
  std::vector<AddedTokenMatcher::Entry> normalized;
  std::vector<bool> has_entry(spec.tokens.size(), false);
  Pattern::Scratch scratch;
  const auto control = [&](TokenId id) {
    const TokenKind kind = spec.kinds[static_cast<size_t>(id)];
    return kind == TokenKind::kControl || kind == TokenKind::kUnknown;
  };
  for (const AddedToken& token : spec.added) {
    const auto index = static_cast<size_t>(token.id);
    has_entry[index] = true;
    std::string text = spec.tokens[index];
    if (token.normalized) {
      ALT_ASSIGN_OR_RETURN(text, normalizer.Run(text, scratch));
    }
    (token.normalized ? normalized : raw).push_back({std::move(text), token, control(token.id)});
  }
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    const TokenKind kind = spec.kinds[id];
    const bool added = kind == TokenKind::kControl || kind == TokenKind::kUnknown ||
                       kind == TokenKind::kUserDefined;
    if (!added || has_entry[id]) continue;
    const auto token = static_cast<TokenId>(id);
    raw.push_back({spec.tokens[id], AddedToken{.id = token}, control(token)});
  }
  ALT_ASSIGN_OR_RETURN(raw_tokens, AddedTokenMatcher::Make(std::move(raw)));
  ALT_ASSIGN_OR_RETURN(normalized_tokens, AddedTokenMatcher::Make(std::move(normalized)));
  return Status();
}

}  // namespace altteul::text
