#include "compress/calibrated_encoder.h"

#include <algorithm>
#include <optional>

#include "base/check.h"
#include "compress/activation_stream.h"
#include "compress/encode_tensor.h"
#include "compress/layer_groups.h"
#include "compress/moments.h"

namespace altteul::compress {
namespace {

using engine::BlockStep;
using model::ModelConfig;

class CalibratedEncoder {
 public:
  CalibratedEncoder(const model::Model& original, const TypeChoice& choose,
                    std::span<const text::TokenId> ids, const CalibrationOptions& options,
                    const kernels::KernelTable& kernels, ThreadTeam& team,
                    const ProgressSink& progress)
      : original_(original),
        choose_(choose),
        options_(options),
        kernels_(kernels),
        team_(team),
        progress_(progress),
        n_ids_(ids.size()),
        n_chunks_(ids.size() / options.context),
        ids_(ids.first(n_chunks_ * options.context)) {}

  Result<EncodedTensors> Run() {
    ALT_RETURN_IF_ERROR(Start());
    for (size_t layer = 0; layer < config().n_layers; ++layer) {
      for (const LayerGroup& group : GroupsOf(config())) {
        ALT_RETURN_IF_ERROR(EncodeGroup(layer, group));
        ALT_RETURN_IF_ERROR(Tell(++done_));
      }
    }
    if (!original_.weights.tied) ALT_RETURN_IF_ERROR(EncodeHead("output.weight"));
    ALT_RETURN_IF_ERROR(Tell(++done_));
    return std::move(encoded_);
  }

 private:
  const ModelConfig& config() const { return original_.config; }
  std::span<const text::TokenId> Chunk(size_t i) const {
    return ids_.subspan(i * options_.context, options_.context);
  }
  Status Tell(uint64_t done) const {
    if (progress_ && !progress_(done, 1 + config().n_layers * 4)) {
      return Status(ErrorCode::kCancelled, "compressing was interrupted; nothing was written");
    }
    return Status();
  }

  Status Start() {
    if (n_chunks_ == 0) {
      return Status(ErrorCode::kInvalidArgument, "the calibration text has " +
                                                     std::to_string(n_ids_) +
                                                     " tokens, which is less than one chunk of " +
                                                     std::to_string(options_.context));
    }
    ALT_ASSIGN_OR_RETURN(encoded_model_, ChangedModel::Create(original_, kernels_, team_));
    ALT_ASSIGN_OR_RETURN(
        before_, ActivationStream::Create(original_, n_chunks_, options_.context, kernels_, team_));
    ALT_ASSIGN_OR_RETURN(after_, ActivationStream::Create(encoded_model_->model(), n_chunks_,
                                                          options_.context, kernels_, team_));
    ALT_RETURN_IF_ERROR(Tell(0));
    ALT_ASSIGN_OR_RETURN(const bool embedding, IsEncoded("token_embd.weight"));
    if (original_.weights.tied && embedding) ALT_RETURN_IF_ERROR(EncodeTiedEmbedding());
    before_->Embed(ids_);
    after_->Embed(ids_);
    return Status();
  }

  /// The table is looked up before anything else runs, but as the head it reads the last layer: its
  /// inputs are gathered from the original alone.
  Status EncodeTiedEmbedding() {
    ALT_ASSIGN_OR_RETURN(MomentSums sums, MomentSums::Create(config().hidden, options_.context,
                                                             false, kernels_, team_));
    before_->Embed(ids_);
    for (size_t layer = 0; layer < config().n_layers; ++layer) {
      before_->StepLayer(layer);
      ALT_RETURN_IF_ERROR(Tell(0));
    }
    for (size_t i = 0; i < n_chunks_; ++i) {
      const std::span<float> norm = before_->Rows(i, config().hidden);
      before_->forward().Finish(before_->X(i), norm);
      sums.Add(options_.context, norm, {});
    }
    ALT_ASSIGN_OR_RETURN(const Metric metric, MakeMetric(sums.moments(), options_.damping));
    const std::string name = "token_embd.weight";
    ALT_RETURN_IF_ERROR(EncodeNamed(name, sums.moments(), metric));
    const EncodedTensor& encoded = encoded_.at(name);
    encoded_model_->ReplaceEmbedding(encoded.type, encoded.bytes.data());
    return Status();
  }

  Status EncodeHead(const std::string& name) {
    ALT_ASSIGN_OR_RETURN(const bool is_encoded, IsEncoded(name));
    if (!is_encoded) return Status();
    ALT_ASSIGN_OR_RETURN(MomentSums sums, MomentSums::Create(config().hidden, options_.context,
                                                             options_.asymmetric, kernels_, team_));
    for (size_t i = 0; i < n_chunks_; ++i) {
      const std::span<float> before = before_->Rows(i, config().hidden);
      const std::span<float> after = after_->Rows(i, config().hidden);
      before_->forward().Finish(before_->X(i), before);
      after_->forward().Finish(after_->X(i), after);
      sums.Add(options_.context, after, before);
    }
    ALT_ASSIGN_OR_RETURN(const Metric metric, MakeMetric(sums.moments(), options_.damping));
    return EncodeNamed(name, sums.moments(), metric);
  }

  Status EncodeGroup(size_t layer, const LayerGroup& group) {
    const size_t width = engine::WidthOf(group.gather, config());
    std::vector<std::string> names;
    bool changes = false;
    for (const LayerTensor& tensor : group.tensors) {
      names.push_back(NameOf(layer, tensor));
      ALT_ASSIGN_OR_RETURN(const bool is_encoded, IsEncoded(names.back()));
      changes = changes || is_encoded;
    }
    std::optional<MomentSums> sums;
    if (changes) {
      ALT_ASSIGN_OR_RETURN(
          sums, MomentSums::Create(width, options_.context, options_.asymmetric, kernels_, team_));
    }
    for (size_t i = 0; i < n_chunks_ && (changes || group.goes_on); ++i) {
      Step(layer, group.gather, i);
      if (changes) sums->Add(options_.context, after_->Rows(i, width), before_->Rows(i, width));
    }
    if (changes) ALT_RETURN_IF_ERROR(EncodeTensors(layer, group, names, sums->moments()));
    for (size_t i = 0; i < n_chunks_ && group.goes_on; ++i) Step(layer, group.go_on, i);
    return Status();
  }

  /// Both streams.
  void Step(size_t layer, BlockStep step, size_t chunk) {
    before_->Step(layer, step, chunk);
    after_->Step(layer, step, chunk);
  }

  Result<bool> IsEncoded(const std::string& name) const {
    const TensorView& tensor = *original_.file->Find(name);
    ALT_ASSIGN_OR_RETURN(const DType to, choose_(name, tensor));
    return to != tensor.type && CanEncode(to);
  }

  Status EncodeTensors(size_t layer, const LayerGroup& group, std::span<const std::string> names,
                       const Moments& moments) {
    ALT_ASSIGN_OR_RETURN(const Metric metric, MakeMetric(moments, options_.damping));
    for (size_t i = 0; i < names.size(); ++i) {
      ALT_RETURN_IF_ERROR(EncodeNamed(names[i], moments, metric));
      const auto found = encoded_.find(names[i]);
      if (found == encoded_.end()) continue;
      encoded_model_->Replace(layer, group.tensors[i], found->second.type,
                              found->second.bytes.data());
    }
    return Status();
  }

  Status EncodeNamed(const std::string& name, const Moments& moments, const Metric& metric) {
    ALT_ASSIGN_OR_RETURN(const bool is_encoded, IsEncoded(name));
    if (!is_encoded) return Status();
    const TensorView& tensor = *original_.file->Find(name);
    ALT_ASSIGN_OR_RETURN(const DType to, choose_(name, tensor));
    EncodedTensor& out = encoded_[name];
    out.type = to;
    out.bytes = EncodeTensor(tensor,
                             {.type = to,
                              .metric = &metric,
                              .moments = &moments,
                              .damping = options_.damping,
                              .steps = options_.steps},
                             kernels_, team_);
    original_.file->ReleasePages(tensor.bytes);
    return Status();
  }

  const model::Model& original_;
  const TypeChoice& choose_;
  const CalibrationOptions options_;
  const kernels::KernelTable& kernels_;
  ThreadTeam& team_;
  const ProgressSink& progress_;
  const size_t n_ids_;
  const size_t n_chunks_;
  const std::span<const text::TokenId> ids_;

  std::optional<ChangedModel> encoded_model_;
  std::optional<ActivationStream> before_, after_;
  EncodedTensors encoded_;
  uint64_t done_ = 0;  // groups
};

}  // namespace

Result<EncodedTensors> EncodeCalibrated(const model::Model& original, const TypeChoice& choose,
                                        std::span<const text::TokenId> ids,
                                        const CalibrationOptions& options,
                                        const kernels::KernelTable& kernels, ThreadTeam& team,
                                        const ProgressSink& progress) {
  return CalibratedEncoder(original, choose, ids, options, kernels, team, progress).Run();
}

}  // namespace altteul::compress
