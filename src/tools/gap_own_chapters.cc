// SPDX-License-Identifier: Apache-2.0

#include "tools/gap_chapters.h"

#include <algorithm>
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

using plan::Figure;
using plan::Landmark;

using markup::Both;
using markup::CountryName;
using markup::Quoted;
using markup::QuotedBoth;
using markup::Show;
using markup::ShowAsPart;
using markup::Spans;
using markup::Text;

class OwnChapters {
 public:
  OwnChapters(const plan::GapReport& report, PageBody* page) : report_(report), page_(*page) {}

  void Add() {
    AddAccess();
    AddLandmarks();
    AddBudget();
  }

 private:
  using Cells = PageBody::Cells;

  void AddAccess() {
    page_.Add("<h1>" + Text("The gap in computing", "연산 자원의 격차") + "</h1>\n");
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
      page_.Table(
          {Text("access", "쓸 수 있는 자원"), Text("H100s by arithmetic", "H100 환산, 연산량"),
           Text("H100s by bandwidth", "H100 환산, 대역폭")},
          rows, 1);
    }
    page_.Paragraph(
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
    page_.Paragraph(
        "Of one H100 this is " + arithmetic + " by arithmetic and " + bandwidth +
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
    page_.Paragraph(en, ko);
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
    page_.Heading("Beside well-known machines", "잘 알려진 장비와 견주면");
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
    page_.Table({Text("machine", "장비"), Text("country", "나라"), Text("H100s", "H100 환산"),
                 Text("place, public", "공공 순위"), Text("place, all", "전체 순위"),
                 Text("times this access", "내 자원의 배수"),
                 Text("H100s by bandwidth", "H100 환산, 대역폭"),
                 Text("times this access, by bandwidth", "내 자원의 배수, 대역폭")},
                rows, 2);
    if (report_.rich && report_.rich_low && report_.rich_high) {
      page_.Paragraph(
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
    page_.Add(SvgBars("H100s, on a logarithmic scale", bars, /*logarithmic=*/true));
    page_.Paragraph("Bars grow with the logarithm: each equal step is the same factor.",
                    "막대 길이는 로그 눈금을 따릅니다. 같은 간격은 같은 배수를 뜻합니다.");
  }

  void AddBudget() {
    if (report_.offers.h100.empty()) return;
    page_.Heading("What the budget rents", "예산으로 빌릴 수 있는 자원");
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
    page_.Table({Text("offer", "구분"), Text("provider", "업체"), Text("chip", "칩"),
                 Text("USD an hour", "시간당 달러"), Text("hours", "시간"),
                 Text("H100s by arithmetic", "H100 환산, 연산량"),
                 Text("H100s by bandwidth", "H100 환산, 대역폭")},
                rows, 3);
    page_.Paragraph(
        "Prices on demand, of the day that each figure names. Prices of one chip differ "
        "widely, and old ones mislead: ask the provider.",
        "모두 예약 없이 바로 빌리는 가격이며, 기준일은 숫자마다 다릅니다. 같은 칩도 업체에 따라 "
        "가격 차이가 크고 금세 바뀌므로 업체에 다시 확인하십시오.");
  }

  const plan::GapReport& report_;
  PageBody& page_;
};

}  // namespace

void AddOwnChapters(const plan::GapReport& report, PageBody* page) {
  OwnChapters(report, page).Add();
}

}  // namespace altteul::tools
