// Dates in the proleptic Gregorian calendar, UTC, as strftime() writes them in the C locale.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace altteul::text::jinja {

/// @return kInvalidArgument for a directive that is not known, or a year outside of 1..9999
Result<std::string> FormatTime(std::string_view format, int64_t unix_seconds);

}  // namespace altteul::text::jinja
