// SPDX-License-Identifier: Apache-2.0

#include "tools/gap_page.h"

#include <string_view>
#include <utility>
#include <vector>

#include "tools/gap_chapters.h"
#include "tools/gap_markup.h"
#include "tools/page_body.h"

namespace altteul::tools {
namespace {

using markup::Quoted;
using markup::Show;
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
    AddOwnChapters(report_, &page_);
    AddPublicChapters(report_, &page_);
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
           page_.markup() + "</main>\n</body>\n</html>\n";
  }

 private:
  using Cells = PageBody::Cells;

  void AddCoverage() {
    page_.Heading("The data, and how old it is", "데이터와 기준일");
    std::vector<Cells> rows;
    for (const plan::Coverage& coverage : report_.coverage) {
      rows.push_back(
          {Quoted(plan::TableFile(coverage.table)),
           coverage.file == "built in" ? Text("built in", "내장") : Quoted(coverage.file),
           Show(coverage.rows), Show(coverage.high), Show(coverage.medium), Show(coverage.low),
           Quoted(coverage.oldest), Quoted(coverage.newest),
           Quoted(std::to_string(coverage.newest_age_days))});
    }
    page_.Table({Text("table", "표"), Text("from", "출처"), Text("rows", "행"),
                 Text("confidence high", "신뢰도 높음"), Text("medium", "보통"),
                 Text("low", "낮음"), Text("oldest", "가장 오래된 날짜"),
                 Text("newest", "가장 최근 날짜"), Text("age in days", "지난 날 수")},
                rows, 2);
    page_.Paragraph(
        "Point at a figure to see its source, the source's date, its licence, its confidence "
        "and the rows that it follows from. Clusters and most chips: Epoch AI, GPU clusters "
        "and Machine Learning Hardware (CC BY). Tables of your own replace these: option "
        "--data.",
        "숫자에 마우스를 올리면 출처, 날짜, 라이선스, 신뢰도와 근거가 된 행이 나옵니다. 클러스터와 "
        "칩 대부분은 Epoch AI의 GPU clusters와 Machine Learning Hardware(CC BY)에서 왔습니다. "
        "--data 옵션으로 직접 만든 표를 쓸 수 있습니다.");
    page_.Add("<p><small>" + Quoted("altteul " + facts_.version) + ", " + Quoted(facts_.today) +
              ": " + Quoted(facts_.command) + "</small></p>\n");
  }

  const plan::GapReport& report_;
  const GapPageFacts& facts_;
  PageBody page_;
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
