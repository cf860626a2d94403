// SPDX-License-Identifier: Apache-2.0

#include "tools/gap_output.h"

#include "base/human_units.h"
#include "plan/countries.h"
#include "report/table.h"
#include "tools/gap_page.h"

namespace altteul::tools {
namespace {

using nlohmann::ordered_json;
using plan::Figure;
using plan::GapReport;

constexpr size_t kNationsShown = 10;

std::string Show(const std::optional<Figure>& figure) {
  return figure ? plan::ShortFigure(figure->value) : "-";
}

/// "1/2,105" below 1.
std::string ShowAsPart(const std::optional<Figure>& figure) {
  if (!figure) return "not known";
  if (figure->value >= 1 || !(figure->value > 0)) return plan::ShortFigure(figure->value);
  return "1/" + plan::ShortFigure(1 / figure->value);
}

std::string Name(const std::string& code) {
  const plan::Country* country = plan::FindCountry(code);
  return country == nullptr ? "" : std::string(country->name);
}

std::string PartName(const plan::AccessPart& part) {
  const std::string period = part.period ? " a " + std::string(plan::PeriodName(*part.period)) : "";
  switch (part.kind) {
    case plan::AccessPart::Kind::kMachine:
      return "this machine: " + part.name;
    case plan::AccessPart::Kind::kOwned:
      return Show(part.amount) + "x " + part.name;
    case plan::AccessPart::Kind::kRented:
      return Show(part.amount) + " hours" + period + " of " + part.name;
    case plan::AccessPart::Kind::kBudget:
      break;
  }
  return Show(part.amount) + " USD" + period + " for " + part.name;
}

std::string AccessAsText(const GapReport& report) {
  report::Table table({"access", "H100s by arithmetic", "by bandwidth"});
  for (const plan::AccessPart& part : report.parts) {
    table.AddRow({PartName(part), ShowAsPart(part.arithmetic), ShowAsPart(part.bandwidth)});
  }
  if (report.parts.size() > 1) {
    table.AddRow({"together", ShowAsPart(report.arithmetic), ShowAsPart(report.bandwidth)});
  }
  std::string text = table.ToString();
  if (report.arithmetic_is_partial || report.bandwidth_is_partial) {
    text += "Sums leave out what is not known of a chip.\n";
  }
  if (report.place) {
    text += "By arithmetic: place " + Show(report.public_place) + " beside " +
            Show(report.public_clusters) + " public clusters, " + Show(report.place) +
            " beside all " + Show(report.clusters) + ".\n";
  }
  return text;
}

std::string LandmarksAsText(const GapReport& report) {
  report::Table table(
      {"machine", "", "H100s", "place, public", "place, all", "times this access", "by bandwidth"});
  for (const plan::Landmark& landmark : report.landmarks) {
    const std::string name =
        landmark.divisor ? landmark.name + ", 1/" + Show(landmark.divisor) : landmark.name;
    table.AddRow({name, landmark.country, plan::ShortFigure(landmark.h100e.value),
                  Show(landmark.public_rank), Show(landmark.rank), Show(landmark.fewer),
                  Show(landmark.fewer_by_bandwidth)});
  }
  if (report.rich) {
    table.AddRow({report.rich->name + ", from", "", plan::ShortFigure(report.rich->h100e.value),
                  "-", "-", Show(report.rich->fewer), "-"});
  }
  return table.ToString();
}

std::string BudgetAsText(const GapReport& report) {
  if (report.offers.h100.empty()) return {};
  report::Table table({"offer on demand", "chip", "USD an hour", "of", "hours",
                       "H100s by arithmetic", "by bandwidth"});
  for (const auto* offers : {&report.offers.h100, &report.offers.thrifty}) {
    for (const plan::BudgetOffer& offer : *offers) {
      table.AddRow({offer.provider, offer.chip, plan::ShortFigure(offer.usd_per_hour.value),
                    offer.date, plan::ShortFigure(offer.hours.value), ShowAsPart(offer.arithmetic),
                    ShowAsPart(offer.bandwidth)});
    }
  }
  return table.ToString();
}

std::string NationsAsText(const GapReport& report) {
  report::Table table({"country", "clusters", "H100s", "of them public", "percent"});
  for (size_t i = 0; i < report.nations.size(); ++i) {
    const plan::NationTotal& nation = report.nations[i];
    if (i >= kNationsShown && nation.country != report.country) continue;
    table.AddRow({Name(nation.country), plan::ShortFigure(nation.clusters.value),
                  plan::ShortFigure(nation.h100e.value),
                  plan::ShortFigure(nation.public_h100e.value),
                  plan::ShortFigure(nation.share.value)});
  }
  std::string text = table.ToString();
  if (report.nation_rank) {
    text += Name(report.country) + " stands at place " + Show(report.nation_rank) + " of " +
            std::to_string(report.nations.size()) + " countries.\n";
  }
  return text;
}

std::string Amount(const plan::ProgrammeView& view) {
  if (view.applications && view.grants) {
    std::string text = Show(view.grants) + " of " + Show(view.applications) + " applications";
    if (view.gpus_asked && view.gpus_granted) {
      text += ", " + Show(view.gpus_granted) + " of " + Show(view.gpus_asked) + " GPUs";
    }
    return text;
  }
  if (!view.high) return "-";
  return (view.low ? Show(view.low) + " to " : "") + Show(view.high) + " " + view.row->unit;
}

std::string ProgrammesAsText(const GapReport& report) {
  report::Table table({"programme", "", "how much", "months", "H100s", "date"});
  bool any_open = false;
  for (const plan::ProgrammeView& view : report.programmes) any_open = any_open || view.is_open;
  for (const plan::ProgrammeView& view : report.programmes) {
    if (any_open && !view.is_open) continue;
    table.AddRow({view.row->name, view.row->country, Amount(view), Show(view.months),
                  Show(view.h100s), view.row->origin.date});
  }
  std::string text = table.ToString();
  if (!report.country.empty() && !any_open) {
    text += "None of them is known to be open to " + Name(report.country) + ".\n";
  }
  return text;
}

std::string PapersAsText(const GapReport& report) {
  report::Table table({"report", "measure", "country", "value", "unit", "read in"});
  for (const plan::PaperView& view : report.papers) {
    const plan::PaperFigure& row = *view.row;
    const std::string bound = row.bound.empty() ? "" : row.bound + " ";
    const std::string read =
        row.printed_by.empty() ? "its own words" : "second-hand: " + row.printed_by;
    table.AddRow({row.report + " " + std::to_string(row.year), row.measure,
                  row.country.empty() ? "each other" : Name(row.country),
                  bound + plan::ShortFigure(view.value.value), row.unit,
                  row.note.empty() ? read : read + "; " + row.note});
  }
  return table.ToString();
}

std::string CoverageAsText(const GapReport& report) {
  report::Table table(
      {"data", "from", "rows", "high", "medium", "low", "oldest", "newest", "days old"});
  for (const plan::Coverage& coverage : report.coverage) {
    table.AddRow({std::string(plan::TableFile(coverage.table)), coverage.file,
                  plan::ShortFigure(coverage.rows.value), plan::ShortFigure(coverage.high.value),
                  plan::ShortFigure(coverage.medium.value), plan::ShortFigure(coverage.low.value),
                  coverage.oldest, coverage.newest, std::to_string(coverage.newest_age_days)});
  }
  std::string text = table.ToString();
  if (report.world_low && report.world_high) {
    text += "Clusters: Epoch AI (CC BY), which says that they are " + Show(report.world_low) +
            " to " + Show(report.world_high) + " % of the world's.\n";
  }
  return text;
}

ordered_json AsJson(const Figure& figure) {
  ordered_json json = {{"value", figure.value}, {"trace", figure.trace}};
  if (!figure.source.empty()) json["source"] = figure.source;
  return json;
}

ordered_json AsJson(const std::optional<Figure>& figure) {
  return figure ? AsJson(*figure) : ordered_json(nullptr);
}

ordered_json AsJson(const plan::Landmark& landmark) {
  return {{"name", landmark.name},
          {"country", landmark.country},
          {"share_of", AsJson(landmark.divisor)},
          {"h100s", AsJson(landmark.h100e)},
          {"public_rank", AsJson(landmark.public_rank)},
          {"rank", AsJson(landmark.rank)},
          {"times_access", AsJson(landmark.fewer)},
          {"h100s_by_bandwidth", AsJson(landmark.bandwidth)},
          {"times_access_by_bandwidth", AsJson(landmark.fewer_by_bandwidth)}};
}

ordered_json AsJson(const plan::BudgetOffer& offer) {
  return {{"provider", offer.provider},
          {"chip", offer.chip},
          {"kind", std::string(plan::RentKindName(offer.kind))},
          {"date", offer.date},
          {"usd_per_hour", AsJson(offer.usd_per_hour)},
          {"hours", AsJson(offer.hours)},
          {"h100s_by_arithmetic", AsJson(offer.arithmetic)},
          {"h100s_by_bandwidth", AsJson(offer.bandwidth)}};
}

ordered_json AsJson(const plan::ProgrammeView& view) {
  return {{"name", view.row->name},
          {"country", view.row->country},
          {"operator", view.row->operator_name},
          {"kind", view.row->kind},
          {"unit", view.row->unit},
          {"date", view.row->origin.date},
          {"open", view.is_open},
          {"low", AsJson(view.low)},
          {"high", AsJson(view.high)},
          {"months", AsJson(view.months)},
          {"applications", AsJson(view.applications)},
          {"grants", AsJson(view.grants)},
          {"gpus_asked", AsJson(view.gpus_asked)},
          {"gpus_granted", AsJson(view.gpus_granted)},
          {"granted_percent", AsJson(view.granted_percent)},
          {"h100s", AsJson(view.h100s)}};
}

ordered_json ReportAsJson(const GapReport& report) {
  ordered_json json = {{"h100s_by_arithmetic", AsJson(report.arithmetic)},
                       {"h100s_by_bandwidth", AsJson(report.bandwidth)},
                       {"public_place", AsJson(report.public_place)},
                       {"public_clusters", AsJson(report.public_clusters)},
                       {"place", AsJson(report.place)},
                       {"clusters", AsJson(report.clusters)}};
  for (const char* list :
       {"access", "landmarks", "offers", "countries", "programmes", "papers", "data"}) {
    json[list] = ordered_json::array();
  }
  for (const plan::AccessPart& part : report.parts) {
    json["access"].push_back({{"what", PartName(part)},
                              {"amount", AsJson(part.amount)},
                              {"share_of_time", AsJson(part.share_of_time)},
                              {"h100s_by_arithmetic", AsJson(part.arithmetic)},
                              {"h100s_by_bandwidth", AsJson(part.bandwidth)}});
  }
  for (const auto& landmark : report.landmarks) json["landmarks"].push_back(AsJson(landmark));
  if (report.rich) json["gpu_rich"] = AsJson(*report.rich);
  for (const auto* offers : {&report.offers.h100, &report.offers.thrifty}) {
    for (const auto& offer : *offers) json["offers"].push_back(AsJson(offer));
  }
  for (const plan::NationTotal& nation : report.nations) {
    json["countries"].push_back({{"country", nation.country},
                                 {"clusters", AsJson(nation.clusters)},
                                 {"h100s", AsJson(nation.h100e)},
                                 {"public_h100s", AsJson(nation.public_h100e)},
                                 {"percent", AsJson(nation.share)}});
  }
  for (const auto& view : report.programmes) json["programmes"].push_back(AsJson(view));
  for (const plan::PaperView& view : report.papers) {
    json["papers"].push_back({{"report", view.row->report},
                              {"year", view.row->year},
                              {"measure", view.row->measure},
                              {"country", view.row->country},
                              {"bound", view.row->bound},
                              {"unit", view.row->unit},
                              {"value", AsJson(view.value)},
                              {"second_hand_by", view.row->printed_by},
                              {"note", view.row->note}});
  }
  for (const plan::Coverage& coverage : report.coverage) {
    json["data"].push_back({{"table", std::string(plan::TableFile(coverage.table))},
                            {"from", coverage.file},
                            {"rows", AsJson(coverage.rows)},
                            {"high", AsJson(coverage.high)},
                            {"medium", AsJson(coverage.medium)},
                            {"low", AsJson(coverage.low)},
                            {"oldest", coverage.oldest},
                            {"newest", coverage.newest},
                            {"days_old", coverage.newest_age_days}});
  }
  return json;
}

}  // namespace

std::string GapAsText(const GapReport& report,
                      const std::optional<plan::MeasuredMachine>& machine) {
  std::string text = AccessAsText(report);
  if (machine) {
    text += "Measured: " + FormatFixed(machine->int8_ops_per_s * 1e-9, 0) + " GOP/s of INT8, " +
            FormatFixed(machine->bytes_per_s * 1e-9, 1) +
            " GB/s of memory reads. Other programs that run lower both.\n";
  }
  for (const std::string& part :
       {LandmarksAsText(report), BudgetAsText(report), NationsAsText(report),
        ProgrammesAsText(report), PapersAsText(report), CoverageAsText(report)}) {
    if (!part.empty()) text += "\n" + part;
  }
  return text;
}

ordered_json GapAsJson(const GapReport& report,
                       const std::optional<plan::MeasuredMachine>& machine) {
  ordered_json json = ReportAsJson(report);
  if (machine) {
    json["measured"] = {{"processor", machine->processor},
                        {"int8_gops", machine->int8_ops_per_s * 1e-9},
                        {"read_bandwidth_gb_s", machine->bytes_per_s * 1e-9}};
  }
  return json;
}

}  // namespace altteul::tools
