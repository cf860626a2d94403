#include "compress/survey.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <set>

#include "base/check.h"
#include "compress/activation_stream.h"
#include "compress/answers.h"
#include "compress/encode_tensor.h"
#include "compress/layer_groups.h"
#include "compress/moments.h"
#include "compress/survey_text.h"
#include "kernels/codecs/codec.h"

namespace altteul::compress {
namespace {

using model::ModelConfig;
using text::TokenId;

constexpr size_t kFewestRows = 16;  // sampled
constexpr size_t kSampleRows = 32;  // of a thread, to measure what rows cost
constexpr const char* kEmbedding = "token_embd.weight";
constexpr const char* kHead = "output.weight";
// Near what small models end at: where the proportion is measured it holds best.
constexpr double kMeasuredBits = 4.5;
// Types are compared, so one sweep does for all of them.
constexpr EncodeSteps kSampledSteps = {.feedback = true, .descents = 1};
// Of what is measured only the proportion of divergence to error counts.
constexpr EncodeSteps kMeasuredSteps = {.feedback = true, .descents = 0};

/// A row of one tensor in one type, and what is lost.
class RowTrial {
 public:
  RowTrial(DType from, DType to, const Metric* metric, const kernels::KernelTable& kernels)
      : to_(to), codec_(*kernels::FindCodec(to)), is_same_(from == to) {
    if (CanEncode(to) && !is_same_) encoder_ = MakeRowEncoder(to, metric, kSampledSteps, kernels);
  }

  /// error [n] = decoded - row
  void Run(std::span<const float> row, std::span<float> error) {
    if (is_same_) {
      std::fill(error.begin(), error.end(), 0.0f);
      return;
    }
    bytes_.resize(*RowBytes(to_, row.size()));
    if (encoder_) {
      encoder_->Encode(row, bytes_.data());
    } else {
      codec_.encode(row.data(), row.size(), bytes_.data());
    }
    codec_.decode(bytes_.data(), row.size(), error.data());
    for (size_t i = 0; i < row.size(); ++i) error[i] -= row[i];
  }

 private:
  DType to_;
  const kernels::Codec& codec_;
  bool is_same_;
  std::unique_ptr<RowEncoder> encoder_;
  std::vector<std::byte> bytes_;
};

/// The mean square of what comes out for a row of weights; without a metric all columns count
/// alike.
double SquareOfOutput(std::span<const float> row, const Metric* metric,
                      const kernels::KernelTable& kernels, std::vector<float>& product) {
  double square = 0;
  for (const float w : row) square += static_cast<double>(w) * static_cast<double>(w);
  if (metric == nullptr) return square;
  const size_t n = row.size();
  product.assign(n, 0.0f);
  kernels.add_rows({.factor = row.data(),
                    .x = metric->h.data(),
                    .stride = n,
                    .n_rows = n,
                    .width = n,
                    .y = product.data()});
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    sum += static_cast<double>(row[i]) * static_cast<double>(product[i]);
  }
  return sum - static_cast<double>(metric->lambda) * square;
}

class Surveyor {
 public:
  Surveyor(const model::Model& original, const TypeChoices& choices,
           std::span<const TokenId> calibration, std::span<const TokenId> held_out,
           const SurveyOptions& options, const kernels::KernelTable& kernels, ThreadTeam& team,
           const WorkPlace& place)
      : original_(original),
        choices_(choices),
        options_(options),
        kernels_(kernels),
        team_(team),
        place_(place),
        calibration_(calibration),
        held_out_(held_out),
        changed_(original) {}

  Result<std::vector<TensorSurvey>> Run() {
    ALT_RETURN_IF_ERROR(CutToChunks(calibration_, options_.context, "the calibration text"));
    ALT_RETURN_IF_ERROR(CutToChunks(held_out_, options_.probe_context, "the held-out text"));
    ALT_RETURN_IF_ERROR(PlanTrials());
    if (n_open_ > 0) ALT_RETURN_IF_ERROR(MeasureOpen());
    ALT_RETURN_IF_ERROR(Tell(n_groups()));
    std::vector<TensorSurvey> surveys;
    for (Measurement& measurement : measurements_) {
      for (TensorSurvey& survey : measurement.surveys) surveys.push_back(std::move(survey));
    }
    return surveys;
  }

 private:
  const ModelConfig& config() const { return original_.config; }
  const model::Checkpoint& file() const { return *original_.file; }
  const TensorView& Tensor(const std::string& name) const { return *file().Find(name); }
  uint64_t n_groups() const { return 1 + config().n_layers * 4; }
  Status Tell(uint64_t done) const {
    if (place_.progress && !place_.progress(done, n_groups())) {
      return Status(ErrorCode::kCancelled, "the survey of the tensors was interrupted");
    }
    return Status();
  }

  static Status CutToChunks(std::span<const TokenId>& ids, size_t context, const char* what) {
    const size_t n_chunks = ids.size() / context;
    if (n_chunks == 0) {
      return Status(ErrorCode::kInvalidArgument,
                    std::string(what) + " has " + std::to_string(ids.size()) +
                        " tokens, which is less than one chunk of " + std::to_string(context));
    }
    ids = ids.first(n_chunks * context);
    return Status();
  }

  // --- what is to be measured ---

  /// A tensor, and how the changed model takes it on.
  struct Trial {
    std::string name;
    std::vector<DType> types;
    std::function<void(DType type, const std::byte* rows)> replace;
    std::function<void()> restore;
  };

  /// Tensors that are measured together, in one run.
  struct Measurement {
    std::vector<Trial> trials;
    std::vector<TensorSurvey> surveys;  // of the trials; empty as long as it is open
    bool is_open() const { return surveys.empty(); }
  };

  /// Of tensors that read the same and work on each other (q on k, gate on up) one run tells
  /// enough: an error that is as large a part of the output is taken to do as much harm.
  static std::vector<std::vector<size_t>> TensorsTogether(const LayerGroup& group) {
    if (group.tensors.size() == 3) return {{0, 1}, {2}};
    std::vector<size_t> all(group.tensors.size());
    std::iota(all.begin(), all.end(), size_t{0});
    return {all};
  }

  Status PlanTrials() {
    groups_ = GroupsOf(config());
    ALT_RETURN_IF_ERROR(AddMeasurement(
        {{.name = kEmbedding,
          .types = {},
          .replace = [this](DType type,
                            const std::byte* rows) { changed_.ReplaceEmbedding(type, rows); },
          .restore = [this] { changed_.RestoreEmbedding(); }}}));
    if (!original_.weights.tied) {
      ALT_RETURN_IF_ERROR(AddMeasurement(
          {{.name = kHead,
            .types = {},
            .replace = [this](DType type,
                              const std::byte* rows) { changed_.ReplaceHead(type, rows); },
            .restore = [this] { changed_.RestoreHead(); }}}));
    }
    for (size_t layer = 0; layer < config().n_layers; ++layer) {
      for (const LayerGroup& group : groups_) {
        for (const std::vector<size_t>& together : TensorsTogether(group)) {
          std::vector<Trial> trials;
          for (const size_t t : together) {
            const LayerTensor& tensor = group.tensors[t];
            trials.push_back(
                {.name = NameOf(layer, tensor),
                 .types = {},
                 .replace =
                     [this, layer, &tensor](DType type, const std::byte* rows) {
                       changed_.Replace(layer, tensor, type, rows);
                     },
                 .restore = [this, layer, &tensor] { changed_.Restore(layer, tensor); }});
          }
          ALT_RETURN_IF_ERROR(AddMeasurement(std::move(trials)));
        }
      }
    }
    return Status();
  }

  /// Of the tensors that may get another type; taken from the work folder if it is there.
  Status AddMeasurement(std::vector<Trial> candidates) {
    Measurement measurement;
    for (Trial& trial : candidates) {
      const TensorView& tensor = Tensor(trial.name);
      ALT_ASSIGN_OR_RETURN(trial.types, choices_(trial.name, tensor));
      const bool stays = trial.types.size() == 1 && trial.types.front() == tensor.type;
      if (!stays) measurement.trials.push_back(std::move(trial));
    }
    if (measurement.trials.empty()) return Status();
    if (place_.folder != nullptr) FindKept(measurement);
    n_open_ += measurement.is_open() ? 1 : 0;
    measurements_.push_back(std::move(measurement));
    return Status();
  }

  void FindKept(Measurement& measurement) const {
    const auto text = place_.folder->FindText(measurement.trials.front().name);
    auto kept = text ? SurveysFromText(*text) : std::nullopt;
    if (!kept || kept->size() != measurement.trials.size()) return;
    for (size_t i = 0; i < kept->size(); ++i) {
      const Trial& trial = measurement.trials[i];
      TensorSurvey& survey = (*kept)[i];
      const TensorView& tensor = Tensor(trial.name);
      const bool is_same = survey.name == trial.name && survey.source == tensor.type &&
                           std::equal(survey.costs.begin(), survey.costs.end(), trial.types.begin(),
                                      trial.types.end(), [](const TypeCost& cost, DType type) {
                                        return cost.type == type;
                                      });
      if (!is_same) return;
      survey.shape = tensor.shape;
    }
    measurement.surveys = std::move(*kept);
  }

  /// The open measurement of these tensors.
  std::vector<Measurement*> OpenOf(const std::vector<std::string>& names) {
    std::vector<Measurement*> found;
    for (Measurement& measurement : measurements_) {
      const std::string& name = measurement.trials.front().name;
      const bool is_asked = std::any_of(names.begin(), names.end(),
                                        [&](const std::string& each) { return each == name; });
      if (is_asked && measurement.is_open()) found.push_back(&measurement);
    }
    return found;
  }

  // --- runs ---

  Status MeasureOpen() {
    ALT_RETURN_IF_ERROR(Start());
    if (place_.estimate != nullptr) {
      ALT_RETURN_IF_ERROR(MeasureSamples());
      PlanWork();
      place_.estimate->Announce();
    }
    ALT_RETURN_IF_ERROR(SurveyEnds());
    calibrated_->Embed(calibration_);
    probe_->Embed(held_out_);
    for (size_t layer = 0; layer < config().n_layers && n_open_ > 0; ++layer) {
      saved_.assign(probe_->All().begin(), probe_->All().end());
      for (const LayerGroup& group : groups_) {
        ALT_RETURN_IF_ERROR(SurveyGroup(layer, group));
        ALT_RETURN_IF_ERROR(Tell(++done_));
      }
      RestoreProbe();
      StepLayer(*probe_, layer, ProbeTokens());
    }
    return Status();
  }

  void StepLayer(ActivationStream& stream, size_t layer, double tokens) {
    BeginWork();
    stream.StepLayer(layer);
    EndWork("passes", WeightsOf(original_.weights, layer) * tokens);
    ReleaseLayer(file(), layer);
  }

  Status Start() {
    const size_t context = options_.context, probe_context = options_.probe_context;
    ALT_ASSIGN_OR_RETURN(calibrated_,
                         ActivationStream::Create(original_, calibration_.size() / context, context,
                                                  kernels_, team_, place_.folder));
    ALT_ASSIGN_OR_RETURN(
        probe_, ActivationStream::Create(changed_.model(), held_out_.size() / probe_context,
                                         probe_context, kernels_, team_, place_.folder));
    ALT_ASSIGN_OR_RETURN(
        answers_, Answers::Create(probe_->n_chunks(), probe_context, config().vocabulary,
                                  options_.logits_bytes,
                                  [this](size_t first, size_t n) { ReleaseHeadRows(first, n); }));
    probe_->Embed(held_out_);
    for (size_t layer = 0; layer < config().n_layers; ++layer) {
      StepLayer(*probe_, layer, ProbeTokens());
      ALT_RETURN_IF_ERROR(Tell(0));
    }
    BeginWork();
    for (size_t i = 0; i < probe_->n_chunks(); ++i) {
      answers_->Keep(probe_->forward(), i, probe_->X(i), team_);
    }
    EndWork("answers", 1);
    return Status();
  }

  void ReleaseHeadRows(size_t first, size_t n) const {
    const TensorView& head = Tensor(original_.weights.tied ? kEmbedding : kHead);
    const size_t row_bytes = head.bytes.size() / head.shape.rows();
    file().ReleasePages(head.bytes.subspan(first * row_bytes, n * row_bytes));
    for (const EncodedTensor& encoded : encoded_) encoded.ReleasePages();
  }

  /// KL divergence of the changed model, whose layers differ from `layer` on at most.
  double DivergenceFrom(size_t layer) {
    for (; layer < config().n_layers; ++layer) StepLayer(*probe_, layer, ProbeTokens());
    double sum = 0;
    BeginWork();
    for (size_t i = 0; i < probe_->n_chunks(); ++i) {
      sum += answers_->Divergence(probe_->forward(), i, probe_->X(i), team_);
    }
    EndWork("answers", 1);
    return sum / static_cast<double>(probe_->n_chunks() * answers_->tokens_per_chunk());
  }

  void RestoreProbe() { std::copy(saved_.begin(), saved_.end(), probe_->All().begin()); }

  // --- the embedding and the head ---

  Status SurveyEnds() {
    const auto measure = [&] {
      probe_->Embed(held_out_);
      return DivergenceFrom(0);
    };
    if (!original_.weights.tied) {
      for (Measurement* open : OpenOf({kEmbedding})) {
        ALT_RETURN_IF_ERROR(Survey(*open, nullptr, measure));
      }
    }
    for (Measurement* open : OpenOf({original_.weights.tied ? kEmbedding : kHead})) {
      calibrated_->Embed(calibration_);
      for (size_t layer = 0; layer < config().n_layers; ++layer) {
        StepLayer(*calibrated_, layer, CalibrationTokens());
        ALT_RETURN_IF_ERROR(Tell(0));
      }
      ALT_ASSIGN_OR_RETURN(const Metric metric, MetricOfHead());
      ALT_RETURN_IF_ERROR(Survey(*open, &metric, measure));
    }
    return Tell(++done_);
  }

  Result<Metric> MetricOfHead() {
    ALT_ASSIGN_OR_RETURN(MomentSums sums, NewSums(config().hidden));
    for (size_t i = 0; i < calibrated_->n_chunks(); ++i) {
      const std::span<float> norm = calibrated_->Rows(i, config().hidden);
      calibrated_->forward().Finish(calibrated_->X(i), norm);
      Add(norm, sums);
      calibrated_->Release(i);
    }
    return MetricFor(std::move(sums).Take());
  }

  void Add(std::span<const float> rows, MomentSums& sums) {
    BeginWork();
    sums.Add(options_.context, rows, {});
    EndWork(KindOf("sums", rows.size() / options_.context), 1);
  }
  Result<Metric> MetricFor(Moments moments) {
    const size_t n = moments.n;
    BeginWork();
    ALT_ASSIGN_OR_RETURN(Metric metric, MakeMetric(std::move(moments), options_.damping));
    EndWork(KindOf("metric", n), 1);
    return metric;
  }
  Result<MomentSums> NewSums(size_t width) {
    return MomentSums::Create(width, options_.context, false, kernels_, team_);
  }

  // --- layers ---

  Status SurveyGroup(size_t layer, const LayerGroup& group) {
    std::vector<std::string> names;
    for (const LayerTensor& tensor : group.tensors) names.push_back(NameOf(layer, tensor));
    const std::vector<Measurement*> open = OpenOf(names);
    if (!open.empty()) {
      ALT_ASSIGN_OR_RETURN(const Metric metric, MetricOf(layer, group));
      for (Measurement* each : open) {
        ALT_RETURN_IF_ERROR(Survey(*each, &metric, [&] {
          RestoreProbe();
          return DivergenceFrom(layer);
        }));
      }
    } else if (group.goes_on) {
      for (size_t i = 0; i < calibrated_->n_chunks(); ++i) Step(layer, group.gather, i);
    }
    for (size_t i = 0; i < calibrated_->n_chunks() && group.goes_on; ++i) {
      Step(layer, group.go_on, i);
    }
    return Status();
  }

  void Step(size_t layer, engine::BlockStep step, size_t chunk) {
    BeginWork();
    calibrated_->Step(layer, step, chunk);
    calibrated_->Release(chunk);
    EndWork("passes",
            WeightsOf(original_.weights, layer, step) * static_cast<double>(options_.context));
  }

  Result<Metric> MetricOf(size_t layer, const LayerGroup& group) {
    const size_t width = engine::WidthOf(group.gather, config());
    ALT_ASSIGN_OR_RETURN(MomentSums sums, NewSums(width));
    for (size_t i = 0; i < calibrated_->n_chunks(); ++i) {
      Step(layer, group.gather, i);
      Add(calibrated_->Rows(i, width), sums);
      calibrated_->Release(i);
    }
    return MetricFor(std::move(sums).Take());
  }

  // --- a measurement ---

  /// @param metric  of the rows that the tensors read; null for a table that is looked up in
  template <typename Measure>
  Status Survey(Measurement& measurement, const Metric* metric, const Measure& measure) {
    double measured_error = 0;
    std::vector<TensorSurvey> surveys;
    encoded_.clear();
    for (const Trial& trial : measurement.trials) {
      const TensorView& tensor = Tensor(trial.name);
      BeginWork();
      TensorSurvey survey = SampleErrors(trial, tensor, metric);
      EndWork(KindOf("errors", tensor.shape.cols()), ErrorsOf(trial));
      if (const TypeCost* measured = MeasuredType(survey)) {
        ALT_RETURN_IF_ERROR(EncodeTrial(tensor, measured->type, metric));
        survey.measured = measured->type;
        measured_error += ErrorOf(tensor, encoded_.back(), metric);
        trial.replace(measured->type, encoded_.back().bytes().data());
      }
      file().ReleasePages(tensor.bytes);
      surveys.push_back(std::move(survey));
      ALT_RETURN_IF_ERROR(Tell(done_));
    }
    if (measured_error > 0) {
      const double kl_per_error = std::max(0.0, measure()) / measured_error;
      for (TensorSurvey& survey : surveys) {
        for (TypeCost& cost : survey.costs) cost.kl = kl_per_error * cost.error;
      }
    }
    for (const Trial& trial : measurement.trials) trial.restore();
    encoded_.clear();
    if (place_.folder != nullptr) {
      ALT_RETURN_IF_ERROR(
          place_.folder->KeepText(measurement.trials.front().name, SurveysAsText(surveys)));
    }
    measurement.surveys = std::move(surveys);
    --n_open_;
    return Tell(done_);
  }

  /// Into encoded_.
  Status EncodeTrial(const TensorView& tensor, DType type, const Metric* metric) {
    const size_t row_bytes = *RowBytes(type, tensor.shape.cols());
    const size_t from_row = tensor.bytes.size() / tensor.shape.rows();
    ALT_ASSIGN_OR_RETURN(Buffer memory, RoomFor(row_bytes * tensor.shape.rows(),
                                                "a tensor that is tried", place_.folder));
    EncodedTensor& encoded = encoded_.emplace_back(type, std::move(memory));
    BeginWork();
    return EncodeTensor(tensor, {.type = type, .metric = metric, .steps = kMeasuredSteps},
                        encoded.mutable_bytes(), kernels_, team_, [&](size_t first, size_t n) {
                          EndWork(KindOf("rows", tensor.shape.cols()), static_cast<double>(n));
                          encoded.ReleasePages(first * row_bytes, n * row_bytes);
                          file().ReleasePages(tensor.bytes.subspan(first * from_row, n * from_row));
                          return Tell(done_);
                        });
  }

  // --- how long it takes ---

  static std::string KindOf(const char* what, size_t n) {
    return std::string(what) + " " + std::to_string(n);
  }
  void BeginWork() const {
    if (place_.estimate != nullptr) place_.estimate->Begin();
  }
  void EndWork(const std::string& kind, double amount) const {
    if (place_.estimate != nullptr) place_.estimate->Done(kind, amount);
  }
  double ProbeTokens() const { return static_cast<double>(held_out_.size()); }
  double CalibrationTokens() const { return static_cast<double>(calibration_.size()); }
  double ErrorsOf(const Trial& trial) const {
    return static_cast<double>(NumberSampled(Tensor(trial.name)) * trial.types.size());
  }

  /// One tensor of every width, on one chunk; all of it is forgotten.
  Status MeasureSamples() {
    calibrated_->forward().Embed(calibration_.first(options_.context), calibrated_->X(0));
    std::set<size_t> known;
    for (const LayerGroup& group : groups_) {
      const size_t width = engine::WidthOf(group.gather, config());
      Step(0, group.gather, 0);
      const Trial* trial = nullptr;
      for (const Measurement& measurement : measurements_) {
        const Trial& first = measurement.trials.front();
        const bool reads = std::any_of(
            group.tensors.begin(), group.tensors.end(),
            [&](const LayerTensor& tensor) { return first.name.ends_with(tensor.name); });
        if (measurement.is_open() && reads) trial = &first;
      }
      if (trial != nullptr && known.insert(width).second) {
        ALT_RETURN_IF_ERROR(MeasureSample(*trial, width));
      }
      if (group.goes_on) Step(0, group.go_on, 0);
    }
    calibrated_->Release(0);
    ReleaseLayer(file(), 0);
    return Status();
  }

  Status MeasureSample(const Trial& trial, size_t width) {
    ALT_ASSIGN_OR_RETURN(MomentSums sums, NewSums(width));
    Add(calibrated_->Rows(0, width), sums);
    ALT_ASSIGN_OR_RETURN(const Metric metric, MetricFor(std::move(sums).Take()));
    TensorView some = Tensor(trial.name);
    BeginWork();
    const TensorSurvey survey = SampleErrors(trial, some, &metric);
    EndWork(KindOf("errors", width), ErrorsOf(trial));
    const TypeCost* measured = MeasuredType(survey);
    if (measured == nullptr) return Status();
    const size_t rows =
        std::min<size_t>(some.shape.rows(), kSampleRows * static_cast<size_t>(team_.size()));
    some.bytes = some.bytes.first(some.bytes.size() / some.shape.rows() * rows);
    some.shape = {.n_dims = 2, .dims = {rows, width}};
    encoded_.clear();
    const Status encoded = EncodeTrial(some, measured->type, &metric);
    encoded_.clear();
    return encoded;
  }

  void PlanWork() {
    WorkEstimate& estimate = *place_.estimate;
    const auto chunks = static_cast<double>(calibrated_->n_chunks());
    const auto weights_from = [&](size_t layer) {
      double sum = 0;
      for (; layer < config().n_layers; ++layer) sum += WeightsOf(original_.weights, layer);
      return sum;
    };
    const auto plan = [&](const std::vector<std::string>& names, size_t layer, bool has_sums) {
      const std::vector<Measurement*> open = OpenOf(names);
      if (open.empty()) return;
      const size_t width = Tensor(names.front()).shape.cols();
      if (has_sums) estimate.Plan(KindOf("sums", width), chunks);
      if (has_sums) estimate.Plan(KindOf("metric", width), 1);
      for (const Measurement* each : open) {
        for (const Trial& trial : each->trials) {
          estimate.Plan(KindOf("errors", width), ErrorsOf(trial));
          estimate.Plan(KindOf("rows", width),
                        static_cast<double>(Tensor(trial.name).shape.rows()));
        }
        estimate.Plan("passes", weights_from(layer) * ProbeTokens());
        estimate.Plan("answers", 1);
      }
    };
    const char* head = original_.weights.tied ? kEmbedding : kHead;
    plan({head}, 0, true);
    if (!OpenOf({head}).empty()) estimate.Plan("passes", weights_from(0) * CalibrationTokens());
    if (!original_.weights.tied) plan({kEmbedding}, 0, false);
    for (size_t layer = 0; layer < config().n_layers; ++layer) {
      for (const LayerGroup& group : groups_) {
        std::vector<std::string> names;
        for (const LayerTensor& tensor : group.tensors) names.push_back(NameOf(layer, tensor));
        plan(names, layer, true);
      }
    }
    estimate.Plan("passes", weights_from(0) * (CalibrationTokens() + ProbeTokens()));
  }

  static const TypeCost* MeasuredType(const TensorSurvey& survey) {
    const auto distance = [](const TypeCost& cost) {
      return std::abs(TraitsOf(cost.type).bits_per_element() - kMeasuredBits);
    };
    const TypeCost* best = nullptr;
    for (const TypeCost& cost : survey.costs) {
      if (!(cost.error > 0) || !CanEncode(cost.type)) continue;
      if (best == nullptr || distance(cost) < distance(*best)) best = &cost;
    }
    return best;
  }

  /// Rows of a tensor that stand for all, evenly spread.
  size_t NumberSampled(const TensorView& tensor) const {
    const size_t wanted =
        std::max<size_t>(kFewestRows, options_.weights_sampled / tensor.shape.cols());
    return std::min(wanted, tensor.shape.rows());
  }

  /// TypeCost::error of a tensor that was encoded.
  double ErrorOf(const TensorView& tensor, const EncodedTensor& encoded, const Metric* metric) {
    const size_t n = tensor.shape.cols();
    const size_t n_rows = tensor.shape.rows();
    const size_t count = NumberSampled(tensor);
    const size_t from_row = *RowBytes(tensor.type, n), to_row = *RowBytes(encoded.type(), n);
    std::vector<double> outputs(count), errors(count);
    team_.Run([&](int thread) {
      std::vector<float> row(n), error(n), product;
      const Share share = ShareOf(count, 1, thread, team_.size());
      for (size_t i = share.begin; i < share.end; ++i) {
        const size_t at = i * n_rows / count;
        kernels::FindCodec(tensor.type)->decode(tensor.bytes.data() + at * from_row, n, row.data());
        kernels::FindCodec(encoded.type())
            ->decode(encoded.bytes().data() + at * to_row, n, error.data());
        for (size_t c = 0; c < n; ++c) error[c] -= row[c];
        outputs[i] = SquareOfOutput(row, metric, kernels_, product);
        errors[i] = SquareOfOutput(error, metric, kernels_, product);
      }
    });
    const double output = std::accumulate(outputs.begin(), outputs.end(), 0.0);
    return output > 0 ? std::accumulate(errors.begin(), errors.end(), 0.0) / output : 0;
  }

  TensorSurvey SampleErrors(const Trial& trial, const TensorView& tensor, const Metric* metric) {
    const size_t n = tensor.shape.cols();
    const size_t n_rows = tensor.shape.rows();
    const size_t count = NumberSampled(tensor);
    const size_t row_bytes = *RowBytes(tensor.type, n);
    const kernels::Codec& decoder = *kernels::FindCodec(tensor.type);
    const size_t n_types = trial.types.size();
    std::vector<double> outputs(count), errors(count * n_types);
    team_.Run([&](int thread) {
      std::vector<RowTrial> types;
      for (const DType type : trial.types) {
        types.emplace_back(tensor.type, type, metric, kernels_);
      }
      std::vector<float> row(n), error(n), product;
      const Share share = ShareOf(count, 1, thread, team_.size());
      for (size_t i = share.begin; i < share.end; ++i) {
        decoder.decode(tensor.bytes.data() + i * n_rows / count * row_bytes, n, row.data());
        outputs[i] = SquareOfOutput(row, metric, kernels_, product);
        for (size_t t = 0; t < n_types; ++t) {
          types[t].Run(row, error);
          errors[i * n_types + t] = SquareOfOutput(error, metric, kernels_, product);
        }
      }
    });
    TensorSurvey survey;
    survey.name = trial.name;
    survey.shape = tensor.shape;
    survey.source = tensor.type;
    const double output = std::accumulate(outputs.begin(), outputs.end(), 0.0);
    for (size_t t = 0; t < n_types; ++t) {
      TypeCost cost;
      cost.type = trial.types[t];
      cost.bytes = *RowBytes(cost.type, n) * n_rows;
      for (size_t i = 0; i < count; ++i) cost.error += std::max(0.0, errors[i * n_types + t]);
      if (output > 0) cost.error /= output;
      survey.costs.push_back(cost);
    }
    return survey;
  }

  const model::Model& original_;
  const TypeChoices& choices_;
  const SurveyOptions options_;
  const kernels::KernelTable& kernels_;
  ThreadTeam& team_;
  const WorkPlace& place_;
  std::span<const TokenId> calibration_, held_out_;

  ChangedModel changed_;
  std::vector<LayerGroup> groups_;              // of every layer
  std::vector<Measurement> measurements_;       // in the order of the result
  size_t n_open_ = 0;                           // of them
  std::vector<EncodedTensor> encoded_;          // that the changed model has instead of its own
  std::optional<ActivationStream> calibrated_;  // of the original, on the calibration text
  std::optional<ActivationStream> probe_;       // of the changed model, on the held-out text
  std::optional<Answers> answers_;
  std::vector<float> saved_;  // the probe's residual stream before the layer
  uint64_t done_ = 0;
};

}  // namespace

Result<std::vector<TensorSurvey>> SurveyTensors(
    const model::Model& original, const TypeChoices& choices, std::span<const TokenId> calibration,
    std::span<const TokenId> held_out, const SurveyOptions& options,
    const kernels::KernelTable& kernels, ThreadTeam& team, const WorkPlace& place) {
  return Surveyor(original, choices, calibration, held_out, options, kernels, team, place).Run();
}

}  // namespace altteul::compress
