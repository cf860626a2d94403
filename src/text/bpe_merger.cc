// SPDX-License-Identifier: Apache-2.0

#include "text/bpe_merger.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace altteul::text {
namespace {

uint64_t PairKey(TokenId left, TokenId right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}

}  // namespace

Result<MergeRules> MergeRules::FromPairs(const std::vector<std::pair<TokenId, TokenId>>& pairs,
                                         const std::vector<std::string>& token_texts,
                                         const Texts& texts,
                                         const std::unordered_set<std::string>& control) {
  MergeRules rules;
  rules.pairs_.reserve(pairs.size());
  const auto n_tokens = static_cast<int64_t>(token_texts.size());
  for (size_t i = 0; i < pairs.size(); ++i) {
    const auto [left, right] = pairs[i];
    if (left < 0 || right < 0 || left >= n_tokens || right >= n_tokens) {
      return Status(ErrorCode::kCorruptFile,
                    "merge " + std::to_string(i) + " joins ids " + std::to_string(left) + " and " +
                        std::to_string(right) + " of a vocabulary of " + std::to_string(n_tokens));
    }
    const std::string& left_text = token_texts[static_cast<size_t>(left)];
    const std::string& right_text = token_texts[static_cast<size_t>(right)];
    if (left_text.empty() || right_text.empty()) continue;
    const std::string merged = left_text + right_text;
    const auto found = texts.find(merged);
    if (found == texts.end() && control.count(merged) > 0) continue;
    if (found == texts.end()) {
      return Status(ErrorCode::kCorruptFile, "merge " + std::to_string(i) + " (\"" + left_text +
                                                 "\" and \"" + right_text +
                                                 "\") makes no token of the vocabulary");
    }
    rules.pairs_.emplace(PairKey(left, right), Merge{static_cast<uint32_t>(i), found->second});
  }
  return rules;
}

Result<MergeRules> MergeRules::FromScores(const std::vector<float>& scores, const Texts& texts) {
  MergeRules rules;
  rules.by_score_ = true;
  rules.texts_ = &texts;
  std::vector<float> distinct;
  for (size_t id = 0; id < scores.size(); ++id) {
    if (std::isnan(scores[id])) {
      return Status(ErrorCode::kCorruptFile,
                    "the score of token " + std::to_string(id) + " is not a number");
    }
    distinct.push_back(scores[id]);
  }
  std::sort(distinct.begin(), distinct.end(), std::greater<>());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  for (const float score : scores) {
    const auto place = std::lower_bound(distinct.begin(), distinct.end(), score, std::greater<>());
    rules.order_.push_back(static_cast<uint32_t>(place - distinct.begin()));
  }
  for (const auto& [text, id] : texts) rules.longest_ = std::max(rules.longest_, text.size());
  return rules;
}

bool MergeRules::Find(std::string_view piece, const BpeSymbol& left, const BpeSymbol& right,
                      Merge* merge) const {
  if (!by_score_) {
    if (left.id == kNoToken || right.id == kNoToken) return false;
    const auto found = pairs_.find(PairKey(left.id, right.id));
    if (found == pairs_.end()) return false;
    *merge = found->second;
    return true;
  }
  const size_t size = size_t{left.size} + right.size;
  if (size > longest_) return false;
  const auto found = texts_->find(piece.substr(left.begin, size));
  if (found == texts_->end()) return false;
  *merge = Merge{order_[static_cast<size_t>(found->second)], found->second};
  return true;
}

void BpeMerger::Push(std::string_view piece, const MergeRules& rules,
                     const std::vector<BpeSymbol>& symbols, int32_t left, int32_t right) {
  if (left < 0 || right < 0) return;
  const BpeSymbol& l = symbols[static_cast<size_t>(left)];
  const BpeSymbol& r = symbols[static_cast<size_t>(right)];
  MergeRules::Merge merge;
  if (!rules.Find(piece, l, r, &merge)) return;
  heap_.push_back(Candidate{merge.order, left, right, l.size + r.size, merge.id});
  std::push_heap(heap_.begin(), heap_.end(), Later);
}

void BpeMerger::Run(std::string_view piece, const MergeRules& rules,
                    std::vector<BpeSymbol>& symbols) {
  heap_.clear();
  for (const BpeSymbol& symbol : symbols) {
    if (symbol.next >= 0) {
      Push(piece, rules, symbols, symbols[static_cast<size_t>(symbol.next)].previous, symbol.next);
    }
  }
  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end(), Later);
    const Candidate best = heap_.back();
    heap_.pop_back();
    BpeSymbol& left = symbols[static_cast<size_t>(best.left)];
    BpeSymbol& right = symbols[static_cast<size_t>(best.right)];
    // One of the two may have been merged with another since: symbols only grow, so the size tells.
    if (left.size == 0 || right.size == 0 || left.size + right.size != best.size) continue;
    left.size += right.size;
    left.id = best.id;
    left.next = right.next;
    right.size = 0;
    if (right.next >= 0) symbols[static_cast<size_t>(right.next)].previous = best.left;
    Push(piece, rules, symbols, left.previous, best.left);
    Push(piece, rules, symbols, best.left, left.next);
  }
}

}  // namespace altteul::text
