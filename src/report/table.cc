// SPDX-License-Identifier: Apache-2.0

#include "report/table.h"

#include <utf8proc.h>

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace altteul::report {
namespace {

// Begins like a number: "98.4 MB" does too.
bool IsNumber(const std::string& cell) {
  const size_t at = !cell.empty() && (cell[0] == '-' || cell[0] == '+') ? 1 : 0;
  return at < cell.size() && cell[at] >= '0' && cell[at] <= '9';
}

}  // namespace

size_t TerminalWidth(const std::string& text) {
  size_t width = 0;
  const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  auto left = static_cast<utf8proc_ssize_t>(text.size());
  while (left > 0) {
    utf8proc_int32_t code = 0;
    const utf8proc_ssize_t used = std::max<utf8proc_ssize_t>(1, utf8proc_iterate(at, left, &code));
    width += static_cast<size_t>(std::max(0, code < 0 ? 1 : utf8proc_charwidth(code)));
    at += used;
    left -= used;
  }
  return width;
}

Table::Table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }

void Table::AddRow(std::vector<std::string> cells) {
  ALT_CHECK(cells.size() == rows_.front().size());
  rows_.push_back(std::move(cells));
}

std::string Table::ToString() const {
  std::vector<size_t> widths(rows_.front().size(), 0);
  std::vector<bool> right(widths.size(), true);
  for (size_t r = 0; r < rows_.size(); ++r) {
    for (size_t c = 0; c < widths.size(); ++c) {
      const std::string& cell = rows_[r][c];
      widths[c] = std::max(widths[c], TerminalWidth(cell));
      if (r != 0 && !cell.empty() && !IsNumber(cell)) right[c] = false;
    }
  }
  std::string out;
  for (size_t r = 0; r < rows_.size(); ++r) {
    std::string line;
    for (size_t c = 0; c < widths.size(); ++c) {
      const std::string& cell = rows_[r][c];
      const std::string pad(widths[c] - TerminalWidth(cell), ' ');
      if (c != 0) line += "  ";
      line += right[c] ? pad + cell : cell + pad;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
    if (r != 0) continue;
    for (size_t c = 0; c < widths.size(); ++c) {
      out += std::string(c == 0 ? 0 : 2, ' ') + std::string(widths[c], '-');
    }
    out += "\n";
  }
  return out;
}

}  // namespace altteul::report
