// SPDX-License-Identifier: Apache-2.0

// Log-probabilities of several endings behind one beginning, which is computed once.

#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/status.h"
#include "base/thread_team.h"
#include "engine/forward.h"
#include "engine/kv_cache.h"
#include "eval/distribution.h"
#include "tensor/buffer.h"
#include "text/tokenizer.h"

namespace altteul::eval {

/// Keeps what the last question computed: a beginning that the next one shares is not computed
/// again. Results do not depend on that, nor on the number of threads.
class ChoiceScorer {
 public:
  /// @param forward, team  must outlive the scorer
  static Result<ChoiceScorer> Create(engine::Forward& forward, ThreadTeam& team,
                                     kernels::KvType kv_type, size_t context);

  /// ln p(endings[i] | prefix) in nats, each the sum over its tokens.
  /// @pre prefix and endings are not empty; prefix with an ending fits the context
  Result<std::vector<double>> Score(std::span<const text::TokenId> prefix,
                                    std::span<const std::vector<text::TokenId>> endings);

 private:
  ChoiceScorer(engine::Forward& forward, ThreadTeam& team, engine::KvCache cache, Buffer logits);

  Status ReadPrefix(std::span<const text::TokenId> prefix);
  Status Run(std::span<const text::TokenId> tokens);
  Result<double> ScoreEnding(std::span<const text::TokenId> ending);
  Status AddRows(size_t first, std::span<const text::TokenId> targets, double* score);

  engine::Forward* forward_;
  ThreadTeam* team_;
  engine::KvCache cache_;
  std::vector<text::TokenId> held_;  // the tokens in cache_
  Buffer logits_;                    // f32 [rows scored at once, vocabulary]
  size_t last_row_ = 0;              // of the pass that ended the prefix
  std::vector<float> first_;         // [vocabulary], behind the prefix
  RowSummary first_summary_;
  std::vector<double> scores_;  // [rows scored at once]
};

}  // namespace altteul::eval
