// SPDX-License-Identifier: Apache-2.0

// Whatever a table holds is refused, or yields rows that all have the header's columns.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "formats/csv_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace altteul::formats;
  const auto table = ParseCsv({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!table.ok()) {
    if (table.status().message().find("fuzz:") != 0) std::abort();
    return 0;
  }
  if (table.value().header.empty()) std::abort();
  size_t line = 0;
  for (const CsvRow& row : table.value().rows) {
    if (row.line <= line || row.fields.size() != table.value().header.size()) std::abort();
    line = row.line;
  }
  return 0;
}
