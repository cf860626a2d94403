// SPDX-License-Identifier: Apache-2.0

#include "plan/gap_offers.h"

#include <algorithm>
#include <map>
#include <utility>

namespace altteul::plan {
namespace {

BudgetOffer OfferOf(const DataTables& tables, const Chip& h100, const Budget& budget,
                    const RentPrice& price) {
  const Chip& chip = tables.chips[price.chip];
  BudgetOffer offer;
  offer.provider = price.provider;
  offer.chip = chip.name;
  offer.kind = price.kind;
  offer.date = price.origin.date;
  offer.usd_per_hour = Cell(price.usd_per_gpu_hour, price.origin, "usd_per_gpu_hour");
  const double hours = budget.usd / price.usd_per_gpu_hour;
  const std::string from = CellName(price.origin, "usd_per_gpu_hour");
  offer.hours = Computed(hours, from, "the given amount over the price", price.origin);
  const double share = hours / PeriodHours(budget.period);
  const Equivalents each = EquivalentsOf(chip, h100);
  constexpr const char* kHow = "hours over the period's, times the ratio of chips";
  const auto cells = [&](std::string_view column) {
    return from + "; " + CellName(chip.origin, column) + "; " + CellName(h100.origin, column);
  };
  if (each.arithmetic) {
    offer.arithmetic =
        Computed(*each.arithmetic * share, cells(ArithmeticColumn(chip)), kHow, price.origin);
  }
  if (each.bandwidth) {
    offer.bandwidth = Computed(*each.bandwidth * share, cells("memory_gb_s"), kHow, price.origin);
  }
  return offer;
}

/// Each provider's latest H100 on demand, by rising price.
std::vector<const RentPrice*> PricesOf(const DataTables& tables, const Chip& h100) {
  std::map<std::string, const RentPrice*> newest;
  for (const RentPrice& price : tables.rent) {
    if (price.kind != RentKind::kOnDemand || &tables.chips[price.chip] != &h100) continue;
    const RentPrice*& held = newest[price.provider];
    if (held == nullptr || price.origin.date > held->origin.date) held = &price;
  }
  std::vector<const RentPrice*> prices;
  for (const auto& entry : newest) prices.push_back(entry.second);
  std::stable_sort(prices.begin(), prices.end(), [](const RentPrice* a, const RentPrice* b) {
    return a->usd_per_gpu_hour < b->usd_per_gpu_hour;
  });
  return prices;
}

/// The prices on demand at which arithmetic, and bandwidth, cost least; either may be none.
std::pair<const RentPrice*, const RentPrice*> MostForMoney(const DataTables& tables,
                                                           const Chip& h100) {
  const RentPrice* best[2] = {nullptr, nullptr};
  double most[2] = {0, 0};
  for (const RentPrice& price : tables.rent) {
    if (price.kind != RentKind::kOnDemand) continue;
    const Equivalents each = EquivalentsOf(tables.chips[price.chip], h100);
    if (!each.arithmetic) continue;
    const double worth[2] = {*each.arithmetic / price.usd_per_gpu_hour,
                             each.bandwidth.value_or(0) / price.usd_per_gpu_hour};
    for (int i = 0; i < 2; ++i) {
      if (worth[i] <= most[i]) continue;
      most[i] = worth[i];
      best[i] = &price;
    }
  }
  return {best[0], best[1]};
}

}  // namespace

BudgetOffers FindBudgetOffers(const DataTables& tables, const Chip& h100, const Budget& budget) {
  BudgetOffers found;
  const std::vector<const RentPrice*> prices = PricesOf(tables, h100);
  if (prices.empty()) return found;
  std::vector<size_t> chosen = {0, (prices.size() - 1) / 2, prices.size() - 1};
  chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  for (const size_t i : chosen) found.h100.push_back(OfferOf(tables, h100, budget, *prices[i]));
  found.middle = found.h100[chosen.size() / 2];

  const auto [arithmetic, bandwidth] = MostForMoney(tables, h100);
  for (const RentPrice* price : {arithmetic, bandwidth == arithmetic ? nullptr : bandwidth}) {
    if (price == nullptr) continue;
    BudgetOffer offer = OfferOf(tables, h100, budget, *price);
    const bool is_shown = std::ranges::any_of(found.h100, [&](const BudgetOffer& each) {
      return each.usd_per_hour.trace == offer.usd_per_hour.trace;
    });
    if (!is_shown) found.thrifty.push_back(std::move(offer));
  }
  return found;
}

}  // namespace altteul::plan
