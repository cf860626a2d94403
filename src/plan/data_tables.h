// SPDX-License-Identifier: Apache-2.0

// What is known of chips, prices, clusters, programmes and papers: five tables of data/gap, carried
// by the program (docs/formats/gap_data.md). A folder of the user's replaces them file by file.
//
// Every row says where it comes from, of which day it is and how far it can be trusted. Behind
// LoadDataTables() all rows are checked: numbers are finite and in range, dates are dates, prices
// name chips that are there.

#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace altteul::plan {

enum class Table { kChips, kRent, kClusters, kProgrammes, kPapers };
inline constexpr size_t kTableCount = 5;
std::string_view TableFile(Table table);  ///< "chips.csv"

/// How far a figure can be trusted (docs/formats/gap_data.md tells what each asks for).
enum class Confidence { kLow, kMedium, kHigh };
std::string_view ConfidenceName(Confidence confidence);

/// Where a row stands and where it comes from.
struct Origin {
  Table table = Table::kChips;
  size_t line = 0;  ///< of the file, from 1
  std::string source;
  std::string date;  ///< "2026", "2026-05" or "2026-05-07"
  std::string license;
  Confidence confidence = Confidence::kLow;
};

/// An accelerator. What is not known is absent, never 0.
struct Chip {
  std::string name;
  std::vector<std::string> aliases;
  std::string vendor;
  int year = 0;
  std::optional<double> memory_gb;
  std::optional<double> memory_gb_s;
  std::optional<double> fp16_tflops;  ///< dense, on matrix units
  std::optional<double> int8_tops;    ///< dense, on matrix units
  std::optional<double> tdp_w;
  std::optional<double> launch_usd;
  Origin origin;
};

enum class RentKind { kOnDemand, kSpot, kReserved };
std::string_view RentKindName(RentKind kind);  ///< "on demand"

struct RentPrice {
  std::string provider;
  size_t chip = 0;  ///< index into DataTables::chips
  double usd_per_gpu_hour = 0;
  RentKind kind = RentKind::kOnDemand;
  Origin origin;
};

struct Cluster {
  std::string name;
  std::string country;  ///< ISO 3166 code, empty where unknown
  std::string sector;   ///< "public", "private", "mixed" or empty
  std::string chip;     ///< as the source spells it
  std::optional<double> chips;
  double h100e = 0;  ///< dense operations a second over those of an H100
  std::string since;
  Origin origin;
};

struct Programme {
  std::string kind;     ///< "grant", "share", "pool", "money"; or what no programme is: "line",
                        ///< "count", "divisor", "coverage"
  std::string country;  ///< ISO 3166 code, "EU", or empty for the world
  std::string operator_name;
  std::string name, name_ko;
  std::optional<double> low, high;
  std::string unit;
  std::optional<size_t> chip;  ///< index into DataTables::chips
  std::optional<double> months;
  std::optional<double> applications, grants, gpus_asked, gpus_granted;
  std::string note, note_ko;
  Origin origin;
};

struct PaperFigure {
  std::string report;
  int year = 0;
  std::string measure, measure_ko;
  std::string country;  ///< empty: each country that the report does not name
  std::string bound;    ///< how the report says it: "about", "below", or empty where exactly
  double value = 0;
  std::string unit;  ///< "percent", "papers", "models" or "rank"
  /// Who printed it, where the report itself was not read: the figure is second-hand.
  std::string printed_by, printed_by_ko;
  std::string note, note_ko;  ///< in the source's sense, not in its words
  Origin origin;
};

struct DataTables {
  std::vector<Chip> chips;
  std::vector<RentPrice> rent;
  std::vector<Cluster> clusters;
  std::vector<Programme> programmes;
  std::vector<PaperFigure> papers;
  /// Where each table was read: "built in", or the user's file.
  std::array<std::string, kTableCount> files;
};

struct NamedText {
  std::string_view name;  ///< "chips.csv"
  std::string_view text;
};

/// The tables that the program carries.
std::span<const NamedText> EmbeddedTables();

/// @param folder  whose files replace the built-in ones of the same name; empty for none
/// @return kNotFound when the folder is none or holds none of the files, kCorruptFile with file,
///         line and column, kUnsupported (too large), kIoError
Result<DataTables> LoadDataTables(const std::string& folder);

/// The same out of texts: all five tables.
Result<DataTables> ParseDataTables(std::span<const NamedText> texts);

}  // namespace altteul::plan
