// SPDX-License-Identifier: Apache-2.0

// How many bytes the weights of a model may have, so that a machine has room for them, for the
// cache of a conversation and for what is computed with.

#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include "base/status.h"
#include "kernels/kernel_table.h"
#include "model/checkpoint.h"

namespace altteul::tools {

/// The memory of a machine as it would be when the model runs with its context full.
struct WeightRoom {
  std::string machine;        ///< as the user named it
  size_t context = 0;         ///< tokens
  uint64_t memory_bytes = 0;  ///< all that it has
  uint64_t system_bytes = 0;  ///< for the system and its services, or a card's driver and program
  uint64_t margin_bytes = 0;  ///< what a plan may be wrong by
  uint64_t program_bytes = 0;
  uint64_t kv_bytes = 0;
  uint64_t working_bytes = 0;
  uint64_t weight_bytes = 0;  ///< what is left
  bool is_card = false;

  /// "the weights may have ... of ...; taken off: ..."; for a card also what was assumed.
  std::string Sentence() const;
  nlohmann::ordered_json AsJson() const;
};

/// The same figures for the same model and words, on whatever machine this is asked.
/// @param machine  "8GB card", "RTX 3090", "16 GB laptop", "8 cores, 32 GB", "this machine"
/// @param context  0: the model's, at most 4096
/// @return kInvalidArgument for what is no machine, kDoesNotFit where no byte is left; as
///         model::ReadConfig, PlanWeights, plan::PlanMemory
Result<WeightRoom> RoomForWeights(const std::string& machine, size_t context,
                                  const model::Checkpoint& source,
                                  const kernels::KernelTable& kernels);

}  // namespace altteul::tools
