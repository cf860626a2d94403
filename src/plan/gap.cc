// SPDX-License-Identifier: Apache-2.0

#include "plan/gap.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "base/check.h"
#include "base/dates.h"
#include "formats/quote.h"
#include "plan/chips.h"
#include "plan/countries.h"

namespace altteul::plan {
namespace {

constexpr std::string_view kReferenceChip = "NVIDIA H100 SXM";

// Public machines that people know; the first public row whose name holds the word. A user's table
// may lack them: then they are left out.
constexpr std::string_view kLandmarks[] = {"El Capitan",   "Jupiter",          "Alps",
                                           "Frontier",     "Isambard-AI",      "EuroHPC Leonardo",
                                           "EuroHPC LUMI", "NERSC Perlmutter", "JUWELS-Booster"};
constexpr std::string_view kShared = "EuroHPC Leonardo";  // of which an equal share is shown

using Filter = std::function<bool(const Cluster&)>;

class GapFinder {
 public:
  GapFinder(const DataTables& tables, const GapQuestion& question, const std::string& today,
            const Chip& h100)
      : tables_(tables), question_(question), today_(today), h100_(h100) {}

  GapReport Find() {
    report_.country = question_.country;
    if (question_.budget) report_.offers = FindBudgetOffers(tables_, h100_, *question_.budget);
    AddParts();
    AddUp();
    AddPlaces();
    AddLandmarks();
    AddNations();
    report_.programmes = ViewProgrammes(tables_, h100_, question_.country);
    for (const PaperFigure& paper : tables_.papers) {
      report_.papers.push_back({&paper, Cell(paper.value, paper.origin, "value")});
    }
    AddCoverage();
    return std::move(report_);
  }

 private:
  // What one chip is in H100s, with the cells it follows from.
  std::optional<Figure> Arithmetic(const Chip& chip, double count, const std::string& given) const {
    const auto each = EquivalentsOf(chip, h100_).arithmetic;
    if (!each) return std::nullopt;
    const std::string_view column = ArithmeticColumn(chip);
    return Computed(*each * count,
                    CellName(chip.origin, column) + "; " + CellName(h100_.origin, column),
                    given + " times the ratio of the two", chip.origin);
  }

  std::optional<Figure> Bandwidth(const Chip& chip, double count, const std::string& given) const {
    const auto each = EquivalentsOf(chip, h100_).bandwidth;
    if (!each) return std::nullopt;
    return Computed(
        *each * count,
        CellName(chip.origin, "memory_gb_s") + "; " + CellName(h100_.origin, "memory_gb_s"),
        given + " times the ratio of the two", chip.origin);
  }

  void AddParts() {
    if (question_.machine) {
      const MeasuredMachine& machine = *question_.machine;
      AccessPart part;
      part.kind = AccessPart::Kind::kMachine;
      part.name = machine.processor;
      if (machine.int8_ops_per_s > 0 && h100_.int8_tops) {
        part.arithmetic = Computed(machine.int8_ops_per_s * 1e-12 / *h100_.int8_tops,
                                   CellName(h100_.origin, "int8_tops"),
                                   "measured on this machine, over it", h100_.origin);
      }
      if (machine.bytes_per_s > 0 && h100_.memory_gb_s) {
        part.bandwidth = Computed(machine.bytes_per_s * 1e-9 / *h100_.memory_gb_s,
                                  CellName(h100_.origin, "memory_gb_s"),
                                  "measured on this machine, over it", h100_.origin);
      }
      report_.parts.push_back(std::move(part));
    }
    for (const OwnedChips& owned : question_.owned) {
      const Chip& chip = tables_.chips[owned.chip];
      AccessPart part;
      part.kind = AccessPart::Kind::kOwned;
      part.name = chip.name;
      part.amount = Figure{.value = owned.count, .trace = "given", .source = {}};
      part.arithmetic = Arithmetic(chip, owned.count, "the given number");
      part.bandwidth = Bandwidth(chip, owned.count, "the given number");
      report_.parts.push_back(std::move(part));
    }
    for (const RentedHours& rented : question_.rented) {
      const Chip& chip = tables_.chips[rented.chip];
      AccessPart part;
      part.kind = AccessPart::Kind::kRented;
      part.name = chip.name;
      part.amount = Figure{.value = rented.hours, .trace = "given", .source = {}};
      part.period = rented.period;
      const double share = rented.hours / PeriodHours(rented.period);
      part.share_of_time = Figure{.value = share, .trace = "given", .source = {}};
      const std::string how = "given hours over the period's";
      part.arithmetic = Arithmetic(chip, share, how);
      part.bandwidth = Bandwidth(chip, share, how);
      report_.parts.push_back(std::move(part));
    }
    if (question_.budget && report_.offers.middle) {
      const BudgetOffer& middle = *report_.offers.middle;
      AccessPart part;
      part.kind = AccessPart::Kind::kBudget;
      part.name = middle.chip;
      part.amount = Figure{.value = question_.budget->usd, .trace = "given", .source = {}};
      part.period = question_.budget->period;
      part.arithmetic = middle.arithmetic;
      part.bandwidth = middle.bandwidth;
      report_.parts.push_back(std::move(part));
    }
  }

  void AddUp() {
    const auto add = [this](std::optional<Figure> AccessPart::*member, bool* is_partial) {
      std::optional<Figure> sum;
      std::string from;
      for (const AccessPart& part : report_.parts) {
        const std::optional<Figure>& figure = part.*member;
        if (!figure) {
          *is_partial = true;
          continue;
        }
        if (!sum) sum = Figure{.value = 0, .trace = {}, .source = figure->source};
        sum->value += figure->value;
        // "computed from A; B: how" gives "A; B".
        const size_t begin = std::string_view("computed from ").size();
        const size_t end = figure->trace.rfind(": ");
        from += (from.empty() ? "" : "; ") + figure->trace.substr(begin, end - begin);
      }
      if (sum) sum->trace = "computed from " + from + ": the sum of the parts";
      return sum;
    };
    report_.arithmetic = add(&AccessPart::arithmetic, &report_.arithmetic_is_partial);
    report_.bandwidth = add(&AccessPart::bandwidth, &report_.bandwidth_is_partial);
  }

  Figure CountClusters(const Filter& fits, const std::string& where) const {
    const auto n = std::count_if(tables_.clusters.begin(), tables_.clusters.end(), fits);
    return {.value = static_cast<double>(n),
            .trace = "count clusters.csv" + where,
            .source = ClusterSource()};
  }

  Figure SumClusters(const Filter& fits, const std::string& where) const {
    double sum = 0;
    for (const Cluster& cluster : tables_.clusters) {
      if (fits(cluster)) sum += cluster.h100e;
    }
    return {.value = sum, .trace = "sum clusters.csv.h100e" + where, .source = ClusterSource()};
  }

  std::string ClusterSource() const {
    return tables_.clusters.empty() ? "" : SourceOf(tables_.clusters.front().origin);
  }

  /// One more than there are larger ones.
  Figure Rank(double h100e, bool among_public) const {
    const auto larger = std::count_if(
        tables_.clusters.begin(), tables_.clusters.end(), [&](const Cluster& cluster) {
          return cluster.h100e > h100e && (!among_public || cluster.sector == "public");
        });
    return {.value = static_cast<double>(larger + 1),
            .trace = "rank clusters.csv.h100e of " + Exact(h100e) +
                     (among_public ? " where sector=public" : ""),
            .source = ClusterSource()};
  }

  void AddPlaces() {
    const auto is_public = [](const Cluster& cluster) { return cluster.sector == "public"; };
    report_.public_clusters = CountClusters(is_public, " where sector=public");
    report_.clusters = CountClusters([](const Cluster&) { return true; }, "");
    if (!report_.arithmetic) return;
    report_.public_place = Rank(report_.arithmetic->value, true);
    report_.place = Rank(report_.arithmetic->value, false);
  }

  /// Landmark over access, with all cells that both follow from.
  std::optional<Figure> Fewer(const Figure& landmark, const std::optional<Figure>& mine) const {
    if (!mine || !(mine->value > 0)) return std::nullopt;
    const auto cells = [](const std::string& trace) {
      std::string_view rest = trace;
      for (const std::string_view word : {"cell ", "computed from "}) {
        if (rest.starts_with(word)) rest.remove_prefix(word.size());
      }
      const size_t how = trace.starts_with("computed") ? rest.rfind(": ") : rest.size();
      return std::string(rest.substr(0, how));
    };
    return Figure{.value = landmark.value / mine->value,
                  .trace = "computed from " + cells(landmark.trace) + "; " + cells(mine->trace) +
                           ": the one over the other",
                  .source = landmark.source};
  }

  Landmark LandmarkOf(const Cluster& cluster) const {
    Landmark landmark;
    landmark.name = cluster.name;
    landmark.country = cluster.country;
    landmark.h100e = Cell(cluster.h100e, cluster.origin, "h100e");
    if (cluster.sector == "public") landmark.public_rank = Rank(cluster.h100e, true);
    landmark.rank = Rank(cluster.h100e, false);
    landmark.fewer = Fewer(landmark.h100e, report_.arithmetic);
    const auto chip = FindChip(tables_.chips, cluster.chip);
    if (chip.ok() && cluster.chips) {
      const Chip& found = tables_.chips[chip.value()];
      const auto each = EquivalentsOf(found, h100_).bandwidth;
      if (each) {
        landmark.bandwidth = Computed(*each * *cluster.chips,
                                      CellName(cluster.origin, "chips") + "; " +
                                          CellName(found.origin, "memory_gb_s") + "; " +
                                          CellName(h100_.origin, "memory_gb_s"),
                                      "chips times the ratio of bandwidths", cluster.origin);
        landmark.fewer_by_bandwidth = Fewer(*landmark.bandwidth, report_.bandwidth);
      }
    }
    return landmark;
  }

  const Programme* FindProgramme(std::string_view kind) const {
    for (const Programme& programme : tables_.programmes) {
      if (programme.kind == kind && programme.high) return &programme;
    }
    return nullptr;
  }

  void AddLandmarks() {
    std::vector<const Cluster*> chosen;
    for (const std::string_view word : kLandmarks) {
      for (const Cluster& cluster : tables_.clusters) {
        if (cluster.sector != "public" || cluster.name.find(word) == std::string::npos) continue;
        chosen.push_back(&cluster);
        break;
      }
    }
    for (const Cluster& cluster : tables_.clusters) {  // the country's largest of any sector
      if (question_.country.empty() || cluster.country != question_.country) continue;
      if (std::find(chosen.begin(), chosen.end(), &cluster) == chosen.end()) {
        chosen.push_back(&cluster);
      }
      break;
    }
    for (const Cluster* cluster : chosen) {
      report_.landmarks.push_back(LandmarkOf(*cluster));
      if (cluster->name == kShared) AddShare(report_.landmarks.back());
    }
    std::stable_sort(
        report_.landmarks.begin(), report_.landmarks.end(),
        [](const Landmark& a, const Landmark& b) { return a.h100e.value > b.h100e.value; });
    AddRich();
  }

  /// @param whole  may be one of the report's: it is read before these grow
  void AddShare(const Landmark& whole) {
    const Programme* divisor = FindProgramme("divisor");
    if (divisor == nullptr) return;
    const std::string cell = CellName(divisor->origin, "high");
    const auto divide = [&](const Figure& figure) {
      std::string trace = figure.trace;
      if (trace.starts_with("cell ")) trace = "computed from " + trace.substr(5) + ": whole";
      trace.insert(trace.rfind(": "), "; " + cell);
      return Figure{.value = figure.value / *divisor->high,
                    .trace = trace + ", divided by the countries",
                    .source = figure.source};
    };
    Landmark share;
    share.name = whole.name;
    share.country = whole.country;
    share.divisor = Cell(*divisor->high, divisor->origin, "high");
    share.h100e = divide(whole.h100e);
    share.fewer = Fewer(share.h100e, report_.arithmetic);
    if (whole.bandwidth) {
      share.bandwidth = divide(*whole.bandwidth);
      share.fewer_by_bandwidth = Fewer(*share.bandwidth, report_.bandwidth);
    }
    report_.landmarks.push_back(std::move(share));
  }

  void AddRich() {
    const Programme* line = FindProgramme("line");
    if (line != nullptr) {
      Landmark rich;
      rich.name = line->name;
      rich.h100e = Cell(*line->high, line->origin, "high");
      rich.fewer = Fewer(rich.h100e, report_.arithmetic);
      report_.rich = std::move(rich);
    }
    if (const Programme* count = FindProgramme("count")) {
      report_.rich_low = Cell(count->low, count->origin, "low");
      report_.rich_high = Cell(count->high, count->origin, "high");
    }
    if (const Programme* part = FindProgramme("coverage")) {
      report_.world_low = Cell(part->low, part->origin, "low");
      report_.world_high = Cell(part->high, part->origin, "high");
    }
  }

  NationTotal NationOf(const std::string& code, double total) const {
    const auto here = [&code](const Cluster& cluster) { return cluster.country == code; };
    const auto here_public = [&code](const Cluster& cluster) {
      return cluster.country == code && cluster.sector == "public";
    };
    NationTotal nation;
    nation.country = code;
    nation.clusters = CountClusters(here, " where country=" + code);
    nation.h100e = SumClusters(here, " where country=" + code);
    nation.public_h100e = SumClusters(here_public, " where country=" + code + ",sector=public");
    nation.share = {.value = total > 0 ? 100 * nation.h100e.value / total : 0,
                    .trace = "percent clusters.csv.h100e where country=" + code + " of country!=",
                    .source = ClusterSource()};
    return nation;
  }

  void AddNations() {
    std::map<std::string, double> codes;
    double total = 0;
    for (const Cluster& cluster : tables_.clusters) {
      if (cluster.country.empty()) continue;
      codes[cluster.country] += cluster.h100e;
      total += cluster.h100e;
    }
    for (const auto& entry : codes) report_.nations.push_back(NationOf(entry.first, total));
    std::stable_sort(
        report_.nations.begin(), report_.nations.end(),
        [](const NationTotal& a, const NationTotal& b) { return a.h100e.value > b.h100e.value; });
    for (size_t i = 0; i < report_.nations.size(); ++i) {
      if (report_.nations[i].country != question_.country) continue;
      report_.nation = report_.nations[i];
      report_.nation_rank =
          Figure{.value = static_cast<double>(i + 1),
                 .trace = "nation rank clusters.csv.h100e of country=" + question_.country,
                 .source = ClusterSource()};
    }
  }

  template <typename Row>
  void AddTableCoverage(Table table, const std::vector<Row>& rows) {
    Coverage coverage;
    coverage.table = table;
    coverage.file = tables_.files[static_cast<size_t>(table)];
    const std::string count = "count " + std::string(TableFile(table));
    coverage.rows = {.value = static_cast<double>(rows.size()), .trace = count, .source = {}};
    Figure* figures[] = {&coverage.low, &coverage.medium, &coverage.high};
    for (const Confidence confidence : {Confidence::kLow, Confidence::kMedium, Confidence::kHigh}) {
      *figures[static_cast<size_t>(confidence)] = {
          .value = 0,
          .trace = count + " where confidence=" + std::string(ConfidenceName(confidence)),
          .source = {}};
    }
    for (const Row& row : rows) {
      figures[static_cast<size_t>(row.origin.confidence)]->value += 1;
      const std::string& date = row.origin.date;
      if (coverage.oldest.empty() || date < coverage.oldest) coverage.oldest = date;
      if (date > coverage.newest) coverage.newest = date;
    }
    if (!coverage.newest.empty()) {
      coverage.newest_age_days =
          std::max(0, DaysSince1970(today_) - DaysSince1970(coverage.newest));
    }
    report_.coverage.push_back(std::move(coverage));
  }

  void AddCoverage() {
    AddTableCoverage(Table::kChips, tables_.chips);
    AddTableCoverage(Table::kRent, tables_.rent);
    AddTableCoverage(Table::kClusters, tables_.clusters);
    AddTableCoverage(Table::kProgrammes, tables_.programmes);
    AddTableCoverage(Table::kPapers, tables_.papers);
  }

  const DataTables& tables_;
  const GapQuestion& question_;
  const std::string& today_;
  const Chip& h100_;
  GapReport report_;
};

}  // namespace

Result<GapReport> FindGap(const DataTables& tables, const GapQuestion& question,
                          const std::string& today) {
  if (!question.country.empty() && FindCountry(question.country) == nullptr) {
    std::string codes;
    for (const Country& country : Countries()) {
      codes += (codes.empty() ? "" : " ") + std::string(country.code);
    }
    return Status(ErrorCode::kInvalidArgument, "--country " + formats::Quote(question.country) +
                                                   " is not in the tables; these are: " + codes);
  }
  const auto h100 = FindChip(tables.chips, kReferenceChip);
  if (!h100.ok()) return h100.status();
  const Chip& reference = tables.chips[h100.value()];
  if (!reference.int8_tops || !reference.fp16_tflops || !reference.memory_gb_s) {
    return Status(ErrorCode::kNotFound, "chips.csv: " + reference.name +
                                            " is what all else is measured in, and lacks its "
                                            "int8_tops, fp16_tflops or memory_gb_s");
  }
  return GapFinder(tables, question, today, reference).Find();
}

}  // namespace altteul::plan
