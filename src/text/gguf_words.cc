// SPDX-License-Identifier: Apache-2.0

#include "text/gguf_words.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "text/pre_tokenizer.h"

namespace altteul::text {
namespace {

using Step = NormalizeStep::Kind;

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581 stands for a space
constexpr size_t kBytes = 256;

Status NoWord(const std::string& what) {
  return Status(ErrorCode::kUnsupported, "a GGUF file cannot say this tokenizer: " + what);
}

const std::string& Text(const TokenizerSpec& spec, TokenId id) {
  return spec.tokens[static_cast<size_t>(id)];
}

std::string Replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string result;
  for (size_t at = 0; at < text.size();) {
    const bool here = text.substr(at).starts_with(from);
    result += here ? to : text.substr(at, 1);
    at += here ? from.size() : 1;
  }
  return result;
}

// ---- Byte-level BPE: patterns become a name ----

Status NameThePatterns(TokenizerSpec& spec) {
  // NFC alone is what Qwen's folders ask for; its GGUF files go without.
  for (const NormalizeStep& step : spec.normalizers) {
    if (step.kind != Step::kNfc) return NoWord("it changes the text before cutting it");
  }
  if (spec.piece_prefix) return NoWord("it puts a space before each piece of bytes");
  const auto name = NameOfPrePatterns(spec.pre_patterns, spec.ignore_merges);
  if (!name) {
    std::string patterns;
    for (const PrePattern& each : spec.pre_patterns) {
      patterns += (patterns.empty() ? "" : ", then ") + each.pattern;
    }
    return NoWord("no known name (tokenizer.ggml.pre) means its pre-tokenizer, " +
                  (patterns.empty() ? "which cuts nothing" : "the pattern " + patterns) +
                  (spec.ignore_merges ? ", with ignore_merges" : ""));
  }
  spec.pre_tokenizer = std::string(*name);
  return Status();
}

Status SpellTheMerges(TokenizerSpec& spec) {
  spec.merges.clear();
  spec.merges.reserve(spec.merge_ids.size());
  for (const auto& [left, right] : spec.merge_ids) {
    // A reader takes the first space behind the first byte for the one between the two.
    if (Text(spec, left).find(' ', 1) != std::string::npos) {
      return NoWord("a merge joins the part \"" + Text(spec, left) + "\", which has a space in it");
    }
    spec.merges.push_back(Text(spec, left) + " " + Text(spec, right));
  }
  spec.merge_ids.clear();
  return Status();
}

// ---- SentencePiece-type BPE: ranks become scores ----

Status FoldTheSteps(TokenizerSpec& spec) {
  bool replaces = false, prefix = false;
  for (const NormalizeStep& step : spec.normalizers) {
    if (step.kind == Step::kReplace && step.pattern == " " && step.text == kSpaceMark) {
      replaces = true;
    } else if (step.kind == Step::kPrepend && (step.text == kSpaceMark || step.text == " ")) {
      prefix = true;
    } else {
      return NoWord("it changes more of the text than its spaces");
    }
  }
  if (!replaces) return NoWord("its pieces do not write spaces as U+2581");
  if (spec.piece_prefix) {
    if (spec.piece_prefix->text != kSpaceMark) return NoWord("it puts a text before each piece");
    prefix = true;
  }
  for (const PrePattern& each : spec.pre_patterns) {
    // Cutting at spaces does nothing, for there are none left.
    if (each.pattern == " " && !each.invert) continue;
    return NoWord("it cuts pieces by the pattern " + each.pattern + " before it merges them");
  }
  spec.add_space_prefix = prefix;
  return Status();
}

/// The merges of a spec, as what they make: only normal tokens count, for all others are found in
/// the text as they stand.
class PieceMerges {
 public:
  explicit PieceMerges(const TokenizerSpec& spec) : spec_(spec) {
    for (size_t id = 0; id < spec.tokens.size(); ++id) {
      if (spec.kinds[id] == TokenKind::kNormal) {
        by_text_.emplace(spec.tokens[id], static_cast<TokenId>(id));
      }
    }
  }

  /// Scores that fall with each new token that a merge makes, as in a SentencePiece model. Whatever
  /// no merge makes stands below them all.
  Result<std::vector<float>> Scores() {
    constexpr float kNone = 1.0f;
    std::vector<float> scores(spec_.tokens.size(), kNone);
    float next = 0.0f;
    TokenId last = -1;
    for (const auto& [left, right] : spec_.merge_ids) {
      const auto made = by_text_.find(Text(spec_, left) + Text(spec_, right));
      if (made == by_text_.end() || !IsNormal(left) || !IsNormal(right)) continue;
      pairs_.insert(Key(left, right));
      if (made->second == last) continue;
      last = made->second;
      float& score = scores[static_cast<size_t>(last)];
      if (score != kNone) {
        return NoWord("its merges make \"" + Text(spec_, last) +
                      "\" at two ranks, so that no score can stand for them");
      }
      score = next--;
    }
    std::replace(scores.begin(), scores.end(), kNone, next);
    return scores;
  }

  /// By score any two neighbours that are a token together are merged, so a merge must say so.
  /// @pre Scores() was called
  Status ProveWhole() const {
    for (size_t id = 0; id < spec_.tokens.size(); ++id) {
      if (!IsNormal(static_cast<TokenId>(id))) continue;
      const std::string_view text = spec_.tokens[id];
      for (size_t cut = 1; cut < text.size(); ++cut) {
        if ((static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) continue;  // inside a character
        const auto left = by_text_.find(text.substr(0, cut));
        const auto right = by_text_.find(text.substr(cut));
        if (left == by_text_.end() || right == by_text_.end()) continue;
        if (pairs_.count(Key(left->second, right->second)) != 0) continue;
        return NoWord("its merges are not those of a SentencePiece model, since none joins \"" +
                      std::string(left->first) + "\" and \"" + std::string(right->first) +
                      "\" to the token \"" + std::string(text) + "\"");
      }
    }
    return Status();
  }

 private:
  static uint64_t Key(TokenId left, TokenId right) {
    return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
  }
  bool IsNormal(TokenId id) const {
    return spec_.kinds[static_cast<size_t>(id)] == TokenKind::kNormal;
  }

  const TokenizerSpec& spec_;
  std::unordered_map<std::string_view, TokenId> by_text_;
  std::unordered_set<uint64_t> pairs_;
};

Status ScoreThePieces(TokenizerSpec& spec) {
  const auto n_bytes = std::count(spec.kinds.begin(), spec.kinds.end(), TokenKind::kByte);
  if (static_cast<size_t>(n_bytes) < kBytes) {
    return NoWord("it has no byte_fallback with a token for every byte");
  }
  PieceMerges merges(spec);
  ALT_ASSIGN_OR_RETURN(spec.scores, merges.Scores());
  ALT_RETURN_IF_ERROR(merges.ProveWhole());
  spec.merge_ids.clear();
  spec.merges.clear();
  if (spec.unk) spec.kinds[static_cast<size_t>(*spec.unk)] = TokenKind::kUnknown;
  // Readers find these in the text before its spaces are replaced.
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    if (spec.kinds[id] != TokenKind::kUserDefined) continue;
    spec.tokens[id] = Replaced(spec.tokens[id], kSpaceMark, " ");
  }
  spec.pre_tokenizer = "default";
  return Status();
}

}  // namespace

Result<TokenizerSpec> InGgufWords(TokenizerSpec spec) {
  if (!spec.explicit_steps || spec.model == TokenizerSpec::Model::kNone) return spec;
  if (spec.model == TokenizerSpec::Model::kByteLevelBpe) {
    ALT_RETURN_IF_ERROR(NameThePatterns(spec));
    ALT_RETURN_IF_ERROR(SpellTheMerges(spec));
  } else {
    ALT_RETURN_IF_ERROR(FoldTheSteps(spec));
    ALT_RETURN_IF_ERROR(ScoreThePieces(spec));
  }
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    if (spec.tokens[id].empty()) spec.tokens[id] = "[PAD" + std::to_string(id) + "]";
  }
  spec.added.clear();
  spec.normalizers.clear();
  spec.pre_patterns.clear();
  spec.piece_prefix.reset();
  spec.explicit_steps = false;
  return spec;
}

}  // namespace altteul::text
