// SPDX-License-Identifier: Apache-2.0

// The linear layers alone, kind by kind: which of them is furthest from the roof. All layers of a
// kind are computed one after the other, so that weights come from memory as they do in a pass.

#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/thread_team.h"
#include "compute/compute.h"
#include "model/model.h"

namespace altteul::tools {

struct LayerRate {
  std::string kind;    ///< "q", "down", "head" ...
  std::string type;    ///< of the weights; of the first layer where they differ
  size_t n_rows = 0;   ///< activation rows computed together
  double ops = 0;      ///< of all layers of the kind; a multiply-add counts two
  double bytes = 0;    ///< of their weights, as the file packs them
  double seconds = 0;  ///< median of three, with a barrier behind each layer
  double intensity() const { return ops / bytes; }  ///< [ops a byte]
};

/// Products only: activations are prepared before. The head is measured for counts of rows up to
/// `most_head_rows` only, because a prompt needs one row of it.
/// @return kOutOfMemory
Result<std::vector<LayerRate>> MeasureLayers(const model::Model& model, compute::Compute& compute,
                                             const Clock& clock, std::span<const size_t> row_counts,
                                             size_t most_head_rows);

}  // namespace altteul::tools
