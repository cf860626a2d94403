#include "compress/survey.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>

#include "base/check.h"
#include "compress/activation_stream.h"
#include "compress/answers.h"
#include "compress/encode_tensor.h"
#include "compress/layer_groups.h"
#include "compress/moments.h"
#include "kernels/codecs/codec.h"

namespace altteul::compress {
namespace {

using model::ModelConfig;
using text::TokenId;

constexpr size_t kFewestRows = 16;  // sampled
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

/// The mean square of what comes out for a row of weights; without moments all columns count alike.
double SquareOfOutput(std::span<const float> row, const Moments* moments,
                      const kernels::KernelTable& kernels, std::vector<float>& product) {
  double sum = 0;
  if (moments == nullptr) {
    for (const float w : row) sum += static_cast<double>(w) * static_cast<double>(w);
    return sum;
  }
  const size_t n = row.size();
  product.assign(n, 0.0f);
  kernels.add_rows({.factor = row.data(),
                    .x = moments->own.data(),
                    .stride = n,
                    .n_rows = n,
                    .width = n,
                    .y = product.data()});
  for (size_t i = 0; i < n; ++i) {
    sum += static_cast<double>(row[i]) * static_cast<double>(product[i]);
  }
  return sum / moments->tokens;
}

class Surveyor {
 public:
  Surveyor(const model::Model& original, const TypeChoices& choices,
           std::span<const TokenId> calibration, std::span<const TokenId> held_out,
           const SurveyOptions& options, const kernels::KernelTable& kernels, ThreadTeam& team,
           const ProgressSink& progress)
      : original_(original),
        choices_(choices),
        options_(options),
        kernels_(kernels),
        team_(team),
        progress_(progress),
        calibration_(calibration),
        held_out_(held_out) {}

  Result<std::vector<TensorSurvey>> Run() {
    ALT_RETURN_IF_ERROR(Start());
    ALT_RETURN_IF_ERROR(SurveyEnds());
    calibrated_->Embed(calibration_);
    probe_->Embed(held_out_);
    for (size_t layer = 0; layer < config().n_layers; ++layer) {
      saved_.assign(probe_->All().begin(), probe_->All().end());
      for (const LayerGroup& group : GroupsOf(config())) {
        ALT_RETURN_IF_ERROR(SurveyGroup(layer, group));
        ALT_RETURN_IF_ERROR(Tell(++done_));
      }
      RestoreProbe();
      probe_->StepLayer(layer);
    }
    return std::move(surveys_);
  }

 private:
  const ModelConfig& config() const { return original_.config; }
  Status Tell(uint64_t done) const {
    if (progress_ && !progress_(done, 1 + config().n_layers * 4)) {
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

  Status Start() {
    ALT_RETURN_IF_ERROR(CutToChunks(calibration_, options_.context, "the calibration text"));
    ALT_RETURN_IF_ERROR(CutToChunks(held_out_, options_.probe_context, "the held-out text"));
    const size_t context = options_.context, probe_context = options_.probe_context;
    ALT_ASSIGN_OR_RETURN(changed_, ChangedModel::Create(original_, kernels_, team_));
    ALT_ASSIGN_OR_RETURN(calibrated_,
                         ActivationStream::Create(original_, calibration_.size() / context, context,
                                                  kernels_, team_));
    ALT_ASSIGN_OR_RETURN(
        probe_, ActivationStream::Create(changed_->model(), held_out_.size() / probe_context,
                                         probe_context, kernels_, team_));
    ALT_ASSIGN_OR_RETURN(answers_, Answers::Create(probe_->n_chunks(), probe_context,
                                                   config().vocabulary, options_.logits_bytes));
    probe_->Embed(held_out_);
    for (size_t layer = 0; layer < config().n_layers; ++layer) {
      probe_->StepLayer(layer);
      ALT_RETURN_IF_ERROR(Tell(0));
    }
    for (size_t i = 0; i < probe_->n_chunks(); ++i) {
      answers_->Keep(probe_->forward(), i, probe_->X(i), team_);
    }
    return Status();
  }

  /// KL divergence of the changed model, whose layers differ from `layer` on at most.
  double DivergenceFrom(size_t layer) {
    for (; layer < config().n_layers; ++layer) probe_->StepLayer(layer);
    double sum = 0;
    for (size_t i = 0; i < probe_->n_chunks(); ++i) {
      sum += answers_->Divergence(probe_->forward(), i, probe_->X(i), team_);
    }
    return sum / static_cast<double>(probe_->n_chunks() * answers_->tokens_per_chunk());
  }

  void RestoreProbe() { std::copy(saved_.begin(), saved_.end(), probe_->All().begin()); }

  // --- the embedding and the head ---

  Status SurveyEnds() {
    ALT_ASSIGN_OR_RETURN(const auto embedding, ChoicesFor(kEmbedding));
    std::vector<DType> head;
    if (!original_.weights.tied) {
      ALT_ASSIGN_OR_RETURN(head, ChoicesFor(kHead));
    }
    const bool reads_head = original_.weights.tied ? !embedding.empty() : !head.empty();
    std::optional<MomentSums> sums;
    if (reads_head) {
      calibrated_->Embed(calibration_);
      for (size_t layer = 0; layer < config().n_layers; ++layer) {
        calibrated_->StepLayer(layer);
        ALT_RETURN_IF_ERROR(Tell(0));
      }
      ALT_ASSIGN_OR_RETURN(sums, NewSums(config().hidden));
      for (size_t i = 0; i < calibrated_->n_chunks(); ++i) {
        const std::span<float> norm = calibrated_->Rows(i, config().hidden);
        calibrated_->forward().Finish(calibrated_->X(i), norm);
        sums->Add(options_.context, norm, {});
      }
    }
    std::optional<Metric> metric;
    Inputs head_inputs;
    if (sums) {
      ALT_ASSIGN_OR_RETURN(metric, MakeMetric(sums->moments(), options_.damping));
      head_inputs = {&sums->moments(), &*metric};
    }
    const auto measure = [&] {
      probe_->Embed(held_out_);
      return DivergenceFrom(0);
    };
    if (!embedding.empty()) {
      const Trial trial = {
          .name = kEmbedding,
          .types = embedding,
          .replace = [this](DType type,
                            const std::byte* rows) { changed_->ReplaceEmbedding(type, rows); },
          .restore = [this] { changed_->RestoreEmbedding(); }};
      const Inputs inputs = original_.weights.tied ? head_inputs : Inputs{};
      ALT_RETURN_IF_ERROR(Survey({&trial, 1}, inputs, measure));
    }
    if (!head.empty()) {
      const Trial trial = {
          .name = kHead,
          .types = head,
          .replace = [this](DType type,
                            const std::byte* rows) { changed_->ReplaceHead(type, rows); },
          .restore = [this] { changed_->RestoreHead(); }};
      ALT_RETURN_IF_ERROR(Survey({&trial, 1}, head_inputs, measure));
    }
    return Tell(++done_);
  }

  Result<MomentSums> NewSums(size_t width) {
    return MomentSums::Create(width, options_.context, false, kernels_, team_);
  }

  // --- layers ---

  Status SurveyGroup(size_t layer, const LayerGroup& group) {
    const size_t width = engine::WidthOf(group.gather, config());
    std::vector<std::vector<DType>> choices;
    bool any = false;
    for (const LayerTensor& tensor : group.tensors) {
      ALT_ASSIGN_OR_RETURN(auto types, ChoicesFor(NameOf(layer, tensor)));
      any = any || !types.empty();
      choices.push_back(std::move(types));
    }
    if (any || group.goes_on) {
      std::optional<MomentSums> sums;
      if (any) {
        ALT_ASSIGN_OR_RETURN(sums, NewSums(width));
      }
      for (size_t i = 0; i < calibrated_->n_chunks(); ++i) {
        calibrated_->Step(layer, group.gather, i);
        if (any) sums->Add(options_.context, calibrated_->Rows(i, width), {});
      }
      std::optional<Metric> metric;
      if (any) {
        ALT_ASSIGN_OR_RETURN(metric, MakeMetric(sums->moments(), options_.damping));
      }
      for (const std::vector<size_t>& together : TensorsTogether(group)) {
        std::vector<Trial> trials;
        for (const size_t t : together) {
          if (choices[t].empty()) continue;
          const LayerTensor& tensor = group.tensors[t];
          trials.push_back(
              {.name = NameOf(layer, tensor),
               .types = choices[t],
               .replace =
                   [this, layer, &tensor](DType type, const std::byte* rows) {
                     changed_->Replace(layer, tensor, type, rows);
                   },
               .restore = [this, layer, &tensor] { changed_->Restore(layer, tensor); }});
        }
        const auto measure = [&] {
          RestoreProbe();
          return DivergenceFrom(layer);
        };
        ALT_RETURN_IF_ERROR(Survey(trials, {&sums->moments(), &*metric}, measure));
      }
    }
    for (size_t i = 0; i < calibrated_->n_chunks() && group.goes_on; ++i) {
      calibrated_->Step(layer, group.go_on, i);
    }
    return Status();
  }

  // --- tensors that are measured together ---

  /// What is known of the rows that a tensor reads; both null for a table that is looked up in.
  struct Inputs {
    const Moments* moments = nullptr;
    const Metric* metric = nullptr;
  };

  /// A tensor, and how the changed model takes it on.
  struct Trial {
    std::string name;
    std::vector<DType> types;
    std::function<void(DType type, const std::byte* rows)> replace;
    std::function<void()> restore;
  };

  /// Of tensors that read the same and work on each other (q on k, gate on up) one run tells
  /// enough: an error that is as large a part of the output is taken to do as much harm.
  static std::vector<std::vector<size_t>> TensorsTogether(const LayerGroup& group) {
    if (group.tensors.size() == 3) return {{0, 1}, {2}};
    std::vector<size_t> all(group.tensors.size());
    std::iota(all.begin(), all.end(), size_t{0});
    return {all};
  }

  /// Empty for a tensor that stays as it is.
  Result<std::vector<DType>> ChoicesFor(const std::string& name) const {
    const TensorView& tensor = *original_.file->Find(name);
    ALT_ASSIGN_OR_RETURN(auto types, choices_(name, tensor));
    if (types.size() == 1 && types.front() == tensor.type) types.clear();
    return types;
  }

  template <typename Measure>
  Status Survey(std::span<const Trial> trials, const Inputs& inputs, const Measure& measure) {
    const size_t first = surveys_.size();
    std::vector<std::vector<std::byte>> encoded;
    double measured_error = 0;
    for (const Trial& trial : trials) {
      const TensorView& tensor = *original_.file->Find(trial.name);
      TensorSurvey survey = SampleErrors(trial, tensor, inputs);
      const TypeCost* measured = MeasuredType(survey);
      encoded.emplace_back();
      if (measured != nullptr) {
        TensorEncoding encoding;
        encoding.type = measured->type;
        encoding.metric = inputs.metric;
        encoding.steps = kMeasuredSteps;
        encoded.back() = EncodeTensor(tensor, encoding, kernels_, team_);
        survey.measured = measured->type;
        measured_error += ErrorOf(tensor, measured->type, encoded.back(), inputs);
        trial.replace(measured->type, encoded.back().data());
      }
      original_.file->ReleasePages(tensor.bytes);
      surveys_.push_back(std::move(survey));
      ALT_RETURN_IF_ERROR(Tell(done_));
    }
    if (measured_error > 0) {
      const double kl_per_error = std::max(0.0, measure()) / measured_error;
      for (size_t i = first; i < surveys_.size(); ++i) {
        for (TypeCost& cost : surveys_[i].costs) cost.kl = kl_per_error * cost.error;
      }
    }
    for (const Trial& trial : trials) trial.restore();
    return Tell(done_);
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
  double ErrorOf(const TensorView& tensor, DType type, std::span<const std::byte> encoded,
                 const Inputs& inputs) {
    const size_t n = tensor.shape.cols();
    const size_t n_rows = tensor.shape.rows();
    const size_t count = NumberSampled(tensor);
    std::vector<double> outputs(count), errors(count);
    team_.Run([&](int thread) {
      std::vector<float> row(n), error(n), product;
      const Share share = ShareOf(count, 1, thread, team_.size());
      for (size_t i = share.begin; i < share.end; ++i) {
        const size_t at = i * n_rows / count;
        kernels::FindCodec(tensor.type)
            ->decode(tensor.bytes.data() + at * *RowBytes(tensor.type, n), n, row.data());
        kernels::FindCodec(type)->decode(encoded.data() + at * *RowBytes(type, n), n, error.data());
        for (size_t c = 0; c < n; ++c) error[c] -= row[c];
        outputs[i] = SquareOfOutput(row, inputs.moments, kernels_, product);
        errors[i] = SquareOfOutput(error, inputs.moments, kernels_, product);
      }
    });
    const double output = std::accumulate(outputs.begin(), outputs.end(), 0.0);
    return output > 0 ? std::accumulate(errors.begin(), errors.end(), 0.0) / output : 0;
  }

  TensorSurvey SampleErrors(const Trial& trial, const TensorView& tensor, const Inputs& inputs) {
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
        types.emplace_back(tensor.type, type, inputs.metric, kernels_);
      }
      std::vector<float> row(n), error(n), product;
      const Share share = ShareOf(count, 1, thread, team_.size());
      for (size_t i = share.begin; i < share.end; ++i) {
        decoder.decode(tensor.bytes.data() + i * n_rows / count * row_bytes, n, row.data());
        outputs[i] = SquareOfOutput(row, inputs.moments, kernels_, product);
        for (size_t t = 0; t < n_types; ++t) {
          types[t].Run(row, error);
          errors[i * n_types + t] = SquareOfOutput(error, inputs.moments, kernels_, product);
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
  const ProgressSink& progress_;
  std::span<const TokenId> calibration_, held_out_;

  std::optional<ChangedModel> changed_;
  std::optional<ActivationStream> calibrated_;  // of the original, on the calibration text
  std::optional<ActivationStream> probe_;       // of the changed model, on the held-out text
  std::optional<Answers> answers_;
  std::vector<float> saved_;  // the probe's residual stream before the layer
  std::vector<TensorSurvey> surveys_;
  uint64_t done_ = 0;
};

}  // namespace

Result<std::vector<TensorSurvey>> SurveyTensors(
    const model::Model& original, const TypeChoices& choices, std::span<const TokenId> calibration,
    std::span<const TokenId> held_out, const SurveyOptions& options,
    const kernels::KernelTable& kernels, ThreadTeam& team, const ProgressSink& progress) {
  return Surveyor(original, choices, calibration, held_out, options, kernels, team, progress).Run();
}

}  // namespace altteul::compress
