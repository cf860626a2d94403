// SPDX-License-Identifier: Apache-2.0

#include "tools/speculation.h"

#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>

#include <CLI/CLI.hpp>

#include "engine/prompt_lookup.h"
#include "tools/option_values.h"

namespace altteul::tools {
namespace {

constexpr size_t kMostAhead = 64;  // rows whose logits are kept
constexpr size_t kDraftRows = 512;

}  // namespace

void SpeculationOptions::AddTo(CLI::App& app) {
  auto* lookup_flag =
      app.add_flag("--lookup{16}", lookup,
                   "guess from what followed the same words before, up to 16 tokens ahead, or N "
                   "with --lookup=N; faster where the answer copies, never another answer");
  app.add_option("--draft", drafts_,
                 "guess with this smaller model of the same vocabulary; never another answer")
      ->allow_extra_args(false)
      ->excludes(lookup_flag);
  draft_max_option_ =
      app.add_option("--draft-max", draft_max, "most tokens that the draft is ahead")
          ->check(WholeNumber(1, kMostAhead))
          ->capture_default_str();
}

/// llama.cpp's --draft was a number of tokens, beside -md MODEL. A model may be called so too.
Status SpeculationOptions::ReadDrafts() {
  const CLI::Validator number = WholeNumber(1, kMostAhead);
  for (const std::string& given : drafts_) {
    std::error_code ignored;
    const bool is_number = given.find_first_not_of("0123456789") == given.npos && !given.empty();
    if (is_number && !std::filesystem::exists(given, ignored)) {
      std::string text = given;
      if (const std::string wrong = number(text); !wrong.empty()) {
        return Status(ErrorCode::kInvalidArgument, "--draft " + wrong);
      }
      std::from_chars(given.data(), given.data() + given.size(), draft_max);
    } else if (draft.empty()) {
      draft = given;
    } else {
      return Status(ErrorCode::kInvalidArgument,
                    "--draft " + draft + " and --draft " + given + ": one model guesses");
    }
  }
  if (!draft.empty() || (drafts_.empty() && draft_max_option_->count() == 0)) return Status();
  return Status(
      ErrorCode::kInvalidArgument,
      (drafts_.empty() ? "--draft-max " + std::to_string(draft_max) : "--draft " + drafts_.back()) +
          ": how far ahead what guesses? --draft MODEL is a smaller model, --lookup=N "
          "guesses without one");
}

Status SpeculationOptions::Check() {
  ALT_RETURN_IF_ERROR(ReadDrafts());
  if (lookup <= kMostAhead) return Status();
  return Status(ErrorCode::kInvalidArgument, "--lookup=" + std::to_string(lookup) +
                                                 ", allowed is 1 to " + std::to_string(kMostAhead) +
                                                 ", 0 is off");
}

Result<Speculation> MakeSpeculation(const SpeculationOptions& options, const model::Model& target,
                                    Runtime& runtime, const engine::DraftOptions& draft_options) {
  Speculation made;
  if (options.lookup != 0) {
    made.speculator = std::make_unique<engine::PromptLookup>(options.lookup);
  } else if (!options.draft.empty()) {
    ALT_ASSIGN_OR_RETURN(made.draft_model, Load(options.draft, runtime, kernels::Precision::kFast));
    ALT_ASSIGN_OR_RETURN(made.draft_forward,
                         engine::Forward::Create(*made.draft_model, *runtime.compute, kDraftRows,
                                                 draft_options.context));
    engine::DraftOptions drafting = draft_options;
    drafting.longest = options.draft_max;
    ALT_ASSIGN_OR_RETURN(made.speculator,
                         engine::DraftModel::Create(*made.draft_forward, target, drafting));
  }
  return made;
}

}  // namespace altteul::tools
