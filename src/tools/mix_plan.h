// SPDX-License-Identifier: Apache-2.0

// What each type costs each tensor of a model, measured, as `altteul compress` plans a mix by it.

#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/status.h"
#include "compress/grids.h"
#include "compress/recode.h"
#include "compress/type_plan.h"
#include "compress/work_folder.h"
#include "model/model.h"
#include "text/tokenizer.h"
#include "tools/compress_options.h"
#include "tools/runtime.h"

namespace altteul::tools {

/// All of it outlives the work.
struct MixToPlan {
  const model::Checkpoint& source;
  const model::Model& original;  ///< loaded with Precision::kF32
  const compress::Grids& grids;
  const compress::FileNotes& notes;
  std::optional<uint64_t> most_bytes;          ///< of the file; nothing: any size
  std::span<const text::TokenId> calibration;  ///< for second moments
  std::span<const text::TokenId> choosing;     ///< what was held out to choose on
};

/// The beginning of a calibration text that a survey reads.
std::span<const text::TokenId> SurveyText(std::span<const text::TokenId> fitted, size_t context);

/// Surveys every tensor between whose types there is a choice; all others get their type in
/// `rules`.
/// @param folder  may be null
/// @return kQualityGate for a size out of reach, before anything is measured; as
///         compress::SurveyTensors(), TypePlan::Create()
Result<compress::TypePlan> PlanMix(const MixToPlan& mix, const CompressOptions& options,
                                   compress::TypeRules& rules, const Runtime& runtime,
                                   compress::WorkFolder* folder);

}  // namespace altteul::tools
