// SPDX-License-Identifier: Apache-2.0

// One row of a table of data/gap, read column by column. The first thing that is wrong is kept,
// with file, line and column, so that a reader can take all columns first and ask once.

#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "formats/csv_file.h"
#include "plan/data_tables.h"

namespace altteul::plan {

/// kCorruptFile when a column is missing, or is there and not known: a misspelt name must not go
/// unnoticed. Names that begin with "_" are notes.
Status CheckColumns(const formats::CsvTable& table, std::initializer_list<std::string_view> known);

class RowReader {
 public:
  /// @param table, row  must outlive the reader; CheckColumns() has passed
  RowReader(const formats::CsvTable& table, const formats::CsvRow& row)
      : table_(table), row_(row) {}

  std::string Text(std::string_view column) const;  ///< may be empty
  std::string Required(std::string_view column);
  /// One of `allowed`.
  std::string OneOf(std::string_view column, std::initializer_list<std::string_view> allowed);
  std::optional<double> Number(std::string_view column, double least, double most);
  double RequiredNumber(std::string_view column, double least, double most);
  std::string Date(std::string_view column, bool may_be_empty);
  std::string Country(std::string_view column);
  Origin ReadOrigin(Table table);

  void Complain(std::string_view column, const std::string& what);
  const Status& status() const { return status_; }

 private:
  const formats::CsvTable& table_;
  const formats::CsvRow& row_;
  Status status_;
};

}  // namespace altteul::plan
