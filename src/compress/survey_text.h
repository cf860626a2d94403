// SPDX-License-Identifier: Apache-2.0

// Surveys as text, every number bit for bit.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compress/survey.h"

namespace altteul::compress {

std::string SurveysAsText(const std::vector<TensorSurvey>& surveys);

/// Nothing when it is no such text. Shapes are not in it.
std::optional<std::vector<TensorSurvey>> SurveysFromText(std::string_view text);

}  // namespace altteul::compress
