// SPDX-License-Identifier: Apache-2.0

// How far somebody's access to computing lies from others': the whole result of `altteul gap`, as
// figures that each say how they came about.
//
// access = chips owned + chip-hours rented over the hours of the period, in H100s. Clusters are
// compared by arithmetic, as the source counts them; where a chip's bandwidth is known, by that
// too.

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "plan/access.h"
#include "plan/data_tables.h"
#include "plan/figure.h"
#include "plan/gap_offers.h"
#include "plan/gap_programmes.h"

namespace altteul::plan {

struct MeasuredMachine {
  std::string processor;
  double int8_ops_per_s = 0;  ///< 0 where it was not measured
  double bytes_per_s = 0;
};

struct GapQuestion {
  std::vector<OwnedChips> owned;
  std::optional<MeasuredMachine> machine;
  std::vector<RentedHours> rented;
  std::optional<Budget> budget;
  std::string country;  ///< a code that FindCountry() knows, or empty
};

/// One thing that somebody has.
struct AccessPart {
  enum class Kind { kMachine, kOwned, kRented, kBudget } kind = Kind::kMachine;
  std::string name;                     ///< the chip or the processor
  std::optional<Figure> amount;         ///< chips, hours or USD
  std::optional<Period> period;         ///< of hours and money
  std::optional<Figure> share_of_time;  ///< chips in use all the time: hours over the period's
  std::optional<Figure> arithmetic, bandwidth;  ///< in H100s; absent: not known of this chip
};

/// A cluster, or a share of one, that the access is held beside.
struct Landmark {
  std::string name;
  std::string country;
  std::optional<Figure> divisor;  ///< this is an equal share of the cluster, one of so many
  Figure h100e;
  std::optional<Figure> public_rank;  ///< among public clusters
  std::optional<Figure> rank;         ///< among all
  std::optional<Figure> fewer;      ///< landmark over access, by arithmetic; absent without access
  std::optional<Figure> bandwidth;  ///< in H100s
  std::optional<Figure> fewer_by_bandwidth;
};

struct NationTotal {
  std::string country;
  Figure clusters;
  Figure h100e;
  Figure public_h100e;
  Figure share;  ///< percent of all rows that name a country
};

struct PaperView {
  const PaperFigure* row = nullptr;
  Figure value;
};

struct Coverage {
  Table table = Table::kChips;
  std::string file;
  Figure rows;
  std::string oldest, newest;  ///< dates as they stand in the rows
  Figure high, medium, low;    ///< rows of each confidence
  int newest_age_days = 0;
};

struct GapReport {
  std::vector<AccessPart> parts;
  std::optional<Figure> arithmetic, bandwidth;  ///< all parts together
  bool arithmetic_is_partial = false;           ///< a part's arithmetic is not known
  bool bandwidth_is_partial = false;
  std::optional<Figure> public_place;  ///< where this access would stand among public clusters
  Figure public_clusters;
  std::optional<Figure> place;
  Figure clusters;
  std::vector<Landmark> landmarks;  ///< by falling size
  std::optional<Landmark> rich;     ///< the line from which on somebody is called GPU-rich
  std::optional<Figure> rich_low, rich_high;    ///< how many organisations were above it
  std::optional<Figure> world_low, world_high;  ///< percent of the world in the table of clusters
  BudgetOffers offers;                          ///< empty without a budget
  std::string country;
  std::optional<NationTotal> nation;
  std::optional<Figure> nation_rank;
  std::vector<NationTotal> nations;  ///< by falling h100e
  std::vector<ProgrammeView> programmes;
  std::vector<PaperView> papers;
  std::vector<Coverage> coverage;
};

/// @param tables  must outlive the report
/// @param today   "2026-11-29", for the age of the data
/// @return kInvalidArgument for an unknown country, kNotFound when the tables have no H100
Result<GapReport> FindGap(const DataTables& tables, const GapQuestion& question,
                          const std::string& today);

}  // namespace altteul::plan
