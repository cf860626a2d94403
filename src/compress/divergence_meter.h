// SPDX-License-Identifier: Apache-2.0

// How far a mix of types is from the original, chunk by chunk of a text, measured again and again
// while a few tensors change.
//
// What comes before the first tensor that changed is the same as the last time, so the residual
// stream rests before every k-th layer, and a measurement goes on from the nearest resting place.
// Where it was begun changes no bit of the answer.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/status.h"
#include "base/thread_team.h"
#include "compress/activation_stream.h"
#include "compress/answers.h"
#include "compress/mix_model.h"
#include "compress/work_folder.h"
#include "compute/compute.h"
#include "tensor/buffer.h"

namespace altteul::compress {

struct MeterOptions {
  size_t context = 128;  ///< tokens of a chunk: many short ones, to see how far they agree
  uint64_t logits_bytes = uint64_t{256} << 20;  ///< of the original's answers
  uint64_t rest_bytes = uint64_t{96} << 20;     ///< of the streams that rest; one always does
};

class DivergenceMeter {
 public:
  /// Told at each layer; an error ends the work.
  using Step = std::function<Status()>;

  /// Runs the original.
  /// @param mix   as the original still; outlives the meter
  /// @param ids   whole chunks of it are used, at least one; outlives the meter
  /// @param work  where many answers rest; may be null
  /// @return kOutOfMemory, kIoError, or what `step` says
  static Result<DivergenceMeter> Create(const MixModel& mix, std::span<const text::TokenId> ids,
                                        const MeterOptions& options, compute::Compute& compute,
                                        const WorkFolder* work, const Step& step);

  /// KL divergence of each chunk [nats a token].
  /// @param depth  before it (MixModel::DepthOf()) the mix is as it was settled
  Result<std::vector<double>> Measure(size_t depth, const Step& step);
  /// From now on the mix is as it is; only what acts from `depth` on has changed.
  void Settle(size_t depth);

  size_t n_chunks() const { return stream_->n_chunks(); }
  size_t n_tokens() const { return n_chunks() * answers_->tokens_per_chunk(); }  ///< compared

 private:
  explicit DivergenceMeter(const MixModel& mix) : mix_(&mix) {}
  Status Pass(size_t from_layer, size_t depth, const Step& step);
  std::span<float> Rest(size_t place);

  const MixModel* mix_;
  std::span<const text::TokenId> ids_;
  std::optional<ActivationStream> stream_;
  std::optional<Answers> answers_;
  Buffer rests_;          // [places][chunks * context, hidden]
  size_t n_places_ = 0;   // place p is before layer p * stride_
  size_t n_resting_ = 0;  // of the first places, with the mix as it was settled
  size_t stride_ = 0;
};

}  // namespace altteul::compress
