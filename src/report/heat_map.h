// SPDX-License-Identifier: Apache-2.0

// A table of coloured cells as one SVG element: the larger the value, the stronger the colour, on a
// logarithmic scale. Each cell has a word in it and a tooltip.

#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace altteul::report {

class HeatMap {
 public:
  struct Cell {
    std::string row;         ///< rows stand in the order in which they are first named
    size_t column = 0;       ///< from 0
    bool whole_row = false;  ///< as wide as all columns
    double value = 0;        ///< not positive or not finite: without colour
    std::string text;        ///< in the cell, where there is room
    std::string tooltip;
  };

  /// @param title         read out in place of the picture
  /// @param column_label  what is counted in the columns
  /// @param value_label   what the colour means
  HeatMap(std::string title, std::string column_label, std::string value_label);

  void Add(Cell cell);

  /// Well-formed XML whatever the texts hold.
  std::string ToSvg() const;

 private:
  std::string title_, column_label_, value_label_;
  std::vector<std::string> rows_;
  std::vector<Cell> cells_;
};

}  // namespace altteul::report
