// SPDX-License-Identifier: Apache-2.0

// The language of Figure::trace, read back: tests hold every figure of a report, and every figure
// that a page shows, against the tables it is said to follow from.

#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "formats/csv_file.h"
#include "plan/gap.h"

namespace altteul::plan {

class TraceTables {
 public:
  static Result<TraceTables> Parse(std::span<const NamedText> texts);

  /// OK when the rows are there and give the value: cells, sums, counts, ranks and percents are
  /// counted again; of computed figures, the cells named must be there, at least one.
  Status Check(const Figure& figure) const;

 private:
  using Row = formats::CsvRow;

  Result<double> Value(std::string_view trace) const;
  Result<double> CellValue(std::string_view cell) const;
  /// Sum of a column, or the number of rows where the column is empty, over rows that fit.
  Result<double> Sum(std::string_view table, std::string_view column, std::string_view where) const;
  Result<double> Rank(std::string_view rest) const;
  Result<double> NationRank(std::string_view rest) const;
  Status CheckComputed(std::string_view rest) const;

  std::map<std::string, formats::CsvTable, std::less<>> tables_;
};

/// Calls `visit` for each figure that a report holds.
void ForEachFigure(const GapReport& report, const std::function<void(const Figure&)>& visit);

}  // namespace altteul::plan
