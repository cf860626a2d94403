// SPDX-License-Identifier: Apache-2.0

#include "plan/data_tables.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "plan/countries.h"

namespace altteul::plan {
namespace {

constexpr size_t kMostClusterBytes = 150'000;

std::string TextOf(std::string_view name) {
  for (const NamedText& text : EmbeddedTables()) {
    if (text.name == name) return std::string(text.text);
  }
  return {};
}

/// The built-in tables with one of them replaced.
Result<DataTables> WithTable(const std::string& name, const std::string& text) {
  std::vector<NamedText> texts(EmbeddedTables().begin(), EmbeddedTables().end());
  for (NamedText& each : texts) {
    if (each.name == name) each.text = text;
  }
  return ParseDataTables(texts);
}

template <typename Row>
void ExpectOrigins(const std::vector<Row>& rows, Table table) {
  ASSERT_FALSE(rows.empty());
  for (const Row& row : rows) {
    const Origin& origin = row.origin;
    const std::string where = std::string(TableFile(table)) + ":" + std::to_string(origin.line);
    EXPECT_EQ(origin.table, table) << where;
    EXPECT_GT(origin.line, 1u) << where;
    EXPECT_GE(origin.source.size(), 8u) << where << ": " << origin.source;
    EXPECT_GE(origin.date.size(), 4u) << where;
    EXPECT_TRUE(origin.license == "CC BY" || origin.license == "OGL v3" ||
                origin.license == "facts")
        << where << ": " << origin.license;
  }
}

TEST(DataTablesTest, EveryBuiltInRowHasSourceDateLicenceAndConfidence) {
  const auto tables = LoadDataTables("");
  ASSERT_TRUE(tables.ok()) << tables.status().message();
  ExpectOrigins(tables.value().chips, Table::kChips);
  ExpectOrigins(tables.value().rent, Table::kRent);
  ExpectOrigins(tables.value().clusters, Table::kClusters);
  ExpectOrigins(tables.value().programmes, Table::kProgrammes);
  ExpectOrigins(tables.value().papers, Table::kPapers);
  EXPECT_LE(TextOf("clusters.csv").size(), kMostClusterBytes);
}

TEST(DataTablesTest, RowsThatTheNotesCallDoubtfulAreOut) {
  const auto tables = LoadDataTables("");
  ASSERT_TRUE(tables.ok()) << tables.status().message();
  for (const Chip& chip : tables.value().chips) {
    for (const char* doubtful : {"MXC500", "MI308X", "B300", "GB300"}) {
      EXPECT_EQ(chip.name.find(doubtful), std::string::npos) << chip.name;
    }
    const std::pair<const char*, double> kBandwidths[] = {
        {"NVIDIA P40", 346}, {"NVIDIA A100 PCIe 40GB", 1555}, {"NVIDIA A100 PCIe 80GB", 1935}};
    for (const auto& [name, gb_s] : kBandwidths) {
      if (chip.name == name) {
        EXPECT_EQ(chip.memory_gb_s, gb_s) << name;
      }
    }
    if (chip.name == "NVIDIA GeForce RTX 4070") {
      EXPECT_EQ(chip.tdp_w, 200);
    }
    if (chip.name == "NVIDIA H200 SXM") {
      EXPECT_EQ(chip.memory_gb, 141);
    }
  }
}

TEST(DataTablesTest, EveryCountryHasNamesInBothLanguages) {
  const auto tables = LoadDataTables("");
  ASSERT_TRUE(tables.ok()) << tables.status().message();
  const auto expect_known = [](const std::string& code) {
    if (code.empty()) return;
    const Country* country = FindCountry(code);
    ASSERT_NE(country, nullptr) << code;
    EXPECT_FALSE(country->name.empty() || country->name_ko.empty()) << code;
  };
  for (const Cluster& cluster : tables.value().clusters) expect_known(cluster.country);
  for (const PaperFigure& paper : tables.value().papers) {
    expect_known(paper.country);
    EXPECT_FALSE(paper.measure_ko.empty()) << paper.origin.line;
    EXPECT_EQ(paper.note.empty(), paper.note_ko.empty()) << paper.origin.line;
  }
  for (const Programme& programme : tables.value().programmes) {
    expect_known(programme.country);
    EXPECT_FALSE(programme.name_ko.empty()) << programme.origin.line;
    EXPECT_FALSE(programme.note_ko.empty()) << programme.origin.line;
  }
  size_t n_eu = 0;
  for (const Country& country : Countries()) n_eu += country.in_eu && country.code != "EU" ? 1 : 0;
  EXPECT_EQ(n_eu, 27u);
}

TEST(DataTablesTest, NamesFileLineAndColumnOfWhatIsWrong) {
  const std::string header = "provider,chip,usd_per_gpu_hour,kind,date,source,license,confidence\n";
  const struct {
    std::string row, says;
  } kBad[] = {
      {"A,H100,nan,spot,2026,s,facts,low\n", "column usd_per_gpu_hour: \"nan\" is no number"},
      {"A,H100,1e3,spot,2026,s,facts,low\n", "column usd_per_gpu_hour: \"1e3\" is no number"},
      {"A,H100,0,spot,2026,s,facts,low\n", "column usd_per_gpu_hour: 0 is not between"},
      {"A,H100,,spot,2026,s,facts,low\n", "column usd_per_gpu_hour: is empty"},
      {"A,toaster,1,spot,2026,s,facts,low\n", "column chip: no chip \"toaster\""},
      {"A,H100,1,lent,2026,s,facts,low\n", "column kind: \"lent\" is none of"},
      {"A,H100,1,spot,2026-13,s,facts,low\n", "column date: \"2026-13\" is no date"},
      {"A,H100,1,spot,last week,s,facts,low\n", "column date: \"last week\" is no date"},
      {"A,H100,1,spot,2026,,facts,low\n", "column source: is empty"},
      {"A,H100,1,spot,2026,s,,low\n", "column license: is empty"},
      {"A,H100,1,spot,2026,s,facts,sure\n", "column confidence: \"sure\" is none of"},
  };
  for (const auto& bad : kBad) {
    const auto tables = WithTable("rent.csv", header + bad.row);
    ASSERT_FALSE(tables.ok()) << bad.row;
    EXPECT_EQ(tables.status().code(), ErrorCode::kCorruptFile);
    EXPECT_EQ(tables.status().message().find("rent.csv: line 2: " + bad.says), 0u)
        << tables.status().message();
  }
  const auto missing = WithTable("rent.csv", "provider,chip\n");
  EXPECT_NE(missing.status().message().find("no column"), std::string::npos);
  const auto misspelt = WithTable(
      "rent.csv", "provider,chip,usd_per_gpu_hour,kind,date,source,license,confidence,pirce\n");
  EXPECT_NE(misspelt.status().message().find("\"pirce\" is not known"), std::string::npos)
      << misspelt.status().message();
  EXPECT_TRUE(WithTable("rent.csv", "_mine," + header).ok()) << "a note, and no rows";
}

TEST(DataTablesTest, OneNameCannotMeanTwoChips) {
  std::string text = TextOf("chips.csv");
  text += "Other card,RTX-3090,Other,2026,1,1,1,1,1,1,somebody,2026,facts,low\n";
  const auto tables = WithTable("chips.csv", text);
  ASSERT_FALSE(tables.ok());
  EXPECT_NE(tables.status().message().find("also means NVIDIA GeForce RTX 3090"), std::string::npos)
      << tables.status().message();
}

TEST(DataTablesTest, AUsersFolderReplacesFileByFile) {
  const std::string folder = ::testing::TempDir() + "data_tables_test";
  std::filesystem::remove_all(folder);
  EXPECT_EQ(LoadDataTables(folder).status().code(), ErrorCode::kNotFound);
  std::filesystem::create_directories(folder);
  EXPECT_EQ(LoadDataTables(folder).status().code(), ErrorCode::kNotFound) << "an empty folder";
  std::ofstream(folder + "/rent.csv")
      << "provider,chip,usd_per_gpu_hour,kind,date,source,license,confidence\n"
         "my dealer,H100,1.25,on demand,2026-11-01,an invoice,own,high\n";
  const auto tables = LoadDataTables(folder);
  ASSERT_TRUE(tables.ok()) << tables.status().message();
  ASSERT_EQ(tables.value().rent.size(), 1u);
  EXPECT_EQ(tables.value().rent[0].usd_per_gpu_hour, 1.25);
  EXPECT_EQ(tables.value().files[static_cast<size_t>(Table::kRent)], folder + "/rent.csv");
  EXPECT_EQ(tables.value().files[static_cast<size_t>(Table::kChips)], "built in");
  EXPECT_GT(tables.value().clusters.size(), 400u);
  std::ofstream(folder + "/chips.csv") << "name\n\x1b[2J\n";
  EXPECT_EQ(LoadDataTables(folder).status().code(), ErrorCode::kCorruptFile);
  std::filesystem::remove_all(folder);
}

TEST(DataTablesTest, AFigureThatAnotherPrintedSaysWho) {
  const auto tables = LoadDataTables("");
  ASSERT_TRUE(tables.ok()) << tables.status().message();
  size_t n_state_of_ai = 0, n_below = 0;
  for (const PaperFigure& paper : tables.value().papers) {
    // A source that is told "after" another is not the report itself.
    const bool is_after = paper.origin.source.find(", after ") != std::string::npos;
    EXPECT_EQ(is_after, !paper.printed_by.empty()) << paper.origin.line;
    n_below += paper.bound == "below" ? 1 : 0;
    if (paper.report != "State of AI") continue;
    ++n_state_of_ai;
    EXPECT_EQ(paper.printed_by_ko, "아시아경제 테크토크");
    EXPECT_FALSE(paper.bound.empty()) << paper.origin.line;
  }
  EXPECT_EQ(n_state_of_ai, 4u) << "three countries, and all others";
  EXPECT_EQ(n_below, 1u);
}

TEST(DataTablesTest, ACutTableIsReadOrRefusedAtEveryByte) {
  const std::string text = TextOf("papers.csv");
  for (size_t length = 0; length < text.size(); length += 31) {
    const auto tables = WithTable("papers.csv", text.substr(0, length));
    if (!tables.ok()) {
      EXPECT_NE(tables.status().message().find("papers.csv"), std::string::npos) << length;
    }
  }
}

}  // namespace
}  // namespace altteul::plan
