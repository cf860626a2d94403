#include "compress/survey.h"

#include <algorithm>
#include <cmath>
#include <memory>
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

constexpr const char* kEmbedding = "token_embd.weight";
constexpr const char* kHead = "output.weight";
// Near what small models end at: where the proportion is measured it holds best.
constexpr double kMeasuredBits = 4.5;

/// A row of one tensor in one type, and what is lost.
class RowTrial {
 public:
  RowTrial(DType from, DType to, const Metric* metric, const kernels::KernelTable& kernels)
      : to_(to), codec_(*kernels::FindCodec(to)), is_same_(from == to) {
    if (CanEncode(to) && !is_same_) encoder_ = MakeRowEncoder(to, metric, {}, kernels);
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

/// e M e^T over `tokens`; without moments all columns count alike.
double OutputError(std::span<const float> error, const Moments* moments,
                   const kernels::KernelTable& kernels, std::vector<float>& product) {
  double sum = 0;
  if (moments == nullptr) {
    for (const float e : error) sum += static_cast<double>(e) * static_cast<double>(e);
    return sum;
  }
  const size_t n = error.size();
  product.assign(n, 0.0f);
  kernels.add_rows({.factor = error.data(),
                    .x = moments->own.data(),
                    .stride = n,
                    .n_rows = n,
                    .width = n,
                    .y = product.data()});
  for (size_t i = 0; i < n; ++i) {
    sum += static_cast<double>(error[i]) * static_cast<double>(product[i]);
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

  Status CutToChunks(std::span<const TokenId>& ids, const char* what) const {
    const size_t n_chunks = ids.size() / options_.context;
    if (n_chunks == 0) {
      return Status(ErrorCode::kInvalidArgument,
                    std::string(what) + " has " + std::to_string(ids.size()) +
                        " tokens, which is less than one chunk of " +
                        std::to_string(options_.context));
    }
    ids = ids.first(n_chunks * options_.context);
    return Status();
  }

  Status Start() {
    ALT_RETURN_IF_ERROR(CutToChunks(calibration_, "the calibration text"));
    ALT_RETURN_IF_ERROR(CutToChunks(held_out_, "the held-out text"));
    const size_t context = options_.context;
    ALT_ASSIGN_OR_RETURN(changed_, ChangedModel::Create(original_, kernels_, team_));
    ALT_ASSIGN_OR_RETURN(calibrated_,
                         ActivationStream::Create(original_, calibration_.size() / context, context,
                                                  kernels_, team_));
    ALT_ASSIGN_OR_RETURN(probe_,
                         ActivationStream::Create(changed_->model(), held_out_.size() / context,
                                                  context, kernels_, team_));
    ALT_ASSIGN_OR_RETURN(answers_, Answers::Create(probe_->n_chunks(), context, config().vocabulary,
                                                   options_.logits_bytes));
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
    const bool reads_head = original_.weights.tied ? embedding.size() > 1 : head.size() > 1;
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
    if (embedding.size() > 1) {
      const auto measure = [&](DType type, const std::byte* rows) {
        changed_->ReplaceEmbedding(type, rows);
        probe_->Embed(held_out_);
        const double kl = DivergenceFrom(0);
        changed_->RestoreEmbedding();
        return kl;
      };
      const Moments* moments = original_.weights.tied ? &sums->moments() : nullptr;
      ALT_RETURN_IF_ERROR(SurveyTensor(kEmbedding, embedding, moments, measure));
    }
    if (head.size() > 1) {
      const auto measure = [&](DType type, const std::byte* rows) {
        changed_->ReplaceHead(type, rows);
        probe_->Embed(held_out_);
        const double kl = DivergenceFrom(0);
        changed_->RestoreHead();
        return kl;
      };
      ALT_RETURN_IF_ERROR(SurveyTensor(kHead, head, &sums->moments(), measure));
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
      any = any || types.size() > 1;
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
      for (size_t t = 0; t < group.tensors.size(); ++t) {
        if (choices[t].size() < 2) continue;
        const auto measure = [&](DType type, const std::byte* rows) {
          changed_->Replace(layer, group.tensors[t], type, rows);
          RestoreProbe();
          const double kl = DivergenceFrom(layer);
          changed_->Restore(layer, group.tensors[t]);
          return kl;
        };
        ALT_RETURN_IF_ERROR(SurveyTensor(NameOf(layer, group.tensors[t]), choices[t],
                                         &sums->moments(), measure));
      }
    }
    for (size_t i = 0; i < calibrated_->n_chunks() && group.goes_on; ++i) {
      calibrated_->Step(layer, group.go_on, i);
    }
    return Status();
  }

  // --- one tensor ---

  Result<std::vector<DType>> ChoicesFor(const std::string& name) const {
    return choices_(name, *original_.file->Find(name));
  }

  template <typename Measure>
  Status SurveyTensor(const std::string& name, const std::vector<DType>& types,
                      const Moments* moments, const Measure& measure) {
    const TensorView& tensor = *original_.file->Find(name);
    std::optional<Metric> metric;
    if (moments != nullptr) {
      ALT_ASSIGN_OR_RETURN(metric, MakeMetric(*moments, options_.damping));
    }
    const Metric* used = metric ? &*metric : nullptr;
    TensorSurvey survey;
    survey.name = name;
    survey.shape = tensor.shape;
    survey.source = tensor.type;
    for (const DType type : types) {
      TypeCost cost;
      cost.type = type;
      cost.bytes = *RowBytes(type, tensor.shape.cols()) * tensor.shape.rows();
      cost.error = SampledError(tensor, type, used, moments);
      survey.costs.push_back(cost);
    }
    const TypeCost* measured = nullptr;
    for (const TypeCost& cost : survey.costs) {
      const auto distance = [](const TypeCost& c) {
        return std::abs(TraitsOf(c.type).bits_per_element() - kMeasuredBits);
      };
      if (!(cost.error > 0) || !CanEncode(cost.type)) continue;
      if (measured == nullptr || distance(cost) < distance(*measured)) measured = &cost;
    }
    if (measured != nullptr) {
      TensorEncoding encoding;
      encoding.type = measured->type;
      encoding.metric = used;
      const std::vector<std::byte> rows = EncodeTensor(tensor, encoding, kernels_, team_);
      const double kl = std::max(0.0, measure(measured->type, rows.data()));
      survey.measured = measured->type;
      const double measured_error = measured->error;
      for (TypeCost& cost : survey.costs) cost.kl = kl * cost.error / measured_error;
    }
    original_.file->ReleasePages(tensor.bytes);
    surveys_.push_back(std::move(survey));
    return Tell(done_);
  }

  double SampledError(const TensorView& tensor, DType type, const Metric* metric,
                      const Moments* moments) {
    const size_t n = tensor.shape.cols();
    const size_t n_rows = tensor.shape.rows();
    const size_t count = std::min(options_.rows_sampled, n_rows);
    const size_t row_bytes = *RowBytes(tensor.type, n);
    const kernels::Codec& decoder = *kernels::FindCodec(tensor.type);
    std::vector<double> errors(count);
    team_.Run([&](int thread) {
      RowTrial trial(tensor.type, type, metric, kernels_);
      std::vector<float> row(n), error(n), product;
      const Share share = ShareOf(count, 1, thread, team_.size());
      for (size_t i = share.begin; i < share.end; ++i) {
        decoder.decode(tensor.bytes.data() + i * n_rows / count * row_bytes, n, row.data());
        trial.Run(row, error);
        errors[i] = OutputError(error, moments, kernels_, product);
      }
    });
    double sum = 0;
    for (const double error : errors) sum += error;
    return std::max(0.0, sum);
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

Result<std::vector<TensorSurvey>> SurveyTensors(const model::Model& original,
                                                const TypeChoices& choices,
                                                std::span<const TokenId> calibration,
                                                std::span<const TokenId> held_out,
                                                const SurveyOptions& options,
                                                const kernels::KernelTable& kernels,
                                                ThreadTeam& team, const ProgressSink& progress) {
  return Surveyor(original, choices, calibration, held_out, options, kernels, team, progress).Run();
}

}  // namespace altteul::compress
