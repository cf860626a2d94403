#include "compress/calibrated_encoder.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "base/check.h"
#include "compress/moments.h"
#include "engine/forward.h"
#include "engine/kv_cache.h"
#include "kernels/codecs/codec.h"
#include "tensor/buffer.h"

namespace altteul::compress {
namespace {

using engine::BlockStep;
using engine::Forward;
using engine::KvCache;
using model::BlockWeights;
using model::Linear;
using model::ModelConfig;

/// A tensor of a layer and the linear layers that are its rows, in their order.
struct LayerTensor {
  const char* name;  ///< behind "blk.N."
  std::vector<Linear BlockWeights::*> linears;
};

/// Tensors that read the same rows, and the step that goes on behind them.
struct LayerGroup {
  BlockStep gather;
  std::vector<LayerTensor> tensors;
  BlockStep go_on;
  bool goes_on;
};

std::vector<LayerGroup> GroupsOf(const ModelConfig& config) {
  using W = BlockWeights;
  std::vector<LayerTensor> qkv = {
      {"attn_q.weight", {&W::q}}, {"attn_k.weight", {&W::k}}, {"attn_v.weight", {&W::v}}};
  if (config.fused_qkv) qkv = {{"attn_qkv.weight", {&W::q, &W::k, &W::v}}};
  std::vector<LayerTensor> gate_up = {{"ffn_gate.weight", {&W::gate}}, {"ffn_up.weight", {&W::up}}};
  if (config.fused_gate_up) gate_up = {{"ffn_up.weight", {&W::gate, &W::up}}};
  return {
      {BlockStep::kAttentionInput, qkv, BlockStep::kAttentionInput, false},
      {BlockStep::kMix, {{"attn_output.weight", {&W::o}}}, BlockStep::kAttentionOutput, true},
      {BlockStep::kFeedForwardInput, gate_up, BlockStep::kFeedForwardInput, false},
      {BlockStep::kGate, {{"ffn_down.weight", {&W::down}}}, BlockStep::kFeedForwardOutput, true}};
}

/// One model's activations over all chunks.
struct Stream {
  std::unique_ptr<Forward> forward;
  Buffer memory;
  float* x = nullptr;     ///< [tokens, hidden] the residual stream
  float* rows = nullptr;  ///< [tokens, widest] what the group reads

  static Result<Stream> Create(const model::Model& model, size_t tokens, size_t context,
                               const kernels::KernelTable& kernels, ThreadTeam& team) {
    const ModelConfig& c = model.config;
    const size_t widest = std::max({c.hidden, c.n_heads * c.head_dim, c.ffn});
    Stream stream;
    ALT_ASSIGN_OR_RETURN(stream.forward, Forward::Create(model, kernels, team, context, context));
    ALT_ASSIGN_OR_RETURN(
        stream.memory,
        Buffer::Allocate(tokens * (c.hidden + widest) * sizeof(float),
                         "the activations of " + std::to_string(tokens) + " tokens"));
    stream.x = reinterpret_cast<float*>(stream.memory.mutable_bytes().data());
    stream.rows = stream.x + tokens * c.hidden;
    return stream;
  }
};

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
  std::span<float> X(const Stream& stream, size_t chunk) const {
    const size_t n = options_.context * config().hidden;
    return {stream.x + chunk * n, n};
  }
  std::span<float> RowsOf(const Stream& stream, size_t chunk, size_t width) const {
    const size_t n = options_.context * width;
    return {stream.rows + chunk * n, n};
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
    // The second model shares the file; its matrices are replaced one after the other.
    encoded_model_.config = original_.config;
    ALT_ASSIGN_OR_RETURN(
        encoded_model_.weights,
        model::LoadWeights(*original_.file, original_.config,
                           {.kernels = &kernels_, .precision = kernels::Precision::kF32}, team_,
                           {}));
    ALT_ASSIGN_OR_RETURN(before_,
                         Stream::Create(original_, ids_.size(), options_.context, kernels_, team_));
    ALT_ASSIGN_OR_RETURN(
        after_, Stream::Create(encoded_model_, ids_.size(), options_.context, kernels_, team_));
    ALT_ASSIGN_OR_RETURN(KvCache cache, KvCache::Create(config(), kernels::KvType::kF32,
                                                        options_.context, options_.context));
    cache_.emplace(std::move(cache));
    ALT_RETURN_IF_ERROR(Tell(0));
    ALT_ASSIGN_OR_RETURN(const bool embedding, IsEncoded("token_embd.weight"));
    if (original_.weights.tied && embedding) ALT_RETURN_IF_ERROR(EncodeTiedEmbedding());
    for (size_t i = 0; i < n_chunks_; ++i) {
      before_.forward->Embed(Chunk(i), X(before_, i));
      after_.forward->Embed(Chunk(i), X(after_, i));
    }
    return Status();
  }

  /// The table is looked up before anything else runs, but as the head it reads the last layer: its
  /// inputs are gathered from the original alone.
  Status EncodeTiedEmbedding() {
    ALT_ASSIGN_OR_RETURN(MomentSums sums, MomentSums::Create(config().hidden, options_.context,
                                                             false, kernels_, team_));
    std::vector<float> x(options_.context * config().hidden), norm(x.size());
    for (size_t i = 0; i < n_chunks_; ++i) {
      RunThrough(Chunk(i), x);
      before_.forward->Finish(x, norm);
      sums.Add(options_.context, norm, {});
      ALT_RETURN_IF_ERROR(Tell(0));
    }
    ALT_ASSIGN_OR_RETURN(const Metric metric, MakeMetric(sums.moments(), options_.damping));
    const std::string name = "token_embd.weight";
    ALT_RETURN_IF_ERROR(EncodeTensor(name, sums.moments(), metric));
    model::Weights& weights = encoded_model_.weights;
    Replace(name, {&weights.embedding, &weights.output.w});
    return Status();
  }

  void RunThrough(std::span<const text::TokenId> chunk, std::span<float> x) {
    before_.forward->Embed(chunk, x);
    for (size_t layer = 0; layer < config().n_layers; ++layer) {
      for (const LayerGroup& group : GroupsOf(config())) {
        if (!group.goes_on) continue;
        const size_t width = engine::WidthOf(group.gather, config());
        const std::span<float> rows = RowsOf(before_, 0, width);
        before_.forward->RunStep(layer, group.gather, *cache_, chunk.size(), x, rows);
        before_.forward->RunStep(layer, group.go_on, *cache_, chunk.size(), x, rows);
      }
    }
  }

  Status EncodeHead(const std::string& name) {
    ALT_ASSIGN_OR_RETURN(const bool is_encoded, IsEncoded(name));
    if (!is_encoded) return Status();
    ALT_ASSIGN_OR_RETURN(MomentSums sums, MomentSums::Create(config().hidden, options_.context,
                                                             options_.asymmetric, kernels_, team_));
    for (size_t i = 0; i < n_chunks_; ++i) {
      const std::span<float> before = RowsOf(before_, i, config().hidden);
      const std::span<float> after = RowsOf(after_, i, config().hidden);
      before_.forward->Finish(X(before_, i), before);
      after_.forward->Finish(X(after_, i), after);
      sums.Add(options_.context, after, before);
    }
    ALT_ASSIGN_OR_RETURN(const Metric metric, MakeMetric(sums.moments(), options_.damping));
    return EncodeTensor(name, sums.moments(), metric);
  }

  Status EncodeGroup(size_t layer, const LayerGroup& group) {
    const size_t width = engine::WidthOf(group.gather, config());
    std::vector<std::string> names;
    bool changes = false;
    for (const LayerTensor& tensor : group.tensors) {
      names.push_back("blk." + std::to_string(layer) + "." + tensor.name);
      ALT_ASSIGN_OR_RETURN(const bool is_encoded, IsEncoded(names.back()));
      changes = changes || is_encoded;
    }
    std::optional<MomentSums> sums;
    if (changes) {
      ALT_ASSIGN_OR_RETURN(
          sums, MomentSums::Create(width, options_.context, options_.asymmetric, kernels_, team_));
    }
    for (size_t i = 0; i < n_chunks_ && (changes || group.goes_on); ++i) {
      Step(layer, group.gather, i, width);
      if (changes) sums->Add(options_.context, RowsOf(after_, i, width), RowsOf(before_, i, width));
    }
    if (changes) ALT_RETURN_IF_ERROR(EncodeTensors(layer, group, names, sums->moments()));
    for (size_t i = 0; i < n_chunks_ && group.goes_on; ++i) Step(layer, group.go_on, i, width);
    return Status();
  }

  /// Both streams.
  void Step(size_t layer, BlockStep step, size_t chunk, size_t width) {
    for (const Stream* stream : {&before_, &after_}) {
      stream->forward->RunStep(layer, step, *cache_, options_.context, X(*stream, chunk),
                               RowsOf(*stream, chunk, width));
    }
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
      ALT_RETURN_IF_ERROR(EncodeTensor(names[i], moments, metric));
      std::vector<kernels::WeightMatrix*> matrices;
      for (const auto linear : group.tensors[i].linears) {
        matrices.push_back(&(encoded_model_.weights.blocks[layer].*linear).w);
      }
      Replace(names[i], matrices);
    }
    return Status();
  }

  Status EncodeTensor(const std::string& name, const Moments& moments, const Metric& metric) {
    ALT_ASSIGN_OR_RETURN(const bool is_encoded, IsEncoded(name));
    if (!is_encoded) return Status();
    const TensorView& tensor = *original_.file->Find(name);
    ALT_ASSIGN_OR_RETURN(const DType to, choose_(name, tensor));
    const size_t n = tensor.shape.cols();
    const size_t n_rows = tensor.shape.rows();
    const size_t from_row = *RowBytes(tensor.type, n);
    const size_t to_row = *RowBytes(to, n);
    const kernels::Codec& decoder = *kernels::FindCodec(tensor.type);
    EncodedTensor& out = encoded_[name];
    out.type = to;
    out.bytes.resize(n_rows * to_row);
    team_.Run([&](int thread) {
      const auto encoder = MakeRowEncoder(to, &metric, options_.steps, kernels_);
      const Share share = ShareOf(n_rows, kRowsAtOnce, thread, team_.size());
      std::vector<float> rows(kRowsAtOnce * n);
      for (size_t row = share.begin; row < share.end; row += kRowsAtOnce) {
        const size_t count = std::min(kRowsAtOnce, share.end - row);
        for (size_t r = 0; r < count; ++r) {
          decoder.decode(tensor.bytes.data() + (row + r) * from_row, n, &rows[r * n]);
        }
        MoveToTarget(moments, metric, options_.damping, count, std::span(rows).first(count * n));
        for (size_t r = 0; r < count; ++r) {
          encoder->Encode(std::span(rows).subspan(r * n, n), out.bytes.data() + (row + r) * to_row);
        }
      }
    });
    original_.file->ReleasePages(tensor.bytes);
    return Status();
  }

  /// The encoded model goes on with the new bytes of a tensor.
  void Replace(const std::string& name, const std::vector<kernels::WeightMatrix*>& matrices) {
    const auto found = encoded_.find(name);
    if (found == encoded_.end()) return;
    const std::byte* data = found->second.bytes.data();
    for (kernels::WeightMatrix* matrix : matrices) {
      matrix->type = found->second.type;
      matrix->form = kernels::RestForm::kFileRows;
      matrix->panel = kernels::PanelKind::kP32;
      matrix->data = data;
      data += matrix->rows * *RowBytes(matrix->type, matrix->cols);
    }
  }

  // Rows that move to their target together; fixed, so that threads change no sum.
  static constexpr size_t kRowsAtOnce = 32;

  const model::Model& original_;
  const TypeChoice& choose_;
  const CalibrationOptions options_;
  const kernels::KernelTable& kernels_;
  ThreadTeam& team_;
  const ProgressSink& progress_;
  const size_t n_ids_;
  const size_t n_chunks_;
  const std::span<const text::TokenId> ids_;

  model::Model encoded_model_;
  Stream before_, after_;
  std::optional<KvCache> cache_;
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
