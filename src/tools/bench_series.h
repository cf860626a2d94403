// SPDX-License-Identifier: Apache-2.0

// Runs what `altteul bench` measures: prompts and answers of random tokens, alone or together, at
// the start of a context or deep inside one. Depth is filled once and not timed; between runs the
// caches are wound back to it.

#pragma once

#include <map>
#include <memory>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "engine/forward.h"
#include "tensor/buffer.h"
#include "tools/series_spec.h"

namespace altteul::tools {

/// Rows of one sequence that a pass computes at most; llama.cpp's n_ubatch.
inline constexpr size_t kPassTokens = 512;

class SeriesRunner {
 public:
  /// Positions that each sequence holds when the clock starts. Sequences that answer together begin
  /// with different prompts of a few tokens, so that they do not all attend to nothing.
  static size_t StartOf(const SeriesSpec& spec);

  /// @param model, compute, clock  must outlive the result
  /// @param specs  all that will be measured: caches have room for it, which they take as they grow
  /// @return kOutOfMemory; kInvalidArgument for a depth that no cache can hold
  static Result<std::unique_ptr<SeriesRunner>> Create(const model::Model& model,
                                                      compute::Compute& compute, const Clock& clock,
                                                      std::span<const SeriesSpec> specs,
                                                      kernels::KvType kv);

  /// Tokens a second of one run, of all sequences together. Each pass ends in the logits of the
  /// tokens that would be sampled from.
  /// @return kCancelled when a signal came
  Result<double> Measure(const SeriesSpec& spec);

 private:
  struct Sequence {
    engine::KvCache cache;
    size_t filled = 0;  ///< positions that hold what Fill() put there
  };

  SeriesRunner(const Clock& clock, std::unique_ptr<engine::Forward> forward);
  Status Rewind(Sequence& sequence, size_t index, size_t start);
  Status Run(std::span<const engine::SequenceInput> inputs);
  Status AnswerTogether(std::span<Sequence> sequences, size_t n_tokens);
  Status ReadPrompt(Sequence& sequence, size_t n_tokens);
  std::vector<text::TokenId> RandomTokens(uint64_t stream, size_t n) const;

  const Clock& clock_;
  std::unique_ptr<engine::Forward> forward_;
  std::map<size_t, std::vector<Sequence>> sequences_;  // by depth, as many as any series needs
  Buffer logits_;                                      // f32 [most sequences so far, vocabulary]
};

}  // namespace altteul::tools
