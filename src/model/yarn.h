// SPDX-License-Identifier: Apache-2.0

// YaRN (Peng et al., arXiv 2309.00071): a model is made to read `factor` times further than it was
// trained for. Pairs that turn often within the original context keep their frequency, pairs that
// turn less than once are slowed by the factor, and those between are blended; cos and sin grow a
// little, since attention over more keys is flatter.
//
// Folders and GGUF files mean the same by the usual words, but not by all: each has its own reader
// here, and both end in one record.

#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/sinks.h"
#include "base/status.h"
#include "model/checkpoint.h"
#include "model/config.h"
#include "model/gguf_form.h"

namespace altteul::model {

struct Yarn {
  double factor = 1.0;
  double original_context = 0.0;  ///< positions that the model was trained for
  double beta_fast = 32.0;        ///< turns in the original context from which on nothing is scaled
  double beta_slow = 1.0;         ///< turns up to which all is scaled
  double blend = 1.0;             ///< llama.cpp's ext factor: 0 scales every pair by the factor
  bool whole_pairs = true;        ///< the borders of the band are rounded outwards to whole pairs
  /// Where the band is empty or upside down, transformers divides by its width all the same, and
  /// llama.cpp by at least a thousandth.
  bool least_width = false;
  double magnitude = 1.0;  ///< of cos and sin
};

/// transformers' words (modeling_rope_utils.py, _compute_yarn_parameters), with its defaults.
/// @return kCorruptFile for a factor or context that is missing or no positive number
Result<Yarn> YarnOfFolder(const Checkpoint& folder, const ModelConfig& config,
                          const nlohmann::json& parameters);

/// llama.cpp's words, rope.scaling.*. The original context is the context where none is said.
/// @param factor  rope.scaling.factor
/// @param log     hears of a word that llama.cpp does not follow either
/// @return kCorruptFile for a number that is none or not positive
Result<Yarn> YarnOfGguf(const Checkpoint& file, const ModelConfig& config, double factor,
                        const LogSink& log);

/// Scales rope.frequencies, which belong to `base`, and rope.magnitude.
void ScaleYarn(const Yarn& yarn, double base, RopePlan& rope);

/// Says ropes[0] of a folder in GGUF's words.
/// @return false, and says nothing, where llama.cpp would turn by other angles: it reads neither
///         betas nor unrounded borders for any family that is known here
bool DescribeYarn(const Yarn& yarn, double base, const ModelConfig& config, GgufForm& form);

}  // namespace altteul::model
