// SPDX-License-Identifier: Apache-2.0

#include "compress/survey.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/check.h"
#include "compress/activation_stream.h"
#include "compress/answers.h"
#include "compress/calibration_text.h"
#include "compress/encode_tensor.h"
#include "compress/input_metrics.h"
#include "compress/layer_groups.h"
#include "compress/output_error.h"
#include "compress/survey_plan.h"
#include "compress/work_kinds.h"
#include "tensor/buffer.h"

namespace altteul::compress {
namespace {

using model::ModelConfig;
using text::TokenId;

// Near what small models end at: where the proportion is measured it holds best.
constexpr double kMeasuredBits = 4.5;
// Of what is measured only the proportion of divergence to error counts.
constexpr EncodeSteps kMeasuredSteps = {.feedback = true, .descents = 0};

class Surveyor {
 public:
  Surveyor(const model::Model& original, const TypeChoices& choices,
           std::span<const TokenId> calibration, std::span<const TokenId> held_out,
           const SurveyOptions& options, compute::Compute& compute, const WorkPlace& place)
      : original_(original),
        choices_(choices),
        options_(options),
        compute_(compute),
        place_(place),
        calibration_(calibration),
        held_out_(held_out),
        output_error_(options.weights_sampled, compute),
        changed_(original, compute) {}

  Result<std::vector<TensorSurvey>> Run() {
    ALT_ASSIGN_OR_RETURN(calibration_,
                         WholeChunks(calibration_, options_.context, "the calibration text"));
    ALT_ASSIGN_OR_RETURN(held_out_,
                         WholeChunks(held_out_, options_.probe_context, "the held-out text"));
    ALT_ASSIGN_OR_RETURN(plan_, SurveyPlan::Create(original_, changed_, choices_,
                                                   options_.probe_every, place_.folder));
    if (plan_->n_open() > 0) ALT_RETURN_IF_ERROR(MeasureOpen());
    ALT_RETURN_IF_ERROR(Tell(n_groups()));
    return std::move(*plan_).TakeSurveys();
  }

 private:
  const ModelConfig& config() const { return original_.config; }
  const model::Checkpoint& file() const { return *original_.file; }
  const TensorView& Tensor(const std::string& name) const { return *file().Find(name); }
  uint64_t n_groups() const { return 1 + NumberOfGroups(config(), config().n_layers()); }
  Status Tell(uint64_t done) const {
    return TellProgress(place_.progress, done, n_groups(),
                        "the survey of the tensors was interrupted");
  }

  // --- runs ---

  Status MeasureOpen() {
    ALT_RETURN_IF_ERROR(Start());
    if (place_.estimate != nullptr) {
      ALT_RETURN_IF_ERROR(MeasureSamples());
      PlanWork();
      place_.estimate->Announce();
    }
    ALT_RETURN_IF_ERROR(inputs_->Begin(inputs_->n_chunks()));
    ALT_RETURN_IF_ERROR(probe_->Embed(held_out_));
    for (size_t layer = 0; layer < config().n_layers() && plan_->n_open() > 0; ++layer) {
      std::copy(probe_->All().begin(), probe_->All().end(), ValuesOf<float>(saved_).begin());
      for (const LayerGroup& group : GroupsOf(config(), layer)) {
        ALT_RETURN_IF_ERROR(SurveyGroup(layer, group));
        ALT_RETURN_IF_ERROR(Tell(++done_));
      }
      RestoreProbe();
      ALT_RETURN_IF_ERROR(WalkProbe(layer));
    }
    return SurveyEnds();
  }

  Status WalkProbe(size_t layer) {
    return WalkLayer(original_, layer, *probe_, probe_->n_chunks(), place_);
  }

  Status Start() {
    const size_t probe_context = options_.probe_context;
    ALT_ASSIGN_OR_RETURN(
        inputs_, InputMetrics::Create(original_, calibration_,
                                      {.context = options_.context, .damping = options_.damping},
                                      compute_, place_));
    const size_t n_runs = held_out_.size() / probe_context;
    ALT_ASSIGN_OR_RETURN(
        probe_,
        ActivationStream::Create(changed_.model(),
                                 {.n_chunks = n_runs, .context = probe_context, .at_once = n_runs},
                                 compute_, place_.folder));
    ALT_ASSIGN_OR_RETURN(
        saved_, RoomFor(probe_->All().size_bytes(),
                        "the activations of " + std::to_string(held_out_.size()) + " tokens",
                        place_.folder));
    ALT_ASSIGN_OR_RETURN(
        answers_, Answers::Create(n_runs, probe_context, probe_->forward(), options_.logits_bytes,
                                  [this](size_t first, size_t n) { ReleaseHeadRows(first, n); }));
    ALT_RETURN_IF_ERROR(probe_->Embed(held_out_));
    for (size_t layer = 0; layer < config().n_layers(); ++layer) {
      ALT_RETURN_IF_ERROR(WalkProbe(layer));
      ALT_RETURN_IF_ERROR(Tell(0));
    }
    place_.BeginWork();
    ALT_RETURN_IF_ERROR(answers_->Keep(probe_->forward(), 0, probe_->All()));
    place_.EndWork(WorkKind::kAnswers, 1);
    return Status();
  }

  void ReleaseHeadRows(size_t first, size_t n) const {
    const TensorView& head = Tensor(HeadOf(original_.weights));
    const size_t row_bytes = head.bytes.size() / head.shape.rows();
    file().ReleasePages(head.bytes.subspan(first * row_bytes, n * row_bytes));
    for (const EncodedTensor& encoded : encoded_) encoded.ReleasePages();
  }

  /// KL divergence of the changed model, whose layers differ from `layer` on at most.
  Result<double> DivergenceFrom(size_t layer) {
    for (; layer < config().n_layers(); ++layer) ALT_RETURN_IF_ERROR(WalkProbe(layer));
    place_.BeginWork();
    ALT_ASSIGN_OR_RETURN(const double sum,
                         answers_->Divergence(probe_->forward(), 0, probe_->All()));
    place_.EndWork(WorkKind::kAnswers, 1);
    return sum / static_cast<double>(probe_->n_chunks() * answers_->tokens_per_chunk());
  }

  void RestoreProbe() {
    const auto saved = ValuesOf<float>(std::as_const(saved_));
    std::copy(saved.begin(), saved.end(), probe_->All().begin());
  }

  // --- the embedding and the head ---

  /// The walk is behind the last layer, if the head is open.
  Status SurveyEnds() {
    const auto measure = [&]() -> Result<double> {
      ALT_RETURN_IF_ERROR(probe_->Embed(held_out_));
      return DivergenceFrom(0);
    };
    if (!original_.weights.tied) {
      for (Measurement* open : plan_->OpenOf({kEmbedding})) {
        ALT_RETURN_IF_ERROR(Survey(*open, nullptr, measure));
      }
    }
    for (Measurement* open : plan_->OpenOf({HeadOf(original_.weights)})) {
      ALT_ASSIGN_OR_RETURN(const Metric metric, inputs_->OfHead());
      ALT_RETURN_IF_ERROR(Survey(*open, &metric, measure));
    }
    return Tell(++done_);
  }

  // --- layers ---

  Status SurveyGroup(size_t layer, const LayerGroup& group) {
    const std::vector<Measurement*> open = plan_->OpenOf(NamesOf(layer, group));
    if (open.empty()) return inputs_->Pass(layer, group);
    ALT_ASSIGN_OR_RETURN(const Metric metric, inputs_->Of(layer, group));
    for (Measurement* each : open) {
      ALT_RETURN_IF_ERROR(Survey(*each, &metric, [&]() -> Result<double> {
        RestoreProbe();
        return DivergenceFrom(layer);
      }));
    }
    return Status();
  }

  // --- a measurement ---

  /// @param metric  of the rows that the tensors read; null for a table that is looked up in
  template <typename Measure>
  Status Survey(Measurement& measurement, const Metric* metric, const Measure& measure) {
    const bool is_run = !plan_->IsInterpolated(measurement);
    double measured_error = 0;
    std::vector<TensorSurvey> surveys;
    encoded_.clear();
    for (const Trial& trial : measurement.trials) {
      const TensorView& tensor = Tensor(trial.name);
      TensorSurvey survey = Sampled(trial, metric);
      survey.interpolated = !is_run;
      const bool is_tried = is_run && survey.measured != DType::kF32;
      if (is_tried) {
        ALT_RETURN_IF_ERROR(EncodeTrial(tensor, survey.measured, metric));
        measured_error += output_error_.Of(tensor, encoded_.back(), metric);
        ALT_RETURN_IF_ERROR(trial.replace(survey.measured, encoded_.back().bytes().data()));
      }
      file().ReleasePages(tensor.bytes);
      surveys.push_back(std::move(survey));
      ALT_RETURN_IF_ERROR(Tell(done_));
    }
    if (measured_error > 0) {
      ALT_ASSIGN_OR_RETURN(const double divergence, measure());
      const double kl_per_error = std::max(0.0, divergence) / measured_error;
      for (TensorSurvey& survey : surveys) {
        for (TypeCost& cost : survey.costs) cost.kl = kl_per_error * cost.error;
      }
    }
    for (const Trial& trial : measurement.trials) trial.restore();
    encoded_.clear();
    ALT_RETURN_IF_ERROR(plan_->Close(measurement, std::move(surveys), place_.folder));
    return Tell(done_);
  }

  /// What each type would cost, and which of them is to be measured; F32 where none is.
  TensorSurvey Sampled(const Trial& trial, const Metric* metric) {
    const TensorView& tensor = Tensor(trial.name);
    place_.BeginWork();
    TensorSurvey survey{.name = trial.name,
                        .shape = tensor.shape,
                        .source = tensor.type,
                        .measured = DType::kF32,
                        .costs = output_error_.Sample(tensor, trial.types, metric)};
    place_.EndWork(WorkKind::Errors(tensor.shape.cols()), AmountOfErrors(trial));
    for (TypeCost& cost : survey.costs) {
      const bool is_exact =
          options_.grids != nullptr && IsOnGrid(*options_.grids, trial.name, cost.type);
      if (is_exact) cost.error = 0;
    }
    if (const TypeCost* measured = MeasuredType(survey.costs)) survey.measured = measured->type;
    return survey;
  }

  /// Into encoded_.
  Status EncodeTrial(const TensorView& tensor, DType type, const Metric* metric) {
    const size_t row_bytes = *RowBytes(type, tensor.shape.cols());
    const size_t from_row = tensor.bytes.size() / tensor.shape.rows();
    ALT_ASSIGN_OR_RETURN(Buffer memory, RoomFor(row_bytes * tensor.shape.rows(),
                                                "a tensor that is tried", place_.folder));
    EncodedTensor& encoded = encoded_.emplace_back(type, std::move(memory));
    place_.BeginWork();
    return EncodeTensor(tensor, {.type = type, .metric = metric, .steps = kMeasuredSteps},
                        encoded.mutable_bytes(), compute_, [&](size_t first, size_t n) {
                          place_.EndWork(WorkKind::Rows(tensor.shape.cols()),
                                         static_cast<double>(n));
                          encoded.ReleasePages(first * row_bytes, n * row_bytes);
                          file().ReleasePages(tensor.bytes.subspan(first * from_row, n * from_row));
                          return Tell(done_);
                        });
  }

  // --- how long it takes ---

  double ProbeTokens() const { return static_cast<double>(held_out_.size()); }
  double CalibrationTokens() const { return static_cast<double>(calibration_.size()); }
  double AmountOfErrors(const Trial& trial) const {
    return static_cast<double>(output_error_.RowsSampled(Tensor(trial.name).shape) *
                               trial.types.size());
  }

  /// One tensor of every width, on one chunk; all of it is forgotten.
  Status MeasureSamples() {
    ALT_RETURN_IF_ERROR(inputs_->Begin(1));
    std::set<size_t> known;
    const size_t layer = 0;
    for (const LayerGroup& group : GroupsOf(config(), layer)) {
      const Trial* trial = nullptr;
      for (const Measurement& measurement : plan_->measurements()) {
        const Trial& first = measurement.trials.front();
        const bool reads = std::any_of(
            group.tensors.begin(), group.tensors.end(),
            [&](const LayerTensor& tensor) { return first.name.ends_with(tensor.name); });
        if (measurement.is_open() && reads) trial = &first;
      }
      if (trial != nullptr && known.insert(engine::WidthOf(config(), layer, group.gather)).second) {
        ALT_ASSIGN_OR_RETURN(const Metric metric, inputs_->Of(layer, group));
        ALT_RETURN_IF_ERROR(MeasureSample(*trial, metric));
      } else {
        ALT_RETURN_IF_ERROR(inputs_->Pass(layer, group));
      }
    }
    ReleaseLayer(file(), 0);
    return Status();
  }

  Status MeasureSample(const Trial& trial, const Metric& metric) {
    const TensorView& tensor = Tensor(trial.name);
    place_.BeginWork();
    const auto costs = output_error_.Sample(tensor, trial.types, &metric);
    place_.EndWork(WorkKind::Errors(metric.n), AmountOfErrors(trial));
    const TypeCost* measured = MeasuredType(costs);
    if (measured == nullptr) return Status();
    encoded_.clear();
    Status encoded = EncodeTrial(SampleOf(tensor, compute_.team().size()), measured->type, &metric);
    encoded_.clear();
    return encoded;
  }

  void PlanWork() {
    WorkEstimate& estimate = *place_.estimate;
    const auto chunks = static_cast<double>(inputs_->n_chunks());
    const auto weights_from = [&](size_t layer) {
      double sum = 0;
      for (; layer < config().n_layers(); ++layer) sum += WeightsOf(original_.weights, layer);
      return sum;
    };
    const auto plan = [&](const std::vector<std::string>& names, size_t layer, bool has_sums) {
      const std::vector<Measurement*> open = plan_->OpenOf(names);
      if (open.empty()) return;
      const size_t width = Tensor(names.front()).shape.cols();
      if (has_sums) estimate.Plan(WorkKind::Sums(width), chunks);
      if (has_sums) estimate.Plan(WorkKind::Metric(width), 1);
      for (const Measurement* each : open) {
        for (const Trial& trial : each->trials) {
          estimate.Plan(WorkKind::Errors(width), AmountOfErrors(trial));
          if (each->is_between) continue;
          estimate.Plan(WorkKind::Rows(width),
                        static_cast<double>(Tensor(trial.name).shape.rows()));
        }
        if (each->is_between) continue;
        estimate.Plan(WorkKind::kPasses, weights_from(layer) * ProbeTokens());
        estimate.Plan(WorkKind::kAnswers, 1);
      }
    };
    plan({HeadOf(original_.weights)}, 0, true);
    if (!original_.weights.tied) plan({kEmbedding}, 0, false);
    for (size_t layer = 0; layer < config().n_layers(); ++layer) {
      for (const LayerGroup& group : GroupsOf(config(), layer)) {
        plan(NamesOf(layer, group), layer, true);
      }
    }
    estimate.Plan(WorkKind::kPasses, weights_from(0) * (CalibrationTokens() + ProbeTokens()));
  }

  static const TypeCost* MeasuredType(const std::vector<TypeCost>& costs) {
    const auto distance = [](const TypeCost& cost) {
      return std::abs(TraitsOf(cost.type).bits_per_element() - kMeasuredBits);
    };
    const TypeCost* best = nullptr;
    for (const TypeCost& cost : costs) {
      if (!(cost.error > 0) || !CanEncode(cost.type)) continue;
      if (best == nullptr || distance(cost) < distance(*best)) best = &cost;
    }
    return best;
  }

  const model::Model& original_;
  const TypeChoices& choices_;
  const SurveyOptions options_;
  compute::Compute& compute_;
  const WorkPlace& place_;
  std::span<const TokenId> calibration_, held_out_;

  OutputError output_error_;
  ChangedModel changed_;
  std::optional<SurveyPlan> plan_;
  std::vector<EncodedTensor> encoded_;     // that the changed model has instead of its own
  std::unique_ptr<InputMetrics> inputs_;   // of the original, on the calibration text
  std::optional<ActivationStream> probe_;  // of the changed model, on the held-out text
  std::optional<Answers> answers_;
  Buffer saved_;  // f32: the probe's residual stream before the layer
  uint64_t done_ = 0;
};

}  // namespace

Result<std::vector<TensorSurvey>> SurveyTensors(const model::Model& original,
                                                const TypeChoices& choices,
                                                std::span<const TokenId> calibration,
                                                std::span<const TokenId> held_out,
                                                const SurveyOptions& options,
                                                compute::Compute& compute, const WorkPlace& place) {
  return Surveyor(original, choices, calibration, held_out, options, compute, place).Run();
}

}  // namespace altteul::compress
