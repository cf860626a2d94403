// SPDX-License-Identifier: Apache-2.0

// A number that says how it came about, and the makers of such numbers.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "plan/data_tables.h"

namespace altteul::plan {

/// A number and its trace, in a small language that a test reads:
///   cell TABLE:LINE.COLUMN                   as it stands there
///   sum TABLE.COLUMN where COLUMN=VALUE ...  over all rows that fit
///   count TABLE where COLUMN=VALUE ...       of rows that fit
///   computed from CELL; CELL ... : HOW       from the named cells
///   rank TABLE.COLUMN of VALUE where ...     one more than there are rows with a larger value
///   nation rank TABLE.COLUMN of country=CODE where its sum stands among all countries' sums
///   percent TABLE.COLUMN where A of B        the sum where A, of the sum where B
///   given                                    by the command line
/// Conditions stand between commas, each COLUMN=VALUE or COLUMN!=VALUE; TABLE is the file's name.
struct Figure {
  double value = 0;
  std::string trace;
  std::string source;  ///< "Epoch AI GPU clusters, 2025-12-14, CC BY, high"; of the first row
};

/// As many digits as give the same number again.
std::string Exact(double value);

/// "Epoch AI GPU clusters, 2025-12-14, CC BY, high".
std::string SourceOf(const Origin& origin);

/// "clusters.csv:12.h100e".
std::string CellName(const Origin& origin, std::string_view column);

/// A number as it stands in the row.
Figure Cell(double value, const Origin& origin, std::string_view column);
std::optional<Figure> Cell(const std::optional<double>& value, const Origin& origin,
                           std::string_view column);

/// @param from    cells, with "; " between them
/// @param origin  whose source the figure names
Figure Computed(double value, const std::string& from, const std::string& how,
                const Origin& origin);

/// "0.000475", "3.14", "45.6", "4,359": three digits, or all before the point.
std::string ShortFigure(double value);

}  // namespace altteul::plan
