// SPDX-License-Identifier: Apache-2.0

// One answer of a session: shown as it comes, with what it cost behind it.

#pragma once

#include <string_view>

#include "base/status.h"
#include "engine/session.h"
#include "model/model.h"

namespace altteul::tools {

/// As the JSON of `run` calls it: "stop", "length", ...
std::string_view ReasonName(engine::FinishReason reason);

/// What gives the answers of one run. Everything must outlive it.
struct Answerer {
  const model::Model& model;
  engine::Session& session;
  engine::Sampler& sampler;
  const engine::GenerateOptions& options;

  /// Answers the session's prompt. @param show  on standard output while it comes: byte for byte
  /// into a file or pipe, on a terminal with control characters as their numbers
  /// @return what Session::Generate returns; kCancelled as the reason when nobody reads on
  Result<engine::Generated> Answer(bool show) const;

  /// Tokens, speed and memory, on standard error.
  void PrintStatistics(const engine::Generated& answer) const;
};

}  // namespace altteul::tools
