// SPDX-License-Identifier: Apache-2.0

// Prices of machines with accelerators: the dated rows of data/gap/rent.csv, or a list that a user
// exported from dstack's gpuhunt or SkyPilot's catalogue.

#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/status.h"
#include "formats/csv_file.h"
#include "plan/data_tables.h"

namespace altteul::plan {

struct Offer {
  std::string provider;  ///< or what the list calls the machine
  size_t chip = 0;       ///< index into DataTables::chips
  size_t n_chips = 1;
  double usd_per_hour = 0;  ///< of the whole machine
  RentKind kind = RentKind::kOnDemand;
  std::string date = {};  ///< of the price; empty where the list does not say
};

struct Offers {
  std::vector<Offer> rows;
  size_t n_without_chips = 0;              ///< machines of processors alone
  size_t n_unknown = 0;                    ///< of chips that the table of chips does not know
  std::vector<std::string> unknown_chips;  ///< their names, each once
};

Offers OffersOfTables(const DataTables& tables);

/// A list as gpuhunt exports it (columns price, gpu_count, gpu_name, gpu_memory, spot ...) or
/// SkyPilot keeps it (AcceleratorName, AcceleratorCount, Price, SpotPrice ...).
/// @return kUnsupported for columns of neither; kCorruptFile for a row with a senseless number, by
///         line
Result<Offers> OffersOfList(const DataTables& tables, const formats::CsvTable& list);

}  // namespace altteul::plan
