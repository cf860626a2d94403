// SPDX-License-Identifier: Apache-2.0

// What public programmes grant to whom.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plan/data_tables.h"
#include "plan/figure.h"

namespace altteul::plan {

struct ProgrammeView {
  const Programme* row = nullptr;  ///< of the tables, which must outlive the report
  bool is_open = false;            ///< to the country that was asked for
  std::optional<Figure> low, high, months, applications, grants, gpus_asked, gpus_granted;
  std::optional<Figure> granted_percent;  ///< of the GPUs asked for
  std::optional<Figure> h100s;            ///< a grant of GPU-hours over its months, at the most
};

/// Those that are open to the country stand first.
/// @param country  a code that FindCountry() knows, or empty
std::vector<ProgrammeView> ViewProgrammes(const DataTables& tables, const Chip& h100,
                                          const std::string& country);

}  // namespace altteul::plan
