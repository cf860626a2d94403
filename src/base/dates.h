// SPDX-License-Identifier: Apache-2.0

// Days of the calendar, for how old a figure is.

#pragma once

#include <string>
#include <string_view>

namespace altteul {

/// "2026-11-29", in UTC.
std::string Today();

/// Of a date that names a year, a month or a day ("2026", "2026-05", "2026-05-07"): a year or a
/// month counts from its first day. 0 for anything else.
int DaysSince1970(std::string_view date);

}  // namespace altteul
