// SPDX-License-Identifier: Apache-2.0

// One self-contained HTML page: no scripts, nothing fetched, light or dark as the reader likes it.

#pragma once

#include <string>
#include <utility>
#include <vector>

#include "report/heat_map.h"
#include "report/svg_chart.h"

namespace altteul::report {

class HtmlPage {
 public:
  explicit HtmlPage(std::string title);

  // All texts are plain and escaped here.
  void AddHeading(const std::string& text);
  void AddParagraph(const std::string& text);
  void AddFacts(const std::vector<std::pair<std::string, std::string>>& facts);  ///< name, value
  /// @pre every row has as many cells as the header. Cells that begin like a number stand right.
  void AddTable(const std::vector<std::string>& header,
                const std::vector<std::vector<std::string>>& rows);
  void AddChart(const SvgChart& chart);
  void AddHeatMap(const HeatMap& map);

  std::string ToHtml() const;

 private:
  std::string title_;
  std::string body_;
};

}  // namespace altteul::report
