// SPDX-License-Identifier: Apache-2.0

#include "eval/choice_scorer.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace altteul::eval {
namespace {

using engine::Forward;
using engine::KvCache;
using text::TokenId;

constexpr size_t kLogitRows = 64;  // 64 x 262,144 f32 = 67 MB

}  // namespace

ChoiceScorer::ChoiceScorer(Forward& forward, ThreadTeam& team, KvCache cache, Buffer logits)
    : forward_(&forward),
      team_(&team),
      cache_(std::move(cache)),
      logits_(std::move(logits)),
      first_(forward.model().config.vocabulary),
      scores_(kLogitRows) {}

Result<ChoiceScorer> ChoiceScorer::Create(Forward& forward, ThreadTeam& team,
                                          kernels::KvType kv_type, size_t context) {
  const model::ModelConfig& config = forward.model().config;
  ALT_ASSIGN_OR_RETURN(KvCache cache, KvCache::Create(forward.compute(), config, kv_type, context,
                                                      forward.max_rows()));
  ALT_ASSIGN_OR_RETURN(Buffer logits,
                       Buffer::Allocate(kLogitRows * config.vocabulary * sizeof(float),
                                        "the logits of " + std::to_string(kLogitRows) + " rows"));
  return ChoiceScorer(forward, team, std::move(cache), std::move(logits));
}

Result<std::vector<double>> ChoiceScorer::Score(std::span<const TokenId> prefix,
                                                std::span<const std::vector<TokenId>> endings) {
  ALT_CHECK(!prefix.empty());
  ALT_RETURN_IF_ERROR(ReadPrefix(prefix));
  ALT_RETURN_IF_ERROR(forward_->Logits(last_row_, 1, first_));
  first_summary_ = Summarize(first_);
  std::vector<double> scores;
  for (const std::vector<TokenId>& ending : endings) {
    ALT_CHECK(!ending.empty());
    // A window may have let go of the end of the prefix behind a long ending.
    if (!cache_.TruncateTo(prefix.size())) ALT_RETURN_IF_ERROR(ReadPrefix(prefix));
    held_.resize(prefix.size());
    ALT_ASSIGN_OR_RETURN(const double score, ScoreEnding(ending));
    scores.push_back(score);
  }
  return scores;
}

/// Makes the cache hold the prefix and nothing else; its last token is always computed anew, so
/// that the last row of the pass is the one behind it.
Status ChoiceScorer::ReadPrefix(std::span<const TokenId> prefix) {
  const size_t most = std::min(held_.size(), prefix.size() - 1);
  const auto same = std::mismatch(
      prefix.begin(), prefix.begin() + static_cast<std::ptrdiff_t>(most), held_.begin());
  size_t shared = static_cast<size_t>(same.first - prefix.begin());
  if (!cache_.TruncateTo(shared)) {
    cache_.TruncateTo(0);
    shared = 0;
  }
  held_.resize(shared);
  while (held_.size() < prefix.size()) {
    const size_t n = std::min(forward_->max_rows(), prefix.size() - held_.size());
    ALT_RETURN_IF_ERROR(Run(prefix.subspan(held_.size(), n)));
    last_row_ = n - 1;
  }
  return Status();
}

Status ChoiceScorer::Run(std::span<const TokenId> tokens) {
  const engine::SequenceInput input{.cache = &cache_, .tokens = tokens};
  ALT_RETURN_IF_ERROR(forward_->Run({&input, 1}));
  held_.insert(held_.end(), tokens.begin(), tokens.end());
  return Status();
}

/// @pre the cache holds the prefix
Result<double> ChoiceScorer::ScoreEnding(std::span<const TokenId> ending) {
  double score =
      static_cast<double>(first_[static_cast<size_t>(ending[0])]) - first_summary_.log_sum_exp;
  // Row i of what follows predicts token i + 1; nobody asks what comes behind the last one.
  for (size_t done = 0; done + 1 < ending.size();) {
    const size_t n = std::min(forward_->max_rows(), ending.size() - 1 - done);
    ALT_RETURN_IF_ERROR(Run(ending.subspan(done, n)));
    for (size_t row = 0; row < n; row += kLogitRows) {
      ALT_RETURN_IF_ERROR(
          AddRows(row, ending.subspan(done + 1 + row, std::min(kLogitRows, n - row)), &score));
    }
    done += n;
  }
  return score;
}

/// Rows are shared among the threads; each writes its own places. They are added to the score one
/// by one, so that the sum does not depend on how the ending was cut.
Status ChoiceScorer::AddRows(size_t first, std::span<const TokenId> targets, double* score) {
  const size_t vocabulary = first_.size();
  const auto logits = ValuesOf<float>(logits_).first(targets.size() * vocabulary);
  ALT_RETURN_IF_ERROR(forward_->Logits(first, targets.size(), logits));
  team_->Run([&](int thread) {
    const Share share = ShareOf(targets.size(), 1, thread, team_->size());
    for (size_t row = share.begin; row < share.end; ++row) {
      const auto of_row = logits.subspan(row * vocabulary, vocabulary);
      scores_[row] = static_cast<double>(of_row[static_cast<size_t>(targets[row])]) -
                     Summarize(of_row).log_sum_exp;
    }
  });
  for (size_t row = 0; row < targets.size(); ++row) *score += scores_[row];
  return Status();
}

}  // namespace altteul::eval
