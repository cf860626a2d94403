// SPDX-License-Identifier: Apache-2.0

#include "tools/gap_markup.h"

#include <cstdint>

#include "plan/countries.h"
#include "report/escape.h"

namespace altteul::tools::markup {

std::string Spans(const std::string& en, const std::string& ko) {
  return "<span class=\"en\" lang=\"en\">" + en + "</span><span class=\"ko\" lang=\"ko\">" + ko +
         "</span>";
}

std::string Text(const std::string& en, const std::string& ko) {
  return Spans(report::EscapeMarkup(en), report::EscapeMarkup(ko));
}

std::string Quoted(std::string_view text) {
  return "<span class=\"q\">" + report::EscapeMarkup(text) + "</span>";
}

std::string QuotedBoth(const std::string& en, const std::string& ko) {
  return Spans(Quoted(en), Quoted(ko.empty() ? en : ko));
}

std::string Show(const plan::Figure& figure) {
  const std::string title = (figure.source.empty() ? "" : figure.source + "\n") + figure.trace;
  return "<b class=\"f\" data-v=\"" + plan::Exact(figure.value) + "\" data-t=\"" +
         report::EscapeMarkup(figure.trace) + "\" title=\"" + report::EscapeMarkup(title) + "\">" +
         plan::ShortFigure(figure.value) + "</b>";
}

std::string Show(const std::optional<plan::Figure>& figure) { return figure ? Show(*figure) : "–"; }

std::string ShowAsPart(const plan::Figure& figure) {
  if (!(figure.value > 0) || figure.value >= 1 || !figure.trace.starts_with("computed ")) {
    return Show(figure);
  }
  plan::Figure inverse = figure;
  inverse.value = 1 / figure.value;
  inverse.trace += ", turned over";
  return "<i class=\"q\">1/</i>" + Show(inverse);
}

std::string CountryName(const std::string& code) {
  const plan::Country* country = plan::FindCountry(code);
  if (country == nullptr) return Text("not named", "미상");
  return Text(std::string(country->name), std::string(country->name_ko));
}

Both CountryWords(const std::string& code) {
  const plan::Country* country = plan::FindCountry(code);
  if (country == nullptr) return {"not named", "미상"};
  return {std::string(country->name), std::string(country->name_ko)};
}

std::string WithTopicParticle(const std::string& name) {
  constexpr uint32_t kFirstSyllable = 0xac00, kFinals = 28;
  if (name.size() < 3) return name;
  const auto byte = [&name](size_t back) {
    return static_cast<uint32_t>(static_cast<unsigned char>(name[name.size() - back]));
  };
  const uint32_t code = ((byte(3) & 0x0f) << 12) | ((byte(2) & 0x3f) << 6) | (byte(1) & 0x3f);
  return name + ((code - kFirstSyllable) % kFinals == 0 ? "는" : "은");
}

}  // namespace altteul::tools::markup
