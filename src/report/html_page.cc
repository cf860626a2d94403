// SPDX-License-Identifier: Apache-2.0

#include "report/html_page.h"

#include <string_view>

#include "base/check.h"
#include "report/escape.h"

namespace altteul::report {
namespace {

// `default-src 'none'` makes the reader's browser hold the page to what its first line promises.
constexpr std::string_view kHead = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
)";

constexpr std::string_view kStyle = R"(<style>
:root { color-scheme: light dark; --chart-ink: #222; --chart-grid: #ccc; --page: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --chart-ink: #ddd; --chart-grid: #444; --page: #16181c; --chart-0: #56b4e9;
    --chart-1: #ff8c42; --chart-2: #2fc79a; --chart-5: #9fd3f4; --chart-heat: #b34700; }
}
body { background: var(--page); color: var(--chart-ink); font: 16px/1.5 sans-serif;
  max-width: 56rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
svg { width: 100%; height: auto; }
table { border-collapse: collapse; display: block; overflow-x: auto; overflow-wrap: normal; }
th, td { padding: 0.2rem 0.8rem 0.2rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--chart-grid); }
td { white-space: pre-wrap; }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
</style>
)";

/// A figure, maybe with its unit or error; not a sentence that begins with one.
bool IsNumber(const std::string& cell) {
  constexpr size_t kLongest = 32;
  if (cell.size() > kLongest) return false;
  const size_t at = !cell.empty() && (cell[0] == '-' || cell[0] == '+') ? 1 : 0;
  return at < cell.size() && cell[at] >= '0' && cell[at] <= '9';
}

}  // namespace

HtmlPage::HtmlPage(std::string title) : title_(std::move(title)) {}

void HtmlPage::AddHeading(const std::string& text) {
  body_ += "<h2>" + EscapeMarkup(text) + "</h2>\n";
}

void HtmlPage::AddParagraph(const std::string& text) {
  body_ += "<p>" + EscapeMarkup(text) + "</p>\n";
}

void HtmlPage::AddFacts(const std::vector<std::pair<std::string, std::string>>& facts) {
  body_ += "<table>\n";
  for (const auto& [name, value] : facts) {
    body_ += "<tr><th scope=\"row\">" + EscapeMarkup(name) + "</th><td>" + EscapeMarkup(value) +
             "</td></tr>\n";
  }
  body_ += "</table>\n";
}

void HtmlPage::AddTable(const std::vector<std::string>& header,
                        const std::vector<std::vector<std::string>>& rows) {
  body_ += "<table>\n<tr>";
  for (const std::string& cell : header) {
    body_ += "<th scope=\"col\">" + EscapeMarkup(cell) + "</th>";
  }
  body_ += "</tr>\n";
  for (const std::vector<std::string>& row : rows) {
    ALT_CHECK(row.size() == header.size());
    body_ += "<tr>";
    for (const std::string& cell : row) {
      body_ += (IsNumber(cell) ? "<td class=\"n\">" : "<td>") + EscapeMarkup(cell) + "</td>";
    }
    body_ += "</tr>\n";
  }
  body_ += "</table>\n";
}

void HtmlPage::AddChart(const SvgChart& chart) { body_ += chart.ToSvg(); }

void HtmlPage::AddHeatMap(const HeatMap& map) { body_ += map.ToSvg(); }

std::string HtmlPage::ToHtml() const {
  const std::string title = EscapeMarkup(title_);
  return std::string(kHead) + "<title>" + title + "</title>\n" + std::string(kStyle) +
         "</head>\n<body>\n<h1>" + title + "</h1>\n" + body_ + "</body>\n</html>\n";
}

}  // namespace altteul::report
