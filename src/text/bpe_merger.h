// SPDX-License-Identifier: Apache-2.0

// Byte pair encoding: neighbouring symbols are merged, the best pair first, ties leftmost, until no
// pair can be merged (Sennrich et al. 2016). Pairs wait in a heap, so a piece of n symbols takes
// n log n steps however long it is.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/status.h"
#include "text/tokenizer.h"

namespace altteul::text {

inline constexpr TokenId kNoToken = -1;

/// A stretch of the piece; a link of a list kept in a vector.
struct BpeSymbol {
  uint32_t begin = 0;
  uint32_t size = 0;      ///< [bytes], 0 once it was merged into its left neighbour
  TokenId id = kNoToken;  ///< kNoToken: no token has this text
  int32_t previous = -1;
  int32_t next = -1;
};

/// Which pairs merge into what, and in which order. Lower order merges first.
class MergeRules {
 public:
  struct Merge {
    uint32_t order = 0;
    TokenId id = kNoToken;
  };

  /// The tokens' texts, by which pieces are looked up. Views must outlive the rules.
  using Texts = std::unordered_map<std::string_view, TokenId>;

  /// A list of pairs, best first (GPT-2, tokenizer.json). Pairs that touch or make a control token
  /// are left out: text must not be able to spell one.
  /// @param token_texts  [tokens], "" for what is no text
  /// @param control      texts of control tokens
  /// @return kCorruptFile with the merge's number when its result is no token at all
  static Result<MergeRules> FromPairs(const std::vector<std::pair<TokenId, TokenId>>& pairs,
                                      const std::vector<std::string>& token_texts,
                                      const Texts& texts,
                                      const std::unordered_set<std::string>& control);

  /// Any two neighbours that together are a token, the highest score first (SentencePiece).
  /// `texts` must outlive the rules. @return kCorruptFile for a score that is not a number
  static Result<MergeRules> FromScores(const std::vector<float>& scores, const Texts& texts);

  /// The merge of two neighbours in `piece`, if there is one.
  bool Find(std::string_view piece, const BpeSymbol& left, const BpeSymbol& right,
            Merge* merge) const;

 private:
  bool by_score_ = false;
  std::unordered_map<uint64_t, Merge> pairs_;  ///< key: left id << 32 | right id
  const Texts* texts_ = nullptr;
  std::vector<uint32_t> order_;  ///< [tokens], by_score_: place of the token's score
  size_t longest_ = 0;           ///< [bytes] of the longest token
};

/// Merges `symbols`, linked in order, in place. What remains has size > 0.
class BpeMerger {
 public:
  void Run(std::string_view piece, const MergeRules& rules, std::vector<BpeSymbol>& symbols);

 private:
  struct Candidate {
    uint32_t order;
    int32_t left;
    int32_t right;
    uint32_t size;  ///< of both when it was pushed: tells a stale candidate
    TokenId id;
  };
  static bool Later(const Candidate& a, const Candidate& b) {
    return a.order != b.order ? a.order > b.order : a.left > b.left;
  }
  void Push(std::string_view piece, const MergeRules& rules, const std::vector<BpeSymbol>& symbols,
            int32_t left, int32_t right);

  std::vector<Candidate> heap_;
};

}  // namespace altteul::text
