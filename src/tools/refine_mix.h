// SPDX-License-Identifier: Apache-2.0

// Swaps of types between the plan of a mix and its encoding, as `altteul compress` offers them.

#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/status.h"
#include "compress/grids.h"
#include "compress/type_plan.h"
#include "compress/work_folder.h"
#include "model/model.h"
#include "text/tokenizer.h"
#include "tools/compress_options.h"
#include "tools/compress_report.h"
#include "tools/runtime.h"

namespace altteul::tools {

// What the file says of swaps; both numbers are 0 until they were tried.
inline constexpr const char* kSwapsNote = "altteul.swaps";
inline constexpr const char* kSwapsTakenNote = "altteul.swaps_taken";

/// What is chosen on and what is judged on. Views of what was held out.
struct HeldOutParts {
  std::span<const text::TokenId> choosing, judged;
  bool is_same = false;
};

/// Swaps choose so often that the result must be judged on other text: the first half of the chunks
/// is for them. Without swaps, or where there is a single chunk, both parts are all of it.
HeldOutParts PartsOf(std::span<const text::TokenId> held_out, size_t context, bool refines);

/// How many were asked for, in words.
std::string SwapsAsked(const CompressOptions& options);

/// All of it outlives the work.
struct MixToRefine {
  const model::Model& original;  ///< loaded with Precision::kF32
  const compress::TypePlan& plan;
  const compress::PlannedTypes& start;
  uint64_t most_bytes;
  std::span<const text::TokenId> calibration;
  HeldOutParts held_out;
  const compress::Grids& grids;
};

/// @param folder  may be null
/// @return as compress::RefineMix()
Result<SwapsRecord> RefineBySwaps(const MixToRefine& mix, const CompressOptions& options,
                                  Runtime& runtime, compress::WorkFolder* folder);

}  // namespace altteul::tools
