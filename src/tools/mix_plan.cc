// SPDX-License-Identifier: Apache-2.0

#include "tools/mix_plan.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "base/human_units.h"
#include "tools/work_phase.h"

namespace altteul::tools {
namespace {

using compress::TypeRules;

// Second moments for the survey need less text than those that weights are fitted to.
constexpr size_t kSurveyChunks = 8;
// What a tensor does to the answers is measured for each tensor, so on little text.
constexpr size_t kProbeTokens = 256;

/// Refuses a size out of reach before anything is measured.
Status CheckSize(const MixToPlan& mix, const TypeRules& rules,
                 const compress::TypeChoices& choices) {
  if (!mix.most_bytes) return Status();
  TypeRules smallest = rules;
  for (const auto& tensor : mix.source.tensors()) {
    ALT_ASSIGN_OR_RETURN(const auto types, choices(tensor.name, tensor.view));
    smallest.Assign(tensor.name,
                    *std::min_element(types.begin(), types.end(), [](DType a, DType b) {
                      return TraitsOf(a).bits_per_element() < TraitsOf(b).bits_per_element();
                    }));
  }
  ALT_ASSIGN_OR_RETURN(const auto file, compress::PlanRecode(mix.source, smallest, mix.notes));
  if (file.file_bytes <= *mix.most_bytes) return Status();
  return Status(ErrorCode::kQualityGate,
                "no mix of the types gives a file of " + FormatCount(*mix.most_bytes) +
                    " bytes; the smallest has " + FormatCount(file.file_bytes));
}

}  // namespace

std::span<const text::TokenId> SurveyText(std::span<const text::TokenId> fitted, size_t context) {
  return fitted.first(std::min(fitted.size(), kSurveyChunks * context));
}

Result<compress::TypePlan> PlanMix(const MixToPlan& mix, const CompressOptions& options,
                                   TypeRules& rules, const Runtime& runtime,
                                   compress::WorkFolder* folder) {
  ALT_ASSIGN_OR_RETURN(const std::vector<DType> candidates, options.MixedTypes());
  const auto choices = [&](std::string_view name, const TensorView& tensor) {
    std::vector<DType> all = candidates;
    if (const auto found = mix.grids.find(name); found != mix.grids.end()) {
      if (std::find(all.begin(), all.end(), found->second) == all.end()) {
        all.push_back(found->second);
      }
    }
    return rules.ChoicesFor(name, tensor, all);
  };
  for (const auto& tensor : mix.source.tensors()) {
    ALT_ASSIGN_OR_RETURN(const auto types, choices(tensor.name, tensor.view));
    ALT_ASSIGN_OR_RETURN(const TypeRules::Choice choice, rules.For(tensor.name, tensor.view));
    // What the rules give anyway keeps its reason.
    if (types.size() == 1 && choice.type != types.front()) {
      rules.Assign(tensor.name, types.front());
    }
  }
  ALT_RETURN_IF_ERROR(CheckSize(mix, rules, choices));
  const size_t context = options.calibration.context;
  const compress::Probe probe =
      compress::ProbeOf(mix.choosing, context, std::min(context, kProbeTokens));
  const compress::SurveyOptions survey{.context = context,
                                       .probe_context = probe.context,
                                       .probe_every = options.ProbeEvery(),
                                       .damping = options.calibration.damping,
                                       .grids = &mix.grids};
  const WorkPhase phase("Measuring", "measuring group", runtime.clock, folder);
  ALT_ASSIGN_OR_RETURN(auto surveys,
                       compress::SurveyTensors(mix.original, choices, mix.calibration, probe.ids,
                                               survey, *runtime.compute, phase.place()));
  phase.Finish();
  return compress::TypePlan::Create(std::move(surveys), mix.source, rules, mix.notes);
}

}  // namespace altteul::tools
