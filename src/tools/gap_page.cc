// SPDX-License-Identifier: Apache-2.0

#include "tools/gap_page.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "report/escape.h"
#include "tools/gap_bars.h"
#include "tools/gap_markup.h"

namespace altteul::tools {
namespace {

using plan::Figure;
using plan::Landmark;
using report::EscapeMarkup;

using markup::Both;
using markup::CountryName;
using markup::CountryWords;
using markup::Quoted;
using markup::QuotedBoth;
using markup::Show;
using markup::ShowAsPart;
using markup::Spans;
using markup::Text;

constexpr std::string_view kStyle = R"(<style>
:root { color-scheme: light dark; --ink: #222; --grid: #ccc; --page: #fff; --bar: #0072b2;
  --mine: #d55e00; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ddd; --grid: #444; --page: #16181c; --bar: #56b4e9; --mine: #ff8c42; }
}
body { background: var(--page); color: var(--ink); font: 16px/1.55 sans-serif;
  max-width: 58rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
:lang(ko) { word-break: keep-all; }
svg { width: 100%; height: auto; }
table { border-collapse: collapse; display: block; overflow-x: auto; overflow-wrap: normal; }
th, td { padding: 0.2rem 0.8rem 0.2rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--grid); }
td.n, th.n { text-align: right; }
td.n { font-variant-numeric: tabular-nums; white-space: nowrap; }
th { vertical-align: bottom; }
td { min-width: 3rem; }
.f { font-weight: inherit; font-style: normal; cursor: help; }
.q { white-space: pre-wrap; font-style: normal; }
small { color: inherit; opacity: 0.8; }
.switch label { cursor: pointer; padding: 0.2rem 0.6rem; border: 1px solid var(--grid); }
#in-en:checked ~ .switch label[for=in-en], #in-ko:checked ~ .switch label[for=in-ko] {
  background: var(--bar); color: var(--page); }
#in-en, #in-ko { position: absolute; opacity: 0; }
#in-en:checked ~ main .ko, #in-ko:checked ~ main .en { display: none; }
#in-en:focus-visible ~ .switch label[for=in-en], #in-ko:focus-visible ~ .switch label[for=in-ko] {
  outline: 2px solid var(--mine); }
</style>
)";

class PageWriter {
 public:
  PageWriter(const plan::GapReport& report, const GapPageFacts& facts)
      : report_(report), facts_(facts) {}

  std::string Write() {
    AddAccess();
    AddLandmarks();
    AddBudget();
    AddNations();
    AddProgrammes();
    AddPapers();
    AddCoverage();
    const bool korean = facts_.language == PageLanguage::kKorean;
    const auto radio = [](const char* id, bool checked) {
      return "<input type=\"radio\" name=\"in\" id=\"" + std::string(id) + "\"" +
             (checked ? " checked" : "") + ">\n";
    };
    return "<!DOCTYPE html>\n<html lang=\"" + std::string(korean ? "ko" : "en") +
           "\">\n<head>\n<meta charset=\"utf-8\">\n"
           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
           "style-src 'unsafe-inline'\">\n"
           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
           std::string(korean ? "연산 자원의 격차" : "The gap in computing") + "</title>\n" +
           std::string(kStyle) + "</head>\n<body>\n" + radio("in-en", !korean) +
           radio("in-ko", korean) +
           "<p class=\"switch\"><label for=\"in-en\" lang=\"en\">English</label> "
           "<label for=\"in-ko\" lang=\"ko\">한국어</label></p>\n<main>\n" +
           body_ + "</main>\n</body>\n</html>\n";
  }

 private:
  using Cells = std::vector<std::string>;

  void Heading(const std::string& en, const std::string& ko) {
    body_ += "<h2>" + Text(en, ko) + "</h2>\n";
  }

  /// Both are markup.
  void Paragraph(const std::string& en, const std::string& ko) {
    body_ += "<p>" + Spans(en, ko) + "</p>\n";
  }

  /// @param left  columns from the left that hold words
  void Table(const Cells& header, const std::vector<Cells>& rows, size_t left) {
    body_ += "<table>\n<tr>";
    for (size_t i = 0; i < header.size(); ++i) {
      body_ += (i < left ? "<th scope=\"col\">" : "<th scope=\"col\" class=\"n\">") + header[i] +
               "</th>";
    }
    body_ += "</tr>\n";
    for (const Cells& row : rows) {
      body_ += "<tr>";
      for (size_t i = 0; i < row.size(); ++i) {
        body_ += (i < left ? "<td>" : "<td class=\"n\">") + row[i] + "</td>";
      }
      body_ += "</tr>\n";
    }
    body_ += "</table>\n";
  }

  void AddAccess() {
    body_ += "<h1>" + Text("The gap in computing", "연산 자원의 격차") + "</h1>\n";
    if (report_.arithmetic || report_.bandwidth) AddAccessSentence();
    std::vector<Cells> rows;
    for (const plan::AccessPart& part : report_.parts) {
      rows.push_back({PartName(part), part.arithmetic ? ShowAsPart(*part.arithmetic) : Unknown(),
                      part.bandwidth ? ShowAsPart(*part.bandwidth) : Unknown()});
    }
    if (rows.size() > 1) {
      rows.push_back({Text("together", "합계"),
                      report_.arithmetic ? ShowAsPart(*report_.arithmetic) : Unknown(),
                      report_.bandwidth ? ShowAsPart(*report_.bandwidth) : Unknown()});
    }
    if (!rows.empty()) {
      Table({Text("access", "쓸 수 있는 자원"), Text("H100s by arithmetic", "H100 환산, 연산량"),
             Text("H100s by bandwidth", "H100 환산, 대역폭")},
            rows, 1);
    }
    Paragraph(
        "Access is what is owned, and what is rented by its hours over the hours of the period. "
        "Arithmetic is dense INT8 operations a second, or dense ones of half precision where no "
        "INT8 is known; bandwidth is that of the chip's memory. A sum leaves out what is not "
        "known.",
        "자원은 가진 것에 빌린 것을 더해 셉니다. 빌린 것은 빌린 시간을 그 기간 전체 시간으로 나눈 "
        "값입니다. 연산량은 희소 행렬 가속을 뺀 초당 INT8 연산 수이고, INT8 값이 없으면 반정밀도 "
        "연산 "
        "수를 씁니다. 대역폭은 칩에 딸린 메모리의 것입니다. 알려지지 않은 값은 합계에 넣지 "
        "않았습니다.");
  }

  static std::string Unknown() { return Text("not known", "알 수 없음"); }

  void AddAccessSentence() {
    const std::string arithmetic =
        report_.arithmetic ? ShowAsPart(*report_.arithmetic) : std::string("–");
    const std::string bandwidth =
        report_.bandwidth ? ShowAsPart(*report_.bandwidth) : std::string("–");
    Paragraph("Of one H100 this is " + arithmetic + " by arithmetic and " + bandwidth +
                  " by the bandwidth of memory. A model that answers one user is bound by the "
                  "second: this is why thrift works.",
              "H100 한 장에 견주면 연산량은 " + arithmetic + ", 메모리 대역폭은 " + bandwidth +
                  "입니다. 한 사람에게 답하는 모델의 속도는 대역폭이 좌우합니다. 그래서 아껴 쓰는 "
                  "기술이 통합니다.");
    if (!report_.public_place || !report_.place) return;
    const std::string en = "It would stand at place " + Show(*report_.public_place) + " beside " +
                           Show(report_.public_clusters) + " public clusters, and at place " +
                           Show(*report_.place) + " beside all " + Show(report_.clusters) +
                           " that the table holds.";
    const std::string ko = "표에 실린 공공 클러스터 " + Show(report_.public_clusters) +
                           "개와 견주면 " + Show(*report_.public_place) + "위, 전체 " +
                           Show(report_.clusters) + "개와 견주면 " + Show(*report_.place) +
                           "위에 해당합니다.";
    Paragraph(en, ko);
  }

  static std::string PartName(const plan::AccessPart& part) {
    using Kind = plan::AccessPart::Kind;
    const std::string name = Quoted(part.name);
    switch (part.kind) {
      case Kind::kMachine:
        return Spans("this machine, measured: " + name, "이 컴퓨터(실측): " + name);
      case Kind::kOwned:
        return Show(part.amount) + " × " + name;
      case Kind::kRented:
        return Spans(name + ", " + Show(part.amount) + " hours " + PerPeriod(*part.period).en,
                     name + " " + PerPeriod(*part.period).ko + " " + Show(part.amount) + "시간");
      case Kind::kBudget:
        break;
    }
    return Spans(Show(part.amount) + " USD " + PerPeriod(*part.period).en + ", spent on " + name,
                 PerPeriod(*part.period).ko + " " + Show(part.amount) + "달러로 빌리는 " + name);
  }

  static Both PerPeriod(plan::Period period) {
    switch (period) {
      case plan::Period::kDay:
        return {"a day", "하루"};
      case plan::Period::kWeek:
        return {"a week", "매주"};
      case plan::Period::kMonth:
        return {"a month", "매달"};
      case plan::Period::kYear:
        break;
    }
    return {"a year", "매년"};
  }

  static std::string LandmarkName(const Landmark& landmark) {
    if (!landmark.divisor) return Quoted(landmark.name);
    return Spans("an equal share of " + Quoted(landmark.name) + " among " + Show(landmark.divisor) +
                     " countries",
                 Show(landmark.divisor) + "개국이 똑같이 나눈 " + Quoted(landmark.name) + "의 몫");
  }

  void AddLandmarks() {
    Heading("Beside well-known machines", "잘 알려진 장비와 견주면");
    AddLadder();
    std::vector<Cells> rows;
    for (const Landmark& landmark : report_.landmarks) {
      rows.push_back({LandmarkName(landmark), CountryName(landmark.country), Show(landmark.h100e),
                      Show(landmark.public_rank), Show(landmark.rank), Times(landmark.fewer),
                      Show(landmark.bandwidth), Times(landmark.fewer_by_bandwidth)});
    }
    if (report_.rich) {
      const Landmark& rich = *report_.rich;
      rows.push_back({QuotedBoth(rich.name, "GPU 부자"), "–", Show(rich.h100e), "–", "–",
                      Times(rich.fewer), "–", "–"});
    }
    Table({Text("machine", "장비"), Text("country", "나라"), Text("H100s", "H100 환산"),
           Text("place, public", "공공 순위"), Text("place, all", "전체 순위"),
           Text("times this access", "내 자원의 배수"),
           Text("H100s by bandwidth", "H100 환산, 대역폭"),
           Text("times this access, by bandwidth", "내 자원의 배수, 대역폭")},
          rows, 2);
    if (report_.rich && report_.rich_low && report_.rich_high) {
      Paragraph(
          "GPU-rich is a word of SemiAnalysis for whoever has " + Show(report_.rich->h100e) +
              " GPUs or more; it counted " + Show(report_.rich_low) + " to " +
              Show(report_.rich_high) +
              " such organisations. Equal shares are an "
              "illustration: a host country keeps a large part of its machine.",
          "GPU 부자는 GPU를 " + Show(report_.rich->h100e) +
              "장 넘게 가진 조직을 가리키는 SemiAnalysis의 말입니다. SemiAnalysis는 그런 "
              "조직을 " +
              Show(report_.rich_low) + "~" + Show(report_.rich_high) +
              "곳으로 보았습니다. 똑같이 나눈 몫은 이해를 돕는 예시일 뿐이고, 실제로는 장비를 "
              "둔 나라가 많은 부분을 씁니다.");
    }
  }

  static std::string Times(const std::optional<Figure>& figure) {
    return figure ? Show(*figure) + " ×" : "–";
  }

  static SvgBar BarOf(const Figure& figure, const std::string& name_en, const std::string& name_ko,
                      bool mine) {
    return {.name = name_en,
            .other_name = name_ko,
            .value = figure.value,
            .text = plan::ShortFigure(figure.value),
            .attributes = "class=\"f\" data-v=\"" + plan::Exact(figure.value) + "\" data-t=\"" +
                          EscapeMarkup(figure.trace) + "\"",
            .tooltip = figure.source,
            .is_marked = mine};
  }

  void AddLadder() {
    std::vector<SvgBar> bars;
    for (const Landmark& landmark : report_.landmarks) {
      bars.push_back(landmark.divisor ? BarOf(landmark.h100e, landmark.name + ", an equal share",
                                              landmark.name + "의 한 나라 몫", false)
                                      : BarOf(landmark.h100e, landmark.name, landmark.name, false));
    }
    if (report_.rich) {
      bars.push_back(
          BarOf(report_.rich->h100e, "the line of the GPU-rich", "GPU 부자의 기준선", false));
    }
    if (report_.bandwidth) {
      bars.push_back(
          BarOf(*report_.bandwidth, "this access, by bandwidth", "내 자원, 대역폭 기준", true));
    }
    if (report_.arithmetic) {
      bars.push_back(
          BarOf(*report_.arithmetic, "this access, by arithmetic", "내 자원, 연산량 기준", true));
    }
    std::stable_sort(bars.begin(), bars.end(),
                     [](const auto& a, const auto& b) { return a.value > b.value; });
    body_ += SvgBars("H100s, on a logarithmic scale", bars, /*logarithmic=*/true);
    Paragraph("Bars grow with the logarithm: each equal step is the same factor.",
              "막대 길이는 로그 눈금을 따릅니다. 같은 간격은 같은 배수를 뜻합니다.");
  }

  void AddBudget() {
    if (report_.offers.h100.empty()) return;
    Heading("What the budget rents", "예산으로 빌릴 수 있는 자원");
    std::vector<Cells> rows;
    const auto add = [&rows](const plan::BudgetOffer& offer, const std::string& what) {
      rows.push_back({what, Quoted(offer.provider), Quoted(offer.chip), Show(offer.usd_per_hour),
                      Show(offer.hours), ShowAsPart(offer.arithmetic),
                      offer.bandwidth ? ShowAsPart(*offer.bandwidth) : "–"});
    };
    const std::string words[] = {Text("cheapest H100", "가장 싼 H100"),
                                 Text("middle H100, counted above", "중간 값 H100(위 합계에 반영)"),
                                 Text("dearest H100", "가장 비싼 H100")};
    for (size_t i = 0; i < report_.offers.h100.size(); ++i) {
      add(report_.offers.h100[i], words[report_.offers.h100.size() == 3 ? i : 1]);
    }
    for (const plan::BudgetOffer& offer : report_.offers.thrifty) {
      add(offer, Text("most for the money", "가격 대비 성능이 가장 좋은 칩"));
    }
    Table({Text("offer", "구분"), Text("provider", "업체"), Text("chip", "칩"),
           Text("USD an hour", "시간당 달러"), Text("hours", "시간"),
           Text("H100s by arithmetic", "H100 환산, 연산량"),
           Text("H100s by bandwidth", "H100 환산, 대역폭")},
          rows, 3);
    Paragraph(
        "Prices on demand, of the day that each figure names. Prices of one chip differ "
        "widely, and old ones mislead: ask the provider.",
        "모두 예약 없이 바로 빌리는 가격이며, 기준일은 숫자마다 다릅니다. 같은 칩도 업체에 따라 "
        "가격 차이가 크고 금세 바뀌므로 업체에 다시 확인하십시오.");
  }

  void AddNations() {
    Heading("Countries", "나라별 합계");
    if (report_.nation && report_.nation_rank) {
      const plan::NationTotal& nation = *report_.nation;
      const Both name = CountryWords(nation.country);
      Paragraph(EscapeMarkup(name.en) + ": " + Show(nation.h100e) + " H100s in " +
                    Show(nation.clusters) + " clusters, of which public " +
                    Show(nation.public_h100e) + "; place " + Show(*report_.nation_rank) +
                    " among the countries of the table.",
                EscapeMarkup(markup::WithTopicParticle(name.ko)) + " 클러스터 " +
                    Show(nation.clusters) + "곳을 합쳐 H100 " + Show(nation.h100e) +
                    "장에 해당합니다. 그 가운데 공공 자원은 " + Show(nation.public_h100e) +
                    "장이고, 표에 있는 나라 가운데 " + Show(*report_.nation_rank) + "위입니다.");
    } else if (!report_.country.empty()) {
      const Both name = CountryWords(report_.country);
      Paragraph(EscapeMarkup(name.en) + ": no cluster in the table.",
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
    body_ += SvgBars("Percent of H100s by country", bars, /*logarithmic=*/false);
    Table({Text("country", "나라"), Text("clusters", "클러스터"), Text("H100s", "H100 환산"),
           Text("of them public", "그중 공공"), Text("percent", "비율(%)")},
          rows, 1);
    if (report_.world_low && report_.world_high) {
      Paragraph(
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
    Heading("What public programmes grant", "공공 프로그램이 내주는 자원");
    std::vector<Cells> rows;
    for (const plan::ProgrammeView& view : report_.programmes) {
      const plan::Programme& row = *view.row;
      rows.push_back({QuotedBoth(row.name, row.name_ko), CountryName(row.country),
                      QuotedBoth(row.note, row.note_ko), Amount(view), Show(view.months),
                      Show(view.h100s)});
    }
    Table({Text("programme", "프로그램"), Text("country", "나라"), Text("for whom", "대상"),
           Text("how much", "규모"), Text("months", "기간(개월)"),
           Text("H100s, at the most", "H100 환산, 최대")},
          rows, 4);
    Paragraph(
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
    Heading("Who publishes", "누가 논문을 내는가");
    std::vector<Cells> rows;
    for (const plan::PaperView& view : report_.papers) {
      const plan::PaperFigure& row = *view.row;
      rows.push_back({Quoted(row.report + ", " + std::to_string(row.year)),
                      QuotedBoth(row.measure, row.measure_ko),
                      row.country.empty() ? Text("each of the others", "그 밖의 나라")
                                          : CountryName(row.country),
                      PaperValue(view), ReadIn(row)});
    }
    Table({Text("report and year", "보고서와 연도"), Text("measure", "기준"),
           Text("country", "나라"), Text("value", "값"), Text("read in", "확인한 곳")},
          rows, 5);
    Paragraph(
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
    const std::string by =
        row.printed_by.empty()
            ? Text("its own words", "원문")
            : Text("second-hand: ", "재인용: ") + QuotedBoth(row.printed_by, row.printed_by_ko);
    if (row.note.empty()) return by;
    return by + "<br><small>" + QuotedBoth(row.note, row.note_ko) + "</small>";
  }

  static Both PaperUnit(const std::string& unit) {
    if (unit == "percent") return {"percent", "%"};
    if (unit == "papers") return {"papers", "편"};
    return {unit, "개"};
  }

  void AddCoverage() {
    Heading("The data, and how old it is", "데이터와 기준일");
    std::vector<Cells> rows;
    for (const plan::Coverage& coverage : report_.coverage) {
      rows.push_back(
          {Quoted(plan::TableFile(coverage.table)),
           coverage.file == "built in" ? Text("built in", "내장") : Quoted(coverage.file),
           Show(coverage.rows), Show(coverage.high), Show(coverage.medium), Show(coverage.low),
           Quoted(coverage.oldest), Quoted(coverage.newest),
           Quoted(std::to_string(coverage.newest_age_days))});
    }
    Table({Text("table", "표"), Text("from", "출처"), Text("rows", "행"),
           Text("confidence high", "신뢰도 높음"), Text("medium", "보통"), Text("low", "낮음"),
           Text("oldest", "가장 오래된 날짜"), Text("newest", "가장 최근 날짜"),
           Text("age in days", "지난 날 수")},
          rows, 2);
    Paragraph(
        "Point at a figure to see its source, the source's date, its licence, its confidence "
        "and the rows that it follows from. Clusters and most chips: Epoch AI, GPU clusters "
        "and Machine Learning Hardware (CC BY). Tables of your own replace these: option "
        "--data.",
        "숫자에 마우스를 올리면 출처, 날짜, 라이선스, 신뢰도와 근거가 된 행이 나옵니다. 클러스터와 "
        "칩 대부분은 Epoch AI의 GPU clusters와 Machine Learning Hardware(CC BY)에서 왔습니다. "
        "--data 옵션으로 직접 만든 표를 쓸 수 있습니다.");
    body_ += "<p><small>" + Quoted("altteul " + facts_.version) + ", " + Quoted(facts_.today) +
             ": " + Quoted(facts_.command) + "</small></p>\n";
  }

  const plan::GapReport& report_;
  const GapPageFacts& facts_;
  std::string body_;
};

}  // namespace

Result<PageLanguage> ParsePageLanguage(const std::string& name) {
  if (name == "en") return PageLanguage::kEnglish;
  if (name == "ko") return PageLanguage::kKorean;
  return Status(ErrorCode::kInvalidArgument, "--lang " + name + ": en or ko");
}

std::string GapHtml(const plan::GapReport& report, const GapPageFacts& facts) {
  return PageWriter(report, facts).Write();
}

}  // namespace altteul::tools
