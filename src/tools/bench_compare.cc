// SPDX-License-Identifier: Apache-2.0

#include "tools/bench_compare.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/child_process.h"
#include "base/statistics.h"
#include "tools/interrupt.h"

namespace altteul::tools {
namespace {

constexpr uint64_t kMostOutput = uint64_t{16} << 20;

const SeriesRuns* Find(const PeerReport& report, const std::string& name) {
  for (const SeriesRuns& series : report.series) {
    if (series.spec.Name() == name) return &series;
  }
  return nullptr;
}

std::string NamesOf(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

/// Which series there are to compare, from the first round.
Status FindCommon(const PeerReport& ours, const PeerReport& peer, Comparison* out) {
  for (const SeriesRuns& series : ours.series) {
    const std::string name = series.spec.Name();
    if (Find(peer, name) == nullptr) {
      out->only_ours.push_back(name);
    } else {
      out->series.push_back({.name = name, .ours = {}, .peer = {}, .ratios = {}});
    }
  }
  for (const SeriesRuns& series : peer.series) {
    const std::string name = series.spec.Name();
    if (Find(ours, name) == nullptr) out->only_peer.push_back(name);
  }
  if (!out->series.empty()) return Status();
  return Status(ErrorCode::kInvalidArgument, "nothing to compare: we measure " +
                                                 NamesOf(out->only_ours) + ", the peer " +
                                                 NamesOf(out->only_peer));
}

Status AddRound(const PeerReport& ours, const PeerReport& peer, Comparison* out) {
  for (ComparedSeries& series : out->series) {
    const SeriesRuns* left = Find(ours, series.name);
    const SeriesRuns* right = Find(peer, series.name);
    if (left == nullptr || right == nullptr) {
      return Status(ErrorCode::kInvalidArgument,
                    series.name + " was reported in the first round and is missing in a later one");
    }
    series.ours.push_back(Median(left->runs));
    series.peer.push_back(Median(right->runs));
    series.ratios.push_back(series.ours.back() / series.peer.back());
  }
  return Status();
}

}  // namespace

Result<Comparison> TakeTurns(size_t n_rounds, const Turn& ours, const Turn& peer,
                             const ProgressSink& progress) {
  ALT_CHECK(n_rounds > 0);
  Comparison comparison;
  comparison.n_rounds = n_rounds;
  for (size_t round = 0; round < n_rounds; ++round) {
    PeerReport reports[2];  // ours, the peer's
    for (size_t turn = 0; turn < 2; ++turn) {
      if (progress && !progress(2 * round + turn, 2 * n_rounds)) {
        return Status(ErrorCode::kCancelled, "the comparison was interrupted");
      }
      const size_t who = (round + turn + 1) % 2;
      ALT_ASSIGN_OR_RETURN(reports[who], who == 0 ? ours() : peer());
    }
    if (round == 0) ALT_RETURN_IF_ERROR(FindCommon(reports[0], reports[1], &comparison));
    ALT_RETURN_IF_ERROR(AddRound(reports[0], reports[1], &comparison));
  }
  if (progress) progress(2 * n_rounds, 2 * n_rounds);
  return comparison;
}

Turn PeerTurn(std::string command) {
  return [command = std::move(command)]() -> Result<PeerReport> {
    ALT_ASSIGN_OR_RETURN(const CommandResult result,
                         RunCommand(command, kMostOutput, [] { return Interrupted(); }));
    if (result.exit_code != 0) {
      return Status(ErrorCode::kInvalidArgument, "--compare: the command ended with exit code " +
                                                     std::to_string(result.exit_code));
    }
    return ParsePeerReport(result.output);
  };
}

}  // namespace altteul::tools
