// SPDX-License-Identifier: Apache-2.0

// What a budget rents, at the dated prices of rent.csv.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plan/access.h"
#include "plan/data_tables.h"
#include "plan/figure.h"

namespace altteul::plan {

struct BudgetOffer {
  std::string provider;
  std::string chip;
  RentKind kind = RentKind::kOnDemand;
  std::string date;  ///< of the price
  Figure usd_per_hour;
  Figure hours;       ///< that the budget buys in its period
  Figure arithmetic;  ///< H100s in use all the time
  std::optional<Figure> bandwidth;
};

struct BudgetOffers {
  std::vector<BudgetOffer> h100;      ///< cheapest, middle and dearest H100 on demand
  std::optional<BudgetOffer> middle;  ///< of those
  std::vector<BudgetOffer> thrifty;  ///< of all offers, the most arithmetic and bandwidth for money
};

/// Of each provider its latest price of the H100 on demand. Nothing at all where there is none.
/// @param h100  in `tables`
BudgetOffers FindBudgetOffers(const DataTables& tables, const Chip& h100, const Budget& budget);

}  // namespace altteul::plan
