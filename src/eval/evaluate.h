// SPDX-License-Identifier: Apache-2.0

// Perplexity, and how far a changed model has moved from its original.
//
// Definitions are llama.cpp's, so that figures can be laid side by side: the text is tokenized once
// (with BOS where the model begins with one) and cut into chunks of `context` tokens; the first
// token of each chunk is replaced by BOS where the model has one; only the second half of a chunk
// is scored. KL divergence is sum_v p_reference(v) (ln p_reference(v) - ln p(v)), in nats a token.
//
// All models run in step, 64 rows of logits at a time, so nothing is written to disk.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/sinks.h"
#include "base/status.h"
#include "base/thread_team.h"
#include "engine/forward.h"
#include "text/tokenizer.h"

namespace altteul::eval {

struct EvaluateOptions {
  size_t context = 512;   ///< tokens of a chunk, at least 4
  size_t max_chunks = 0;  ///< 0: all
  kernels::KvType kv_type = kernels::KvType::kF16;
};

/// How the candidate's distribution lies beside the reference's, over all scored tokens.
struct Divergence {
  double mean = 0;                                      ///< [nats a token]
  double stderr_ = 0;                                   ///< standard error of the mean
  double p50 = 0, p90 = 0, p95 = 0, p99 = 0, p999 = 0;  ///< percentiles; p999 is 99.9
  double max = 0;
  double same_top = 0;  ///< share of tokens where both put the same token first
};

struct Evaluation {
  size_t chunks = 0;
  size_t scored_tokens = 0;
  double perplexity = 0;
  double perplexity_stderr = 0;
  std::optional<double> perplexity_reference;
  /// Bits that naming the scored tokens takes, over the bytes that they stand for: comparable
  /// between vocabularies. 0 when the tokens stand for no bytes.
  double bits_per_byte = 0;
  std::optional<double> bits_per_byte_reference;
  std::optional<Divergence> divergence;          ///< candidate as users run it
  std::optional<Divergence> divergence_weights;  ///< candidate's weights in f32 arithmetic
};

/// A model that is judged.
struct Candidate {
  engine::Forward* as_run = nullptr;
  engine::Forward* weights = nullptr;  ///< its weights in f32; may be null
};

/// Several models beside one reference, which runs once for all of them. Each Forward takes at
/// least `context` rows; all vocabularies agree, and the first candidate's tokenizer made the ids.
/// @param candidates  at least one
/// @param reference   in f32; may be null, then no candidate has weights
/// @param ids         the whole text, BOS first where the models add one
/// @return one for each candidate; kInvalidArgument when the text is shorter than one chunk (both
///         numbers) or vocabularies differ, kCancelled when `progress` says so
Result<std::vector<Evaluation>> EvaluateAll(std::span<const Candidate> candidates,
                                            engine::Forward* reference,
                                            std::span<const text::TokenId> ids,
                                            const EvaluateOptions& options, ThreadTeam& team,
                                            const ProgressSink& progress);

struct Contestants {
  engine::Forward* candidate = nullptr;
  engine::Forward* reference = nullptr;          ///< in f32; may be null
  engine::Forward* candidate_weights = nullptr;  ///< candidate's weights in f32; may be null
};

/// EvaluateAll() of one.
Result<Evaluation> Evaluate(const Contestants& contestants, std::span<const text::TokenId> ids,
                            const EvaluateOptions& options, ThreadTeam& team,
                            const ProgressSink& progress);

}  // namespace altteul::eval
