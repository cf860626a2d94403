// What `altteul compress` says about its work, as text and as JSON.

#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "compress/recode.h"
#include "compress/type_plan.h"
#include "eval/evaluate.h"

namespace altteul::tools {

/// One line for each kind of change, not one for each tensor, then the sizes.
void PrintRecoded(const std::string& out, const compress::RecodeReport& report);
nlohmann::ordered_json RecodedAsJson(const std::string& out, const compress::RecodeReport& report);

/// Sizes and what they cost, at most some twenty of them.
void PrintFront(const compress::TypePlan& plan);
nlohmann::ordered_json FrontAsJson(const compress::TypePlan& plan);

/// Each surveyed tensor: its types, bytes and expected divergences, and the one that was chosen.
nlohmann::ordered_json SurveyAsJson(const compress::TypePlan& plan,
                                    const compress::PlannedTypes* chosen);

nlohmann::ordered_json DivergenceAsJson(const eval::Divergence& divergence);

}  // namespace altteul::tools
