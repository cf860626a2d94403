// SPDX-License-Identifier: Apache-2.0

// The options of `run` that guess tokens ahead, and what they stand for.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/draft_model.h"
#include "engine/speculator.h"
#include "tools/cli_forward.h"
#include "tools/runtime.h"

namespace altteul::tools {

struct SpeculationOptions {
  size_t lookup = 0;  ///< most tokens of a proposal, 0: no lookup
  std::string draft;  ///< a model, empty: none
  size_t draft_max = 8;

  void AddTo(CLI::App& app);
  /// Also reads what --draft was given.
  /// @return kInvalidArgument for numbers that make no sense, and for those without a draft
  Status Check();

 private:
  Status ReadDrafts();

  std::vector<std::string> drafts_;  // a model, and llama.cpp's --draft N
  const CLI::Option* draft_max_option_ = nullptr;
};

/// A speculator with what it stands on. Members are destroyed in reverse order.
struct Speculation {
  std::unique_ptr<const model::Model> draft_model;
  std::unique_ptr<engine::Forward> draft_forward;
  std::unique_ptr<engine::Speculator> speculator;  ///< null: no guessing
};

/// What the options ask for, for answers of `target`; loads the draft.
/// @return what Load, Forward::Create and DraftModel::Create return
Result<Speculation> MakeSpeculation(const SpeculationOptions& options, const model::Model& target,
                                    Runtime& runtime, const engine::DraftOptions& draft_options);

}  // namespace altteul::tools
