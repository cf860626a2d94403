// SPDX-License-Identifier: Apache-2.0

#include "plan/gap_trace.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

namespace altteul::plan {
namespace {

constexpr double kRounding = 1e-9;  // relative: sums may be added in another order

Status Untraced(std::string_view trace, const std::string& why) {
  return Status(ErrorCode::kCorruptFile, "\"" + std::string(trace) + "\": " + why);
}

std::optional<double> ToNumber(std::string_view text) {
  double value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || read.ec != std::errc() || read.ptr != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

bool TakeWord(std::string_view* text, std::string_view word) {
  if (!text->starts_with(word)) return false;
  text->remove_prefix(word.size());
  return true;
}

/// Splits "A where B" or "A of B"; the second part is empty when the word is not there.
std::pair<std::string_view, std::string_view> SplitAt(std::string_view text,
                                                      std::string_view word) {
  const size_t at = text.find(word);
  if (at == std::string_view::npos) return {text, {}};
  return {text.substr(0, at), text.substr(at + word.size())};
}

/// "clusters.csv.h100e" -> table and column.
std::pair<std::string_view, std::string_view> SplitColumn(std::string_view text) {
  constexpr std::string_view kEnding = ".csv";
  const size_t at = text.find(kEnding);
  if (at == std::string_view::npos) return {text, {}};
  const size_t end = at + kEnding.size();
  return {text.substr(0, end), end < text.size() ? text.substr(end + 1) : std::string_view()};
}

/// Every condition "COLUMN=VALUE" or "COLUMN!=VALUE" between commas holds.
Result<bool> Fits(const formats::CsvTable& table, const formats::CsvRow& row,
                  std::string_view where) {
  while (!where.empty()) {
    const auto [condition, rest] = SplitAt(where, ",");
    where = rest;
    const size_t equals = condition.find('=');
    if (equals == std::string_view::npos || equals == 0) return Untraced(condition, "no condition");
    const bool differs = condition[equals - 1] == '!';
    const auto column = table.Column(condition.substr(0, equals - (differs ? 1 : 0)));
    if (!column) return Untraced(condition, "no such column");
    if ((row.fields[*column] == condition.substr(equals + 1)) == differs) return false;
  }
  return true;
}

}  // namespace

Result<TraceTables> TraceTables::Parse(std::span<const NamedText> texts) {
  TraceTables tables;
  for (const NamedText& text : texts) {
    ALT_ASSIGN_OR_RETURN(formats::CsvTable table,
                         formats::ParseCsv(text.text, std::string(text.name)));
    tables.tables_.emplace(text.name, std::move(table));
  }
  return tables;
}

Result<double> TraceTables::CellValue(std::string_view cell) const {
  const auto [file, place] = SplitAt(cell, ":");
  const auto table = tables_.find(file);
  if (table == tables_.end()) return Untraced(cell, "no such table");
  const auto [line, column_name] = SplitAt(place, ".");
  const auto column = table->second.Column(column_name);
  if (!column) return Untraced(cell, "no such column");
  const auto number = ToNumber(line);
  for (const Row& row : table->second.rows) {
    if (!number || static_cast<double>(row.line) != *number) continue;
    const auto value = ToNumber(row.fields[*column]);
    if (!value) return Untraced(cell, "no number stands there");
    return *value;
  }
  return Untraced(cell, "no such row");
}

Result<double> TraceTables::Sum(std::string_view file, std::string_view column_name,
                                std::string_view where) const {
  const auto table = tables_.find(file);
  if (table == tables_.end()) return Untraced(file, "no such table");
  const auto column = table->second.Column(column_name);
  if (!column_name.empty() && !column) return Untraced(column_name, "no such column");
  double sum = 0;
  for (const Row& row : table->second.rows) {
    ALT_ASSIGN_OR_RETURN(const bool fits, Fits(table->second, row, where));
    if (!fits) continue;
    sum += column ? ToNumber(row.fields[*column]).value_or(0) : 1;
  }
  return sum;
}

Result<double> TraceTables::Rank(std::string_view rest) const {
  const auto [what, behind] = SplitAt(rest, " of ");
  const auto [number, where] = SplitAt(behind, " where ");
  const auto [file, column_name] = SplitColumn(what);
  const auto table = tables_.find(file);
  const auto value = ToNumber(number);
  if (table == tables_.end() || !value) return Untraced(rest, "no table, or no value");
  const auto column = table->second.Column(column_name);
  if (!column) return Untraced(rest, "no such column");
  double rank = 1;
  for (const Row& row : table->second.rows) {
    ALT_ASSIGN_OR_RETURN(const bool fits, Fits(table->second, row, where));
    if (fits && ToNumber(row.fields[*column]).value_or(0) > *value) rank += 1;
  }
  return rank;
}

Result<double> TraceTables::NationRank(std::string_view rest) const {
  const auto [what, behind] = SplitAt(rest, " of country=");
  const auto [file, column] = SplitColumn(what);
  const auto table = tables_.find(file);
  if (table == tables_.end()) return Untraced(rest, "no such table");
  const auto country = table->second.Column("country");
  if (!country) return Untraced(rest, "no countries");
  std::map<std::string, double> sums;
  for (const Row& row : table->second.rows) sums.emplace(row.fields[*country], 0);
  for (auto& [code, sum] : sums) {
    ALT_ASSIGN_OR_RETURN(sum, Sum(file, column, "country=" + code));
  }
  double rank = 1;
  const double mine = sums[std::string(behind)];
  for (const auto& [code, sum] : sums) rank += !code.empty() && sum > mine ? 1 : 0;
  return rank;
}

Status TraceTables::CheckComputed(std::string_view rest) const {
  const size_t end = rest.rfind(": ");
  if (end == std::string_view::npos) return Untraced(rest, "says not how");
  std::string_view cells = rest.substr(0, end);
  if (cells.empty()) return Untraced(rest, "names no cell");
  while (!cells.empty()) {
    const auto [cell, behind] = SplitAt(cells, "; ");
    ALT_RETURN_IF_ERROR(CellValue(cell).status());
    cells = behind;
  }
  return Status();
}

Result<double> TraceTables::Value(std::string_view trace) const {
  std::string_view rest = trace;
  if (TakeWord(&rest, "cell ")) return CellValue(rest);
  const bool counts = TakeWord(&rest, "count ");
  if (counts || TakeWord(&rest, "sum ")) {
    const auto [what, where] = SplitAt(rest, " where ");
    const auto [file, column] = SplitColumn(what);
    if (counts != column.empty()) return Untraced(trace, "counts rows or sums a column");
    return Sum(file, column, where);
  }
  if (TakeWord(&rest, "rank ")) return Rank(rest);
  if (TakeWord(&rest, "nation rank ")) return NationRank(rest);
  if (TakeWord(&rest, "percent ")) {
    const auto [what, conditions] = SplitAt(rest, " where ");
    const auto [file, column] = SplitColumn(what);
    const auto [part, whole] = SplitAt(conditions, " of ");
    ALT_ASSIGN_OR_RETURN(const double of_part, Sum(file, column, part));
    ALT_ASSIGN_OR_RETURN(const double of_whole, Sum(file, column, whole));
    if (!(of_whole > 0)) return Untraced(trace, "of nothing");
    return 100 * of_part / of_whole;
  }
  return Untraced(trace, "is no trace");
}

Status TraceTables::Check(const Figure& figure) const {
  std::string_view rest = figure.trace;
  if (!std::isfinite(figure.value)) return Untraced(rest, "is not finite");
  if (rest == "given") return Status();
  if (TakeWord(&rest, "computed from ")) return CheckComputed(rest);
  ALT_ASSIGN_OR_RETURN(const double value, Value(figure.trace));
  if (std::fabs(value - figure.value) > kRounding * std::fabs(value)) {
    return Untraced(figure.trace,
                    "gives " + std::to_string(value) + ", not " + std::to_string(figure.value));
  }
  return Status();
}

void ForEachFigure(const GapReport& report, const std::function<void(const Figure&)>& visit) {
  const auto maybe = [&visit](const std::optional<Figure>& figure) {
    if (figure) visit(*figure);
  };
  const auto landmark = [&](const Landmark& each) {
    visit(each.h100e);
    for (const auto* figure : {&each.divisor, &each.public_rank, &each.rank, &each.fewer,
                               &each.bandwidth, &each.fewer_by_bandwidth}) {
      maybe(*figure);
    }
  };
  for (const AccessPart& part : report.parts) {
    for (const auto* figure :
         {&part.amount, &part.share_of_time, &part.arithmetic, &part.bandwidth}) {
      maybe(*figure);
    }
  }
  for (const auto* figure : {&report.arithmetic, &report.bandwidth, &report.public_place,
                             &report.place, &report.rich_low, &report.rich_high, &report.world_low,
                             &report.world_high, &report.nation_rank}) {
    maybe(*figure);
  }
  visit(report.public_clusters);
  visit(report.clusters);
  for (const Landmark& each : report.landmarks) landmark(each);
  if (report.rich) landmark(*report.rich);
  for (const auto* offers : {&report.offers.h100, &report.offers.thrifty}) {
    for (const BudgetOffer& offer : *offers) {
      visit(offer.usd_per_hour);
      visit(offer.hours);
      visit(offer.arithmetic);
      maybe(offer.bandwidth);
    }
  }
  for (const NationTotal& nation : report.nations) {
    for (const Figure* figure :
         {&nation.clusters, &nation.h100e, &nation.public_h100e, &nation.share}) {
      visit(*figure);
    }
  }
  for (const ProgrammeView& view : report.programmes) {
    for (const auto* figure :
         {&view.low, &view.high, &view.months, &view.applications, &view.grants, &view.gpus_asked,
          &view.gpus_granted, &view.granted_percent, &view.h100s}) {
      maybe(*figure);
    }
  }
  for (const PaperView& paper : report.papers) visit(paper.value);
  for (const Coverage& coverage : report.coverage) {
    for (const Figure* figure : {&coverage.rows, &coverage.high, &coverage.medium, &coverage.low}) {
      visit(*figure);
    }
  }
}

}  // namespace altteul::plan
