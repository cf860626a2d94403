// SPDX-License-Identifier: Apache-2.0

#include "plan/offers.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

#include "plan/chips.h"

namespace altteul::plan {
namespace {

constexpr double kMostUsdPerHour = 1e5;  // of one machine
constexpr double kMostChips = 1024;
constexpr double kMemoryTolerance = 0.1;  // lists say 16 or 15.75 for one chip

std::optional<double> NumberIn(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

/// The columns of one kind of list. Empty: it has none.
struct ListForm {
  std::string_view machine, chip, count, memory, price, spot_price, is_spot;
};

constexpr ListForm kGpuhunt = {.machine = "instance_name",
                               .chip = "gpu_name",
                               .count = "gpu_count",
                               .memory = "gpu_memory",
                               .price = "price",
                               .spot_price = "",
                               .is_spot = "spot"};
constexpr ListForm kSkyPilot = {.machine = "InstanceType",
                                .chip = "AcceleratorName",
                                .count = "AcceleratorCount",
                                .memory = "",
                                .price = "Price",
                                .spot_price = "SpotPrice",
                                .is_spot = ""};

class ListReader {
 public:
  ListReader(const DataTables& tables, const formats::CsvTable& list, const ListForm& form)
      : tables_(tables), list_(list), form_(form) {}

  Result<Offers> Read() {
    for (const formats::CsvRow& row : list_.rows) ALT_RETURN_IF_ERROR(Take(row));
    return std::move(offers_);
  }

 private:
  std::string_view Field(const formats::CsvRow& row, std::string_view column) const {
    const auto index = column.empty() ? std::nullopt : list_.Column(column);
    return index ? std::string_view(row.fields[*index]) : std::string_view();
  }

  /// An empty field is nothing.
  Result<std::optional<double>> Number(const formats::CsvRow& row, std::string_view column,
                                       double most) const {
    const std::string_view text = Field(row, column);
    if (text.empty()) return std::optional<double>();
    const auto value = NumberIn(text);
    if (value && *value >= 0 && *value <= most) return value;
    return Status(ErrorCode::kCorruptFile, list_.name + ": line " + std::to_string(row.line) +
                                               ": " + std::string(column) + " is '" +
                                               std::string(text) + "'");
  }

  Status Take(const formats::CsvRow& row) {
    const std::string_view name = Field(row, form_.chip);
    ALT_ASSIGN_OR_RETURN(const auto count, Number(row, form_.count, kMostChips));
    if (name.empty() || count.value_or(0) == 0) {
      ++offers_.n_without_chips;
      return Status();
    }
    ALT_ASSIGN_OR_RETURN(const auto memory_gb, Number(row, form_.memory, 1e5));
    const auto chip = FindIn(name, memory_gb);
    if (!chip || *count != std::floor(*count)) {
      ++offers_.n_unknown;
      auto& unknown = offers_.unknown_chips;
      if (std::ranges::find(unknown, name) == unknown.end()) unknown.emplace_back(name);
      return Status();
    }
    ALT_ASSIGN_OR_RETURN(const auto price, Number(row, form_.price, kMostUsdPerHour));
    ALT_ASSIGN_OR_RETURN(const auto spot, Number(row, form_.spot_price, kMostUsdPerHour));
    const std::string_view is_spot = Field(row, form_.is_spot);
    Offer offer{
        .provider = std::string(Field(row, form_.machine)),
        .chip = *chip,
        .n_chips = static_cast<size_t>(*count),
        .usd_per_hour = price.value_or(0),
        .kind = is_spot == "True" || is_spot == "true" ? RentKind::kSpot : RentKind::kOnDemand,
        .date = {}};
    if (offer.usd_per_hour > 0) offers_.rows.push_back(offer);
    offer.usd_per_hour = spot.value_or(0);
    offer.kind = RentKind::kSpot;
    if (offer.usd_per_hour > 0) offers_.rows.push_back(std::move(offer));
    return Status();
  }

  /// By name, and where chips of that name differ in memory, by that too.
  std::optional<size_t> FindIn(std::string_view name, std::optional<double> memory_gb) const {
    const auto suits = [&](size_t chip) {
      const auto has = tables_.chips[chip].memory_gb;
      return !memory_gb || !has || std::abs(*has - *memory_gb) <= kMemoryTolerance * *has;
    };
    if (memory_gb) {
      const auto exact = FindChip(
          tables_.chips, std::string(name) + " " + std::to_string(std::lround(*memory_gb)) + "GB");
      if (exact.ok() && suits(exact.value())) return exact.value();
    }
    const auto found = FindChip(tables_.chips, name);
    if (found.ok() && suits(found.value())) return found.value();
    return std::nullopt;
  }

  const DataTables& tables_;
  const formats::CsvTable& list_;
  const ListForm& form_;
  Offers offers_;
};

}  // namespace

Offers OffersOfTables(const DataTables& tables) {
  Offers offers;
  for (const RentPrice& price : tables.rent) {
    offers.rows.push_back({.provider = price.provider,
                           .chip = price.chip,
                           .n_chips = 1,
                           .usd_per_hour = price.usd_per_gpu_hour,
                           .kind = price.kind,
                           .date = price.origin.date});
  }
  return offers;
}

Result<Offers> OffersOfList(const DataTables& tables, const formats::CsvTable& list) {
  for (const ListForm* form : {&kGpuhunt, &kSkyPilot}) {
    if (list.Column(form->chip) && list.Column(form->count) && list.Column(form->price)) {
      return ListReader(tables, list, *form).Read();
    }
  }
  return Status(ErrorCode::kUnsupported,
                list.name +
                    ": has neither gpuhunt's columns (gpu_name, gpu_count, price) nor "
                    "SkyPilot's (AcceleratorName, AcceleratorCount, Price)");
}

}  // namespace altteul::plan
