// SPDX-License-Identifier: Apache-2.0

#include "tools/gap_chapters.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "report/escape.h"
#include "tools/gap_bars.h"
#include "tools/gap_markup.h"

namespace altteul::tools {
namespace {

using report::EscapeMarkup;

using markup::Both;
using markup::CountryName;
using markup::CountryWords;
using markup::Quoted;
using markup::QuotedBoth;
using markup::Show;
using markup::Spans;
using markup::Text;

class PublicChapters {
 public:
  PublicChapters(const plan::GapReport& report, PageBody* page) : report_(report), page_(*page) {}

  void Add() {
    AddNations();
    AddProgrammes();
    AddPapers();
  }

 private:
  using Cells = PageBody::Cells;

  void AddNations() {
    page_.Heading("Countries", "나라별 합계");
    if (report_.nation && report_.nation_rank) {
      const plan::NationTotal& nation = *report_.nation;
      const Both name = CountryWords(nation.country);
      page_.Paragraph(
          EscapeMarkup(name.en) + ": " + Show(nation.h100e) + " H100s in " + Show(nation.clusters) +
              " clusters, of which public " + Show(nation.public_h100e) + "; place " +
              Show(*report_.nation_rank) + " among the countries of the table.",
          EscapeMarkup(markup::WithTopicParticle(name.ko)) + " 클러스터 " + Show(nation.clusters) +
              "곳을 합쳐 H100 " + Show(nation.h100e) + "장에 해당합니다. 그 가운데 공공 자원은 " +
              Show(nation.public_h100e) + "장이고, 표에 있는 나라 가운데 " +
              Show(*report_.nation_rank) + "위입니다.");
    } else if (!report_.country.empty()) {
      const Both name = CountryWords(report_.country);
      page_.Paragraph(EscapeMarkup(name.en) + ": no cluster in the table.",
                      EscapeMarkup(name.ko) + ": 표에 실린 클러스터가 없습니다.");
    }
    constexpr size_t kShown = 12;
    std::vector<SvgBar> bars;
    std::vector<Cells> rows;
    for (size_t i = 0; i < report_.nations.size(); ++i) {
      const plan::NationTotal& nation = report_.nations[i];
      const bool mine = nation.country == report_.country;
      if (i >= kShown && !mine) continue;
      const Both name = CountryWords(nation.country);
      bars.push_back(BarOf(nation.share, name.en, name.ko, mine));
      rows.push_back({CountryName(nation.country), Show(nation.clusters), Show(nation.h100e),
                      Show(nation.public_h100e), Show(nation.share)});
    }
    page_.Add(SvgBars("Percent of H100s by country", bars, /*logarithmic=*/false));
    page_.Table({Text("country", "나라"), Text("clusters", "클러스터"), Text("H100s", "H100 환산"),
                 Text("of them public", "그중 공공"), Text("percent", "비율(%)")},
                rows, 1);
    if (report_.world_low && report_.world_high) {
      page_.Paragraph(
          "Percent is of the clusters that name a country. The source says that it covers " +
              Show(report_.world_low) + " to " + Show(report_.world_high) +
              " percent of the world's performance, so that a country's total is what is "
              "publicly known, not what it has.",
          "비율은 나라가 밝혀진 클러스터를 모두 더한 값에 대한 것입니다. 출처에 따르면 이 표는 "
          "세계 전체 성능의 " +
              Show(report_.world_low) + "~" + Show(report_.world_high) +
              "%를 담고 있습니다. 따라서 나라별 합계는 실제 보유량이 아니라 공개된 양입니다.");
    }
  }

  void AddProgrammes() {
    page_.Heading("What public programmes grant", "공공 프로그램이 내주는 자원");
    std::vector<Cells> rows;
    for (const plan::ProgrammeView& view : report_.programmes) {
      const plan::Programme& row = *view.row;
      rows.push_back({QuotedBoth(row.name, row.name_ko), CountryName(row.country),
                      QuotedBoth(row.note, row.note_ko), Amount(view), Show(view.months),
                      Show(view.h100s)});
    }
    page_.Table({Text("programme", "프로그램"), Text("country", "나라"), Text("for whom", "대상"),
                 Text("how much", "규모"), Text("months", "기간(개월)"),
                 Text("H100s, at the most", "H100 환산, 최대")},
                rows, 4);
    page_.Paragraph(
        "H100s are the GPUs, or a grant's hours spread over its months, by arithmetic. "
        "Credits are exchanged for each machine's own hours at its own rate.",
        "H100 환산은 GPU 수, 또는 배정된 시간을 그 기간에 고루 나눠 쓴다고 보고 연산량으로 계산한 "
        "값입니다. 크레딧은 장비마다 정해진 비율로 이용 시간과 바꿉니다.");
  }

  static std::string Amount(const plan::ProgrammeView& view) {
    if (view.applications && view.grants) {
      std::string en = Show(view.grants) + " of " + Show(view.applications) + " applications";
      std::string ko = "신청 " + Show(view.applications) + "건 중 " + Show(view.grants) + "건 선정";
      if (view.gpus_asked && view.gpus_granted && view.granted_percent) {
        en += "; " + Show(view.gpus_granted) + " of " + Show(view.gpus_asked) + " GPUs (" +
              Show(view.granted_percent) + " percent)";
        ko += ", GPU " + Show(view.gpus_asked) + "장 신청에 " + Show(view.gpus_granted) +
              "장 배정(" + Show(view.granted_percent) + "%)";
      }
      return Spans(en, ko);
    }
    if (!view.high) return "–";
    const std::string range = view.low ? Show(view.low) + "–" + Show(view.high) : Show(view.high);
    const Both unit = UnitWords(view.row->unit);
    return Spans(range + " " + EscapeMarkup(unit.en), range + EscapeMarkup(unit.ko));
  }

  static Both UnitWords(const std::string& unit) {
    constexpr std::pair<std::string_view, std::string_view> kKorean[] = {
        {"GPU-hours", " GPU 시간"},
        {"credits", " 크레딧"},
        {"GPUs", "장"},
        {"percent", "%"},
        {"million GBP", " (단위: 백만 파운드)"},
        {"million USD", " (단위: 백만 달러)"},
        {"million KRW", " (단위: 백만 원)"},
        {"organisations", "곳"},
        {"countries", "개국"}};
    for (const auto& [english, korean] : kKorean) {
      if (unit == english) return {unit, std::string(korean)};
    }
    return {unit, " " + unit};
  }

  void AddPapers() {
    if (report_.papers.empty()) return;
    page_.Heading("Who publishes", "누가 논문을 내는가");
    std::vector<Cells> rows;
    for (const plan::PaperView& view : report_.papers) {
      const plan::PaperFigure& row = *view.row;
      rows.push_back({Quoted(row.report + ", " + std::to_string(row.year)),
                      QuotedBoth(row.measure, row.measure_ko),
                      row.country.empty() ? Text("each of the others", "그 밖의 나라")
                                          : CountryName(row.country),
                      PaperValue(view), ReadIn(row)});
    }
    page_.Table({Text("report and year", "보고서와 연도"), Text("measure", "기준"),
                 Text("country", "나라"), Text("value", "값"), Text("read in", "확인한 곳")},
                rows, 5);
    page_.Paragraph(
        "Reports count different things; a share of papers is no measure of computing. "
        "Second-hand: another publication printed what the report says, and the report itself was "
        "not read.",
        "보고서마다 세는 기준이 다릅니다. 논문 비율이 곧 연산 자원의 비율은 아닙니다. 재인용은 "
        "보고서 원문이 아니라 그 내용을 전한 매체에서 옮긴 값입니다.");
  }

  static std::string PaperValue(const plan::PaperView& view) {
    const std::string value = Show(view.value);
    const std::string& said = view.row->unit;
    if (said == "rank") return Spans("place " + value, value + "위");
    const Both unit = PaperUnit(said);
    const std::string& bound = view.row->bound;
    return Spans(
        EscapeMarkup(bound) + (bound.empty() ? "" : " ") + value + " " + unit.en,
        (bound == "about" ? "약 " : "") + value + unit.ko + (bound == "below" ? " 미만" : ""));
  }

  static std::string ReadIn(const plan::PaperFigure& row) {
    std::string by = row.printed_by.empty() ? Text("its own words", "원문")
                                            : Text("second-hand: ", "재인용: ") +
                                                  QuotedBoth(row.printed_by, row.printed_by_ko);
    if (row.note.empty()) return by;
    return by + "<br><small>" + QuotedBoth(row.note, row.note_ko) + "</small>";
  }

  static Both PaperUnit(const std::string& unit) {
    if (unit == "percent") return {"percent", "%"};
    if (unit == "papers") return {"papers", "편"};
    return {unit, "개"};
  }

  const plan::GapReport& report_;
  PageBody& page_;
};

}  // namespace

void AddPublicChapters(const plan::GapReport& report, PageBody* page) {
  PublicChapters(report, page).Add();
}

}  // namespace altteul::tools
