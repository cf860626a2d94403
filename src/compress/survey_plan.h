// SPDX-License-Identifier: Apache-2.0

// What a survey measures: runs of the model with one tensor, or a few that work on each other, in
// another type. What was measured before is taken from the work folder.

#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "compress/layer_groups.h"
#include "compress/survey.h"
#include "compress/work_folder.h"
#include "model/model.h"

namespace altteul::compress {

/// A tensor, the types that it may get, and how the changed model takes it on.
struct Trial {
  std::string name;
  std::vector<DType> types;
  std::function<Status(DType type, const std::byte* rows)> replace;
  std::function<void()> restore;
};

/// Tensors that are measured together, in one run.
struct Measurement {
  std::vector<Trial> trials;
  size_t kind = 0;                    ///< the same for the same tensors of all layers
  bool is_between = false;            ///< others of its kind, by SurveyOptions::probe_every
  std::vector<TensorSurvey> surveys;  ///< of the trials; empty as long as it is open
  bool is_open() const { return surveys.empty(); }
};

class SurveyPlan {
 public:
  /// @param original     outlives the plan, as `changed` and `folder` do
  /// @param changed      what the trials change
  /// @param probe_every  see SurveyOptions; at least 1
  /// @param folder       may be null
  /// @return as `choices`
  static Result<SurveyPlan> Create(const model::Model& original, ChangedModel& changed,
                                   const TypeChoices& choices, size_t probe_every,
                                   WorkFolder* folder);

  /// In the order of the survey's result.
  const std::vector<Measurement>& measurements() const { return measurements_; }
  size_t n_open() const { return n_open_; }

  /// The open measurements that begin with one of these tensors.
  std::vector<Measurement*> OpenOf(const std::vector<std::string>& names);

  /// Whether an open one need not be run: it lies between others, and one before it has shown how
  /// much divergence an error in these tensors makes.
  bool IsInterpolated(const Measurement& measurement) const;

  /// Ends an open one.
  Status Close(Measurement& measurement, std::vector<TensorSurvey> surveys, WorkFolder* folder);

  /// All of them closed. Those that were not run get their divergences here.
  std::vector<TensorSurvey> TakeSurveys() &&;

 private:
  Status Add(std::vector<Trial> candidates, const model::Checkpoint& file,
             const TypeChoices& choices, WorkFolder* folder);
  void Interpolate(const std::vector<size_t>& kind);

  std::vector<Measurement> measurements_;
  std::vector<std::vector<size_t>> kinds_;  // measurements of each kind, layer by layer
  size_t n_open_ = 0;
};

}  // namespace altteul::compress
