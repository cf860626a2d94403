// SPDX-License-Identifier: Apache-2.0

// A mix of types, refined by the KL divergence of swaps.
//
// A plan adds up what each tensor alone was expected to cost. Here the mix as a whole is measured:
// some tensors go up a type and others down one, within the same bytes, and the swap is taken when
// the divergence falls by more than chance explains. Each measurement, taken or not, corrects what
// is believed of its tensors (mix_beliefs.h), and the beliefs choose the next swap.
//
// The same numbers give the same trials, so the number of trials alone says which mix comes out:
// neither the threads nor the time that a trial took matter.

#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/sinks.h"
#include "base/status.h"
#include "base/thread_team.h"
#include "compress/divergence_meter.h"
#include "compress/grids.h"
#include "compress/mix_beliefs.h"
#include "compress/trial_encodings.h"
#include "compress/type_plan.h"
#include "compress/work_folder.h"
#include "compute/compute.h"
#include "model/model.h"

namespace altteul::compress {

struct RefineOptions {
  TrialOptions encoding = {};
  MeterOptions meter = {};             ///< its chunks become shorter where there is little text
  const Grids* grids = nullptr;        ///< types in which tensors lose nothing; may be null
  std::optional<size_t> n_swaps = {};  ///< tried at most
  double seconds = std::numeric_limits<double>::infinity();  ///< for trials; at least one is begun
};

/// Where the work rests and what it says of itself.
struct RefinePlace {
  const Clock& clock;
  WorkFolder* folder = nullptr;  ///< may be null
  ProgressSink encoding = {};    ///< millions of weights
  ProgressSink trying = {};      ///< swaps of those asked for, or else seconds
};

struct TriedSwap {
  struct Tensor {
    std::string name;
    DType from, to;
  };
  std::vector<Tensor> tensors;
  MeasuredGain gain;  ///< over the mix as it then was
  bool is_taken = false;
};

/// Over the chunks of the text.
struct MeanDivergence {
  double mean = 0, standard_error = 0;  ///< [nats a token]
};

struct RefinedMix {
  PlannedTypes planned;
  std::vector<TriedSwap> tried;
  MeanDivergence before, after;
  MeasuredGain gain;  ///< of all that was taken together, paired by chunk
  size_t n_chunks = 0;

  size_t n_taken() const;
};

/// @param original     loaded with Precision::kF32
/// @param plan         of its tensors
/// @param start        a choice of the plan's, in a file of at most `most_bytes`
/// @param calibration  what encodings are made for; whole chunks of it are used
/// @param text         what is measured on; should be other text
/// @return kInvalidArgument when one of the texts is too short, kOutOfMemory, kCorruptFile for
///         activations that are not finite, kIoError, kCancelled
Result<RefinedMix> RefineMix(const model::Model& original, const TypePlan& plan,
                             const PlannedTypes& start, uint64_t most_bytes,
                             std::span<const text::TokenId> calibration,
                             std::span<const text::TokenId> text, const RefineOptions& options,
                             compute::Compute& compute, const RefinePlace& place);

}  // namespace altteul::compress
