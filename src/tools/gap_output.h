// SPDX-License-Identifier: Apache-2.0

// What `altteul gap` prints: tables for a person, or one JSON object with the trace of each figure.

#pragma once

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "plan/gap.h"

namespace altteul::tools {

/// Tables and sentences, ended by newlines.
std::string GapAsText(const plan::GapReport& report,
                      const std::optional<plan::MeasuredMachine>& machine);

nlohmann::ordered_json GapAsJson(const plan::GapReport& report,
                                 const std::optional<plan::MeasuredMachine>& machine);

}  // namespace altteul::tools
