// SPDX-License-Identifier: Apache-2.0

#include "tools/study_options.h"

#include <CLI/CLI.hpp>

#include "base/human_units.h"
#include "formats/quote.h"
#include "tools/option_values.h"

namespace altteul::tools {

void StudyOptions::AddTo(CLI::App& plan) {
  auto* group = plan.add_option_group("adapters", "low-rank adapters (LoRA)");
  group
      ->add_option("--adapters", adapters,
                   "so many of them rest beside the weights, of --rank and --target-modules")
      ->check(WholeNumber(1, 100'000));
  rank_option = group->add_option("--rank", request.rank, "of each adapter")
                    ->check(WholeNumber(1, 4096))
                    ->capture_default_str();
  targets_option = group
                       ->add_option("--target-modules", targets,
                                    "what has one: " + std::string(plan::kAdapterTargetNames))
                       ->capture_default_str();
  auto* flag = group->add_flag(
      "--tune", tune, "what a study of training trials takes: memory, seconds a trial, trials");
  group->add_option("--train-tokens", data_tokens, "tokens of the training data: 500k, 2M")
      ->needs(flag)
      ->capture_default_str();
  group->add_option("--epochs", request.epochs, "times that a trial reads them")
      ->needs(flag)
      ->check(RealNumber(0.001, 1e4))
      ->capture_default_str();
  group->add_option("--seq-len", request.sequence, "tokens of one example")
      ->needs(flag)
      ->check(WholeNumber(1, 1 << 17))
      ->capture_default_str();
  group->add_option("--batch-tokens", request.step_tokens, "tokens of one step of one trial")
      ->needs(flag)
      ->check(WholeNumber(1, 1 << 24))
      ->capture_default_str();
  group->add_option("--together", request.together, "trials that train on one copy of the weights")
      ->needs(flag)
      ->check(WholeNumber(1, 4096))
      ->capture_default_str();
  group->add_option("--hours", hours, "the budget: how many trials it buys")
      ->needs(flag)
      ->check(RealNumber(0.001, 1e6));
  group
      ->add_option("--step-seconds", step_seconds,
                   "a step of one trial, as it was measured (else it is computed)")
      ->needs(flag)
      ->check(RealNumber(1e-6, 1e6));
}

Status StudyOptions::Read() {
  if (!tune && adapters == 0 && rank_option->count() + targets_option->count() != 0) {
    return Status(ErrorCode::kInvalidArgument,
                  "--rank and --target-modules are for --adapters and --tune");
  }
  ALT_ASSIGN_OR_RETURN(request.targets, plan::ParseAdapterTargets(targets));
  const auto tokens = ParseCount(data_tokens);
  if (!tokens) {
    return Status(ErrorCode::kInvalidArgument,
                  "--train-tokens " + formats::Quote(data_tokens) +
                      " is no number of tokens; one is written 500k or 2M");
  }
  request.data_tokens = *tokens;
  if (hours > 0) request.hours = hours;
  if (step_seconds > 0) request.step_seconds = step_seconds;
  return Status();
}

}  // namespace altteul::tools
