// SPDX-License-Identifier: Apache-2.0

#include "plan/gap_programmes.h"

#include <algorithm>
#include <utility>

#include "plan/access.h"
#include "plan/countries.h"

namespace altteul::plan {
namespace {

bool IsOpenTo(const Programme& programme, const std::string& code) {
  if (code.empty()) return false;
  const Country* country = FindCountry(code);
  return programme.country == code ||
         (programme.country == "EU" && country != nullptr && country->in_eu);
}

std::optional<Figure> InH100s(const DataTables& tables, const Chip& h100,
                              const Programme& programme) {
  if (!programme.chip || !programme.high) return std::nullopt;
  const Chip& chip = tables.chips[*programme.chip];
  const auto each = EquivalentsOf(chip, h100).arithmetic;
  if (!each) return std::nullopt;
  const std::string_view column = ArithmeticColumn(chip);
  std::string from = CellName(programme.origin, "high") + "; " + CellName(chip.origin, column) +
                     "; " + CellName(h100.origin, column);
  if (programme.unit == "GPUs") {
    return Computed(*each * *programme.high, from, "GPUs times the ratio of chips",
                    programme.origin);
  }
  if (programme.unit != "GPU-hours" || !programme.months) return std::nullopt;
  const double hours = *programme.months * PeriodHours(Period::kMonth);
  from += "; " + CellName(programme.origin, "months");
  return Computed(*each * *programme.high / hours, from,
                  "hours over those of the months, times the ratio of chips", programme.origin);
}

}  // namespace

std::vector<ProgrammeView> ViewProgrammes(const DataTables& tables, const Chip& h100,
                                          const std::string& country) {
  std::vector<ProgrammeView> views;
  for (const Programme& programme : tables.programmes) {
    const std::string_view kind = programme.kind;
    if (kind != "grant" && kind != "share" && kind != "pool" && kind != "money") continue;
    const Origin& origin = programme.origin;
    ProgrammeView view;
    view.row = &programme;
    view.is_open = IsOpenTo(programme, country);
    view.low = Cell(programme.low, origin, "low");
    view.high = Cell(programme.high, origin, "high");
    view.months = Cell(programme.months, origin, "months");
    view.applications = Cell(programme.applications, origin, "applications");
    view.grants = Cell(programme.grants, origin, "grants");
    view.gpus_asked = Cell(programme.gpus_asked, origin, "gpus_asked");
    view.gpus_granted = Cell(programme.gpus_granted, origin, "gpus_granted");
    if (programme.gpus_asked && programme.gpus_granted) {
      view.granted_percent =
          Computed(100 * *programme.gpus_granted / *programme.gpus_asked,
                   CellName(origin, "gpus_granted") + "; " + CellName(origin, "gpus_asked"),
                   "the one over the other, in percent", origin);
    }
    view.h100s = InH100s(tables, h100, programme);
    views.push_back(std::move(view));
  }
  std::stable_sort(views.begin(), views.end(), [](const ProgrammeView& a, const ProgrammeView& b) {
    return a.is_open && !b.is_open;
  });
  return views;
}

}  // namespace altteul::plan
