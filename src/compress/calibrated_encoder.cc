// SPDX-License-Identifier: Apache-2.0

#include "compress/calibrated_encoder.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "compress/activation_stream.h"
#include "compress/calibration_text.h"
#include "compress/encode_tensor.h"
#include "compress/group_encoder.h"
#include "compress/layer_groups.h"
#include "compress/moments.h"
#include "compress/stream_snapshot.h"
#include "compress/tensors_to_encode.h"
#include "compress/work_kinds.h"

namespace altteul::compress {
namespace {

using engine::BlockStep;
using model::ModelConfig;

constexpr size_t kTokensPerColumn = 8;  // of a tied head's inputs

class CalibratedEncoder {
 public:
  CalibratedEncoder(const model::Model& original, const TypeChoice& choose,
                    std::span<const text::TokenId> ids, const CalibrationOptions& options,
                    compute::Compute& compute, const WorkPlace& place, InputSquares* squares)
      : original_(original),
        choose_(choose),
        options_(options),
        compute_(compute),
        place_(place),
        squares_(squares),
        ids_(ids),
        open_(original, place, squares),
        original_model_(original, compute, kernels::HalfPanel(compute.kernels())),
        encoded_model_(original, compute, kernels::HalfPanel(compute.kernels())),
        group_encoder_(*original.file, options_, compute, place, [this] { return Tell(done_); }) {}

  Result<EncodedTensors> Run() {
    ALT_RETURN_IF_ERROR(Start());
    if (!open_.IsDone()) ALT_RETURN_IF_ERROR(EncodeAll());
    ALT_RETURN_IF_ERROR(Tell(n_groups()));
    return std::move(open_).Take();
  }

 private:
  const ModelConfig& config() const { return original_.config; }
  const model::Checkpoint& file() const { return *original_.file; }
  const TensorView& Tensor(const std::string& name) const { return *file().Find(name); }
  const char* head() const { return HeadOf(original_.weights); }
  uint64_t n_groups() const { return 1 + NumberOfGroups(config(), config().n_layers()); }
  Status Tell(uint64_t done) const {
    return TellProgress(place_.progress, done, n_groups(),
                        "compressing was interrupted; nothing was written");
  }

  // --- the whole ---

  Status Start() {
    ALT_ASSIGN_OR_RETURN(ids_, WholeChunks(ids_, options_.context, "the calibration text"));
    n_chunks_ = ids_.size() / options_.context;
    if (squares_ != nullptr) squares_->tokens = ids_.size();
    ALT_RETURN_IF_ERROR(open_.Find(choose_));
    return Tell(0);
  }

  Status EncodeAll() {
    const ActivationStream::Size size{.n_chunks = n_chunks_, .context = options_.context};
    ALT_ASSIGN_OR_RETURN(
        before_, ActivationStream::Create(original_model_.model(), size, compute_, place_.folder));
    ALT_ASSIGN_OR_RETURN(
        after_, ActivationStream::Create(encoded_model_.model(), size, compute_, place_.folder));
    if (place_.folder != nullptr) {
      snapshot_ = FindStreams(*place_.folder, open_.FirstLayer(), *before_);
    }
    if (place_.estimate != nullptr) {
      ALT_RETURN_IF_ERROR(MeasureSamples());
      PlanWork();
      place_.estimate->Announce();
    }
    if (original_.weights.tied) ALT_RETURN_IF_ERROR(EncodeTiedEmbedding());
    ALT_RETURN_IF_ERROR(before_->Embed(ids_));
    ALT_RETURN_IF_ERROR(after_->Embed(ids_));
    ReleaseTable(kEmbedding);
    if (snapshot_.layer != 0) {
      snapshot_.Restore(*before_, *after_);
      snapshot_.piece = {};
    }
    done_ = NumberOfGroups(config(), snapshot_.layer);
    kept_at_ = clock_.Seconds();
    // Behind the last tensor that is missing nobody needs the streams.
    for (size_t layer = snapshot_.layer; layer < config().n_layers() && !open_.IsDone(); ++layer) {
      for (const LayerGroup& group : GroupsOf(config(), layer)) {
        ALT_RETURN_IF_ERROR(EncodeGroup(layer, group));
        ALT_RETURN_IF_ERROR(Tell(++done_));
      }
      ReleaseLayer(file(), layer);
      open_.ReleasePages();
      ALT_RETURN_IF_ERROR(KeepNowAndThen(layer + 1));
    }
    if (open_.IsUnseen({head()})) ALT_RETURN_IF_ERROR(GatherHeadSquares());
    return open_.missing().empty() ? Status() : EncodeHead();
  }

  /// Both streams, in front of a layer.
  Status KeepNowAndThen(size_t layer) {
    const double since = clock_.Seconds() - kept_at_;
    if (place_.folder == nullptr || open_.IsDone() || since < place_.snapshot_seconds)
      return Status();
    ALT_RETURN_IF_ERROR(KeepStreams(*place_.folder, layer, snapshot_.layer, *before_, *after_));
    snapshot_ = {.layer = layer, .piece = {}};
    kept_at_ = clock_.Seconds();
    return Status();
  }

  /// The table is looked up before anything else runs, but as the head it reads the last layer: its
  /// inputs are gathered from the original alone.
  Status EncodeTiedEmbedding() {
    if (open_.IsMissing(kEmbedding)) {
      const size_t n = ChunksOfTiedHead();
      ALT_RETURN_IF_ERROR(before_->Embed(ids_.first(n * options_.context)));
      for (size_t layer = 0; layer < config().n_layers(); ++layer) {
        ALT_RETURN_IF_ERROR(WalkLayer(original_, layer, *before_, n, place_));
        ALT_RETURN_IF_ERROR(Tell(0));
      }
      ALT_ASSIGN_OR_RETURN(Moments moments, GatherHead(*before_, n, false));
      ALT_RETURN_IF_ERROR(EncodeMissing({kEmbedding}, std::move(moments)));
    }
    if (const EncodedTensor* encoded = open_.Encoded(kEmbedding)) {
      return encoded_model_.ReplaceEmbedding(encoded->type(), encoded->bytes().data());
    }
    return Status();
  }

  Status EncodeHead() {
    ALT_ASSIGN_OR_RETURN(Moments moments, GatherHead(*after_, n_chunks_, options_.asymmetric));
    return EncodeMissing({kHead}, std::move(moments));
  }

  /// A walk of its own, so no longer than its inputs' moments need.
  size_t ChunksOfTiedHead() const {
    const size_t tokens = kTokensPerColumn * config().hidden;
    return std::min(n_chunks_, (tokens + options_.context - 1) / options_.context);
  }

  /// @param seen  the stream whose inputs the head will see
  Result<Moments> GatherHead(ActivationStream& seen, size_t n_chunks, bool cross) {
    const size_t width = config().hidden;
    ALT_ASSIGN_OR_RETURN(MomentSums sums,
                         MomentSums::Create(width, options_.context, cross, compute_));
    for (size_t i = 0; i < n_chunks; ++i) {
      const std::span<float> rows = seen.Rows(i, width), original = before_->Rows(i, width);
      ALT_RETURN_IF_ERROR(seen.forward().Finish(seen.X(i), rows));
      if (cross) ALT_RETURN_IF_ERROR(before_->forward().Finish(before_->X(i), original));
      AddMoments(rows, original, cross, sums);
      ReleaseChunk(i);
    }
    return std::move(sums).Take();
  }

  Status GatherHeadSquares() {
    SquareSums sums(config().hidden);
    for (size_t i = 0; i < n_chunks_; ++i) {
      const std::span<float> rows = before_->Rows(i, config().hidden);
      ALT_RETURN_IF_ERROR(before_->forward().Finish(before_->X(i), rows));
      sums.Add(rows);
      ReleaseChunk(i);
    }
    return open_.KeepSquares({head()}, sums);
  }

  // --- a group ---

  Status EncodeGroup(size_t layer, const LayerGroup& group) {
    const std::vector<std::string> names = NamesOf(layer, group);
    const bool is_missing = open_.AnyMissing(names), is_unseen = open_.IsUnseen(names);
    const size_t width = engine::WidthOf(config(), layer, group.gather);
    SquareSums squares(width);
    std::optional<MomentSums> sums;
    if (is_missing) {
      ALT_ASSIGN_OR_RETURN(
          sums, MomentSums::Create(width, options_.context, options_.asymmetric, compute_));
    }
    for (size_t i = 0; i < n_chunks_ && (is_missing || is_unseen || group.add); ++i) {
      ALT_RETURN_IF_ERROR(Step(layer, group.gather, i));
      if (is_unseen) squares.Add(before_->Rows(i, width));
      if (is_missing) {
        AddMoments(after_->Rows(i, width), before_->Rows(i, width), options_.asymmetric, *sums);
      }
      ReleaseChunk(i);
    }
    if (is_unseen) ALT_RETURN_IF_ERROR(open_.KeepSquares(names, squares));
    if (is_missing) ALT_RETURN_IF_ERROR(EncodeMissing(names, std::move(*sums).Take()));
    for (size_t t = 0; t < names.size(); ++t) {
      const EncodedTensor* encoded = open_.Encoded(names[t]);
      if (encoded == nullptr) continue;
      ALT_RETURN_IF_ERROR(encoded_model_.Replace(layer, group.tensors[t], encoded->type(),
                                                 encoded->bytes().data()));
    }
    for (size_t i = 0; i < n_chunks_ && group.add; ++i) {
      ALT_RETURN_IF_ERROR(Step(layer, *group.add, i));
    }
    return Status();
  }

  /// Of a chunk; see MomentSums::Add().
  void AddMoments(std::span<const float> rows, std::span<const float> original, bool cross,
                  MomentSums& sums) const {
    place_.BeginWork();
    sums.Add(options_.context, rows, original);
    place_.EndWork(WorkKind::Sums(rows.size() / options_.context), SumsAmount(cross));
  }

  /// Both streams.
  Status Step(size_t layer, BlockStep step, size_t chunk) {
    place_.BeginWork();
    ALT_RETURN_IF_ERROR(before_->Step(layer, step, chunk));
    ALT_RETURN_IF_ERROR(after_->Step(layer, step, chunk));
    ReleaseChunk(chunk);
    place_.EndWork(WorkKind::kPasses, 2 * WeightsOf(original_.weights, layer, step) *
                                          static_cast<double>(options_.context));
    return Status();
  }

  void ReleaseChunk(size_t chunk) {
    before_->Release(chunk);
    after_->Release(chunk);
  }
  void ReleaseTable(const std::string& name) {
    file().ReleasePages(Tensor(name).bytes);
    if (const EncodedTensor* encoded = open_.Encoded(name)) encoded->ReleasePages();
  }

  // --- tensors that read the same inputs ---

  Status EncodeMissing(const std::vector<std::string>& names, Moments moments) {
    std::vector<GroupEncoder::Task> tasks;
    for (const std::string& name : names) {
      if (!open_.IsMissing(name)) continue;
      tasks.push_back({.name = name, .view = Tensor(name), .to = open_.missing().at(name)});
    }
    ALT_ASSIGN_OR_RETURN(const Metric metric, group_encoder_.Prepare(std::move(moments), tasks));
    for (GroupEncoder::Task& task : tasks) {
      ALT_ASSIGN_OR_RETURN(EncodedTensor tensor, open_.NewTensor(task.name));
      const size_t row_bytes = tensor.bytes().size() / task.view.shape.rows();
      ALT_RETURN_IF_ERROR(group_encoder_.Encode(
          metric, task, tensor.mutable_bytes(), [&tensor, row_bytes](size_t first, size_t n) {
            tensor.ReleasePages(first * row_bytes, n * row_bytes);
          }));
      ALT_RETURN_IF_ERROR(open_.Keep(task.name, std::move(tensor)));
    }
    return Status();
  }

  // --- how long it takes ---

  double SumsAmount(bool cross) const {
    return (cross ? 2 : 1) * static_cast<double>(options_.context);
  }
  double Tokens(size_t n_chunks) const { return static_cast<double>(n_chunks * options_.context); }

  /// One chunk through the first layer, and some rows of a tensor of every kind that is missing;
  /// all of it is forgotten.
  Status MeasureSamples() {
    const auto chunk = ids_.first(options_.context);
    ALT_RETURN_IF_ERROR(before_->forward().Embed(chunk, before_->X(0)));
    ALT_RETURN_IF_ERROR(after_->forward().Embed(chunk, after_->X(0)));
    std::set<std::string> known;  // kinds of rows
    const size_t layer = 0;
    for (const LayerGroup& group : GroupsOf(config(), layer)) {
      ALT_RETURN_IF_ERROR(Step(layer, group.gather, 0));
      std::vector<GroupEncoder::Task> tasks;
      for (const auto& each : open_.missing()) {
        if (Reads(group, each.first)) AddSample(each.first, known, tasks);
      }
      ALT_RETURN_IF_ERROR(
          MeasureRows(engine::WidthOf(config(), layer, group.gather), options_.asymmetric, tasks));
      if (group.add) ALT_RETURN_IF_ERROR(Step(layer, *group.add, 0));
    }
    for (const char* name : {kEmbedding, kHead}) {
      std::vector<GroupEncoder::Task> tasks;
      if (open_.IsMissing(name)) AddSample(name, known, tasks);
      const bool cross = options_.asymmetric && !original_.weights.tied;
      ALT_RETURN_IF_ERROR(MeasureRows(config().hidden, cross, tasks));
    }
    ReleaseChunk(0);
    ReleaseLayer(file(), 0);
    return Status();
  }

  /// Whether the tensor is of the group, in any layer.
  static bool Reads(const LayerGroup& group, const std::string& name) {
    return std::any_of(group.tensors.begin(), group.tensors.end(), [&](const LayerTensor& tensor) {
      return name.starts_with("blk.") && name.ends_with(std::string(".") + tensor.name);
    });
  }

  void AddSample(const std::string& name, std::set<std::string>& known,
                 std::vector<GroupEncoder::Task>& tasks) {
    const TensorView& tensor = Tensor(name);
    const DType to = open_.missing().at(name);
    if (!known.insert(WorkKind::Rows(to, tensor.shape.cols())).second) return;
    tasks.push_back({.name = name, .view = SampleOf(tensor, compute_.team().size()), .to = to});
  }

  Status MeasureRows(size_t width, bool cross, std::vector<GroupEncoder::Task>& tasks) {
    if (tasks.empty()) return Status();
    ALT_ASSIGN_OR_RETURN(MomentSums sums,
                         MomentSums::Create(width, options_.context, cross, compute_));
    AddMoments(after_->Rows(0, width), before_->Rows(0, width), cross, sums);
    ALT_ASSIGN_OR_RETURN(const Metric metric,
                         group_encoder_.Prepare(std::move(sums).Take(), tasks));
    for (GroupEncoder::Task& task : tasks) {
      ALT_ASSIGN_OR_RETURN(EncodedTensor out, EncodedTensor::InMemory(task.to, task.view.shape));
      ALT_RETURN_IF_ERROR(
          group_encoder_.Encode(metric, task, out.mutable_bytes(), [](size_t, size_t) {}));
    }
    return Status();
  }

  void PlanWork() {
    WorkEstimate& estimate = *place_.estimate;
    const auto plan_group = [&](size_t width, size_t n_chunks, bool cross,
                                const std::vector<std::string>& names) {
      bool any = false;
      for (const std::string& name : names) {
        if (!open_.IsMissing(name)) continue;
        const auto rows = static_cast<double>(Tensor(name).shape.rows());
        estimate.Plan(WorkKind::Rows(open_.missing().at(name), width), rows);
        estimate.Plan(WorkKind::Moves(width), rows);  // costs nothing where none was measured
        any = true;
      }
      if (!any) return;
      estimate.Plan(WorkKind::Sums(width), SumsAmount(cross) * static_cast<double>(n_chunks));
      estimate.Plan(WorkKind::Metric(width), 1);
    };
    const bool tied = original_.weights.tied;
    const size_t head_chunks = tied ? ChunksOfTiedHead() : n_chunks_;
    plan_group(config().hidden, head_chunks, options_.asymmetric && !tied, {head()});
    const bool head_is_missing = open_.IsMissing(head());
    const size_t end = open_.EndLayer();
    for (size_t layer = 0; layer < config().n_layers(); ++layer) {
      for (const LayerGroup& group : GroupsOf(config(), layer)) {
        plan_group(engine::WidthOf(config(), layer, group.gather), n_chunks_, options_.asymmetric,
                   NamesOf(layer, group));
      }
    }
    for (size_t layer = 0; layer < config().n_layers(); ++layer) {
      const double weights = WeightsOf(original_.weights, layer);
      if (head_is_missing && tied) estimate.Plan(WorkKind::kPasses, weights * Tokens(head_chunks));
      const bool is_walked = layer >= snapshot_.layer && layer < end;
      if (is_walked) estimate.Plan(WorkKind::kPasses, weights * 2 * Tokens(n_chunks_));
    }
  }

  const model::Model& original_;
  const TypeChoice& choose_;
  const CalibrationOptions options_;
  compute::Compute& compute_;
  const WorkPlace& place_;
  InputSquares* const squares_;  // null: nobody asks
  std::span<const text::TokenId> ids_;
  size_t n_chunks_ = 0;

  TensorsToEncode open_;

  // Both streams round to bf16 where that is faster: it is far below what encoding changes.
  ChangedModel original_model_;
  ChangedModel encoded_model_;
  std::optional<ActivationStream> before_, after_;
  GroupEncoder group_encoder_;
  uint64_t done_ = 0;        // groups
  StreamSnapshot snapshot_;  // the last one
  double kept_at_ = 0;       // by the clock
  const SteadyClock clock_;
};

}  // namespace

Result<EncodedTensors> EncodeCalibrated(const model::Model& original, const TypeChoice& choose,
                                        std::span<const text::TokenId> ids,
                                        const CalibrationOptions& options,
                                        compute::Compute& compute, const WorkPlace& place,
                                        InputSquares* squares) {
  return CalibratedEncoder(original, choose, ids, options, compute, place, squares).Run();
}

}  // namespace altteul::compress
