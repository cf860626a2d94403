// SPDX-License-Identifier: Apache-2.0

#include "plan/data_tables.h"

#include <filesystem>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "formats/csv_file.h"
#include "formats/quote.h"
#include "plan/chips.h"
#include "plan/row_reader.h"

namespace altteul::plan {
namespace {

using formats::CsvRow;
using formats::CsvTable;

// Far above anything that exists, so that a slip of a thousand is found and a new chip is not.
constexpr double kMostChips = 1e8;
constexpr double kMostOps = 1e7;  // [10^12 operations a second]
constexpr double kMostMoney = 1e15;

std::vector<std::string> SplitAliases(const std::string& text) {
  std::vector<std::string> aliases;
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t end = std::min(text.find(';', begin), text.size());
    if (end > begin) aliases.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return aliases;
}

Status ReadChips(const CsvTable& table, DataTables* out) {
  ALT_RETURN_IF_ERROR(CheckColumns(
      table, {"name", "aliases", "vendor", "year", "memory_gb", "memory_gb_s", "fp16_tflops",
              "int8_tops", "tdp_w", "launch_usd", "source", "date", "license", "confidence"}));
  std::map<std::string, std::string> folded;  // what a name folds to -> the chip
  for (const CsvRow& row : table.rows) {
    RowReader reader(table, row);
    Chip chip;
    chip.name = reader.Required("name");
    chip.aliases = SplitAliases(reader.Text("aliases"));
    chip.vendor = reader.Required("vendor");
    chip.year = static_cast<int>(reader.RequiredNumber("year", 1990, 2100));
    chip.memory_gb = reader.Number("memory_gb", 0.01, 1e5);
    chip.memory_gb_s = reader.Number("memory_gb_s", 1, 1e6);
    chip.fp16_tflops = reader.Number("fp16_tflops", 0.1, kMostOps);
    chip.int8_tops = reader.Number("int8_tops", 0.1, kMostOps);
    chip.tdp_w = reader.Number("tdp_w", 1, 1e5);
    chip.launch_usd = reader.Number("launch_usd", 1, 1e7);
    chip.origin = reader.ReadOrigin(Table::kChips);
    if (!chip.memory_gb_s && !chip.fp16_tflops && !chip.int8_tops) {
      reader.Complain("memory_gb_s", "neither bandwidth nor arithmetic is known");
    }
    std::vector<std::string> names = chip.aliases;
    names.push_back(chip.name);
    for (const std::string& name : names) {
      const auto [at, is_new] = folded.emplace(FoldChipName(name), chip.name);
      if (!is_new && at->second != chip.name) {
        reader.Complain("aliases", formats::Quote(name) + " also means " + at->second);
      }
    }
    ALT_RETURN_IF_ERROR(reader.status());
    out->chips.push_back(std::move(chip));
  }
  return Status();
}

std::optional<size_t> ReadChipName(RowReader* reader, const DataTables& tables, bool required) {
  const std::string name = required ? reader->Required("chip") : reader->Text("chip");
  if (name.empty()) return std::nullopt;
  const auto chip = FindChip(tables.chips, name);
  if (!chip.ok()) {
    reader->Complain("chip", chip.status().message());
    return std::nullopt;
  }
  return chip.value();
}

Status ReadRent(const CsvTable& table, DataTables* out) {
  ALT_RETURN_IF_ERROR(CheckColumns(table, {"provider", "chip", "usd_per_gpu_hour", "kind", "date",
                                           "source", "license", "confidence"}));
  for (const CsvRow& row : table.rows) {
    RowReader reader(table, row);
    RentPrice price;
    price.provider = reader.Required("provider");
    price.chip = ReadChipName(&reader, *out, /*required=*/true).value_or(0);
    price.usd_per_gpu_hour = reader.RequiredNumber("usd_per_gpu_hour", 0.001, 10'000);
    const std::string kind = reader.OneOf("kind", {"on demand", "spot", "reserved"});
    price.kind = kind == "spot"       ? RentKind::kSpot
                 : kind == "reserved" ? RentKind::kReserved
                                      : RentKind::kOnDemand;
    price.origin = reader.ReadOrigin(Table::kRent);
    ALT_RETURN_IF_ERROR(reader.status());
    out->rent.push_back(std::move(price));
  }
  return Status();
}

Status ReadClusters(const CsvTable& table, DataTables* out) {
  ALT_RETURN_IF_ERROR(
      CheckColumns(table, {"name", "country", "sector", "chip", "chips", "h100e", "since",
                           "single_site", "origin", "source", "date", "license", "confidence"}));
  for (const CsvRow& row : table.rows) {
    RowReader reader(table, row);
    Cluster cluster;
    cluster.name = reader.Required("name");
    cluster.country = reader.Country("country");
    cluster.sector = reader.OneOf("sector", {"public", "private", "mixed", ""});
    cluster.chip = reader.Text("chip");
    cluster.chips = reader.Number("chips", 1, kMostChips);
    cluster.h100e = reader.RequiredNumber("h100e", 0.001, kMostChips);
    cluster.since = reader.Date("since", /*may_be_empty=*/true);
    cluster.origin = reader.ReadOrigin(Table::kClusters);
    ALT_RETURN_IF_ERROR(reader.status());
    out->clusters.push_back(std::move(cluster));
  }
  return Status();
}

Status ReadProgrammes(const CsvTable& table, DataTables* out) {
  ALT_RETURN_IF_ERROR(CheckColumns(
      table,
      {"kind", "country", "operator", "name",         "name_ko", "low",        "high",
       "unit", "chip",    "months",   "applications", "grants",  "gpus_asked", "gpus_granted",
       "note", "note_ko", "source",   "date",         "license", "confidence"}));
  for (const CsvRow& row : table.rows) {
    RowReader reader(table, row);
    Programme programme;
    programme.kind = reader.OneOf(
        "kind", {"grant", "share", "pool", "money", "line", "count", "divisor", "coverage"});
    programme.country = reader.Country("country");
    programme.operator_name = reader.Text("operator");
    programme.name = reader.Required("name");
    programme.name_ko = reader.Text("name_ko");
    programme.low = reader.Number("low", 0, kMostMoney);
    programme.high = reader.Number("high", 0.001, kMostMoney);
    programme.unit = reader.Text("unit");
    programme.chip = ReadChipName(&reader, *out, /*required=*/false);
    programme.months = reader.Number("months", 0.1, 1200);
    programme.applications = reader.Number("applications", 1, 1e9);
    programme.grants = reader.Number("grants", 0, 1e9);
    programme.gpus_asked = reader.Number("gpus_asked", 1, kMostChips);
    programme.gpus_granted = reader.Number("gpus_granted", 0, kMostChips);
    programme.note = reader.Text("note");
    programme.note_ko = reader.Text("note_ko");
    programme.origin = reader.ReadOrigin(Table::kProgrammes);
    if (programme.high && programme.unit.empty()) reader.Complain("unit", "is empty");
    if (programme.low && programme.high && *programme.low > *programme.high) {
      reader.Complain("low", "is more than high");
    }
    ALT_RETURN_IF_ERROR(reader.status());
    out->programmes.push_back(std::move(programme));
  }
  return Status();
}

Status ReadPapers(const CsvTable& table, DataTables* out) {
  ALT_RETURN_IF_ERROR(CheckColumns(
      table,
      {"report", "year", "measure", "measure_ko", "country", "bound", "value", "unit", "printed_by",
       "printed_by_ko", "note", "note_ko", "source", "date", "license", "confidence"}));
  for (const CsvRow& row : table.rows) {
    RowReader reader(table, row);
    PaperFigure paper;
    paper.report = reader.Required("report");
    paper.year = static_cast<int>(reader.RequiredNumber("year", 1990, 2100));
    paper.measure = reader.Required("measure");
    paper.measure_ko = reader.Text("measure_ko");
    paper.country = reader.Country("country");
    paper.bound = reader.OneOf("bound", {"", "about", "below"});
    paper.unit = reader.OneOf("unit", {"percent", "papers", "models", "rank"});
    paper.value = reader.RequiredNumber("value", 0, paper.unit == "percent" ? 100 : 1e9);
    paper.printed_by = reader.Text("printed_by");
    paper.printed_by_ko = reader.Text("printed_by_ko");
    paper.note = reader.Text("note");
    paper.note_ko = reader.Text("note_ko");
    paper.origin = reader.ReadOrigin(Table::kPapers);
    ALT_RETURN_IF_ERROR(reader.status());
    out->papers.push_back(std::move(paper));
  }
  return Status();
}

Status ReadTable(Table which, const CsvTable& table, DataTables* out) {
  switch (which) {
    case Table::kChips:
      return ReadChips(table, out);
    case Table::kRent:
      return ReadRent(table, out);
    case Table::kClusters:
      return ReadClusters(table, out);
    case Table::kProgrammes:
      return ReadProgrammes(table, out);
    case Table::kPapers:
      return ReadPapers(table, out);
  }
  return Status();
}

/// The text of a built-in or given table. @pre it is there
std::string_view TextOf(std::span<const NamedText> texts, Table table) {
  for (const NamedText& text : texts) {
    if (text.name == TableFile(table)) return text.text;
  }
  ALT_CHECK(false && "a table is missing");
  return {};
}

}  // namespace

std::string_view TableFile(Table table) {
  constexpr std::string_view kFiles[kTableCount] = {"chips.csv", "rent.csv", "clusters.csv",
                                                    "programmes.csv", "papers.csv"};
  return kFiles[static_cast<size_t>(table)];
}

std::string_view ConfidenceName(Confidence confidence) {
  constexpr std::string_view kNames[] = {"low", "medium", "high"};
  return kNames[static_cast<size_t>(confidence)];
}

std::string_view RentKindName(RentKind kind) {
  constexpr std::string_view kNames[] = {"on demand", "spot", "reserved"};
  return kNames[static_cast<size_t>(kind)];
}

Result<DataTables> ParseDataTables(std::span<const NamedText> texts) {
  DataTables tables;
  for (size_t i = 0; i < kTableCount; ++i) {
    const Table which = static_cast<Table>(i);
    const std::string name(TableFile(which));
    ALT_ASSIGN_OR_RETURN(const CsvTable table, formats::ParseCsv(TextOf(texts, which), name));
    tables.files[i] = "built in";
    ALT_RETURN_IF_ERROR(ReadTable(which, table, &tables));
  }
  return tables;
}

Result<DataTables> LoadDataTables(const std::string& folder) {
  if (folder.empty()) return ParseDataTables(EmbeddedTables());
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    return Status(ErrorCode::kNotFound, folder + ": no such folder");
  }
  DataTables tables;
  size_t n_found = 0;
  for (size_t i = 0; i < kTableCount; ++i) {
    const Table which = static_cast<Table>(i);
    const std::string path = (std::filesystem::path(folder) / TableFile(which)).string();
    // Chips come first: prices and programmes name them, whichever files they stand in.
    const bool is_there = std::filesystem::exists(path, error);
    auto read = is_there ? formats::ReadCsvFile(path)
                         : formats::ParseCsv(TextOf(EmbeddedTables(), which),
                                             std::string(TableFile(which)));
    ALT_ASSIGN_OR_RETURN(const CsvTable table, std::move(read));
    tables.files[i] = is_there ? path : "built in";
    n_found += is_there ? 1 : 0;
    ALT_RETURN_IF_ERROR(ReadTable(which, table, &tables));
  }
  if (n_found == 0) {
    return Status(ErrorCode::kNotFound,
                  folder +
                      ": none of chips.csv, rent.csv, clusters.csv, programmes.csv and "
                      "papers.csv is in it");
  }
  return tables;
}

}  // namespace altteul::plan
