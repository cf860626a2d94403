// SPDX-License-Identifier: Apache-2.0

#include "compress/survey_plan.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

#include "base/check.h"
#include "compress/survey_text.h"

namespace altteul::compress {
namespace {

/// Of tensors that read the same and work on each other (q on k, gate on up) one run tells enough:
/// an error that is as large a part of the output is taken to do as much harm.
std::vector<std::vector<size_t>> TensorsTogether(const LayerGroup& group) {
  if (group.tensors.size() == 3) return {{0, 1}, {2}};
  std::vector<size_t> all(group.tensors.size());
  std::iota(all.begin(), all.end(), size_t{0});
  return {all};
}

void FindKept(WorkFolder& folder, const model::Checkpoint& file, Measurement& measurement) {
  const auto text = folder.FindText(measurement.trials.front().name);
  auto kept = text ? SurveysFromText(*text) : std::nullopt;
  if (!kept || kept->size() != measurement.trials.size()) return;
  for (size_t i = 0; i < kept->size(); ++i) {
    const Trial& trial = measurement.trials[i];
    TensorSurvey& survey = (*kept)[i];
    const TensorView& tensor = *file.Find(trial.name);
    const bool is_same =
        survey.name == trial.name && survey.source == tensor.type &&
        std::equal(survey.costs.begin(), survey.costs.end(), trial.types.begin(), trial.types.end(),
                   [](const TypeCost& cost, DType type) { return cost.type == type; });
    if (!is_same) return;
    survey.shape = tensor.shape;
  }
  measurement.surveys = std::move(*kept);
}

/// A tensor's name without its layer.
std::string KindOf(const std::string& name) {
  constexpr std::string_view kBlock = "blk.";
  if (!name.starts_with(kBlock)) return name;
  return name.substr(std::min(name.size(), name.find('.', kBlock.size())));
}

/// How much divergence an error makes, by the run of these tensors; nothing without a run.
std::optional<double> DivergencePerError(const std::vector<TensorSurvey>& surveys) {
  for (const TensorSurvey& survey : surveys) {
    if (survey.interpolated) return std::nullopt;
    for (const TypeCost& cost : survey.costs) {
      if (cost.error > 0) return cost.kl / cost.error;
    }
  }
  return std::nullopt;
}

Trial TrialOf(ChangedModel* model, size_t layer, const LayerTensor& tensor) {
  return {.name = NameOf(layer, tensor),
          .types = {},
          .replace =
              [model, layer, tensor](DType type, const std::byte* rows) {
                return model->Replace(layer, tensor, type, rows);
              },
          .restore = [model, layer, tensor] { model->Restore(layer, tensor); }};
}

}  // namespace

Result<SurveyPlan> SurveyPlan::Create(const model::Model& original, ChangedModel& changed,
                                      const TypeChoices& choices, size_t probe_every,
                                      WorkFolder* folder) {
  ALT_CHECK(probe_every > 0);
  SurveyPlan plan;
  const auto add = [&](std::vector<Trial> candidates) {
    return plan.Add(std::move(candidates), *original.file, choices, folder);
  };
  ChangedModel* const model = &changed;
  ALT_RETURN_IF_ERROR(add(
      {{.name = kEmbedding,
        .types = {},
        .replace = [model](DType type,
                           const std::byte* rows) { return model->ReplaceEmbedding(type, rows); },
        .restore = [model] { model->RestoreEmbedding(); }}}));
  if (!original.weights.tied) {
    ALT_RETURN_IF_ERROR(
        add({{.name = kHead,
              .types = {},
              .replace = [model](DType type,
                                 const std::byte* rows) { return model->ReplaceHead(type, rows); },
              .restore = [model] { model->RestoreHead(); }}}));
  }
  for (size_t layer = 0; layer < original.config.n_layers(); ++layer) {
    for (const LayerGroup& group : GroupsOf(original.config, layer)) {
      for (const std::vector<size_t>& together : TensorsTogether(group)) {
        std::vector<Trial> trials;
        for (const size_t t : together) trials.push_back(TrialOf(model, layer, group.tensors[t]));
        ALT_RETURN_IF_ERROR(add(std::move(trials)));
      }
    }
  }
  std::map<std::string, std::vector<size_t>> kinds;
  for (size_t m = 0; m < plan.measurements_.size(); ++m) {
    kinds[KindOf(plan.measurements_[m].trials.front().name)].push_back(m);
  }
  for (auto& [name, kind] : kinds) {
    for (size_t i = 0; i < kind.size(); ++i) {
      Measurement& measurement = plan.measurements_[kind[i]];
      measurement.kind = plan.kinds_.size();
      measurement.is_between = i % probe_every != 0 && i + 1 < kind.size();
    }
    plan.kinds_.push_back(std::move(kind));
  }
  return plan;
}

Status SurveyPlan::Add(std::vector<Trial> candidates, const model::Checkpoint& file,
                       const TypeChoices& choices, WorkFolder* folder) {
  Measurement measurement;
  for (Trial& trial : candidates) {
    const TensorView& tensor = *file.Find(trial.name);
    ALT_ASSIGN_OR_RETURN(trial.types, choices(trial.name, tensor));
    const bool stays = trial.types.size() == 1 && trial.types.front() == tensor.type;
    if (!stays) measurement.trials.push_back(std::move(trial));
  }
  if (measurement.trials.empty()) return Status();
  if (folder != nullptr) FindKept(*folder, file, measurement);
  n_open_ += measurement.is_open() ? 1 : 0;
  measurements_.push_back(std::move(measurement));
  return Status();
}

std::vector<Measurement*> SurveyPlan::OpenOf(const std::vector<std::string>& names) {
  std::vector<Measurement*> found;
  for (Measurement& measurement : measurements_) {
    const bool is_asked =
        std::find(names.begin(), names.end(), measurement.trials.front().name) != names.end();
    if (is_asked && measurement.is_open()) found.push_back(&measurement);
  }
  return found;
}

Status SurveyPlan::Close(Measurement& measurement, std::vector<TensorSurvey> surveys,
                         WorkFolder* folder) {
  if (folder != nullptr) {
    ALT_RETURN_IF_ERROR(folder->KeepText(measurement.trials.front().name, SurveysAsText(surveys)));
  }
  measurement.surveys = std::move(surveys);
  --n_open_;
  return Status();
}

bool SurveyPlan::IsInterpolated(const Measurement& measurement) const {
  if (!measurement.is_between) return false;
  const std::vector<size_t>& kind = kinds_[measurement.kind];
  return std::any_of(kind.begin(), kind.end(), [&](size_t m) {
    return &measurements_[m] < &measurement &&
           DivergencePerError(measurements_[m].surveys).has_value();
  });
}

/// Between the nearest that were run on both sides; behind the last of these, as that one.
void SurveyPlan::Interpolate(const std::vector<size_t>& kind) {
  std::optional<double> before;
  size_t last = 0;
  const auto fill = [&](size_t end, double after) {
    for (size_t i = last + 1; before && i < end; ++i) {
      const double part = static_cast<double>(i - last) / static_cast<double>(end - last);
      for (TensorSurvey& survey : measurements_[kind[i]].surveys) {
        if (!survey.interpolated) continue;
        const double kl_per_error = (1 - part) * *before + part * after;
        for (TypeCost& cost : survey.costs) cost.kl = kl_per_error * cost.error;
      }
    }
  };
  for (size_t i = 0; i < kind.size(); ++i) {
    const auto measured = DivergencePerError(measurements_[kind[i]].surveys);
    if (!measured) continue;
    fill(i, *measured);
    before = measured;
    last = i;
  }
  fill(kind.size(), before.value_or(0));
}

std::vector<TensorSurvey> SurveyPlan::TakeSurveys() && {
  for (const std::vector<size_t>& kind : kinds_) Interpolate(kind);
  std::vector<TensorSurvey> all;
  for (Measurement& measurement : measurements_) {
    for (TensorSurvey& survey : measurement.surveys) all.push_back(std::move(survey));
  }
  return all;
}

}  // namespace altteul::compress
