// SPDX-License-Identifier: Apache-2.0

#include "tools/gap_page.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "plan/gap_trace.h"

namespace altteul::tools {
namespace {

using plan::DataTables;
using plan::Figure;
using plan::GapQuestion;
using plan::GapReport;

constexpr size_t kMostPageBytes = 300'000;
constexpr const char* kToday = "2026-11-29";

GapReport Ask(const DataTables& tables, const std::string& country = "KR") {
  GapQuestion question;
  question.machine = plan::MeasuredMachine{
      .processor = "Processor 9000 <&>", .int8_ops_per_s = 0.94e12, .bytes_per_s = 32e9};
  question.owned = plan::ParseOwned(tables.chips, "4x RTX 3090, M4 Max").value();
  question.rented = plan::ParseRented(tables.chips, "500 H100-hours/month").value();
  question.budget = plan::ParseBudget("5000usd").value();
  question.country = country;
  return plan::FindGap(tables, question, kToday).value();
}

std::string PageOf(const GapReport& report, PageLanguage language = PageLanguage::kEnglish) {
  return GapHtml(report, {.version = "0.1.0 (1a2b3c4d)",
                          .command = "altteul gap --own '4x RTX 3090' --country KR",
                          .today = kToday,
                          .language = language});
}

std::string Unescape(std::string text) {
  const std::pair<const char*, const char*> kEntities[] = {
      {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#39;", "'"}, {"&amp;", "&"}};
  for (const auto& [entity, character] : kEntities) {
    for (size_t at = 0; (at = text.find(entity, at)) != std::string::npos; ++at) {
      text.replace(at, std::string(entity).size(), character);
    }
  }
  return text;
}

double ToNumber(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), ','), text.end());
  double value = NAN;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

struct ShownFigure {
  double value = 0;
  std::string trace, text;
};

/// All elements of class f: they alone may hold figures.
std::vector<ShownFigure> ShownFigures(const std::string& page) {
  const std::regex figure("class=\"f\" data-v=\"([^\"]*)\" data-t=\"([^\"]*)\"[^>]*>([^<]*)<");
  std::vector<ShownFigure> shown;
  for (auto it = std::sregex_iterator(page.begin(), page.end(), figure);
       it != std::sregex_iterator(); ++it) {
    shown.push_back({ToNumber((*it)[1]), Unescape((*it)[2]), (*it)[3]});
  }
  return shown;
}

/// What a reader sees beside figures and quotations.
std::string OtherText(std::string page) {
  page = std::regex_replace(page, std::regex("<style>[^]*?</style>"), "");
  page = std::regex_replace(page, std::regex("<title>[^<]*</title>"), "");
  page = std::regex_replace(page, std::regex("<(\\w+) class=\"[fq]\"[^>]*>[^<]*</\\1>"), "");
  page = std::regex_replace(page, std::regex("<[^>]*>"), " ");
  return Unescape(page);
}

TEST(GapPageTest, EveryFigureTracesToRowsAndIsTheReports) {
  const DataTables tables = plan::LoadDataTables("").value();
  const GapReport report = Ask(tables);
  std::map<std::string, std::set<double>> known;  // trace -> values of the report
  plan::ForEachFigure(report,
                      [&known](const Figure& each) { known[each.trace].insert(each.value); });
  const auto traces = plan::TraceTables::Parse(plan::EmbeddedTables());
  ASSERT_TRUE(traces.ok()) << traces.status().message();

  const auto shown = ShownFigures(PageOf(report));
  EXPECT_GT(shown.size(), 300u);
  constexpr std::string_view kTurned = ", turned over";
  for (const ShownFigure& figure : shown) {
    const Status traced = traces.value().Check({figure.value, figure.trace, {}});
    EXPECT_TRUE(traced.ok()) << traced.message();
    // Three digits are shown, so the text may be off by half of the third.
    EXPECT_NEAR(ToNumber(figure.text), figure.value, 0.0051 * std::fabs(figure.value))
        << figure.trace;
    std::string trace = figure.trace;
    double value = figure.value;
    if (trace.ends_with(kTurned)) {
      trace.resize(trace.size() - kTurned.size());
      value = 1 / value;
    }
    const auto at = known.find(trace);
    ASSERT_NE(at, known.end()) << trace;
    bool is_known = false;
    for (const double each : at->second) {
      is_known = is_known || std::fabs(each - value) <= 1e-12 * std::fabs(each);
    }
    EXPECT_TRUE(is_known) << value << " is not of the report: " << trace;
  }
}

TEST(GapPageTest, NoOtherDigitStandsOnThePage) {
  const DataTables tables = plan::LoadDataTables("").value();
  for (const char* country : {"KR", "IT", ""}) {
    std::string text = OtherText(PageOf(Ask(tables, country)));
    // H100 and INT8 are names.
    text = std::regex_replace(text, std::regex("[A-Za-z]+[0-9]+"), "");
    const size_t digit = text.find_first_of("0123456789");
    EXPECT_EQ(digit, std::string::npos) << text.substr(digit < 60 ? 0 : digit - 60, 120);
  }
}

TEST(GapPageTest, OneFileInTwoLanguagesThatFetchesNothing) {
  const DataTables tables = plan::LoadDataTables("").value();
  for (const PageLanguage language : {PageLanguage::kEnglish, PageLanguage::kKorean}) {
    const std::string page = PageOf(Ask(tables), language);
    EXPECT_LT(page.size(), kMostPageBytes);
    for (const char* fetches : {"<script", "<link", "<img", "<iframe", "@import", "url(",
                                " src=", " href=", "@font-face"}) {
      EXPECT_EQ(page.find(fetches), std::string::npos) << fetches;
    }
    const auto count = [&page](const std::string& what) {
      size_t n = 0;
      for (size_t at = 0; (at = page.find(what, at)) != std::string::npos; ++at) ++n;
      return n;
    };
    EXPECT_EQ(count("class=\"en\""), count("class=\"ko\""));
    EXPECT_GT(count("class=\"en\""), 100u);
    EXPECT_EQ(count("<svg"), 2u);
    EXPECT_EQ(count("<span"), count("</span>"));
    EXPECT_EQ(count("<td"), count("</td>"));
    EXPECT_EQ(count("<text"), count("</text>"));
    const bool korean = language == PageLanguage::kKorean;
    EXPECT_NE(page.find(korean ? "<html lang=\"ko\">" : "<html lang=\"en\">"), std::string::npos);
    EXPECT_NE(page.find(korean ? "id=\"in-ko\" checked" : "id=\"in-en\" checked"),
              std::string::npos);
  }
}

TEST(GapPageTest, SecondHandFiguresSayWhoPrintedThemInBothLanguages) {
  const DataTables tables = plan::LoadDataTables("").value();
  const std::string page = std::regex_replace(PageOf(Ask(tables)), std::regex("<[^>]*>"), "");
  for (const char* words : {"about 70 percent", "약 70%", "about 20 percent", "below 10 percent",
                            "10% 미만", "second-hand: ", "재인용: ", "Asia Economy (테크토크)",
                            "아시아경제 테크토크", "for three years in a row", "3년 연속"}) {
    EXPECT_NE(page.find(words), std::string::npos) << words;
  }
}

TEST(GapPageTest, WordsOfAUsersTableCannotBecomeMarkup) {
  std::vector<plan::NamedText> texts(plan::EmbeddedTables().begin(), plan::EmbeddedTables().end());
  const std::string clusters =
      "name,country,sector,chip,chips,h100e,since,single_site,origin,source,date,license,"
      "confidence\n\"EuroHPC Leonardo<script>alert(1)</script>\",IT,public,\"A100\"\" onclick=x\","
      "8,2.5,2020,yes,,\"<b class=\"\"f\"\">\",2026,\"'\"\"><script>\",high\n";
  for (plan::NamedText& text : texts) {
    if (text.name == "clusters.csv") text.text = clusters;
  }
  const auto tables = plan::ParseDataTables(texts);
  ASSERT_TRUE(tables.ok()) << tables.status().message();
  const std::string page = PageOf(Ask(tables.value(), "IT"));
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_EQ(page.find("\" onclick"), std::string::npos);
  EXPECT_NE(page.find("&lt;script&gt;"), std::string::npos);
}

TEST(GapPageTest, FiguresHaveThreeDigits) {
  const std::pair<double, const char*> kKnown[] = {{0, "0"},
                                                   {1, "1"},
                                                   {27, "27"},
                                                   {4358.9, "4,359"},
                                                   {161.44, "161"},
                                                   {99.96, "100"},
                                                   {45.64, "45.6"},
                                                   {9.996, "10.0"},
                                                   {9.994, "9.99"},
                                                   {1.254, "1.25"},
                                                   {0.99951, "1.00"},
                                                   {0.4747, "0.475"},
                                                   {0.0475, "0.0475"},
                                                   {0.000475, "0.000475"},
                                                   {275795.9, "275,796"}};
  for (const auto& [value, text] : kKnown) EXPECT_EQ(plan::ShortFigure(value), text);
  EXPECT_FALSE(ParsePageLanguage("de").ok());
}

}  // namespace
}  // namespace altteul::tools
