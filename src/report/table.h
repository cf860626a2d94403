// SPDX-License-Identifier: Apache-2.0

// A table for the terminal: columns as wide as their widest cell; a column of numbers stands to the
// right.

#pragma once

#include <string>
#include <vector>

namespace altteul::report {

class Table {
 public:
  explicit Table(std::vector<std::string> header);
  /// @pre as many cells as the header has
  void AddRow(std::vector<std::string> cells);
  /// Lines ended by newlines. Widths count terminal columns, so Korean lines up too.
  std::string ToString() const;

 private:
  std::vector<std::vector<std::string>> rows_;  // the header first
};

/// Columns a UTF-8 text takes in a terminal.
size_t TerminalWidth(const std::string& text);

}  // namespace altteul::report
