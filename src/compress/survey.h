// SPDX-License-Identifier: Apache-2.0

// What each tensor costs in each type: bytes, and how far the model's answers move.
//
// One pass over the layers. The second moments of a tensor's inputs tell how large the error of its
// output is in any type (some rows are encoded for that). How much an error there matters is
// measured: the tensor is encoded in one type, the model with it and the original run over text
// that was not calibrated on, and their KL divergence is divided by the error. For other types KL
// is taken to grow in proportion to the error; for small changes, those of several tensors add up.
//
// Where there is no time to measure every layer (probe_every), what the same tensors of other
// layers cost for an error is taken in between.
//
// With a work folder each measurement is kept, and work that was stopped goes on with the next one.

#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/sinks.h"
#include "base/status.h"
#include "base/thread_team.h"
#include "compress/grids.h"
#include "compress/output_error.h"
#include "compress/type_rules.h"
#include "compress/work_place.h"
#include "compute/compute.h"
#include "model/model.h"

namespace altteul::compress {

struct SurveyOptions {
  size_t context = 512;           ///< tokens of a chunk of the calibration text
  size_t probe_context = 256;     ///< of the held-out text: many short runs
  size_t probe_every = 1;         ///< measured is the first of so many layers, and the last
  double damping = 0.1;           ///< see MakeMetric
  size_t weights_sampled = 8192;  ///< of each tensor, whole rows
  uint64_t logits_bytes = uint64_t{256} << 20;  ///< memory for the original's answers
  const Grids* grids = nullptr;  ///< types in which tensors lose nothing; may be null
};

struct TensorSurvey {
  std::string name;
  Shape shape;
  DType source = DType::kF32;
  DType measured = DType::kF32;  ///< the type whose KL divergence was measured
  bool interpolated = false;     ///< nothing was measured, `kl` lies between those of other layers
  std::vector<TypeCost> costs;   ///< in the order of the types asked for
};

/// One survey for each matrix that may get another type than its own, in the order of the layers,
/// the embedding (and the head) first.
/// @param original     loaded with Precision::kF32
/// @param calibration  whole chunks of it are used
/// @param held_out     the same; should be other text
/// @return kInvalidArgument when one of the texts is shorter than a chunk, kOutOfMemory,
///         kCorruptFile for activations that are not finite, kIoError, kCancelled
Result<std::vector<TensorSurvey>> SurveyTensors(const model::Model& original,
                                                const TypeChoices& choices,
                                                std::span<const text::TokenId> calibration,
                                                std::span<const text::TokenId> held_out,
                                                const SurveyOptions& options,
                                                compute::Compute& compute, const WorkPlace& place);

}  // namespace altteul::compress
