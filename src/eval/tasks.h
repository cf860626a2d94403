// SPDX-License-Identifier: Apache-2.0

// A model answers the questions of a task file.
//
// Multiple choice is not asked but read off: a choice's score is the sum of the log-probabilities
// of its tokens behind the prompt (lm-eval's `acc`), and once more divided by its bytes, so that
// long choices are not punished (in the manner of `acc_norm`). Answers in words are generated
// greedily up to the end of a line.
//
// Tokens may join prompt and choice. What all choices of a question share is the prefix that is
// computed once; everything behind it is scored, for each choice the same text.

#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/sinks.h"
#include "base/status.h"
#include "base/thread_team.h"
#include "engine/forward.h"
#include "eval/task_answer.h"
#include "eval/task_file.h"
#include "text/tokenizer.h"

namespace altteul::eval {

struct TaskOptions {
  size_t context = 0;             ///< tokens; at least what the longest question needs
  size_t max_answer_tokens = 64;  ///< of an answer in words
  kernels::KvType kv_type = kernels::KvType::kF16;
};

/// One question as tokens of one model.
struct EncodedQuestion {
  std::vector<text::TokenId> prefix;  ///< what is computed once; of an answer in words, all
  std::vector<std::vector<text::TokenId>> endings;  ///< [choices], none empty
};

struct EncodedTasks {
  std::vector<EncodedQuestion> questions;
  size_t longest = 0;          ///< tokens of the longest question with its longest choice or answer
  size_t longest_line = 0;     ///< where that question stands
  size_t n_dropped_bytes = 0;  ///< that the vocabulary has no token for
};

/// @return also kUnsupported when a choice has no tokens, or a text cannot begin
Result<EncodedTasks> EncodeTasks(const text::Tokenizer& tokenizer,
                                 std::span<const Question> questions, size_t max_answer_tokens);

/// @param tasks  `questions` for the forward's own model
/// @return [questions]; kDoesNotFit when `context` is too small, with both numbers; kCancelled when
///         `progress` says so
Result<std::vector<TaskAnswer>> AskModel(engine::Forward& forward, const Clock& clock,
                                         ThreadTeam& team, std::span<const Question> questions,
                                         const EncodedTasks& tasks, const TaskOptions& options,
                                         const ProgressSink& progress);

}  // namespace altteul::eval
