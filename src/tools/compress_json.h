// SPDX-License-Identifier: Apache-2.0

// What `altteul compress --json` says about its work, and the file beside the result.

#pragma once

#include <nlohmann/json.hpp>

#include "compress/type_plan.h"
#include "tools/compress_report.h"

namespace altteul::tools {

nlohmann::ordered_json CompressionAsJson(const CompressionRecord& record);

/// All sizes and what they cost.
nlohmann::ordered_json FrontAsJson(const compress::TypePlan& plan);

/// Each surveyed tensor: its types, bytes and expected divergences, and the one that was chosen.
/// @param chosen  null: none was
nlohmann::ordered_json SurveyAsJson(const compress::TypePlan& plan,
                                    const compress::PlannedTypes* chosen);

}  // namespace altteul::tools
