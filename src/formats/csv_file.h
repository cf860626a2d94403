// SPDX-License-Identifier: Apache-2.0

// Tables as RFC 4180 has them: fields between commas, quoted where they hold commas, quotes or line
// ends; one header line. The data files of `gap` and whatever a user gives in their place.
//
// Stricter than most readers, because what is read is shown: every row has as many fields as the
// header, names of columns are there and differ, and no control character reaches a terminal.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace altteul::formats {

struct CsvLimits {
  uint64_t max_bytes = uint64_t{8} << 20;
  size_t max_rows = 100'000;
  size_t max_columns = 64;
  size_t max_field_bytes = size_t{16} << 10;
};

struct CsvRow {
  size_t line = 0;                  ///< of the file, from 1: where the row begins
  std::vector<std::string> fields;  ///< as many as the header
};

struct CsvTable {
  std::string name;  ///< the file, for messages
  std::vector<std::string> header;
  std::vector<CsvRow> rows;

  /// Index of a column; nothing when there is none of this name.
  std::optional<size_t> Column(std::string_view column) const;
};

/// A byte order mark is passed over, and so are blank lines; lines end with LF or CRLF.
/// @param name  the file, for messages
/// @return kCorruptFile with the line, kUnsupported where a limit is passed
Result<CsvTable> ParseCsv(std::string_view text, const std::string& name,
                          const CsvLimits& limits = {});

/// The same for a file; also kNotFound and kIoError.
Result<CsvTable> ReadCsvFile(const std::string& path, const CsvLimits& limits = {});

}  // namespace altteul::formats
