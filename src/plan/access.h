// SPDX-License-Identifier: Apache-2.0

// What somebody has, as they would say it: "4x RTX 3090", "500 H100-hours/month", "5000usd/year".
// Parsed, checked against the tables, and measured in H100s: by arithmetic and by the bandwidth of
// memory. The second is the larger for small machines, and it is what answering one user is bound
// by; that is why thrift works.

#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "plan/data_tables.h"

namespace altteul::plan {

enum class Period { kDay, kWeek, kMonth, kYear };
std::string_view PeriodName(Period period);
double PeriodHours(Period period);  ///< a year has 365.25 days, a month a twelfth of it

struct OwnedChips {
  double count = 0;
  size_t chip = 0;  ///< index into the chips
};

struct RentedHours {
  double hours = 0;  ///< chip-hours in each period
  size_t chip = 0;
  Period period = Period::kMonth;
};

struct Budget {
  double usd = 0;  ///< in each period
  Period period = Period::kYear;
};

/// "4x RTX 3090, 2x A100": kinds between commas; a name alone is one chip.
/// @return kInvalidArgument for counts that are no whole number from 1 to a million, kNotFound with
///         the nearest names for a chip that is not in the table
Result<std::vector<OwnedChips>> ParseOwned(std::span<const Chip> chips, std::string_view text);

/// "500 H100-hours/month", "20 A100 hours per week": between commas too.
/// @return kInvalidArgument also when a period is missing, or would need more than a million chips
Result<std::vector<RentedHours>> ParseRented(std::span<const Chip> chips, std::string_view text);

/// "5000usd", "$200/month": a year's when no period is named. Up to 10^12; other currencies are
/// refused, because the tables hold no rates of exchange.
Result<Budget> ParseBudget(std::string_view text);

/// In H100s. Absent is what the table does not know of the chip.
struct Equivalents {
  std::optional<double> arithmetic;
  std::optional<double> bandwidth;
};

/// By dense INT8 operations where both have them, by dense 16-bit ones otherwise.
Equivalents EquivalentsOf(const Chip& chip, const Chip& h100);

/// Which column EquivalentsOf() compares: "int8_tops", "fp16_tflops" or empty.
std::string_view ArithmeticColumn(const Chip& chip);

}  // namespace altteul::plan
