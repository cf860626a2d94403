// SPDX-License-Identifier: Apache-2.0

#include "compress/divergence_search.h"

#include <algorithm>
#include <cmath>
#include <string>

#include <nlohmann/json.hpp>

#include "base/human_units.h"

namespace altteul::compress {
namespace {

// Each round encodes the whole model. The second is within some percent of the bound nearly always.
constexpr size_t kMostRounds = 3;
// From here to the bound there is nothing to gain: 10 % of the divergence are 1 to 2 % of the
// bytes.
constexpr double kNearEnough = 0.9;
// Aimed at, so that a round that comes out a little higher than expected still passes.
constexpr double kAim = 0.96;

using Round = DivergenceSearch::Round;

// The expectation at which `wanted` would be measured: on the line through two rounds, or in
// proportion to one, in logarithms.
double ExpectationFor(double wanted, const Round& a, const Round& b) {
  const double rise = std::log(b.expected / a.expected);
  const double run = std::log(b.measured / a.measured);
  const double slope = rise * run > 0 ? rise / run : 1.0;
  return a.expected * std::exp(slope * std::log(wanted / a.measured));
}

}  // namespace

std::optional<double> DivergenceSearch::Next() const {
  if (rounds_.empty()) return most_;
  if (rounds_.size() >= kMostRounds) return std::nullopt;
  const auto best = Best();
  if (best && rounds_[*best].measured >= kNearEnough * most_) return std::nullopt;
  // What lost nothing tells no proportion.
  for (const Round& round : rounds_) {
    if (!(round.measured > 0) || !(round.expected > 0)) return std::nullopt;
  }
  const Round& last = rounds_.back();
  const Round& before = rounds_.size() > 1 ? rounds_[rounds_.size() - 2] : last;
  return ExpectationFor(kAim * most_, last, before);
}

bool DivergenceSearch::Tried(uint64_t bytes) const {
  return std::any_of(rounds_.begin(), rounds_.end(),
                     [&](const Round& round) { return round.bytes == bytes; });
}

// Where every weight is kept exactly, what is measured is the loss of the fast arithmetic.
bool DivergenceSearch::IsWithin(const Round& round) const {
  return round.measured <= most_ || round.expected == 0;
}

std::optional<size_t> DivergenceSearch::Best() const {
  std::optional<size_t> best;
  for (size_t i = 0; i < rounds_.size(); ++i) {
    if (!IsWithin(rounds_[i])) continue;
    if (!best || rounds_[i].bytes < rounds_[*best].bytes) best = i;
  }
  return best;
}

namespace {

constexpr const char* kRoundsText = "rounds";
constexpr const char* kRoundText = "round";  // the number of the round that pieces belong to

void ReadRounds(WorkFolder* folder, DivergenceSearch& search) {
  const auto text = folder == nullptr ? std::nullopt : folder->FindText(kRoundsText);
  if (!text) return;
  const auto kept = nlohmann::json::parse(*text, nullptr, false);
  if (!kept.is_array()) return;
  for (const auto& each : kept) {
    if (!each.is_object()) return;
    search.Add({.expected = each.value("expected", 0.0),
                .measured = each.value("measured", 0.0),
                .bytes = each.value("bytes", uint64_t{0})});
  }
}

Status KeepRounds(WorkFolder* folder, const DivergenceSearch& search) {
  if (folder == nullptr) return Status();
  auto kept = nlohmann::json::array();
  for (const Round& round : search.rounds()) {
    kept.push_back(
        {{"expected", round.expected}, {"measured", round.measured}, {"bytes", round.bytes}});
  }
  return folder->KeepText(kRoundsText, kept.dump());
}

// What a round encoded is of no use to the next, whose earlier layers are others.
Status BeginRound(WorkFolder* folder, size_t number) {
  if (folder == nullptr) return Status();
  const std::string text = std::to_string(number);
  if (folder->FindText(kRoundText) == text) return Status();
  folder->ForgetResults();
  return folder->KeepText(kRoundText, text);
}

// The smallest mix of at most this expected divergence; the one that loses least where none is.
PlannedTypes MixFor(const TypePlan& plan, double expected) {
  auto mix = plan.ForDivergence(expected);
  return mix.ok() ? std::move(mix).value() : plan.Front().back();
}

Status NothingWithin(double most, const DivergenceSearch& search) {
  const auto& rounds = search.rounds();
  const auto least =
      std::min_element(rounds.begin(), rounds.end(),
                       [](const Round& a, const Round& b) { return a.measured < b.measured; });
  return Status(ErrorCode::kQualityGate,
                "no mix of the types that was tried is within a measured KL divergence of " +
                    FormatFixed(most, 6) + "; the least was " + FormatFixed(least->measured, 6) +
                    " in " + FormatBytes(least->bytes));
}

}  // namespace

Status SearchMix(const TypePlan& plan, double most, const MixMaker& maker, WorkFolder* folder,
                 const LogSink& log) {
  DivergenceSearch search(most);
  ReadRounds(folder, search);
  std::optional<size_t> taken;
  const auto make = [&](const PlannedTypes& mix, size_t number) -> Result<double> {
    ALT_RETURN_IF_ERROR(BeginRound(folder, number));
    return maker.measure(mix);
  };
  while (const auto expected = search.Next()) {
    const PlannedTypes mix = MixFor(plan, *expected);
    if (search.Tried(mix.file_bytes)) break;
    const size_t number = search.rounds().size();
    ALT_ASSIGN_OR_RETURN(const double measured, make(mix, number));
    search.Add({.expected = mix.kl, .measured = measured, .bytes = mix.file_bytes});
    if (log) {
      log(LogLevel::kInfo, FormatBytes(mix.file_bytes) + ": KL divergence " +
                               FormatFixed(measured, 4) + " measured, " + FormatFixed(mix.kl, 4) +
                               " expected");
    }
    if (search.Best() == number) {
      maker.take();
      taken = number;
    }
    ALT_RETURN_IF_ERROR(KeepRounds(folder, search));
  }
  const auto best = search.Best();
  if (!best) return NothingWithin(most, search);
  if (taken == best) return Status();
  // Made before the work was stopped, and gone with that process.
  ALT_RETURN_IF_ERROR(make(MixFor(plan, search.rounds()[*best].expected), *best).status());
  maker.take();
  return Status();
}

}  // namespace altteul::compress
