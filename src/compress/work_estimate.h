// SPDX-License-Identifier: Apache-2.0

// How long work will take: amounts of a few kinds of work, and what each kind was measured to cost.
//
// Kinds are names ("rows of 3072 in Q4_K"), amounts are in any unit as long as time is proportional
// to it. A sample of every kind is measured first, so that a time can be said beforehand; what is
// done corrects it.

#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/clock.h"

namespace altteul::compress {

class WorkEstimate {
 public:
  /// @param clock  outlives this
  /// @param told   told once, when the samples are measured [seconds]; may be empty
  explicit WorkEstimate(const Clock& clock, std::function<void(double seconds)> told = {})
      : clock_(clock), told_(std::move(told)) {}

  /// So much is to be done.
  void Plan(const std::string& kind, double amount) { kinds_[kind].left += amount; }

  /// From now on what is done counts as planned; until then it was a sample.
  void Announce() {
    is_sampling_ = false;
    if (told_) told_(SecondsLeft());
  }

  /// Work begins now; Done() says what it was.
  void Begin() { begin_ = clock_.Seconds(); }
  void Done(const std::string& kind, double amount) {
    const double now = clock_.Seconds();
    Kind& each = kinds_[kind];
    each.seconds += now - begin_;
    each.amount += amount;
    if (!is_sampling_) each.left = each.left > amount ? each.left - amount : 0;
    begin_ = now;
  }

  double SecondsLeft() const {
    double seconds = 0;
    for (const auto& kind : kinds_) {
      const Kind& each = kind.second;
      if (each.amount > 0) seconds += each.left * each.seconds / each.amount;
    }
    return seconds;
  }

 private:
  struct Kind {
    double left = 0, amount = 0, seconds = 0;
  };
  const Clock& clock_;
  std::function<void(double)> told_;
  std::map<std::string, Kind> kinds_;
  bool is_sampling_ = true;
  double begin_ = 0;
};

}  // namespace altteul::compress
