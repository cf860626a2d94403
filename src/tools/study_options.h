// SPDX-License-Identifier: Apache-2.0

// What `altteul plan` is told of low-rank adapters, and of a study that trains them.

#pragma once

#include <cstddef>
#include <string>

#include "base/status.h"
#include "plan/study_plan.h"
#include "tools/cli_forward.h"

namespace altteul::tools {

struct StudyOptions {
  bool tune = false;
  size_t adapters = 0;  ///< that rest beside the weights of a model that is run
  std::string data_tokens = "1M", targets = "all-linear";
  double hours = 0, step_seconds = 0;  ///< 0: not said
  plan::StudyRequest request;          ///< whole after Read()
  CLI::Option *rank_option = nullptr, *targets_option = nullptr;

  /// `plan` refers to this object, which must outlive it.
  void AddTo(CLI::App& plan);
  /// What was written as words.
  /// @return kInvalidArgument, also for options that mean nothing together
  Status Read();
};

}  // namespace altteul::tools
