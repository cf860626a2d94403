// SPDX-License-Identifier: Apache-2.0

// Dates in the proleptic Gregorian calendar, as strftime() writes them in the C locale. The time
// and the zone's distance from UTC are given: nothing here asks a clock.

#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "text/wall_time.h"

namespace altteul::text::jinja {

/// Local time, without the zone's name, as Python's datetime.now() has it.
/// @return kInvalidArgument for a directive that is not known, or a year outside of 1..9999
Result<std::string> FormatTime(std::string_view format, const WallTime& now);

}  // namespace altteul::text::jinja
